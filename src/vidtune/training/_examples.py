"""From samples to model inputs: clips read once, prompts encoded once, both kept while they fit into memory.

A training step should cost model time only. Without augmentation the finished inputs are kept; with it the decoded
frames are kept and encoded anew each epoch. What does not fit into the budget is read again when its turn comes; the
inputs are the same either way. Precomputed features of a frozen vision tower would enter at ``ExampleStore.inputs``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from vidtune.core.errors import VidtuneError
from vidtune.core.hashing import hash_json
from vidtune.core.progress import Progress, silent
from vidtune.data import Sample, Turn
from vidtune.media import FrameSet
from vidtune.training._augmentation import augment_clip
from vidtune.training._config import AugmentationConfig

ReadFrames = Callable[[Sample], FrameSet]
Encode = Callable[[Sequence[Turn], FrameSet], Mapping[str, torch.Tensor]]

_NUM_READERS = 2
_READ_AHEAD = 16


@dataclass(frozen=True)
class Dropped:
    """A sample that is not trained on, and why."""

    sample_id: str
    code: str
    reason: str


@dataclass(frozen=True)
class Example:
    """A sample that can be used, with what the audit and the schedule need of it."""

    sample: Sample
    input_ids: torch.Tensor
    """(T,) token ids."""

    labels: torch.Tensor
    """(T,) the token's id where it is learned, -100 elsewhere."""

    source_sha256: str
    """Of the clip's file."""

    @property
    def num_tokens(self) -> int:
        """Tokens of the sample, media included."""
        return int(self.input_ids.numel())


class ExampleStore:
    """Samples of one split, readable as batches of inputs.

    Args:
        read_frames: Decodes the clip of a sample.
        encode: Makes the inputs of one conversation, each tensor with a leading axis of 1.
        budget_bytes: Memory for what is kept.
        augmentation: Changes of the pixels; None for held-out samples.
        seed: Of the augmentation.
        keep_frames: Also keep the decoded frames, for measuring with generated answers.
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
    ) -> None:
        self.examples: list[Example] = []
        self.dropped: list[Dropped] = []
        self._read_frames = read_frames
        self._encode = encode
        self._free_bytes = budget_bytes
        self._augmentation = augmentation if augmentation is not None and augmentation.is_active else None
        self._seed = seed
        self._keep_frames = keep_frames
        self._frames: dict[int, FrameSet] = {}
        self._inputs: dict[int, dict[str, torch.Tensor]] = {}

    def prepare(
        self,
        samples: Sequence[Sample],
        *,
        max_tokens: int | None,
        stage: str,
        progress: Progress = silent,
    ) -> None:
        """Read and encode every sample once; what cannot be used lands in ``dropped``, by name."""
        for done, (sample, outcome) in enumerate(self._read_ahead(samples), start=1):
            if isinstance(outcome, VidtuneError):
                self.dropped.append(Dropped(sample.sample_id, outcome.code, outcome.problem))
            else:
                self._admit(sample, outcome, max_tokens)
            progress(stage, done, len(samples), f"{len(self.dropped)} left out" if self.dropped else "")

    def inputs(self, index: int, epoch: int) -> Mapping[str, torch.Tensor]:
        """Return the inputs of one example as that epoch sees them, each tensor with a leading axis of 1."""
        if index in self._inputs:
            return self._inputs[index]
        sample, frames = self.examples[index].sample, self.frames(index)
        turns: tuple[Turn, ...] = sample.turns
        if self._augmentation is not None:
            rng = np.random.default_rng([self._seed, epoch, index])
            frames, turns = augment_clip(frames, turns, self._augmentation, rng)
        return self._encode(turns, frames)

    def frames(self, index: int) -> FrameSet:
        """Return the unchanged frames of one example."""
        return self._frames[index] if index in self._frames else self._read_frames(self.examples[index].sample)

    def fingerprint(self) -> str:
        """Return a hash of all that is learned from: texts, files and tokens, in order."""
        return hash_json(
            [
                [example.sample.sample_id, example.source_sha256, example.input_ids.tolist(), example.labels.tolist()]
                for example in self.examples
            ]
        )

    def _read_ahead(self, samples: Sequence[Sample]) -> Iterator[tuple[Sample, FrameSet | VidtuneError]]:
        """Yield what reading each sample gave, in order; a few are read in advance."""
        with ThreadPoolExecutor(_NUM_READERS, thread_name_prefix="read-clips") as pool:
            waiting: deque[tuple[Sample, Future[FrameSet | VidtuneError]]] = deque()
            for sample in samples:
                waiting.append((sample, pool.submit(self._try_read, sample)))
                if len(waiting) >= _READ_AHEAD:
                    first, future = waiting.popleft()
                    yield first, future.result()
            for first, future in waiting:
                yield first, future.result()

    def _try_read(self, sample: Sample) -> FrameSet | VidtuneError:
        try:
            return self._read_frames(sample)
        except VidtuneError as exc:
            return exc

    def _admit(self, sample: Sample, frames: FrameSet, max_tokens: int | None) -> None:
        inputs = dict(self._encode(sample.turns, frames))
        num_tokens = inputs["input_ids"].shape[1]
        if max_tokens is not None and num_tokens > max_tokens:
            reason = f"it takes {num_tokens} tokens, expected at most {max_tokens}."
            self.dropped.append(Dropped(sample.sample_id, "too_long", reason))
            return
        index = len(self.examples)
        self.examples.append(Example(sample, inputs["input_ids"][0], inputs["labels"][0], frames.source_sha256))
        if self._augmentation is None and self._reserve(sum(tensor.nbytes for tensor in inputs.values())):
            self._inputs[index] = inputs
        needs_frames = self._keep_frames or self._augmentation is not None
        if needs_frames and self._reserve(frames.frames_thwc.nbytes):
            self._frames[index] = frames

    def _reserve(self, num_bytes: int) -> bool:
        if num_bytes > self._free_bytes:
            return False
        self._free_bytes -= num_bytes
        return True


def count_by_code(dropped: Iterable[Dropped]) -> dict[str, int]:
    """Return how many samples were left out for each reason."""
    counts: dict[str, int] = {}
    for entry in dropped:
        counts[entry.code] = counts.get(entry.code, 0) + 1
    return counts
