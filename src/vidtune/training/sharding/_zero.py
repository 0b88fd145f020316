"""ZeRO by DeepSpeed: gradients and moments (stage 2), and weights too (stage 3), divided over the processes.

DeepSpeed's own checkpoints are pickles. Ours hold whole tensors by name, so a run continues with any number of
processes; they are collected and handed out here, one by one.
"""

from __future__ import annotations

import importlib.util
import logging
import math
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from vidtune.core.errors import NotInstalled
from vidtune.training._optimizer import trained_parameters
from vidtune.training._world import World
from vidtune.training.sharding._computation import Computation
from vidtune.training.sharding._protocol import Holding, Tensors
from vidtune.training.sharding._use import Use

_WHOLE_BELOW = 10_000
"""A tensor smaller than the model by this factor is not worth sending at every use, and stays whole in stage 3."""


_COUNT, _MOMENTS = "step", ("exp_avg", "exp_avg_sq")
"""What torch's AdamW keeps of a tensor; no other optimizer is taken here."""

_IS_USED = "is_used"
"""In a group of the optimizer: whether the step that is being taken used it."""


class ZeroRedundancy:
    """See ``Sharding``.

    Args:
        model: With what is trained marked in it. In stage 3 it is changed: its parameters become empty until used.
        world: The processes.
        device_type: ``cpu`` or ``cuda``.
        stage: 2 or 3.
        max_norm: What gradients are scaled down to; None for nothing.
        batch_size: Samples of a forward pass; only for DeepSpeed's own records.
        delivers_model: Whether the whole model is what is delivered, and not only what is trained.

    Raises:
        NotInstalled: If DeepSpeed is not.
    """

    takes_equal_turns = True

    def __init__(
        self,
        model: torch.nn.Module,
        world: World,
        *,
        device_type: str,
        stage: int,
        max_norm: float | None,
        batch_size: int,
        delivers_model: bool,
    ) -> None:
        _require_deepspeed(device_type, stage)
        self.parameters = trained_parameters(model)
        self._model = model
        self._world = world
        self._device_type = device_type
        self._stage = stage
        self._max_norm = max_norm
        self._batch_size = batch_size
        self._delivers_model = delivers_model
        self._total_bytes = sum(parameter.nbytes for parameter in model.parameters())
        self._num_trained = sum(parameter.numel() for parameter in self.parameters.values())
        self._moments: Tensors = {}
        self._optimizer: torch.optim.Optimizer
        self._started: Any = None
        self._use = Use(world)
        for name, parameter in self.parameters.items():
            self._use.watch(name, parameter)
        self._group_of: dict[str, int] = {}

    def take(self, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
        self._optimizer = optimizer
        self._group_of = divide_groups(optimizer, self.parameters)
        optimizer.register_step_pre_hook(_skip_unused)
        return optimizer

    def holding(self) -> Holding:
        self._engine()
        held_bytes = sum(_held(parameter).nbytes for parameter in self._model.parameters())
        num_held = sum(flat.numel() for flat in self._flats())
        return Holding(held_bytes, self._total_bytes, num_held, self._num_trained, self._world.size)

    def compute(self, function: Callable[..., torch.Tensor], *args: Any, **kwargs: Any) -> torch.Tensor:
        is_mixed = torch.is_autocast_enabled(self._device_type)
        dtype = torch.get_autocast_dtype(self._device_type)

        def as_outside(*inner: Any, **named: Any) -> torch.Tensor:
            # DeepSpeed switches autocast off around a model, unless its own settings ask for it.
            with torch.autocast(self._device_type, dtype=dtype, enabled=is_mixed):
                return function(*inner, **named)

        result: torch.Tensor = self._engine()(as_outside, *args, **kwargs)
        return result

    def backward(self, loss: torch.Tensor, *, is_last: bool) -> None:
        engine = self._engine()
        engine.set_gradient_accumulation_boundary(is_last)
        # It takes means over the processes; the gradients of a step are a sum.
        engine.backward(loss * self._world.size)

    def finish_gradients(self, max_norm: float | None) -> float:
        engine = self._engine()
        used = {self._group_of[name] for name in self._use.take(list(self.parameters))}
        for number, group in enumerate(self._optimizer.param_groups):
            group[_IS_USED] = number in used
        # The norm is known only after the step; one that is not finite changes no weights.
        engine.step()
        return math.nan if engine.optimizer.overflow else float(engine.get_global_grad_norm())

    def step(self) -> None:
        """Nothing is left to do: ``finish_gradients`` took it."""

    def clear_gradients(self) -> None:
        # Stage 3 keeps them: a weight that the next step does not use at once would begin with those of this one.
        if self._stage == 3:
            self._engine().optimizer.grad_partitions_flat_buffer.zero_()

    def tensors(self) -> tuple[Tensors, Tensors]:
        from deepspeed.utils import safe_get_full_fp32_param, safe_get_full_optimizer_state

        states = {group: self._optimizer.state[flat] for group, flat in self._flat_of_groups()}
        weights: dict[str, torch.Tensor] = {}
        moments: dict[str, torch.Tensor] = {}
        for name, parameter in self.parameters.items():
            shape = getattr(parameter, "ds_shape", parameter.shape)
            self._keep(weights, name, safe_get_full_fp32_param(parameter), shape)
            count = states[self._group_of[name]][_COUNT]
            if not count:  # never used, so nothing is known of it
                continue
            self._keep(moments, f"{_COUNT}/{name}", count, count.shape)
            for key in _MOMENTS:
                self._keep(moments, f"{key}/{name}", safe_get_full_optimizer_state(parameter, key), shape)
        return weights, moments

    def restore(self, weights: Tensors, moments: Tensors) -> None:
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(weights[name])
        self._moments = moments  # handed out when the optimizer has been divided

    @contextmanager
    def whole(self) -> Iterator[None]:
        if self._stage < 3:
            yield
            return
        import deepspeed

        self._engine()
        wanted = self._model.parameters() if self._delivers_model else self.parameters.values()
        with deepspeed.zero.GatheredParameters(list(wanted)):
            yield

    @contextmanager
    def answering(self) -> Iterator[None]:
        yield  # stage 2 leaves the weights whole; stage 3 is refused beforehand

    def _engine(self) -> Any:
        if self._started is None:
            import deepspeed

            if self._device_type == "cpu":
                # It would compile an exchange of its own through shared memory, for minutes; gloo does.
                deepspeed.ops.__compatible_ops__["deepspeed_ccl_comm"] = False
                deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
            self._started, *_ = deepspeed.initialize(
                model=Computation(self._model),
                optimizer=self._optimizer,
                config=self._settings(),
                dist_init_required=False,
            )
            self._hand_out(self._moments)
            self._moments = {}
        return self._started

    def _settings(self) -> dict[str, Any]:
        num_parameters = sum(parameter.numel() for parameter in self._model.parameters())
        return {
            "train_micro_batch_size_per_gpu": self._batch_size,
            "gradient_accumulation_steps": 1,  # the loop says which forward pass is a step's last
            "gradient_clipping": self._max_norm or 0.0,
            "zero_allow_untested_optimizer": True,
            "zero_optimization": {
                "stage": self._stage,
                "overlap_comm": self._device_type == "cuda",
                "stage3_param_persistence_threshold": min(100_000, num_parameters // _WHOLE_BELOW),
            },
        }

    def _flats(self) -> list[torch.Tensor]:
        """Return this process's part of what is trained, as the optimizer was given it."""
        return [flat for _, flat in self._flat_of_groups()]

    def _flat_of_groups(self) -> list[tuple[int, torch.Tensor]]:
        """Return the same with the number of the optimizer's group that each is in; a large one has several."""
        zero = self._engine().optimizer
        if self._stage < 3:
            return list(enumerate(zero.single_partition_of_fp32_groups))
        flats = zero.fp32_partitioned_groups_flat
        return [(zero.sub_group_to_group_id[place], flat) for place, flat in enumerate(flats)]

    def _hand_out(self, moments: Tensors) -> None:
        """Make the state that AdamW would make at its first step, for all groups, and fill in what is known."""
        from deepspeed.utils import safe_get_local_optimizer_state, safe_set_full_optimizer_state

        counts: dict[int, torch.Tensor] = {}
        for name, group in self._group_of.items():
            counts.setdefault(group, moments.get(f"{_COUNT}/{name}", torch.tensor(0.0)))
        for group, flat in self._flat_of_groups():
            zeros = {key: torch.zeros_like(flat) for key in _MOMENTS}
            self._optimizer.state[flat] = {_COUNT: counts[group].clone(), **zeros}
        if self._stage < 3:
            self._engine().optimizer._lazy_init_hp_params_optimizer_state()
        for joined, value in moments.items():
            key, _, name = joined.partition("/")
            if value.ndim == 0:
                continue
            if self._stage < 3:
                safe_set_full_optimizer_state(self.parameters[name], value.to(self._device_type), key)
                continue
            mine = safe_get_local_optimizer_state(self.parameters[name], key)
            # The last part may reach beyond the tensor's end.
            part = value.flatten()[self._world.rank * mine.numel() :][: mine.numel()]
            mine[: part.numel()].copy_(part)

    def _keep(self, found: dict[str, torch.Tensor], name: str, value: torch.Tensor | None, shape: torch.Size) -> None:
        if self._world.is_main and value is not None:
            found[name] = value.detach().cpu().clone().view(shape)


def divide_groups(optimizer: torch.optim.Optimizer, parameters: Tensors) -> dict[str, int]:
    """Divide the optimizer's groups by tower, and return the number of each parameter's group.

    DeepSpeed makes one long tensor of a group, and the optimizer can only leave a whole one alone. The layers of one
    list are used in the same steps, and so are the weights of one module.
    """
    names = {id(parameter): name for name, parameter in parameters.items()}
    before = list(optimizer.param_groups)
    optimizer.param_groups.clear()
    group_of: dict[str, int] = {}
    for group in before:
        towers: dict[str, list[torch.Tensor]] = {}
        for parameter in group["params"]:
            name = names[id(parameter)]
            # Up to the number of a layer, or to the module that has the weight or its adapter.
            tower = re.split(r"\.(?:\d+\.|lora_\w+\.|\w+$)", name)[0]
            towers.setdefault(tower, []).append(parameter)
        for members in towers.values():
            group_of.update({names[id(member)]: len(optimizer.param_groups) for member in members})
            optimizer.add_param_group({**group, "params": members})
    return group_of


def _skip_unused(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
    for group in optimizer.param_groups:
        if not group[_IS_USED]:
            for flat in group["params"]:
                flat.grad = None


def _held(parameter: Any) -> torch.Tensor:
    """Return what lies here of a parameter; in stage 3 most are empty and their part stands beside them."""
    is_divided = hasattr(parameter, "ds_tensor") and parameter.numel() == 0
    held: torch.Tensor = parameter.ds_tensor if is_divided else parameter
    return held


def _require_deepspeed(device_type: str, stage: int) -> None:
    if importlib.util.find_spec("deepspeed") is None:
        raise NotInstalled(
            f"loop.sharding='zero{stage}' needs the package deepspeed, and it is not installed.",
            "Install the extra that brings it: pip install 'vidtune[deepspeed]'; or take fsdp2, which needs nothing.",
        )
    if device_type == "cpu":
        os.environ.setdefault("DS_ACCELERATOR", "cpu")  # it asks for a GPU's tools otherwise
    logging.getLogger("DeepSpeed").setLevel(logging.ERROR)
