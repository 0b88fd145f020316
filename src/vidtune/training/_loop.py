"""The training loop: one optimizer step after the other, measured, saved, and stopped in time.

A step is a pure function of the weights, the optimizer's state and its own number: the number decides the samples, the
learning rate and the random draws. That is why a killed run continues to the last bit from any checkpoint.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from vidtune.adapters import adapter_curves, adapter_penalty, after_step, fit_weights, learning_rate_multiplier
from vidtune.core.errors import ConfigInvalid
from vidtune.core.progress import Progress
from vidtune.data import Sample
from vidtune.media import FrameSet
from vidtune.models import LoadedModel
from vidtune.training._checkpoint import CheckpointFolder, TrainState
from vidtune.training._config import EvaluationConfig, TrainConfig
from vidtune.training._errors import LossNotFinite
from vidtune.training._examples import ExampleStore
from vidtune.training._journal import Journal, memory_mib
from vidtune.training._loss import count_supervised, supervised_loss_sum
from vidtune.training._optimizer import (
    build_optimizer,
    lr_factor,
    optimizer_tensors,
    restore_optimizer,
    set_learning_rate,
    trained_parameters,
)
from vidtune.training._order import Schedule, StepPlan
from vidtune.training._precision import Precision, computing

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
    checkpoints: CheckpointFolder
    journal: Journal
    evaluator: Evaluator | None
    write_result: Callable[[Path], None]
    """Writes the weights as they are now, in the form in which they are delivered, into an empty folder."""

    result_bytes: int
    """About what that takes on disk."""

    progress: Progress


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
        self._parameters = trained_parameters(self._model)
        self._optimizer = build_optimizer(
            self._parameters,
            config.optim,
            parts.loaded.family.modality_of,
            lambda name: learning_rate_multiplier(self._model, name),
        )
        stores = [parts.train] if parts.held_out is None else [parts.train, parts.held_out]
        self._longest = max(example.num_tokens for store in stores for example in store.examples)
        self._began_s = time.monotonic()
        self._steps_done = 0

    def restore(self, weights: Mapping[str, torch.Tensor], optimizer: Mapping[str, torch.Tensor]) -> None:
        """Put the tensors of a checkpoint in place."""
        fit_weights(self._model, weights)
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(weights[name])
        restore_optimizer(
            self._optimizer, self._parameters, {name: tensor.to(self._device) for name, tensor in optimizer.items()}
        )

    def run(self) -> TrainState:
        """Take all remaining steps and return the last state."""
        self._model.train()
        self._rehearse_measurement()
        schedule = self._parts.schedule
        if self.state.step >= schedule.num_steps:
            return self.state
        with ThreadPoolExecutor(1, thread_name_prefix="load-batches") as reader:
            plan = schedule.step(self.state.step + 1)
            loading = reader.submit(self._load_all, plan)
            while not self.state.is_stopped:
                began_s = time.perf_counter()
                batches = loading.result()
                following = schedule.step(plan.step + 1) if plan.step < schedule.num_steps else None
                if following is not None:
                    # The next batch is decoded and changed while this one is computed.
                    loading = reader.submit(self._load_all, following)
                self._step(plan, batches, began_s)
                self.state = replace(self.state, step=plan.step)
                if self._is_measured(plan.step):
                    self._measure()
                if self._is_saved(plan.step):
                    self._save()
                if following is None:
                    break
                plan = following
        return self.state

    def _load_all(self, plan: StepPlan) -> list[dict[str, torch.Tensor]]:
        return [self._load(self._parts.train, indices, plan.epoch) for indices in plan.batches]

    def _step(self, plan: StepPlan, batches: Sequence[dict[str, torch.Tensor]], began_s: float) -> None:
        # Dropout draws from the step's own stream: nothing that ran before the step can shift it.
        torch.manual_seed(step_seed(self._config.seed, plan.step))
        learning_rate = set_learning_rate(
            self._optimizer, lr_factor(plan.step, self._parts.schedule.num_steps, self._config.optim)
        )
        num_supervised = sum(count_supervised(batch) for batch in batches)
        losses = []
        for batch in batches:
            with self._computing():
                # Divided by the tokens of the whole step: accumulating equals one large batch.
                loss = supervised_loss_sum(self._model, batch) / num_supervised
            losses.append(loss.detach())
            penalty = adapter_penalty(self._model)
            torch.autograd.backward(loss if penalty is None else loss + penalty / len(batches))
        mean_loss = float(torch.stack(losses).sum())
        grad_norm = self._clip()
        if not (math.isfinite(mean_loss) and math.isfinite(grad_norm)):
            raise self._not_finite(plan, mean_loss, grad_norm)
        self._optimizer.step()
        after_step(self._model, step=plan.step, num_steps=self._parts.schedule.num_steps, optimizer=self._optimizer)
        self._optimizer.zero_grad()
        self._record(plan, batches, mean_loss, learning_rate, grad_norm, time.perf_counter() - began_s)

    def _load(self, store: ExampleStore, indices: Sequence[int], epoch: int) -> dict[str, torch.Tensor]:
        loaded = self._parts.loaded
        batch = loaded.family.join_training(loaded.processor, [store.inputs(index, epoch) for index in indices])
        return {name: tensor.to(self._device, non_blocking=True) for name, tensor in batch.items()}

    def _computing(self) -> AbstractContextManager[None]:
        return computing(self._parts.precision, self._device, self._longest)

    def _clip(self) -> float:
        largest = self._config.optim.max_grad_norm
        norm = torch.nn.utils.clip_grad_norm_(self._parameters.values(), math.inf if largest is None else largest)
        return float(norm)

    def _record(
        self,
        plan: StepPlan,
        batches: Sequence[Mapping[str, torch.Tensor]],
        loss: float,
        learning_rate: float,
        grad_norm: float,
        seconds: float,
    ) -> None:
        num_steps = self._parts.schedule.num_steps
        num_tokens = sum(int(batch["attention_mask"].sum()) for batch in batches)
        curves = {
            "train/loss": loss,
            "train/learning_rate": learning_rate,
            "train/grad_norm": grad_norm,
            "speed/samples_per_s": len(plan.indices) / seconds,
            "speed/tokens_per_s": num_tokens / seconds,
            "memory/mib": memory_mib(self._device.type),
        }
        if plan.step % self._config.loop.log_every_steps == 0 or plan.step == num_steps:
            curves.update(adapter_curves(self._model))
            values = {name.partition("/")[2].replace("mib", "memory_mib"): value for name, value in curves.items()}
            self._parts.journal.add("step", plan.step, {"epoch": plan.epoch, **values}, curves)
        self._steps_done += 1
        each_s = (time.monotonic() - self._began_s) / self._steps_done
        left_s = round(each_s * (num_steps - plan.step))
        note = f"loss {loss:.3f}, {len(plan.indices) / seconds:.0f} samples/s, {left_s // 60}:{left_s % 60:02d} left"
        self._parts.progress("train", plan.step, num_steps, note)

    def _is_measured(self, step: int) -> bool:
        evaluation, schedule = self._config.evaluation, self._parts.schedule
        if evaluation is None or self._parts.held_out is None:
            return False
        if step == schedule.num_steps:
            return True
        if evaluation.every_steps is not None:
            return step % evaluation.every_steps == 0
        every = evaluation.every_epochs
        return every is not None and step % (every * schedule.steps_per_epoch) == 0

    def _is_saved(self, step: int) -> bool:
        if step == self._parts.schedule.num_steps or self.state.is_stopped:
            return True
        every = self._config.save.every_steps
        return self._parts.schedule.is_epoch_end(step) if every is None else step % every == 0

    def _measure(self) -> None:
        evaluation = self._config.evaluation
        assert evaluation is not None  # noqa: S101 (our own invariant)
        metrics = self._metrics(evaluation)
        self._parts.journal.add(
            "evaluation",
            self.state.step,
            {"metrics": metrics},
            {f"eval/{name}": value for name, value in metrics.items()},
        )
        value = metrics[evaluation.metric]
        best = self.state.best_value
        sign = 1 if evaluation.is_greater_better else -1
        if best is None or (value - best) * sign > 0:
            if evaluation.keep_best:
                self._parts.checkpoints.write_best(self.state.step, self._parts.write_result, self._parts.result_bytes)
            self.state = replace(self.state, best_step=self.state.step, best_value=value, num_without_better=0)
        else:
            num_without_better = self.state.num_without_better + 1
            is_stopped = evaluation.patience is not None and num_without_better >= evaluation.patience
            self.state = replace(self.state, num_without_better=num_without_better, is_stopped=is_stopped)

    def _metrics(self, evaluation: EvaluationConfig, limit: int | None = None) -> dict[str, float]:
        store = self._parts.held_out
        assert store is not None  # noqa: S101 (our own invariant)
        indices = list(range(len(store.examples)))[:limit]
        self._model.eval()
        try:
            metrics = {"loss": self._held_out_loss(store, indices)}
            if evaluation.generate and self._parts.evaluator is not None:
                samples = [store.examples[index].sample for index in indices]
                framesets = [store.frames(index) for index in indices]
                with torch.no_grad():
                    scores = self._parts.evaluator(self._parts.loaded, samples, framesets, evaluation.max_new_tokens)
                metrics.update({name: float(value) for name, value in scores.items()})
        finally:
            self._model.train()
        return metrics

    def _held_out_loss(self, store: ExampleStore, indices: Sequence[int]) -> float:
        """Mean loss of all supervised tokens of the held-out samples."""
        total, num_supervised = 0.0, 0
        size = self._config.loop.batch_size
        by_length = sorted(indices, key=lambda index: store.examples[index].num_tokens)
        with torch.no_grad(), self._computing():
            for start in range(0, len(by_length), size):
                batch = self._load(store, by_length[start : start + size], epoch=0)
                total += float(supervised_loss_sum(self._model, batch))
                num_supervised += count_supervised(batch)
                self._parts.progress("measure", min(start + size, len(by_length)), len(by_length))
        return total / num_supervised

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

    def _save(self) -> None:
        self._parts.journal.flush()
        self._parts.checkpoints.write(
            self.state, self._parameters, optimizer_tensors(self._optimizer, self._parameters)
        )

    def _not_finite(self, plan: StepPlan, loss: float, grad_norm: float) -> LossNotFinite:
        """Say which samples of the step are at fault, if one by one they still are."""
        examples = self._parts.train.examples
        culprits = []
        with torch.no_grad(), self._computing():
            for index in plan.indices:
                alone = float(supervised_loss_sum(self._model, self._load(self._parts.train, [index], plan.epoch)))
                if not math.isfinite(alone):
                    culprits.append(examples[index].sample.sample_id)
        names = ", ".join(culprits or [examples[index].sample.sample_id for index in plan.indices])
        which = "each alone already of" if culprits else "of a step with"
        return LossNotFinite(
            f"step {plan.step} has loss {loss} and gradient norm {grad_norm}, {which} the sample(s) {names}.",
            "Look at these clips, lower optim.learning_rate, or set loop.precision to fp32; "
            "the last checkpoint before this step is whole.",
        )


def step_seed(seed: int, step: int) -> int:
    """Return the seed of one step's random draws."""
    return int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0] >> np.uint64(1))
