"""Everything that can be found wrong before weights are loaded, found at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from vidtune.config import load_recipe, salvage_recipe
from vidtune.core.errors import ConfigInvalid, DataInvalid, DiskFull, VideoMissing, VidtuneError
from vidtune.core.rundir import RunDirectory
from vidtune.core.wording import counted
from vidtune.data import (
    DataConfig,
    Sample,
    find_leaks,
    load_samples,
    missing_sounds,
    note_windows,
    require_answers,
    resolve_video,
)
from vidtune.models import family_of
from vidtune.training._balance import group_of
from vidtune.training._config import Grouping, TrainConfig
from vidtune.training._order import choose_subset
from vidtune.training._preflight_model import check_disk, check_model
from vidtune.training._tracking import check_tracker

_MAX_SHOWN = 5
_REMEDY = "Mend all of them; no weights were loaded."
_SHARED = {
    "video": "videos are in data and in eval_data: what is measured on them is memory.",
    "recording": "recordings are in data and, at other times, in eval_data: new ones will be harder than measured.",
    "augmentation": "clips have altered copies in data and in eval_data: what is measured on them is memory.",
    "subject": "subjects are in data and in eval_data: new people will be harder than measured.",
}


@runtime_checkable
class NamesMetrics(Protocol):
    """An evaluator that can say beforehand what it measures, so that a wrong metric is found before weights load."""

    def metric_names(self, samples: Sequence[Sample]) -> Iterable[str]:
        """Return the names of all scores that it may have for such samples."""


@dataclass(frozen=True)
class TrainingData:
    """The samples of a run, read and checked."""

    train: tuple[Sample, ...]
    held_out: tuple[Sample, ...]
    """What is measured on: the chosen subset of eval_data; empty without."""

    notes: tuple[str, ...]
    """What is not wrong but should be known, in sentences."""


def load_train_recipe(
    path: Path, overrides: Sequence[str], run: RunDirectory, *, evaluator: object | None
) -> TrainConfig:
    """Read a recipe; if it does not hold, check also what of it can be checked, and name everything at once.

    Args:
        path: The YAML file.
        overrides: Each ``"loop.epochs=4"``.
        run: Where the run will be.
        evaluator: What will be passed to ``train``.

    Raises:
        ConfigInvalid: With every mistake of the recipe, and those that ``preflight`` finds in the rest of it.
    """
    try:
        return load_recipe(TrainConfig, path, overrides)
    except ConfigInvalid as exc:
        config, findings = salvage_recipe(TrainConfig, path, overrides)
        if config is None:
            raise
        found = _examine(config, run, evaluator)
        findings += [*found.findings, *found.disk]
        raise ConfigInvalid(f"{path} cannot be run, {counted(len(findings), 'finding')}.", _REMEDY, findings) from exc


def preflight(config: TrainConfig, run: RunDirectory, *, evaluator: object | None) -> TrainingData:
    """Check data, videos, model, adapter, measurements, trackers and disk of a recipe.

    Raises:
        DataInvalid: With every finding; nothing was loaded or written.
        DiskFull: If all is well but the disk.
    """
    found = _examine(config, run, evaluator)
    if found.findings:
        findings = [*found.findings, *found.disk]
        raise DataInvalid(f"the recipe cannot be run, {counted(len(findings), 'finding')}.", _REMEDY, findings)
    if found.disk:
        raise DiskFull(found.disk[0], "Free some space and run the same command again.")
    return found.data


@dataclass(frozen=True)
class _Found:
    """The data of a recipe, and all that stands against running it."""

    data: TrainingData
    findings: list[str]
    disk: list[str]
    """Apart: room can be made and the same command run again."""


def _examine(config: TrainConfig, run: RunDirectory, evaluator: object | None) -> _Found:
    findings: list[str] = []
    hears = _hears(config)
    train = _read(config.data, "data", config.limits.max_dropped_share, findings, hears=hears)
    held_out: tuple[Sample, ...] = ()
    if config.eval_data is not None:
        held_out = _read(config.eval_data, "eval_data", config.limits.max_dropped_share, findings, hears=hears)
    findings += _check_measurement(config, held_out, evaluator)
    findings += _check_groups(config, train)
    if not config.adapter.modalities and not config.adapter.modules_to_train:
        findings.append(f"adapter: kind={config.adapter.kind!r} trains nothing, so there is nothing to run.")
    findings += _check_trackers(config)
    of_model, trained_bytes = check_model(config)
    findings += of_model
    notes = [*_find_leakage(train, held_out), *note_windows([*train, *held_out])]
    if config.evaluation is not None and held_out:
        chosen = choose_subset(len(held_out), config.evaluation.limit, config.seed)
        held_out = tuple(held_out[index] for index in chosen)
    return _Found(TrainingData(train, held_out, tuple(notes)), findings, check_disk(config, run, trained_bytes))


def _hears(config: TrainConfig) -> bool:
    """Whether the model has an audio tower; False where nothing is known of it: what is wrong with it is said apart."""
    try:
        family = family_of(config.model.source)
    except VidtuneError:
        return False
    return family is not None and "audio" in family.modalities


def _read(
    config: DataConfig, key: str, max_dropped_share: float, findings: list[str], *, hears: bool
) -> tuple[Sample, ...]:
    try:
        samples = load_samples(config).samples
    except DataInvalid as exc:
        findings += [f"{key}: {finding}" for finding in exc.findings or (exc.problem,)]
        return ()
    except VidtuneError as exc:
        findings.append(f"{key}: {exc.problem}")
        return ()
    missing = [sample for sample in samples if not _has_video(sample, config)]
    if len(missing) > max_dropped_share * len(samples):
        names = ", ".join(sample.video for sample in missing[:_MAX_SHOWN])
        more = ", ..." if len(missing) > _MAX_SHOWN else ""
        findings.append(
            f"{key}: {len(missing)} of {len(samples)} videos are not below {config.videos}: {names}{more}; "
            f"at most {max_dropped_share:.0%} may be missing (limits.max_dropped_share)."
        )
    unheard = missing_sounds(samples, (config.videos, config.path.parent)) if hears and config.sound != "none" else []
    if len(unheard) > max_dropped_share * len(samples):
        names = ", ".join(str(sample.meta["audio"]) for sample, _ in unheard[:_MAX_SHOWN])
        more = ", ..." if len(unheard) > _MAX_SHOWN else ""
        findings.append(
            f"{key}: the sound files of {len(unheard)} of {len(samples)} samples are neither below {config.videos} nor "
            f"beside {config.path}: {names}{more}; at most {max_dropped_share:.0%} may be missing "
            "(limits.max_dropped_share); sound=none asks without them."
        )
    try:
        require_answers(samples, config.path, purpose="nothing can be learned from or compared with them")
    except DataInvalid as exc:
        findings.append(f"{key}: {exc.problem}")
    return samples


def _has_video(sample: Sample, config: DataConfig) -> bool:
    try:
        resolve_video(sample, config.videos)
    except VideoMissing:
        return False
    return True


def _check_measurement(config: TrainConfig, held_out: Sequence[Sample], evaluator: object | None) -> list[str]:
    evaluation = config.evaluation
    if evaluation is None or evaluation.metric == "loss":
        return []
    if evaluator is None:
        return [
            f"evaluation.metric: {evaluation.metric!r} is a score of answers, but no evaluator was passed to train(); "
            "pass one or watch 'loss'."
        ]
    if not isinstance(evaluator, NamesMetrics) or not held_out:
        return []
    try:
        known = sorted({"loss", *evaluator.metric_names(held_out)})
    except VidtuneError as exc:
        return [f"eval_data: {exc.problem}"]
    if evaluation.metric in known:
        return []
    return [f"evaluation.metric={evaluation.metric!r} is not measured on such data; measured are {', '.join(known)}."]


def _check_trackers(config: TrainConfig) -> list[str]:
    findings = []
    for name, options in config.loop.tracking.chosen.items():
        try:
            check_tracker(name, options)
        except VidtuneError as exc:
            findings.append(f"loop.tracking: {exc}")
    return findings


def _check_groups(config: TrainConfig, samples: tuple[Sample, ...]) -> list[str]:
    wanted: list[tuple[str, Grouping]] = []
    if config.loop.balance_by is not None:
        wanted.append(("loop.balance_by", config.loop.balance_by))
    if config.loss.class_weights != "none":
        wanted.append(("loss.class_weights", "label"))
    findings = []
    for setting, by in wanted:
        try:
            group_of(samples, by, setting)
        except DataInvalid as exc:
            findings.append(f"data: {exc.problem}")
    return findings


def _find_leakage(train: tuple[Sample, ...], held_out: tuple[Sample, ...]) -> list[str]:
    """Say when the held-out samples are not held out; measuring on what was learned flatters."""
    counts = Counter[str](leak.kind for leak in find_leaks({"data": train, "eval_data": held_out}))
    return [f"{counts[kind]} {what}" for kind, what in _SHARED.items() if counts[kind]]
