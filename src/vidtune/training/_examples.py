"""From samples to model inputs: clips read once, prompts encoded once, both kept while they fit into memory.

A training step should cost model time only. Without augmentation the finished inputs are kept; with it the decoded
frames are kept and encoded anew each epoch. What does not fit into the budget is read again when its turn comes; the
inputs are the same either way. Where the vision tower is frozen, what it makes of a clip takes the place of the pixels.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import torch

from vidtune.core.errors import TryAgain, VidtuneError
from vidtune.core.hashing import hash_json
from vidtune.core.progress import Progress, silent
from vidtune.data import Sample, Turn
from vidtune.media import FrameSet
from vidtune.models import CLIP_SIGNALS, FEATURES, LoadedModel, count_bytes, join_features, move_features
from vidtune.training._augmentation import augment_clip
from vidtune.training._config import AugmentationConfig
from vidtune.training._world import ALONE, World

ReadFrames = Callable[[Sample], FrameSet]
Row = Mapping[str, Any]
"""The inputs of one conversation: tensors by the name of the model's argument, and perhaps features of its clip."""

Tell = Callable[[Sample, FrameSet], Sample]
"""From a sample and the frames it is shown with to the sample as it is asked."""

Encode = Callable[[Sequence[Turn], FrameSet], Row]

_NUM_READERS = 2
_READ_AHEAD = 16


@dataclass(frozen=True)
class Dropped:
    """A sample that is not trained on, and why."""

    sample_id: str
    code: str
    reason: str
    num_tokens: int | None = None
    """Of a sample that is too long."""


@dataclass(frozen=True)
class Example:
    """A sample that can be used, with what the audit and the schedule need of it."""

    sample: Sample
    """As it is asked: with its subtitles, where they are shown."""

    input_ids: torch.Tensor
    """(T,) token ids."""

    labels: torch.Tensor
    """(T,) the token's id where it is learned, -100 elsewhere."""

    source_sha256: str
    """Of the clip's file."""

    num_frames: int = 0
    """Of the clip, as the model is given it."""

    media: frozenset[str] = frozenset()
    """Which towers besides the language model it passes through: the names of its pixels and spectrograms."""

    untold: Sample | None = None
    """The sample as it was read, whose own question can decide which frames are chosen; None where it is the same."""

    sound_sha256: str | None = None
    """Of the file of what is heard; None where nothing is."""

    clip: str = ""
    """Which frames and sound of which files it is about: equal for questions about the same."""

    @property
    def num_tokens(self) -> int:
        """Tokens of the sample, media included."""
        return int(self.input_ids.numel())


class ExampleStore:
    """Samples of one split, readable as batches of inputs.

    Args:
        read_frames: Decodes the clip of a sample.
        encode: Makes the inputs of one conversation.
        budget_bytes: Memory for what is kept.
        augmentation: Changes of the pixels; None for held-out samples.
        seed: Of the augmentation.
        keep_frames: Also keep the decoded frames, for measuring with generated answers.
        shelve: Returns what of a row is kept in memory.
        in_memory: Completes such a row by what of it lies on disk; None when that has gone.
        tell: Adds to what is asked what depends on the frames.
    """

    def __init__(
        self,
        read_frames: ReadFrames,
        encode: Encode,
        *,
        budget_bytes: int,
        augmentation: AugmentationConfig | None,
        seed: int,
        keep_frames: bool = False,
        shelve: Callable[[Row], Row] = lambda row: row,
        in_memory: Callable[[Row], Row | None] = lambda row: row,
        tell: Tell = lambda sample, frames: sample,
    ) -> None:
        self.examples: list[Example] = []
        self.dropped: list[Dropped] = []
        self._read_frames = read_frames
        self._encode = encode
        self._free_bytes = budget_bytes
        self._augmentation = augmentation if augmentation is not None and augmentation.is_active else None
        self._seed = seed
        self._keep_frames = keep_frames
        self._shelve = shelve
        self._in_memory = in_memory
        self._tell = tell
        self._frames: dict[int, FrameSet] = {}
        self._rows: dict[tuple[int, int], Row] = {}
        self._num_versions = 1 if self._augmentation is None else self._augmentation.versions

    def prepare(
        self,
        samples: Sequence[Sample],
        *,
        max_tokens: int | None,
        stage: str,
        progress: Progress = silent,
        world: World = ALONE,
    ) -> None:
        """Read and encode every sample once; what cannot be used lands in ``dropped``, by name.

        Processes of one run share the work and hand each other what they have.
        """
        done = 0
        mine = self._read_ahead(world.share(samples))
        size = _READ_AHEAD * world.size
        for together in (samples[start : start + size] for start in range(0, len(samples), size)):
            mine_now = [self._examine(sample, next(mine), max_tokens) for sample in world.share(together)]
            for outcome in world.join_shares(mine_now):
                if isinstance(outcome, Dropped):
                    self.dropped.append(outcome)
                else:
                    self._keep(*outcome)
            done += len(together)
            progress(stage, done, len(samples), f"{len(self.dropped)} left out" if self.dropped else "")

    def row(self, index: int, epoch: int) -> Row:
        """Return the inputs of one example as that epoch sees them, each tensor with a leading axis of 1."""
        version = epoch if self._num_versions is None else epoch % self._num_versions
        kept = self._rows.get((index, version))
        row = None if kept is None else self._in_memory(kept)
        return self._make_row(self.examples[index].sample, self.frames(index), version) if row is None else row

    def frames(self, index: int) -> FrameSet:
        """Return the unchanged frames of one example."""
        example = self.examples[index]
        return self._frames[index] if index in self._frames else self._read_frames(example.untold or example.sample)

    def fingerprint(self) -> str:
        """Return a hash of all that is learned from: texts, files and tokens, in order."""
        return hash_json(
            [
                [
                    example.sample.sample_id,
                    example.source_sha256,
                    # Runs from before there was sound keep their fingerprint.
                    *([] if example.sound_sha256 is None else [example.sound_sha256]),
                    example.input_ids.tolist(),
                    example.labels.tolist(),
                ]
                for example in self.examples
            ]
        )

    def _read_ahead(self, samples: Sequence[Sample]) -> Iterator[FrameSet | VidtuneError]:
        """Yield what reading each sample gave, in order; a few are read in advance."""
        with ThreadPoolExecutor(_NUM_READERS, thread_name_prefix="read-clips") as pool:
            waiting: deque[Future[FrameSet | VidtuneError]] = deque()
            for sample in samples:
                waiting.append(pool.submit(self._try_read, sample))
                if len(waiting) > _READ_AHEAD:
                    yield waiting.popleft().result()
            for future in waiting:
                yield future.result()

    def _try_read(self, sample: Sample) -> FrameSet | VidtuneError:
        try:
            return self._read_frames(sample)
        except TryAgain:
            raise  # the machine's trouble, not the sample's
        except VidtuneError as exc:
            return exc

    def _examine(
        self, sample: Sample, frames: FrameSet | VidtuneError, max_tokens: int | None
    ) -> Dropped | tuple[Example, Sequence[Row], FrameSet | None]:
        """Return what the sample is to the audit, and what of it is to be kept in memory."""
        if isinstance(frames, VidtuneError):
            return Dropped(sample.sample_id, frames.code, frames.problem)
        untold, sample = sample, self._tell(sample, frames)
        row = self._encode(sample.turns, frames)
        num_tokens = row["input_ids"].shape[1]
        if max_tokens is not None and num_tokens > max_tokens:
            reason = f"it takes {num_tokens} tokens, expected at most {max_tokens}."
            return Dropped(sample.sample_id, "too_long", reason, num_tokens)
        num_frames = len(frames.frames_thwc)
        sound = None if frames.sound is None else frames.sound.to_record()
        example = Example(
            sample,
            row["input_ids"][0],
            row["labels"][0],
            frames.source_sha256,
            num_frames,
            media_of(row),
            untold,
            None if frames.sound is None else frames.sound.source_sha256,
            hash_json([frames.source_sha256, frames.times_s, sound]),
        )
        rows = [] if self._num_versions is None else [row]
        rows += [self._make_row(sample, frames, version) for version in range(1, self._num_versions or 0)]
        needs_frames = self._keep_frames or self._num_versions is None
        return example, [self._shelve(row) for row in rows], frames if needs_frames else None

    def _make_row(self, sample: Sample, frames: FrameSet, version: int) -> Row:
        turns: tuple[Turn, ...] = sample.turns
        is_changed = version > 0 or self._num_versions is None
        if self._augmentation is not None and is_changed:
            # By name and not by place: it holds whoever prepares the sample, and whatever else was dropped.
            rng = np.random.default_rng([self._seed, version, crc32(sample.sample_id.encode())])
            frames, turns = augment_clip(frames, turns, self._augmentation, rng)
        return self._encode(turns, frames)

    def _keep(self, example: Example, rows: Sequence[Row], frames: FrameSet | None) -> None:
        index = len(self.examples)
        self.examples.append(example)
        for version, row in enumerate(rows):
            # Features are kept for all clips or for none, which was decided before.
            if FEATURES in row or self._reserve(row_bytes(row)):
                self._rows[index, version] = row
        if frames is not None and self._reserve(frames.num_bytes):
            self._frames[index] = frames

    def _reserve(self, num_bytes: int) -> bool:
        if num_bytes > self._free_bytes:
            return False
        self._free_bytes -= num_bytes
        return True


def join_batch(loaded: LoadedModel, rows: Sequence[Row]) -> dict[str, Any]:
    """Return rows as one batch on the model's device."""
    tensors = [{name: value for name, value in row.items() if name != FEATURES} for row in rows]
    batch: dict[str, Any] = {
        name: tensor.to(loaded.device, non_blocking=True)
        for name, tensor in loaded.family.join_training(loaded.processor, tensors).items()
    }
    features = [row[FEATURES] for row in rows if FEATURES in row]
    if features:
        batch[FEATURES] = move_features(join_features(features), loaded.device)
    return batch


def media_of(row: Row) -> frozenset[str]:
    """Return the names of what a tower is given in ``row``: numbers that are not whole. Features passed it before."""
    return frozenset(
        name
        for name, value in row.items()
        if name not in CLIP_SIGNALS and isinstance(value, torch.Tensor) and value.is_floating_point()
    )


def row_bytes(row: Row) -> int:
    """Return what a row takes in memory."""
    return sum(count_bytes(value) if name == FEATURES else value.nbytes for name, value in row.items())


def count_by_code(dropped: Iterable[Dropped]) -> dict[str, int]:
    """Return how many samples were left out for each reason."""
    counts: dict[str, int] = {}
    for entry in dropped:
        counts[entry.code] = counts.get(entry.code, 0) + 1
    return counts
