"""A finished prediction run asked again under conditions: same model, recipe and samples, other clips."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vidtune.config import load_recipe
from vidtune.core.durable import RecordLog, read_json
from vidtune.core.errors import BadUsage, DataInvalid, RunMismatch, TryAgain, VidtuneError
from vidtune.core.progress import Progress, silent
from vidtune.core.rundir import RunDirectory
from vidtune.data import Sample, clip_source, load_samples, names_sound
from vidtune.inference._claim import check_inputs
from vidtune.inference._condition import Condition, ConditionImpossible, find_condition, probe_conditions
from vidtune.inference._config import GenerationConfig, PredictConfig
from vidtune.inference._generate import generate
from vidtune.inference._loading import load_configured
from vidtune.inference._predict import input_hashes, predict_dataset
from vidtune.inference._request import Request
from vidtune.media import ClipPart, probe_video

if TYPE_CHECKING:
    from vidtune.models import LoadedModel

_NUM_LISTENED_TO = 8
_ORDER = ("content", "order", "motion", "sound")


@dataclass(frozen=True)
class ConditionRun:
    """The answers under one condition, or why there are none."""

    name: str
    condition: Condition
    run: RunDirectory
    reason: str = ""
    """Why the condition is not possible here; empty when it is."""


@dataclass(frozen=True)
class ProbedRun:
    """A run and its answers under conditions."""

    conditions: tuple[ConditionRun, ...]
    sample_ids: tuple[str, ...]
    """Samples that were asked."""

    notes: tuple[str, ...] = ()
    """What was not probed, and what differs from the run itself, in sentences."""


def predict_conditions(
    run: RunDirectory,
    folder: Path,
    *,
    names: Sequence[str] = (),
    limit: int | None = None,
    progress: Progress = silent,
) -> ProbedRun:
    """Ask the model of ``run`` the same questions again, under each condition, into ``folder/<condition>``.

    Every condition has a run directory of its own, which is continued like any other: killed at any point, at most the
    answers in work are lost.

    Args:
        run: A prediction run.
        folder: Where the runs go.
        names: Of conditions; empty: all there are, those of sound only where ``run`` heard some.
        limit: Only the first so many samples of the run.
        progress: Told whenever answers are written down; one stage for all conditions.

    Raises:
        DataInvalid: If ``run`` has no recipe of a prediction run.
        BadUsage: If ``run`` was itself made under a condition, or there is none of a name.
        RunMismatch: If model or data have changed since ``run`` was made.
    """
    config = _read_recipe(run, limit)
    dataset = load_samples(config.data)
    samples = dataset.samples
    has_heard = _has_heard(run)
    conditions = {name: _find(name) for name in names or probe_conditions.names()}
    if not names and not has_heard:
        conditions = {name: condition for name, condition in conditions.items() if not condition.is_about_sound}
    ordered = sorted(conditions, key=lambda name: (_ORDER.index(conditions[name].removes), name))

    @functools.cache
    def load() -> LoadedModel:
        loaded = load_configured(config.model, quantization=config.quantization)
        if run.environment.exists():
            check_inputs(run, input_hashes(config, dataset), loaded)
        return loaded

    made = []
    for number, name in enumerate(ordered):
        condition, target = conditions[name], RunDirectory(folder / name)
        reason = "" if has_heard or not condition.is_about_sound else "no sample of the run was heard"
        if not condition.has_clip and not _has_answers(target):
            reason = _why_not_without_clip(load(), samples[0])
        if not reason:
            changed = config.model_copy(update={"condition": name, "save_strips": False})
            told = _one_stage(progress, number, len(ordered), condition.label)
            predict_dataset(changed, target, told, load=load)
            _check_same_inputs(run, target)
            reason = _why_nothing_was_asked(target)
        made.append(ConditionRun(name, condition, target, reason))
    return ProbedRun(
        tuple(made),
        tuple(sample.sample_id for sample in samples),
        (*_about_sound(samples, config.data.videos, has_heard=has_heard), *_loaded_otherwise(run, made)),
    )


def _read_recipe(run: RunDirectory, limit: int | None) -> PredictConfig:
    if not run.recipe.is_file():
        raise DataInvalid(
            f"{run.path} has no {run.recipe.name}: with which model and settings it was predicted is not known.",
            "Probe a run directory that `vidtune predict` wrote.",
        )
    config = load_recipe(PredictConfig, run.recipe)
    if config.condition is not None:
        raise BadUsage(
            f"{run.path} was itself predicted under the condition {config.condition!r}.",
            "Probe the run with the clips as they are.",
        )
    known = [number for number in (limit, config.data.limit) if number is not None]
    data = config.data.model_copy(update={"limit": min(known) if known else None})
    return config.model_copy(update={"data": data, "retry": "temporary"})


def _find(name: str) -> Condition:
    condition = find_condition(name)
    assert condition is not None  # noqa: S101 (it has a name)
    return condition


def _check_same_inputs(run: RunDirectory, target: RunDirectory) -> None:
    """Refuse answers that an earlier probe left, if the run has been made anew from something else since."""
    before, now = (
        read_json(one.environment).get("inputs") if one.environment.exists() else None for one in (target, run)
    )
    if before is not None and now is not None and before != now:
        raise RunMismatch(
            f"{target.path} was predicted with other weights or data than {run.path}.",
            f"Remove {target.path.parent} and probe again.",
        )


def _has_answers(run: RunDirectory) -> bool:
    return run.predictions.exists() and any(record["status"] == "ok" for record in RecordLog(run.predictions).read())


def _why_not_without_clip(loaded: LoadedModel, sample: Sample) -> str:
    """Return why the model cannot be asked without a clip; empty when it can."""
    request = Request(turns=sample.prompt_turns, frames=None, key=sample.sample_id)
    try:
        generate(loaded, [request], GenerationConfig(max_new_tokens=1))
    except TryAgain:
        raise
    except Exception as exc:  # the edge of one request: whatever a family throws here, it does not take the question
        reason = " ".join(f"{type(exc).__name__}: {exc}".split())
        return f"{loaded.family.name} does not take a question without a clip ({reason})"
    return ""


def _why_nothing_was_asked(run: RunDirectory) -> str:
    """Return why no sample could be asked under the condition; empty when one was, or failed for another reason."""
    records = RecordLog(run.predictions).read()
    codes = {record["error"]["code"] if record["error"] else "" for record in records}
    return str(records[0]["error"]["problem"]) if codes == {ConditionImpossible.code} else ""


def _one_stage(progress: Progress, number: int, num_conditions: int, label: str) -> Progress:
    """Return a progress that counts the answers of all conditions together, so that its ETA is that of the probe."""

    def told(stage: str, done: int, total: int, note: str = "") -> None:
        if stage == "predict":
            progress("probe", number * total + done, num_conditions * total, f"{label} {note}".strip())
        else:
            progress(stage, done, total, note)

    return told


def _has_heard(run: RunDirectory) -> bool:
    return run.predictions.exists() and any(record.get("sound") for record in RecordLog(run.predictions).read())


def _about_sound(samples: Sequence[Sample], videos: Path, *, has_heard: bool) -> list[str]:
    """Say what the conditions leave of the sound; or that there is some of which nothing is known, unheard."""
    if has_heard:
        kept = "Conditions of the video leave the sound as it is, those of the sound the video; text only has neither."
        return [kept]
    num_spoken = sum(names_sound(sample) for sample in samples)
    if num_spoken:
        found = f"{num_spoken} of {len(samples)} samples have a sound file"
    elif any(_has_sound(sample, videos) for sample in samples[:_NUM_LISTENED_TO]):
        found = "The videos have sound"
    else:
        return []
    return [
        f"{found}. The model was not given it (it does not hear, or data.sound leaves it out), so silence and shuffled "
        "sound could not be probed."
    ]


def _has_sound(sample: Sample, videos: Path) -> bool:
    try:
        source = clip_source(sample, videos)
        file = source.source if isinstance(source, ClipPart) else source
        return isinstance(file, Path) and probe_video(file).has_audio
    except VidtuneError:
        return False  # its record says what is wrong with it


def _loaded_otherwise(run: RunDirectory, made: Sequence[ConditionRun]) -> list[str]:
    """Say it where the probe computed in another way than the run: answers may differ for that reason alone."""
    before = _how_loaded(run)
    others = sorted({_how_loaded(entry.run) for entry in made} - {before, ""}) if before else []
    return [f"The run was predicted with {before}, the probe with {other}." for other in others]


def _how_loaded(run: RunDirectory) -> str:
    return str(read_json(run.environment).get("model_loaded", "")) if run.environment.exists() else ""
