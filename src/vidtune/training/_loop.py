"""The training loop: one optimizer step after the other, measured, saved, and stopped in time.

A step is a pure function of the weights, the optimizer's state and its own number: the number decides the samples, the
learning rate and the random draws. That is why a killed run continues to the last bit from any checkpoint.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vidtune.adapters import (
    adapter_curves,
    adapter_penalty,
    after_step,
    before_step,
    fit_weights,
    learning_rate_multiplier,
)
from vidtune.core.errors import ConfigInvalid
from vidtune.core.progress import Progress
from vidtune.data import Sample
from vidtune.inference import LastLayer
from vidtune.media import FrameSet
from vidtune.models import LoadedModel
from vidtune.training._checkpoint import CheckpointFolder, TrainState
from vidtune.training._config import EvaluationConfig, TrainConfig
from vidtune.training._errors import LossNotFinite
from vidtune.training._examples import ExampleStore, Row, join_batch
from vidtune.training._journal import Journal
from vidtune.training._loss import (
    IGNORED_LABEL,
    SAMPLE_WEIGHTS,
    count_supervised,
    positions_read,
    states_read,
    supervised_loss_sum,
)
from vidtune.training._optimizer import build_optimizer, lr_factor, set_learning_rate, trained_parameters
from vidtune.training._order import Schedule, StepPlan, is_measured, is_saved
from vidtune.training._packing import Packing, plan_packing
from vidtune.training._precision import Precision, computing
from vidtune.training._scaling import LossScale
from vidtune.training._shared_prompts import SharedPrompts, require_can_share
from vidtune.training._step_report import (
    collapsed,
    naming_lack_of_memory,
    not_finite,
    step_curves,
    step_note,
)
from vidtune.training._terms import Terms
from vidtune.training._watchdog import CollapseWatch, HangWatch
from vidtune.training._world import World
from vidtune.training.sharding import Part, choose_sharding, deal, require_sharded

Evaluator = Callable[[LoadedModel, Sequence[Sample], Sequence[FrameSet], int], Mapping[str, float]]
"""Lets the model answer samples about the given frames with at most so many new tokens, and returns mean scores."""


@dataclass(frozen=True)
class LoopParts:
    """What the loop works with."""

    loaded: LoadedModel
    train: ExampleStore
    held_out: ExampleStore | None
    schedule: Schedule
    precision: Precision
    weights: Sequence[float] | None
    """By how much each training sample counts; None where all count alike."""

    checkpoints: CheckpointFolder
    journal: Journal | None
    """Only the main process keeps one."""

    evaluator: Evaluator | None
    write_result: Callable[[Path], None]
    """Writes the weights as they are now, in the form in which they are delivered, into an empty folder."""

    look_inside: Callable[[], Mapping[str, Any]]
    """Returns what a measurement notes of the adapter besides its scores; mostly nothing."""

    result_bytes: int
    """About what that takes on disk."""

    progress: Progress
    note: Callable[[str], None]
    """Keeps a sentence for the log and the summary."""

    hang_watch: HangWatch
    world: World


@dataclass(frozen=True)
class _Batch:
    """What one forward pass is given."""

    part: Part
    inputs: dict[str, Any]
    packing: Packing | None
    """How its rows are packed; None for as they are."""


class Loop:
    """The steps of one run.

    Args:
        config: The recipe.
        parts: Model, data and where things go.
        state: Where to begin: at step 0, or as a checkpoint says after ``restore``.
    """

    def __init__(self, config: TrainConfig, parts: LoopParts, state: TrainState) -> None:
        self.state = state
        self._config = config
        self._parts = parts
        self._model = parts.loaded.model
        self._device = parts.loaded.device
        self._world = parts.world
        self._world.copy_from_main(trained_parameters(self._model).values())
        self._sharding = choose_sharding(config, parts.loaded, parts.world)
        optimizer = build_optimizer(
            self._sharding.parameters,
            config.optim,
            parts.loaded.family.modality_of,
            lambda name: learning_rate_multiplier(self._model, name),
        )
        self._optimizer = self._sharding.take(optimizer)
        stores = [parts.train] if parts.held_out is None else [parts.train, parts.held_out]
        self._scale = LossScale(parts.precision, self._sharding.parameters.values(), state)
        most_frames = max(example.num_frames for example in parts.train.examples)
        self._terms = Terms(config.loss.terms, parts.loaded, parts.schedule.num_steps, most_frames)
        self._last_layer = LastLayer(self._model)
        require_can_share(config, self._model)
        self._shared_prompts = SharedPrompts(self._model) if config.loop.share_prompts else None
        held_out = [] if parts.held_out is None else parts.held_out.examples
        self._collapse_watch = CollapseWatch(config.loop.watchdog, [example.sample.answer for example in held_out])
        self._longest = max(example.num_tokens for store in stores for example in store.examples)
        self._began_s = time.monotonic()
        self._steps_done = 0

    def restore(self, weights: Mapping[str, torch.Tensor], optimizer: Mapping[str, torch.Tensor]) -> None:
        """Put the tensors of a checkpoint in place."""
        fit_weights(self._model, weights)
        self._sharding.restore(weights, optimizer)

    def whole(self) -> AbstractContextManager[None]:
        """Within it, what is delivered can be written by the main process; all processes must enter."""
        return self._sharding.whole()

    def run(self) -> TrainState:
        """Take all remaining steps and return the last state."""
        self._model.train()
        self._note_sharding()
        self._prove_sharing_of_prompts()
        self._rehearse_measurement()
        schedule = self._parts.schedule
        if self.state.step >= schedule.num_steps:
            return self.state
        with ThreadPoolExecutor(1, thread_name_prefix="load-batches") as reader:
            plan = schedule.step(self.state.step + 1)
            loading = reader.submit(self._load_all, plan)
            while not self.state.is_stopped:
                began_s = time.perf_counter()
                self._alive(plan, plan.indices, "the beginning (loading, sharing out)")
                batches = loading.result()
                following = schedule.step(plan.step + 1) if plan.step < schedule.num_steps else None
                if following is not None:
                    # The next batch is decoded and changed while this one is computed.
                    loading = reader.submit(self._load_all, following)
                with naming_lack_of_memory(plan.step, self._names(plan.indices)):
                    sign = self._step(plan, batches, began_s)
                self.state = replace(self.state, step=plan.step)
                self._answer_collapse(sign)
                if self._parts.held_out is not None and is_measured(plan.step, schedule, self._config.evaluation):
                    self._measure()
                if self.state.is_stopped or is_saved(plan.step, schedule, self._config.save.every_steps):
                    self._parts.hang_watch.alive(f"the checkpoint of step {plan.step}")
                    self._save()
                if following is None:
                    break
                plan = following
        return self.state

    def _load_all(self, plan: StepPlan) -> list[_Batch]:
        return [self._load_weighted(part, plan.epoch) for part in self._deal(plan.batches, self._parts.train)]

    def _deal(self, batches: Sequence[Sequence[int]], store: ExampleStore) -> list[Part]:
        equal_turns = self._sharding.takes_equal_turns
        return deal(batches, store.examples, self._world.rank, self._world.size, equal_turns=equal_turns)

    def _step(self, plan: StepPlan, batches: Sequence[_Batch], began_s: float) -> str | None:
        """Take one optimizer step; return in a sentence if nothing is learned any more."""
        learning_rate = set_learning_rate(
            self._optimizer, lr_factor(plan.step, self._parts.schedule.num_steps, self._config.optim)
        )
        before_step(self._model, step=plan.step, num_steps=self._parts.schedule.num_steps)
        counts = [(count_supervised(batch.inputs), int(batch.inputs["attention_mask"].sum())) for batch in batches]
        counts = self._world.join_shares(counts)
        num_supervised = sum(supervised for supervised, _ in counts)
        losses: list[torch.Tensor] = []
        for batch in batches:
            is_last = len(losses) + 1 == len(batches)
            with self._where_read(batch):
                losses.append(self._add_gradients(plan, batch.part, batch.inputs, num_supervised, is_last=is_last))
        self._alive(plan, plan.indices, "the sum of gradients")
        mean_loss = math.fsum(self._world.join_shares([float(loss) for loss in losses]))
        grad_norm = self._sharding.finish_gradients(self._config.optim.max_grad_norm)
        is_skipped = math.isfinite(mean_loss) and self._scale.forgives(grad_norm)
        if not is_skipped and not (math.isfinite(mean_loss) and math.isfinite(grad_norm)):
            raise self._not_finite(plan, mean_loss, grad_norm)
        if not is_skipped:
            self._sharding.step()
            after_step(self._model, step=plan.step, num_steps=self._parts.schedule.num_steps, optimizer=self._optimizer)
        self._sharding.clear_gradients()
        self.state = self._scale.after(self.state, grad_norm)
        curves = step_curves(
            loss=mean_loss,
            learning_rate=learning_rate,
            grad_norm=None if is_skipped else grad_norm,
            num_samples=len(plan.indices),
            num_tokens=sum(tokens for _, tokens in counts),
            seconds=time.perf_counter() - began_s,
            device_type=self._device.type,
        )
        self._record(plan, {**curves, **self._terms.take_curves(self._world)})
        return self._collapse_watch.see_step(grad_norm)

    def _add_gradients(
        self, plan: StepPlan, part: Part, batch: Mapping[str, Any], num_supervised: int, *, is_last: bool
    ) -> torch.Tensor:
        """Go forward and backward through one batch; return its tokens' part of the step's mean loss."""
        # Dropout draws from the batch's own stream: neither what ran before nor who computes it can shift it.
        torch.manual_seed(batch_seed(self._config.seed, plan.step, part.number))
        self._alive(plan, part.indices, "the forward pass")
        with self._computing(), self._terms.watching() as seen:
            # Divided by the tokens of the whole step: accumulating equals one large batch.
            gamma = self._config.loss.focal_gamma
            loss = self._sharding.compute(supervised_loss_sum, self._model, batch, focal_gamma=gamma)
            loss = loss / num_supervised
        num_frames = [self._parts.train.examples[index].num_frames for index in part.indices]
        whole_loss = self._terms.add_to(loss, seen, batch["input_ids"], num_frames, plan)
        penalty = adapter_penalty(self._model)
        if penalty is not None:
            whole_loss = whole_loss + penalty / len(plan.batches)
        self._sharding.backward(self._scale.up(whole_loss), is_last=is_last)
        return loss.detach()

    @contextmanager
    def _where_read(self, batch: _Batch) -> Iterator[None]:
        with ExitStack() as stack:
            is_read = positions_read(batch.inputs["labels"])
            if batch.packing is not None and self._shared_prompts is not None:
                stack.enter_context(self._shared_prompts.packed(batch.packing))
                is_read = batch.packing.places_read(is_read)
            if not self._config.loss.terms:  # they look at the frames in the last layer
                stack.enter_context(self._last_layer.reading(is_read))
            yield

    def _load_weighted(self, part: Part, epoch: int) -> _Batch:
        rows = self._rows(self._parts.train, part, epoch)
        inputs = self._join(part, rows)
        if self._parts.weights is not None:
            weights = [self._parts.weights[index] for index in (*part.indices, *part.company)]
            inputs[SAMPLE_WEIGHTS] = torch.tensor(weights, device=self._device)
        packing = None if self._shared_prompts is None else plan_packing(rows, self._shared_prompts.width)
        return _Batch(part, inputs, None if packing is None else packing.to(self._device))

    def _rows(self, store: ExampleStore, part: Part, epoch: int) -> list[Row]:
        return [store.row(index, epoch) for index in (*part.indices, *part.company)]

    def _load(self, store: ExampleStore, part: Part, epoch: int) -> dict[str, Any]:
        return self._join(part, self._rows(store, part, epoch))

    def _join(self, part: Part, rows: Sequence[Row]) -> dict[str, Any]:
        batch = join_batch(self._parts.loaded, rows)
        if part.company:
            batch["labels"] = batch["labels"].clone()
            batch["labels"][len(part.indices) :] = IGNORED_LABEL
        return batch

    def _computing(self) -> AbstractContextManager[None]:
        return computing(self._parts.precision, self._device, self._longest)

    def _record(self, plan: StepPlan, curves: dict[str, float]) -> None:
        num_steps = self._parts.schedule.num_steps
        if plan.step % self._config.loop.log_every_steps == 0 or plan.step == num_steps:
            curves.update(adapter_curves(self._model, self._parts.loaded.family.modality_of))
            values = {name.partition("/")[2].replace("mib", "memory_mib"): value for name, value in curves.items()}
            self._log("step", plan.step, {"epoch": plan.epoch, **values}, curves)
        self._steps_done += 1
        each_s = (time.monotonic() - self._began_s) / self._steps_done
        self._parts.progress("train", plan.step, num_steps, step_note(curves, each_s * (num_steps - plan.step)))

    def _alive(self, plan: StepPlan, indices: Sequence[int], doing: str) -> None:
        self._parts.hang_watch.alive(f"{doing} of step {plan.step}", self._names(indices))

    def _names(self, indices: Sequence[int]) -> list[str]:
        return [self._parts.train.examples[index].sample.sample_id for index in indices]

    def _answer_collapse(self, sign: str | None) -> None:
        """Note a sign of collapse; end the run, after a checkpoint, if the recipe says so."""
        if sign is None:
            return
        text = f"step {self.state.step}: {sign}"
        self._parts.note(text)
        self._log("collapse", self.state.step, {"text": sign}, {})
        if self._config.loop.watchdog.on_collapse == "stop":
            self._save()
            raise collapsed(text)

    def _measure(self) -> None:
        evaluation = self._config.evaluation
        assert evaluation is not None  # noqa: S101 (our own invariant)
        metrics = self._metrics(evaluation)
        curves = {f"eval/{name}": value for name, value in metrics.items()}
        self._log("evaluation", self.state.step, {"metrics": metrics, **self._look_inside()}, curves)
        value = metrics[evaluation.metric]
        best = self.state.best_value
        sign = 1 if evaluation.is_greater_better else -1
        if best is None or (value - best) * sign > 0:
            if evaluation.keep_best:
                self._write_best()
            self.state = replace(self.state, best_step=self.state.step, best_value=value, num_without_better=0)
        else:
            num_without_better = self.state.num_without_better + 1
            is_stopped = evaluation.patience is not None and num_without_better >= evaluation.patience
            self.state = replace(self.state, num_without_better=num_without_better, is_stopped=is_stopped)
        collapse = self._collapse_watch.see_answers(metrics)
        self.state = replace(self.state, num_collapsed=0 if collapse is None else self.state.num_collapsed + 1)
        if self.state.num_collapsed >= self._config.loop.watchdog.collapse_patience:
            self._answer_collapse(collapse)

    def _write_best(self) -> None:
        with self._sharding.whole():
            if self._world.is_main:
                self._parts.checkpoints.write_best(self.state.step, self._parts.write_result, self._parts.result_bytes)

    def _look_inside(self) -> Mapping[str, Any]:
        return {} if self._parts.journal is None else self._parts.look_inside()

    def _metrics(self, evaluation: EvaluationConfig, limit: int | None = None) -> dict[str, float]:
        store = self._parts.held_out
        assert store is not None  # noqa: S101 (our own invariant)
        indices = list(range(len(store.examples)))[:limit]
        self._model.eval()
        try:
            loss = self._held_out_loss(store, indices)
            scores = {}
            # Said by every process: the others wait for the one that generates.
            self._parts.hang_watch.alive("the measurement of answers", may_last=True)
            if evaluation.generate and self._parts.evaluator is not None:
                with self._sharding.answering():
                    scores = self._world.done_by_main(lambda: self._score_answers(evaluation, store, indices))
        finally:
            self._model.train()
        return {"loss": loss, **scores}

    def _score_answers(
        self, evaluation: EvaluationConfig, store: ExampleStore, indices: Sequence[int]
    ) -> dict[str, float]:
        assert self._parts.evaluator is not None  # noqa: S101 (the caller has looked)
        samples = [store.examples[index].sample for index in indices]
        framesets = [store.frames(index) for index in indices]
        with torch.no_grad():
            scores = self._parts.evaluator(self._parts.loaded, samples, framesets, evaluation.max_new_tokens)
        return {name: float(value) for name, value in scores.items()}

    def _held_out_loss(self, store: ExampleStore, indices: Sequence[int]) -> float:
        """Mean loss of all supervised tokens of the held-out samples."""
        size = self._config.loop.batch_size
        by_length = sorted(indices, key=lambda index: store.examples[index].num_tokens)
        batches = [by_length[start : start + size] for start in range(0, len(by_length), size)]
        sums: list[tuple[float, int]] = []
        with torch.no_grad(), self._computing():
            for done, part in enumerate(self._deal(batches, store), start=1):
                names = [store.examples[index].sample.sample_id for index in part.indices]
                self._parts.hang_watch.alive("the held-out loss", names)
                batch = self._load(store, part, epoch=0)
                loss = self._sharding.compute(supervised_loss_sum, self._model, batch)
                sums.append((float(loss), count_supervised(batch)))
                self._parts.progress("measure", min(done * size * self._world.size, len(indices)), len(indices))
        sums = self._world.join_shares(sums)
        return math.fsum(total for total, _ in sums) / sum(supervised for _, supervised in sums)

    def _rehearse_measurement(self) -> None:
        """Measure one sample before the first step: a metric that does not exist should not cost a training run."""
        evaluation = self._config.evaluation
        if evaluation is None or self._parts.held_out is None or self.state.step > 0:
            return
        metrics = self._metrics(evaluation, limit=1)
        if evaluation.metric not in metrics:
            raise ConfigInvalid(
                f"evaluation.metric={evaluation.metric!r} is not measured; measured are {', '.join(sorted(metrics))}.",
                "Set evaluation.metric to one of them.",
            )

    def _note_sharding(self) -> None:
        kind = self._config.loop.sharding
        if kind != "none":
            holding = self._sharding.holding()
            require_sharded(kind, holding)
            self._log("sharding", self.state.step, {"kind": kind, **asdict(holding)}, {})

    def _prove_sharing_of_prompts(self) -> None:
        """Compute one sample twice in a batch, in plain and in packed rows; every process does the same."""
        if self._shared_prompts is None:
            return
        row = self._parts.train.row(0, epoch=0)
        batch = self._join(Part(0, (0, 0)), [row, row])
        with torch.no_grad(), self._computing():
            compute = partial(self._sharding.compute, states_read, self._model, batch)
            difference = self._shared_prompts.difference(batch["labels"], compute, self._parts.precision)
        self._log("sharing of prompts", self.state.step, {"relative_difference": difference}, {})

    def _log(self, event: str, step: int, values: Mapping[str, Any], curves: Mapping[str, float]) -> None:
        if self._parts.journal is not None:
            self._parts.journal.add(event, step, values, curves)

    def _save(self) -> None:
        weights, moments = self._sharding.tensors()
        if self._parts.journal is None:
            return
        self._parts.journal.flush()
        self._parts.checkpoints.write(self.state, weights, moments)

    def _not_finite(self, plan: StepPlan, loss: float, grad_norm: float) -> LossNotFinite:
        """Say which samples of the step are at fault, if one by one they still are."""
        culprits = []
        with torch.no_grad(), self._computing():
            for index in plan.indices:
                batch = self._load(self._parts.train, Part(0, (index,)), plan.epoch)
                alone = float(self._sharding.compute(supervised_loss_sum, self._model, batch))
                if not math.isfinite(alone):
                    culprits += self._names([index])
        return not_finite(plan.step, loss, grad_norm, self._names(plan.indices), culprits)


def batch_seed(seed: int, step: int, number: int) -> int:
    """Return the seed of the random draws of one forward pass: the ``number``-th of its step."""
    return int(np.random.SeedSequence([seed, step, number]).generate_state(1, np.uint64)[0] >> np.uint64(1))
