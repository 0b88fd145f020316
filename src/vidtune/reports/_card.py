"""The model card of a training run: what is on disk as evidence, and in words where there is none.

The head is what the Hugging Face Hub reads; ``huggingface_hub`` writes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from vidtune.core.durable import RecordLog, read_json
from vidtune.core.errors import BadData
from vidtune.core.rundir import RunDirectory
from vidtune.reports._markdown import escape_markdown, score_table
from vidtune.reports._view import RunView, read_run

_UNKNOWN = "Not stated. Nobody has written it down; do not take silence for permission."


class NotTrained(BadData):
    """A model card was asked of a run without a result."""

    code = "not_trained"


def render_card(run: RunDirectory, scored: Sequence[RunDirectory] = (), *, license_id: str | None = None) -> str:
    """Return the model card as Markdown with a YAML head.

    The same files give the same text.

    Args:
        run: A finished training run; only its files are read.
        scored: Evaluated prediction runs of its result.
        license_id: Under which the weights are given away, as an SPDX identifier; None: nobody has said.

    Raises:
        NotTrained: If the run has no result.
        NotScored: If one of ``scored`` was not evaluated.
    """
    if not (run.best / "training_summary.json").exists():
        raise NotTrained(
            f"{run.path} has no finished training in it.",
            "Give the run directory of `vidtune train`, and prediction runs with --scored.",
        )
    recipe = yaml.safe_load(run.recipe.read_text(encoding="utf-8"))
    summary = read_json(run.best / "training_summary.json")
    views = [read_run(each, None) for each in scored]
    sections = [
        ("What it is", _what(recipe, summary)),
        ("How well it does", _scores(views)),
        ("Can the scores be trusted", _trust(run, views)),
        ("What it learned from", _data(run, recipe, summary)),
        ("How it was trained", _training(run, recipe, summary)),
        ("Limits", _limits(views, summary)),
        ("Licence and intended use", _licence(license_id)),
    ]
    body = "\n\n".join(f"## {title}\n\n" + "\n".join(lines) for title, lines in sections)
    return f"---\n{_head(run, recipe, views, license_id)}\n---\n\n# {escape_markdown(run.name)}\n\n{body}\n"


def _head(run: RunDirectory, recipe: Mapping[str, Any], views: Sequence[RunView], license_id: str | None) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type="video-text-to-text",
            dataset_type=str(view.metrics["pack"] or view.run.name),
            dataset_name=view.run.name,
            metric_type=name,
            metric_name=summary["label"],
            metric_value=round(float(summary["mean"]), 6),
        )
        for view in views
        for name, summary in view.summaries.items()
    ]
    data = ModelCardData(
        base_model=recipe["model"]["source"],
        library_name="transformers" if recipe["adapter"]["kind"] == "full" else "peft",
        license=license_id,
        pipeline_tag="video-text-to-text",
        tags=["vidtune", recipe["adapter"]["kind"]],
        model_name=run.name,
        eval_results=results or None,
    )
    return str(data.to_yaml()).strip()


def _what(recipe: Mapping[str, Any], summary: Mapping[str, Any]) -> Iterator[str]:
    trained = {tower: count for tower, count in summary["num_trained"].items() if count}
    towers = ", ".join(f"{count:,} in the {tower}" for tower, count in trained.items())
    yield (
        f"`{recipe['model']['source']}`, adapted with `{recipe['adapter']['kind']}`: {sum(trained.values()):,} of "
        f"{summary['num_parameters']:,} parameters were trained ({towers})."
    )


def _scores(views: Sequence[RunView]) -> Iterator[str]:
    if not views:
        yield "**Not evaluated.** No scores were given with this card; nothing is known about how well it does."
    for view in views:
        yield f"### {escape_markdown(view.run.name)}\n"
        yield escape_markdown(view.metrics["verdict"]["headline"]) + "\n"
        yield from (f"**Incomplete.** {escape_markdown(sentence)}\n" for sentence in view.missing)
        yield from score_table(view)
        failed = ", ".join(f"{code}: {count}" for code, count in sorted(view.metrics["errors_by_code"].items()))
        yield (
            f"\n{view.metrics['num_scored']} of {view.metrics['num_samples']} samples scored"
            + (f"; failed, and in no mean: {escape_markdown(failed)}." if failed else "; none failed.")
            + f" Intervals are clustered by {view.metrics['cluster']} ({view.metrics['num_clusters']}).\n"
        )


def _trust(run: RunDirectory, views: Sequence[RunView]) -> Iterator[str]:
    if not views:
        yield "There are no scores to trust or to doubt. Whether training and test data overlap was not looked at."
    for view in views:
        source = yaml.safe_load(view.run.recipe.read_text(encoding="utf-8"))["model"]["source"]
        if Path(source).resolve() not in (run.path.resolve(), run.best.resolve()):
            named = escape_markdown(f"{view.run.name} are answers of {source}")
            yield f"- **doubt** model: {named}, which is not this run: its scores may say nothing about these weights."
        for check in view.metrics["trust"]:
            yield f"- **{check['status']}** {escape_markdown(check['check'])}: {escape_markdown(check['message'])}"


def _data(run: RunDirectory, recipe: Mapping[str, Any], summary: Mapping[str, Any]) -> Iterator[str]:
    source = recipe["data"]
    yield f"- {summary['num_samples']:,} samples of `{source['path']}`, clips below `{source['videos']}`."
    yield f"- {summary['num_supervised_tokens']:,} supervised tokens: answers only (`supervision.txt` shows them)."
    held_out = recipe["eval_data"]
    yield f"- Watched while training: {'nothing' if held_out is None else '`' + held_out['path'] + '`'}."
    dropped = Counter(record["code"] for record in RecordLog(run.path / "dropped.jsonl").read())
    listed = ", ".join(f"{count} {escape_markdown(code)}" for code, count in sorted(dropped.items()))
    yield f"- Left out: {listed + ' (`dropped.jsonl` names them)' if listed else 'nothing'}."
    yield f"- Licence and consent of the data: {_UNKNOWN}"


def _training(run: RunDirectory, recipe: Mapping[str, Any], summary: Mapping[str, Any]) -> Iterator[str]:
    optim, sampling = recipe["optim"], recipe["sampling"]
    yield f"- Frames: {sampling['num_frames']} a clip, chosen by `{sampling['kind']}`."
    yield (
        f"- {summary['num_steps_done']:,} of {summary['num_steps']:,} steps at a peak learning rate of "
        f"{optim['learning_rate']:g} ({optim['schedule']}), {summary['precision']}, seed {recipe['seed']}, "
        f"{summary['seconds']:,.0f} s."
    )
    if summary["best_value"] is not None:
        best = f"best {summary['metric']} {summary['best_value']:.4f}"
        yield f"- The weights are those of step {summary['best_step']:,}: {best}."
    environment = read_json(run.environment)
    packages = environment["packages"]
    versions = ", ".join(f"{name} {packages[name]}" for name in ("vidtune", "torch", "transformers", "peft"))
    devices = ", ".join(environment["cuda_devices"]) or f"CPU ({environment['machine']})"
    yield f"- {versions}; Python {environment['python']}; {devices}."
    first_line = run.recipe.read_text(encoding="utf-8").partition("\n")[0]
    yield f"- The whole recipe is `recipe.yaml`, {first_line.removeprefix('# ')}."
    yield from (f"- Note: {escape_markdown(note)}" for note in summary["notes"])


def _limits(views: Sequence[RunView], summary: Mapping[str, Any]) -> Iterator[str]:
    for view in views:
        if view.metrics["pack"]:
            yield (
                f"- {escape_markdown(view.run.name)} asks about a generated pack (`{view.metrics['pack']}`): it shows "
                "that the machinery works, not how real people would fare."
            )
        for check in view.metrics["trust"]:
            if check["status"] != "ok":
                yield f"- {escape_markdown(check['message'])}"
    if summary["is_stopped_early"]:
        yield "- Training stopped early: no better measurement came."
    yield "- Not measured: other cameras, places and people than those of the data above, unless a score says so."


def _licence(license_id: str | None) -> Iterable[str]:
    return [
        f"- Weights: {license_id or _UNKNOWN} The base model's own licence holds beside it.",
        f"- Intended use: {_UNKNOWN}",
    ]
