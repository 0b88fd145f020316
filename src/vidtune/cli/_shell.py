"""What every command shares: options, progress on stderr, results on stdout, errors in one line."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from vidtune.cli._processes import report_to_launcher, reports_to_launcher
from vidtune.core.errors import BadUsage, DiskFull, Interrupted, VidtuneError
from vidtune.core.progress import Progress

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_REFUSALS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)

CommandT = TypeVar("CommandT", bound=Callable[..., Any])


def json_option(command: CommandT) -> CommandT:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout instead of a table.")(
        command
    )


def set_option(command: CommandT) -> CommandT:
    """Add ``--set key=value``, repeatable."""
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override one setting, e.g. --set adapter.rank=16.",
    )(command)


def as_overrides(values: Mapping[str, str | int | None]) -> list[str]:
    """Return options that were given as overrides: each text as it is, whatever YAML makes of ``clinic #2`` or ``1e3``.

    Args:
        values: By setting; None where the option was not given.
    """
    import json

    return [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in values.items() if value is not None]


def emit(record: dict[str, Any], as_json: bool, text: str) -> None:
    """Print a result on stdout: the record as JSON, or the text for people."""
    import json

    text = json.dumps(record, ensure_ascii=False, allow_nan=False) if as_json else text
    # click itself takes colours out of what goes to a file or a pipe.
    click.echo(text, color=False if os.environ.get("NO_COLOR") else None)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Yield a ``Progress`` that draws one bar with an ETA per stage on stderr.

    Where stderr is not a terminal, a plain line is written at most every ten seconds and at the
    end of each stage, so that a log shows that work goes on without drowning in it.
    """
    if not sys.stderr.isatty():
        yield _LineProgress()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with RichProgress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def draw(stage: str, done: int, total: int, note: str = "") -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total, completed=done, note=note)
            elif bars.tasks[tasks[stage]].finished and done < total:
                bars.reset(tasks[stage], total=total)  # begun again, as measuring is: it has an ETA of its own
            bars.update(tasks[stage], completed=done, total=total, note=note)

        yield draw


class _LineProgress:
    """Progress as plain lines: one every ten seconds, and the last of a stage; of a short one only the first time."""

    _INTERVAL_S = 10.0
    _SHORT_S = 2.0

    def __init__(self) -> None:
        self._began: dict[str, tuple[float, int]] = {}  # seconds, and what was done before: by a run taken up again
        self._printed_s: dict[str, float] = {}
        self._repeated: set[str] = set()

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        import time

        now_s = time.monotonic()
        if self._printed_s.get(stage) == float("inf") and done < total:  # begun again, as measuring is
            del self._began[stage], self._printed_s[stage]
            self._repeated.add(stage)
        began_s, done_before = self._began.setdefault(stage, (now_s, done))
        is_due = now_s - self._printed_s.get(stage, began_s) >= self._INTERVAL_S
        if not (is_due or (done >= total and self._printed_s.get(stage) != float("inf"))):
            return
        is_first_line = stage not in self._printed_s
        self._printed_s[stage] = float("inf") if done >= total else now_s
        spent_s = now_s - began_s
        if stage in self._repeated and is_first_line and spent_s < self._SHORT_S:
            return
        eta = f", ETA {spent_s / (done - done_before) * (total - done):.0f} s" if done_before < done < total else ""
        click.echo(f"{stage}: {done}/{total} in {spent_s:.0f} s{eta}{'  ' + note if note else ''}", err=True)


def run_guarded(command: click.Command) -> int:
    """Run ``command`` and return its exit status; an error is one line on stderr, not a traceback."""
    # Idle OpenMP threads that spin keep a busy neighbour off its core: tenfold slower on two shared cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _quiet_libraries()
    wants_traceback = "--traceback" in sys.argv
    try:
        command.main(standalone_mode=False)
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except click.ClickException as exc:
        click.echo(f"error[bad_usage]: {exc.format_message()}", err=True)
        return 2
    except (KeyboardInterrupt, click.Abort):
        return _report(Interrupted("stopped.", "Run the same command again; it continues where it stopped."))
    except VidtuneError as exc:
        if wants_traceback:
            raise
        return _report(exc)
    except BrokenPipeError:
        # The reader of our stdout has gone (`vidtune … | head`): not an error, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as exc:  # the edge of the process: what the disk refused, or a bug of ours, said as one
        if wants_traceback:
            raise
        refusal = _refusal_of(exc)
        if refusal is not None:
            return _report(refusal)
        reason = " ".join(f"{type(exc).__name__}: {exc}".split())
        remedy = "This is a fault of vidtune; run again with `vidtune --traceback …` and report what it prints."
        return _report(VidtuneError(f"{reason}.", remedy))
    return 0


def _refusal_of(exc: Exception) -> VidtuneError | None:
    """Return what the system refused to do with a path as the error that it is for a user; None for anything else."""
    if not isinstance(exc, OSError) or exc.filename is None:
        return None
    path = os.fsdecode(exc.filename) if isinstance(exc.filename, bytes) else str(exc.filename)
    reason = (exc.strerror or type(exc).__name__).lower()
    if exc.errno in _NO_ROOM:
        return DiskFull(f"{path}: {reason}.", "Free some space and run the same command again.")
    if exc.errno in _REFUSALS:
        return BadUsage(f"{path} cannot be used: {reason}.", "Check the path and its permissions, or choose another.")
    return None


def _report(error: VidtuneError) -> int:
    """Print the error's line, or hand it to the launcher of this process; return the exit status."""
    line = f"error[{error.code}]: {error}"
    if reports_to_launcher():
        report_to_launcher(line, error)
    else:
        click.echo(line, err=True)
    return error.exit_status


def _quiet_libraries() -> None:
    """Keep libraries' chatter off the screen unless the user asked for it through their own variables."""
    import logging

    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").addHandler(logging.NullHandler())
