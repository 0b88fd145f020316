"""``vidtune compare``: two runs on the same samples, in pairs."""

from __future__ import annotations

from pathlib import Path

import click

from vidtune.cli._shell import emit, json_option, progress_bar
from vidtune.core.rundir import RunDirectory


@click.command()
@click.argument("baseline", type=click.Path())
@click.argument("run", type=click.Path())
@json_option
def compare(baseline: str, run: str, as_json: bool) -> None:
    """Compare RUN with BASELINE on the samples that both answered.

    Differences are paired by sample, with intervals clustered by subject. The comparison and the
    side-by-side report are written into RUN.
    """
    from vidtune.evaluation import compare_runs
    from vidtune.reports import write_reports

    baseline_run, tuned_run = RunDirectory(Path(baseline)), RunDirectory(Path(run))
    with progress_bar() as progress:
        comparison = compare_runs(baseline_run, tuned_run)
        write_reports(tuned_run, baseline=baseline_run, progress=progress)
    emit(comparison.to_record(), as_json, comparison.to_text())
