"""``vidtune compare``: runs on the same samples, in pairs."""

from __future__ import annotations

from pathlib import Path

import click

from vidtune.cli._shell import emit, json_option, progress_bar
from vidtune.core.rundir import RunDirectory


@click.command()
@click.argument("baseline", type=click.Path())
@click.argument("runs", type=click.Path(), nargs=-1, required=True, metavar="RUN...")
@json_option
def compare(baseline: str, runs: tuple[str, ...], as_json: bool) -> None:
    """Compare RUN with BASELINE on the samples that both answered.

    Differences are paired by sample, with intervals clustered by subject. The comparison and the
    side-by-side report are written into RUN. Several RUNs are compared with BASELINE and with each other on the
    samples that all answered, with ranks and corrected for the number of pairs; then nothing is written.
    """
    from vidtune.evaluation import compare_many_runs, compare_runs
    from vidtune.reports import write_reports

    first, *others = [RunDirectory(Path(path)) for path in (baseline, *runs)]
    if len(others) > 1:
        found = compare_many_runs([first, *others])
        emit(found.to_record(), as_json, found.to_text())
        return
    with progress_bar() as progress:
        comparison = compare_runs(first, others[0])
        write_reports(others[0], baseline=first, progress=progress)
    emit(comparison.to_record(), as_json, comparison.to_text())
