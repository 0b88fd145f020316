"""How long a process was ready to run and got no core: time for which no clip is to blame.

On a machine with more work than cores a clip of a second can take minutes. Counted as the clip's time, good clips would
be left out of a training because of its neighbours, other ones each time.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_NEGLIGIBLE_SHARE = 0.05
"""Of a time limit: with less than this to give back, it is over."""


class Starvation:
    """What is to be given back of a time limit that begins now, again and again.

    Args:
        limit_s: The time limit.
        pid: Whose; None: of this process.
    """

    def __init__(self, limit_s: float, pid: int | None = None) -> None:
        self._limit_s = limit_s
        self._pid = pid
        self._given_back_s = starved_s(pid)

    def give_back_s(self) -> float:
        """Return the seconds waited for a core that were not returned before; 0 when they are not worth it."""
        new_s = starved_s(self._pid) - self._given_back_s
        if new_s <= _NEGLIGIBLE_SHARE * self._limit_s:
            return 0.0
        self._given_back_s += new_s
        return new_s


def starved_s(pid: int | None = None) -> float:
    """Return the seconds that the threads of a process waited for a core since they began; the longest counts.

    Always 0 where the kernel does not tell (``/proc/PID/task/*/schedstat``, Linux alone), or the process is gone.

    Args:
        pid: The process; None: this one.
    """
    longest_ns = 0
    for entry in Path(f"/proc/{'self' if pid is None else pid}/task").glob("*/schedstat"):
        with suppress(OSError, IndexError, ValueError):  # a thread may end meanwhile
            longest_ns = max(longest_ns, int(entry.read_text().split()[1]))
    return longest_ns / 1e9
