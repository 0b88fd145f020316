"""Look at many files, each once and several at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from vidtune.core.environment import num_usable_cores
from vidtune.core.progress import Progress
from vidtune.data._samples import Sample

T = TypeVar("T")

_MAX_WORKERS = 4


def probe_each(
    samples: Sequence[Sample],
    name_of: Callable[[Sample], str],
    probe: Callable[[Sample], T],
    progress: Progress,
    stage: str,
) -> list[T]:
    """Return what ``probe`` finds for the first sample of each name, in the order in which the names come.

    Args:
        samples: Those that name a file.
        name_of: What they name; of equal names one is probed.
        probe: Called in threads.
        progress: Called with ``stage`` as files are finished.
        stage: What is said of it.
    """
    first = {name_of(sample): sample for sample in reversed(samples)}
    order = list(dict.fromkeys(name_of(sample) for sample in samples))
    results: dict[str, T] = {}
    # A file is opened in a decoder process, and of those no more are kept than there are cores.
    num_workers = min(_MAX_WORKERS, num_usable_cores())
    with ThreadPoolExecutor(num_workers, thread_name_prefix="probe") as pool:
        waiting = {pool.submit(probe, first[name]): name for name in order}
        for done, future in enumerate(as_completed(waiting), start=1):
            results[waiting[future]] = future.result()
            progress(stage, done, len(order))
    return [results[name] for name in order]
