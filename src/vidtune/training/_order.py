"""Which samples a step sees: a pure function of the seed, the step and the samples' lengths.

Nothing here has state, so a resumed run needs no position in a shuffled list: step 117 of a recipe is always the
same samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vidtune.training._balance import draw_balanced
from vidtune.training._config import EvaluationConfig

_BATCHES_PER_POOL = 8
"""Samples are sorted by length within pools of so many batches: short padding, yet other batches in every epoch."""


@dataclass(frozen=True)
class StepPlan:
    """One optimizer step."""

    step: int
    """Counted from 1 over the whole run."""

    epoch: int
    """Counted from 0."""

    batches: tuple[tuple[int, ...], ...]
    """Sample indices of each forward pass; the gradients of all of them make one step."""

    @property
    def indices(self) -> tuple[int, ...]:
        """All sample indices of the step."""
        return tuple(index for batch in self.batches for index in batch)


class Schedule:
    """The whole run laid out in steps.

    Args:
        lengths: Tokens of each training sample; their number is the number of samples.
        batch_size: Samples of a forward pass; the last one of an epoch may be smaller.
        accumulation: Forward passes of a step; the last step of an epoch may have fewer.
        epochs: Passes over the data; None when max_steps is given.
        max_steps: Steps in all; None when epochs is given.
        group_by_length: Sort within pools, see above.
        seed: Of the order.
        groups: Of each sample; all groups come up equally often. None: every sample once an epoch.
        clips: Of each sample; what of an epoch is about one clip comes together. None: it does not matter.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        *,
        batch_size: int,
        accumulation: int,
        epochs: int | None,
        max_steps: int | None,
        group_by_length: bool,
        seed: int,
        groups: Sequence[str] | None = None,
        clips: Sequence[str] | None = None,
    ) -> None:
        if not lengths:
            raise ValueError("a schedule needs at least one sample, found none.")
        self._lengths = tuple(lengths)
        self._batch_size = batch_size
        self._accumulation = accumulation
        self._group_by_length = group_by_length
        self._seed = seed
        self._groups = groups
        self._clips = clips
        num_batches = -(-len(self._lengths) // batch_size)
        self.steps_per_epoch = -(-num_batches // accumulation)
        self.num_steps = max_steps if max_steps is not None else (epochs or 0) * self.steps_per_epoch
        self._epoch_cache: tuple[int, list[tuple[int, ...]]] | None = None

    def step(self, step: int) -> StepPlan:
        """Return the plan of ``step``, counted from 1."""
        if not 1 <= step <= self.num_steps:
            raise ValueError(f"step must be in 1..{self.num_steps}, found {step}.")
        epoch, position = divmod(step - 1, self.steps_per_epoch)
        batches = self._batches_of(epoch)
        start = position * self._accumulation
        return StepPlan(step, epoch, tuple(batches[start : start + self._accumulation]))

    def is_epoch_end(self, step: int) -> bool:
        """Whether ``step`` is the last of its epoch."""
        return step % self.steps_per_epoch == 0

    def _batches_of(self, epoch: int) -> list[tuple[int, ...]]:
        if self._epoch_cache is None or self._epoch_cache[0] != epoch:
            self._epoch_cache = (epoch, self._make_batches(epoch))
        return self._epoch_cache[1]

    def _make_batches(self, epoch: int) -> list[tuple[int, ...]]:
        rng = np.random.default_rng([self._seed, epoch])
        if self._groups is None:
            order = [int(index) for index in rng.permutation(len(self._lengths))]
        else:
            order = draw_balanced(self._groups, rng)
        if self._clips is None and not self._group_by_length:
            return _cut(order, self._batch_size)
        if self._clips is not None:
            order = _gather(order, self._clips)
        batches: list[tuple[int, ...]] = []
        for pool in _cut(order, self._batch_size * _BATCHES_PER_POOL):
            batches += _cut(self._by_length(pool) if self._group_by_length else pool, self._batch_size)
        return [batches[int(index)] for index in rng.permutation(len(batches))]

    def _by_length(self, pool: Sequence[int]) -> list[int]:
        """Return the pool in order of length; what is about one clip stays together, at its longest."""
        # Sorts are stable, so samples of one length keep their shuffled order.
        by_length = sorted(pool, key=lambda index: self._lengths[index])
        return by_length if self._clips is None else _gather(by_length[::-1], self._clips)[::-1]


def is_measured(step: int, schedule: Schedule, evaluation: EvaluationConfig | None) -> bool:
    """Whether the model is measured after ``step``; after the last one it always is, if at all."""
    if evaluation is None:
        return False
    if step == schedule.num_steps:
        return True
    if evaluation.every_steps is not None:
        return step % evaluation.every_steps == 0
    every = evaluation.every_epochs
    return every is not None and step % (every * schedule.steps_per_epoch) == 0


def is_saved(step: int, schedule: Schedule, every_steps: int | None) -> bool:
    """Whether a checkpoint is written after ``step``: every so many steps or at epochs' ends, and after the last."""
    if step == schedule.num_steps:
        return True
    return schedule.is_epoch_end(step) if every_steps is None else step % every_steps == 0


def choose_subset(num_samples: int, limit: int | None, seed: int) -> list[int]:
    """Return ``limit`` of ``num_samples`` indices, ascending, chosen once by the seed; all when limit is None."""
    if limit is None or limit >= num_samples:
        return list(range(num_samples))
    # The stream differs from those of the epochs, which are seeded with two numbers.
    chosen = np.random.default_rng([seed, 0, 1]).permutation(num_samples)[:limit]
    return sorted(int(index) for index in chosen)


def _gather(order: Sequence[int], clips: Sequence[str]) -> list[int]:
    """Return ``order`` with all indices of a clip at the place of its first one.

    Example:
        >>> _gather([3, 0, 2, 1], ["a", "a", "b", "b"])
        [3, 2, 0, 1]
    """
    of_clip: dict[str, list[int]] = {}
    for index in order:
        of_clip.setdefault(clips[index], []).append(index)
    return [index for indices in of_clip.values() for index in indices]


def _cut(indices: Sequence[int], size: int) -> list[tuple[int, ...]]:
    return [tuple(indices[start : start + size]) for start in range(0, len(indices), size)]
