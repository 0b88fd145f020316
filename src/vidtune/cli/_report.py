"""``vidtune report``: every report made again, of scored runs and of comparisons."""

from __future__ import annotations

from pathlib import Path

import click

from vidtune.cli._shell import emit, json_option, progress_bar
from vidtune.core.durable import read_json
from vidtune.core.errors import BadUsage
from vidtune.core.progress import Progress
from vidtune.core.rundir import RunDirectory


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True), metavar="RUN...")
@click.option(
    "--baseline",
    type=click.Path(),
    help="Run of the untuned model, shown side by side. [default: the one compared with, where it lies beside RUN]",
)
@json_option
def report(runs: tuple[str, ...], baseline: str | None, as_json: bool) -> None:
    """Make every report of scored runs again; nothing is predicted or scored.

    RUN is a run directory, a file in one, or the folder of `vidtune compare` where it lies beside its
    runs. The same run gives the same bytes. Prints where workbook, page, Markdown, tables and figures lie.
    """
    written = {}
    with progress_bar() as progress:
        for source in runs:
            path = Path(source)
            run = RunDirectory(path.parent if path.is_file() else path)
            made = _compare_again(run, progress) if _is_comparison(run) else _report_again(run, baseline, progress)
            written[source] = [str(one) for one in made]
    emit(written, as_json, "\n".join(line for lines in written.values() for line in lines))


def _report_again(run: RunDirectory, baseline: str | None, progress: Progress) -> list[Path]:
    from vidtune.reports import write_reports

    base = RunDirectory(Path(baseline)) if baseline else _find_baseline(run)
    return write_reports(run, baseline=base, progress=progress)


def _find_baseline(run: RunDirectory) -> RunDirectory | None:
    """Return the run that ``run`` was compared with, if it still lies beside it."""
    return _find_beside(run, read_json(run.comparison).get("a")) if run.comparison.exists() else None


def _is_comparison(folder: RunDirectory) -> bool:
    return folder.comparison.exists() and not (folder.metrics.exists() or folder.predictions.exists())


def _compare_again(folder: RunDirectory, progress: Progress) -> list[Path]:
    from vidtune.reports import write_comparison_reports

    record = read_json(folder.comparison)
    names = [run["name"] for run in record["runs"]] if "runs" in record else [record["a"], record["b"]]
    found = {str(name): _find_beside(folder, name) for name in names}
    missing = ", ".join(name for name, run in found.items() if run is None)
    if missing:
        raise BadUsage(
            f"{folder.path} compares {', '.join(found)}; of these, {missing} does not lie beside it.",
            "Run `vidtune compare` on the run directories again.",
        )
    return write_comparison_reports([run for run in found.values() if run], record, folder.path, progress=progress)


def _find_beside(folder: RunDirectory, name: object) -> RunDirectory | None:
    """Return the scored run ``name`` in the folder that ``folder`` lies in; None where there is none."""
    beside = RunDirectory(folder.path.resolve().parent / str(name))
    is_run = beside.name == name and beside.path != folder.path.resolve() and beside.metrics.exists()
    return beside if is_run else None
