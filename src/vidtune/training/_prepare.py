"""All that stands before the first step: data, model with its adapter, examples, supervision, schedule, precision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from vidtune.adapters import (
    attach_adapter,
    bare_model,
    fit_frame_signals,
    frame_inputs,
    quantization_config,
    takes_frame_signals,
)
from vidtune.core.errors import VidtuneError
from vidtune.core.progress import Progress
from vidtune.core.rundir import RunDirectory
from vidtune.data import DataConfig, Sample, Turn, show_subtitles
from vidtune.inference import attend_for_training, describe_loading, model_options, takes_asides
from vidtune.media import FrameSet
from vidtune.models import LoadedModel, load_model
from vidtune.training._balance import group_of, sample_weights
from vidtune.training._config import TrainConfig
from vidtune.training._errors import TooManyDropped
from vidtune.training._examples import Encode, ExampleStore, ReadFrames, Row, Tell, join_batch
from vidtune.training._feature_cache import FeatureCache
from vidtune.training._features import FeatureSource, may_reuse_features
from vidtune.training._optimizer import trained_parameters
from vidtune.training._order import Schedule
from vidtune.training._precision import Precision, choose_precision
from vidtune.training._preflight import TrainingData, preflight
from vidtune.training._reading import clip_reader
from vidtune.training._supervision import SupervisionAudit, Vocabulary, audit_supervision
from vidtune.training._world import ALONE, World

_NUM_LOOKED_AT = 64
"""How many training examples an adapter is offered before it starts; it may take fewer."""


@dataclass(frozen=True)
class Prepared:
    """What a run is made of before its first step."""

    data: TrainingData
    loaded: LoadedModel
    train: ExampleStore
    held_out: ExampleStore | None
    audit: SupervisionAudit
    schedule: Schedule
    precision: Precision
    weights: list[float] | None
    """By how much each training sample counts; None where all count alike."""


def prepare(
    config: TrainConfig, run: RunDirectory, *, evaluator: object | None, progress: Progress, world: World = ALONE
) -> Prepared:
    """Check the data, load the model, read every clip and audit what would be learned; nothing is written.

    Args:
        config: The recipe.
        run: Where the run will be.
        evaluator: What will measure generated answers, if anything.
        progress: Told about reading.
        world: The processes that share the run.

    Raises:
        DataInvalid, TooManyDropped, SupervisionInvalid: As ``train`` says.
    """
    data = preflight(config, run, evaluator=evaluator)
    progress("load model", 0, 1, config.model.source)
    base = load_model(
        config.model.source,
        quantization_config=quantization_config(config.adapter, device=config.model.device),
        **model_options(config.model),
    )
    progress("load model", 1, 1, describe_loading(base))
    budget_bytes = config.limits.memory_mib * 2**20
    max_tokens = _max_tokens(base, config.limits.max_tokens)
    precision = choose_precision(config.loop.precision, base.device)

    def encode(turns: Sequence[Turn], frames: FrameSet) -> Row:
        inputs = dict(base.family.encode_training(base.processor, [(turns, frames)]))
        per_group = base.family.frame_policy.multiple
        return {**inputs, **frame_inputs(config.adapter, [frames.frames_thwc], frames_per_group=per_group)}

    def tell(source: DataConfig) -> Tell:
        can_stand_between = takes_asides(base.family, config.adapter)
        return lambda sample, frames: show_subtitles(
            sample, source, frames.times_s, can_stand_between=can_stand_between
        )[0]

    hears = base.family.sound_policy(base.processor)
    features = FeatureSource(base, precision, config.limits.feature_cache.open(FeatureCache))
    reuses = may_reuse_features(config, base) and _find_room(
        features, config, data, encode, clip_reader(config, config.data, hears), tell(config.data), progress
    )

    def encode_features(turns: Sequence[Turn], frames: FrameSet) -> Row:
        return features.replace_pixels(encode(turns, frames))

    def make_store(samples: Sequence[Sample], source: DataConfig, stage: str, *, is_train: bool) -> ExampleStore:
        store = ExampleStore(
            clip_reader(config, source, hears),
            encode_features if reuses else encode,
            budget_bytes=budget_bytes,
            augmentation=config.augmentation if is_train else None,
            seed=config.seed,
            keep_frames=not is_train and evaluator is not None and world.is_main,
            shelve=features.shelve,
            in_memory=features.in_memory,
            tell=tell(source),
        )
        store.prepare(samples, max_tokens=max_tokens, stage=stage, progress=progress, world=world)
        _limit_dropped(store, len(samples), config.limits.max_dropped_share, stage)
        return store

    train_store = make_store(data.train, config.data, "read training clips", is_train=True)
    loaded = _adapt(base, config, train_store, encode)
    if takes_frame_signals(config.adapter):
        fit_frame_signals(loaded.model, (train_store.row(i, epoch=0) for i in range(len(train_store.examples))))
    held_out = None
    if config.eval_data is not None:
        held_out = make_store(data.held_out, config.eval_data, "read held-out clips", is_train=False)
    audit = audit_supervision(
        train_store.examples, Vocabulary.of(loaded.processor, loaded.family.end_of_turn_ids(loaded.processor))
    )
    schedule, weights = _plan_steps(config, train_store)
    longest = max(example.num_tokens for example in train_store.examples)
    if note := attend_for_training(loaded, config.model.attn_implementation, longest):
        progress("attention", 1, 1, note)
    return Prepared(data, loaded, train_store, held_out, audit, schedule, precision, weights)


def _plan_steps(config: TrainConfig, store: ExampleStore) -> tuple[Schedule, list[float] | None]:
    """Return which samples each step sees, and by how much each sample counts."""
    samples = [example.sample for example in store.examples]
    by = config.loop.balance_by
    schedule = Schedule(
        [example.num_tokens for example in store.examples],
        batch_size=config.loop.batch_size,
        accumulation=config.loop.accumulation,
        epochs=config.loop.epochs,
        max_steps=config.loop.max_steps,
        group_by_length=config.loop.group_by_length,
        seed=config.seed,
        groups=None if by is None else group_of(samples, by, "loop.balance_by"),
        clips=[example.clip for example in store.examples] if config.loop.share_prompts else None,
    )
    if config.loss.class_weights == "none":
        return schedule, None
    return schedule, sample_weights(group_of(samples, "label", "loss.class_weights"), config.loss)


def _adapt(loaded: LoadedModel, config: TrainConfig, store: ExampleStore, encode: Encode) -> LoadedModel:
    torch.manual_seed(config.seed)
    family = loaded.family
    targets: dict[str, str] = {modality: family.linear_targets(modality) for modality in family.modalities}
    model = attach_adapter(
        loaded.model,
        config.adapter,
        targets,
        modality_of=family.modality_of,
        batches=_FirstLook(loaded, store, encode, config.seed),
    )
    for parameter in trained_parameters(model).values():
        # Updates of 1e-5 vanish in bf16 weights: whatever is trained is float32, autocast makes it fast.
        parameter.data = parameter.data.float()
    if config.loop.gradient_checkpointing:
        bare_model(model).activation_checkpointing_enable({"use_reentrant": False})
    return replace(loaded, model=model)


class _FirstLook:
    """Training examples for adapters that look at data before they start: one at a time, drawn by the seed.

    They are encoded anew, with pixels: the adapter may want to see what reaches the vision tower.
    """

    def __init__(self, loaded: LoadedModel, store: ExampleStore, encode: Encode, seed: int) -> None:
        self._seed = seed
        self._loaded = loaded
        self._store = store
        self._encode = encode

    def __iter__(self) -> Iterator[dict[str, Any]]:
        # Not the first ones: a list of samples is often sorted by what is seen.
        order = np.random.default_rng(self._seed).permutation(len(self._store.examples))
        for index in order[:_NUM_LOOKED_AT].tolist():
            sample = self._store.examples[index].sample
            yield join_batch(self._loaded, [self._encode(sample.turns, self._store.frames(index))])


def _find_room(
    features: FeatureSource,
    config: TrainConfig,
    data: TrainingData,
    encode: Encode,
    read: ReadFrames,
    tell: Tell,
    progress: Progress,
) -> bool:
    """Decide, judged by the first clip that can be read, whether and where features are kept, and say so."""
    first = next(_readable(data.train, read), None)
    if first is None:
        return False
    sample, frames = first
    num_rows = len(data.train) * (config.augmentation.versions or 1) + len(data.held_out)
    note = features.fit(encode(tell(sample, frames).turns, frames), num_rows, config.limits.memory_mib * 2**20)
    progress(
        "features of the frozen tower",
        1,
        1,
        note or "not kept: no room in limits.memory_mib or in limits.feature_cache",
    )
    return bool(note)


def _readable(samples: Sequence[Sample], read: ReadFrames) -> Iterator[tuple[Sample, FrameSet]]:
    for sample in samples:
        with suppress(VidtuneError):  # it will be listed as dropped when its turn comes
            yield sample, read(sample)


def _limit_dropped(store: ExampleStore, num_samples: int, max_share: float, stage: str) -> None:
    num_dropped = len(store.dropped)
    if store.examples and num_dropped <= max_share * num_samples:
        return
    findings = [f"{entry.sample_id}: {entry.code}: {entry.reason}" for entry in store.dropped[:20]]
    raise TooManyDropped(
        f"{stage}: {num_dropped} of {num_samples} samples cannot be used, expected at most {max_share:.0%} "
        f"(limits.max_dropped_share):\n  " + "\n  ".join(findings) + "\n",
        "Mend or remove them, or raise the limit if training without them is what you want.",
    )


def _max_tokens(loaded: LoadedModel, wanted: int | None) -> int | None:
    """The smaller of what the recipe allows and what the model can attend to."""
    text_config = bare_model(loaded.model).config.get_text_config()
    own = getattr(text_config, "max_position_embeddings", None)
    return min((limit for limit in (wanted, own) if limit is not None), default=None)
