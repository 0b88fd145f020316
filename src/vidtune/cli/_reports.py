"""Reports made again from scored runs: nothing is predicted or scored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vidtune.cli._shell import emit, progress_bar
from vidtune.core.durable import read_json
from vidtune.core.rundir import RunDirectory


def rebuild_reports(sources: Sequence[str], baseline: str | None, as_json: bool) -> None:
    """Make all reports of ``sources`` again and print where they lie.

    Without ``baseline`` the run that the comparison names is taken, where it lies beside.
    """
    from vidtune.reports import write_reports

    written = {}
    with progress_bar() as progress:
        for source in sources:
            path = Path(source)
            run = RunDirectory(path if path.is_dir() else path.parent)
            base = RunDirectory(Path(baseline)) if baseline else _find_baseline(run)
            written[source] = [str(one) for one in write_reports(run, baseline=base, progress=progress)]
    emit(written, as_json, "\n".join(line for lines in written.values() for line in lines))


def _find_baseline(run: RunDirectory) -> RunDirectory | None:
    """Return the run that ``run`` was compared with, if it still lies beside it."""
    if not run.comparison.exists():
        return None
    name = read_json(run.comparison).get("a")
    beside = RunDirectory(run.path.resolve().parent / str(name))
    is_run = beside.name == name and beside.path != run.path.resolve() and beside.metrics.exists()
    return beside if is_run else None
