"""``vidtune predict``: run a model over a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidtune.cli._ensembling import asks_for_several, predict_ensemble, variant_options
from vidtune.cli._shell import as_overrides, emit, json_option, progress_bar, set_option
from vidtune.core.errors import BadData

if TYPE_CHECKING:
    from vidtune.evaluation.ensembles import EnsembleSummary
    from vidtune.inference import PredictConfig, PredictSummary


@click.command()
@click.argument("recipe", required=False, type=click.Path(dir_okay=False))
@click.option(
    "--model", "--hf_repo", "--model_path", "model", help="nano, a hub id, or a folder of a model, an adapter or a run."
)
@click.option("--data", "--test_json", "data", type=click.Path(), help="Annotation file of any known format.")
@click.option("--videos", "--data_path", "videos", type=click.Path(), help="Folder of the videos, flat or nested.")
@click.option(
    "--out", "--output_dir", "out", type=click.Path(), help="Run directory. An unfinished run there is resumed."
)
@click.option("--limit", type=click.IntRange(min=1), help="Only the first LIMIT samples.")
@click.option(
    "--num-frames", "--num_frames", "num_frames", type=click.IntRange(min=1), help="Frames a clip. [default: 8]"
)
@click.option(
    "--max-new-tokens",
    "--max_new_tokens",
    "max_new_tokens",
    type=click.IntRange(min=1),
    help="Longest answer, in tokens.",
)
@click.option(
    "--batch-size", type=click.IntRange(min=1), help="Clips answered together; shrinks by itself when memory ends."
)
@click.option("--device", help="auto, cpu, cuda or cuda:N. [default: auto]")
@click.option("--report", is_flag=True, help="Also score and write the reports, as the QVED pipeline did.")
@click.option("--no-bert", "--no_bert", "no_bert", is_flag=True, help="With --report: leave BERT similarity out.")
@click.option(
    "--use-bert", "--use_bert", "use_bert", is_flag=True, hidden=True, help="The default; kept for old scripts."
)
@click.option(
    "--max-failed", default=0.5, show_default=True, type=click.FloatRange(0, 1), help="Exit 65 above this failed share."
)
@variant_options
@set_option
@json_option
def predict(
    recipe: str | None,
    model: str | None,
    data: str | None,
    videos: str | None,
    out: str | None,
    report: bool,
    no_bert: bool,
    use_bert: bool,
    max_failed: float,
    overrides: tuple[str, ...],
    as_json: bool,
    **settings: Any,
) -> None:
    """Run a model over a data set and write a run directory.

    Settings come from RECIPE, then from the options, then from --set. The run directory gets one
    record a sample in predictions.jsonl, and test_predictions.json in the QVED pipeline's layout.
    """
    from vidtune.config import load_recipe
    from vidtune.core.rundir import RunDirectory
    from vidtune.inference import PredictConfig, predict_dataset

    if no_bert and use_bert:
        raise click.UsageError("--no-bert and --use-bert exclude each other.")
    if no_bert and not report:
        raise click.UsageError("--no-bert has no effect without --report.")
    paths = {
        "model.source": model,
        "data.path": data,
        "data.videos": videos,
        "data.limit": settings["limit"],
        "sampling.num_frames": settings["num_frames"],
        "generation.max_new_tokens": settings["max_new_tokens"],
        "batch_size": settings["batch_size"],
        "model.device": settings["device"],
    }
    config = load_recipe(PredictConfig, Path(recipe) if recipe else None, [*as_overrides(paths), *overrides])
    run = RunDirectory(Path(out) if out else _default_out(config))
    is_ensemble = asks_for_several(settings)
    if report:
        _require_answers(config)
    with progress_bar() as progress:
        summary: EnsembleSummary | PredictSummary
        if is_ensemble:
            summary = predict_ensemble(config, run, settings, progress)
        else:
            summary = predict_dataset(config, run, progress=progress)
        if report:
            from vidtune.cli._evaluate import score_and_report
            from vidtune.evaluation import EvaluateConfig

            score_and_report(run, EvaluateConfig(with_bert=not no_bert), progress=progress)
    emit(summary.to_record(), as_json, summary.to_text())
    if summary.num_errors > max_failed * summary.num_samples:
        where = f"{config.data.path} --videos {config.data.videos}"
        raise BadData(
            f"{summary.num_errors} of {summary.num_samples} samples failed; --max-failed allows {max_failed:g}.",
            f"All records are kept; `vidtune doctor {where}` shows the causes.",
        )


def _require_answers(config: PredictConfig) -> None:
    """Find out before the model is loaded that there would be nothing to score."""
    from vidtune.data import load_samples, require_answers

    samples = load_samples(config.data).samples
    # Where a benchmark publishes some of its answers, those are scored and the others handed in.
    samples = tuple(one for one in samples if not one.meta.get("answer_kept_back")) or samples
    require_answers(samples, config.data.path, purpose="--report has nothing to compare with them")


def _default_out(config: Any) -> Path:
    model_name = Path(config.model.source).name or "model"
    return Path("runs") / f"{model_name}-{Path(config.data.path).stem}"
