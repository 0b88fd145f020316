"""``vidtune evaluate``: scores, intervals and reports of predictions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidtune.cli._beside_scores import BesideScores, beside_options
from vidtune.cli._shell import emit, json_option, progress_bar, set_option
from vidtune.core.progress import Progress
from vidtune.core.rundir import RunDirectory

if TYPE_CHECKING:
    from vidtune.evaluation import EvaluateConfig, EvaluationResult


@click.command()
@click.argument("runs", nargs=-1, type=click.Path(), metavar="PREDICTIONS...")
@click.option("--predictions", type=click.Path(), help="The same as PREDICTIONS, for old scripts.")
@click.option(
    "--baseline", type=click.Path(), help="Run of the untuned model, shown side by side and compared in pairs."
)
@click.option(
    "--reference", type=click.Path(), help="Annotations trained on: source of the blind prior. [default: found]"
)
@click.option("--protocol", help="Judge by this protocol. [default: the one that the data names]")
@click.option("--metric", "metrics", multiple=True, help="Run this metric instead of the protocol's; give several.")
@click.option("--similarity", metavar="EMBEDDER", help="For retrieval: compare texts with videos by this model.")
@click.option(
    "--probe",
    type=click.Choice(["video"]),
    help="Ask the run's model again with blank, shuffled, reversed, wrong and no video: does it use the video?",
)
@click.option("--limit", type=click.IntRange(min=1), help="With --probe: only the first LIMIT samples.")
@click.option(
    "--near-copies/--no-near-copies",
    "near_copies",
    default=None,
    help="Compare the pictures of evaluated and training clips. [default: up to 400 clips]",
)
@click.option("--no-bert", "--no_bert", "no_bert", is_flag=True, help="Leave BERT similarity out.")
@click.option(
    "--use-bert", "--use_bert", "use_bert", is_flag=True, hidden=True, help="The default; kept for old scripts."
)
@set_option
@beside_options
@json_option
def evaluate(
    runs: tuple[str, ...],
    predictions: str | None,
    baseline: str | None,
    reference: str | None,
    protocol: str | None,
    metrics: tuple[str, ...],
    similarity: str | None,
    probe: str | None,
    limit: int | None,
    near_copies: bool | None,
    no_bert: bool,
    use_bert: bool,
    overrides: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Score predictions and write the reports.

    PREDICTIONS is a run directory, a predictions.jsonl, or a test_predictions.json of the QVED
    pipeline; several are scored one after the other. Scores and reports are written beside them,
    and what a benchmark's server takes, where there is one. A probe that was stopped goes on where it was.
    --set changes how it is scored, e.g. --set aliases.press-ups=pushups --set confidence=0.99.
    """
    sources = [*runs, *([predictions] if predictions else [])]
    if not sources:
        raise click.UsageError("give at least one run directory or predictions file.")
    if no_bert and use_bert:
        raise click.UsageError("--no-bert and --use-bert exclude each other.")
    if limit is not None and probe is None:
        raise click.UsageError("--limit has no effect without --probe.")
    from vidtune.config import apply_overrides, build_config
    from vidtune.evaluation import EvaluateConfig

    asked = {
        "with_bert": not no_bert,
        "reference": reference,
        "protocol": protocol,
        "metrics": metrics,
        "similarity": similarity,
        "near_copies": near_copies,
    }
    config = build_config(EvaluateConfig, apply_overrides(asked, overrides), source="the options")
    beside = BesideScores(options, sources, baseline)
    results = {}
    with progress_bar() as progress:
        for source in beside.combine(sources):
            path = Path(source)
            beside.before(source, progress)
            run = RunDirectory(path if path.is_dir() else path.parent)
            results[source] = score_and_report(
                run,
                config,
                baseline=RunDirectory(Path(baseline)) if baseline else None,
                progress=progress,
                source=path,
                probe=probe,
                limit=limit,
            )
            beside.after(source)
    text = "\n\n".join(beside.text(source, result.to_text()) for source, result in results.items())
    records = {source: beside.record(source, result.to_record()) for source, result in results.items()}
    emit(records, as_json, text)


def score_and_report(
    run: RunDirectory,
    config: EvaluateConfig,
    *,
    progress: Progress,
    baseline: RunDirectory | None = None,
    source: Path | None = None,
    probe: str | None = None,
    limit: int | None = None,
) -> EvaluationResult:
    """Score one run, probe it if asked, compare it with its baseline if there is one, and write its reports."""
    from vidtune.evaluation import compare_runs, score_predictions, score_probe
    from vidtune.reports import write_reports

    result = score_predictions(source or run.path, config, progress=progress)
    if probe is not None:
        from vidtune.inference import predict_conditions

        probed = predict_conditions(run, run.probes / probe, limit=limit, progress=progress)
        score_probe(run, probed, config, progress=progress)
        # Once more, now that the probe is there: its verdict belongs to what the scores can be trusted for.
        result = score_predictions(source or run.path, config, progress=progress)
    if baseline is not None:
        if not baseline.metrics.exists():
            score_predictions(baseline.path, config, progress=progress)
        compare_runs(baseline, run, config)
    write_reports(run, baseline=baseline, progress=progress)
    return result
