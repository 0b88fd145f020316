"""Everything that can be found wrong before weights are loaded, found at once."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from vidtune.core.errors import DataInvalid, VideoMissing, VidtuneError
from vidtune.core.rundir import RunDirectory
from vidtune.data import DataConfig, Sample, load_samples, require_answers, resolve_video
from vidtune.training._balance import group_of
from vidtune.training._config import Grouping, TrainConfig
from vidtune.training._order import choose_subset

_SMALLEST_FREE_BYTES = 64 * 2**20
_MAX_SHOWN = 5


@dataclass(frozen=True)
class TrainingData:
    """The samples of a run, read and checked."""

    train: tuple[Sample, ...]
    held_out: tuple[Sample, ...]
    """What is measured on: the chosen subset of eval_data; empty without."""

    notes: tuple[str, ...]
    """What is not wrong but should be known, in sentences."""


def preflight(config: TrainConfig, run: RunDirectory, *, has_evaluator: bool) -> TrainingData:
    """Check data, videos, measurements and disk of a recipe.

    Raises:
        DataInvalid: With every finding; nothing was loaded or written.
    """
    findings: list[str] = []
    notes: list[str] = []
    train = _read(config.data, "data", config.limits.max_dropped_share, findings)
    held_out: tuple[Sample, ...] = ()
    if config.eval_data is not None:
        held_out = _read(config.eval_data, "eval_data", config.limits.max_dropped_share, findings)
    findings += _check_measurement(config, has_evaluator)
    findings += _check_groups(config, train)
    if not config.adapter.modalities and not config.adapter.modules_to_train:
        findings.append(f"adapter: kind={config.adapter.kind!r} trains nothing, so there is nothing to run.")
    findings += _check_disk(run)
    notes += _find_leakage(train, held_out)
    if findings:
        raise DataInvalid(
            f"the recipe cannot be run, {len(findings)} finding(s).",
            "Mend all of them; no weights were loaded.",
            findings,
        )
    if config.evaluation is not None:
        held_out = tuple(
            held_out[index] for index in choose_subset(len(held_out), config.evaluation.limit, config.seed)
        )
    return TrainingData(train, held_out, tuple(notes))


def _read(config: DataConfig, key: str, max_dropped_share: float, findings: list[str]) -> tuple[Sample, ...]:
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


def _check_measurement(config: TrainConfig, has_evaluator: bool) -> list[str]:
    evaluation = config.evaluation
    if evaluation is not None and evaluation.metric != "loss" and not has_evaluator:
        return [
            f"evaluation.metric: {evaluation.metric!r} is a score of answers, but no evaluator was passed to train(); "
            "pass one or watch 'loss'."
        ]
    return []


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


def _check_disk(run: RunDirectory) -> list[str]:
    existing = next(folder for folder in [run.path.absolute(), *run.path.absolute().parents] if folder.exists())
    free_bytes = shutil.disk_usage(existing).free
    if free_bytes < _SMALLEST_FREE_BYTES:
        return [f"run: {free_bytes:,} bytes are free at {existing}, expected at least {_SMALLEST_FREE_BYTES:,}."]
    return []


def _find_leakage(train: tuple[Sample, ...], held_out: tuple[Sample, ...]) -> list[str]:
    """Say when the held-out samples are not held out; measuring on what was learned flatters."""
    notes = []
    shared_videos = {sample.video for sample in train} & {sample.video for sample in held_out}
    if shared_videos:
        notes.append(f"{len(shared_videos)} videos are in data and in eval_data: what is measured on them is memory.")
    subjects = {sample.subject for sample in train if sample.subject}
    shared_subjects = subjects & {sample.subject for sample in held_out if sample.subject}
    if shared_subjects:
        notes.append(
            f"{len(shared_subjects)} subjects are in data and in eval_data: new people will be harder than measured."
        )
    return notes
