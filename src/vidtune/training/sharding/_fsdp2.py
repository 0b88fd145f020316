"""FSDP2, torch's ``fully_shard``: every process keeps its part of each weight, gradient and moment.

A block (a layer of a tower) is put together just before it computes and let go after it; what lies between the blocks
(embeddings, norms, projectors) stays together through a forward and backward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from vidtune.training._optimizer import optimizer_tensors, restore_optimizer, trained_parameters
from vidtune.training._world import World
from vidtune.training.sharding._computation import Computation
from vidtune.training.sharding._protocol import Holding, Tensors
from vidtune.training.sharding._use import Use

_PREFIX = "model."
"""Under which ``Computation`` keeps the model."""


class FullyShardedData:
    """See ``Sharding``.

    Args:
        model: With what is trained marked in it. It is changed: its parameters become parts of themselves.
        world: The processes.
        device_type: ``cpu`` or ``cuda``.
        delivers_model: Whether the whole model is what is delivered, and not only what is trained.
    """

    takes_equal_turns = True

    def __init__(self, model: torch.nn.Module, world: World, *, device_type: str, delivers_model: bool) -> None:
        self._total_bytes = sum(parameter.nbytes for parameter in model.parameters())
        mesh = init_device_mesh(device_type, (world.size,))
        for block in find_blocks(model):
            fully_shard(block, mesh=mesh)
        self._computation = Computation(model)
        self._root: FSDPModule = fully_shard(self._computation, mesh=mesh)
        self._parts: list[FSDPModule] = [part for part in self._computation.modules() if isinstance(part, FSDPModule)]
        for part in self._parts:
            # A sum and not a mean, as with one process. Said so, because gloo knows no other.
            part.set_gradient_divide_factor(1.0)
            part.set_force_sum_reduction_for_comms(True)
        # A weight that only some processes used in a step.
        self._root.set_reduce_scatter_unused_params(True)
        self.parameters = trained_parameters(model)
        self._use = Use(world)
        parts = {id(part) for part in self._parts}
        for path, module in self._computation.named_modules():
            if id(module) in parts:
                self._watch(path, module)
        self._model = model
        self._world = world
        self._delivers_model = delivers_model
        self._optimizer: torch.optim.Optimizer

    def take(self, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
        self._optimizer = optimizer
        return optimizer

    def holding(self) -> Holding:
        held_bytes = sum(_local(parameter).nbytes for parameter in self._model.parameters())
        num_held = sum(_local(parameter).numel() for parameter in self.parameters.values())
        num_trained = sum(parameter.numel() for parameter in self.parameters.values())
        return Holding(held_bytes, self._total_bytes, num_held, num_trained, self._world.size)

    def compute(self, function: Callable[..., torch.Tensor], *args: Any, **kwargs: Any) -> torch.Tensor:
        result: torch.Tensor = self._computation(function, *args, **kwargs)
        if not torch.is_grad_enabled():
            self._root.reset_iter_state()  # no backward pass will let go of what is together now
        return result

    def backward(self, loss: torch.Tensor, *, is_last: bool) -> None:
        torch.autograd.backward(loss)

    def finish_gradients(self, max_norm: float | None) -> float:
        used = self._use.take(list(self.parameters))
        for name, parameter in self.parameters.items():
            if name not in used:
                parameter.grad = None
        gradients = [parameter.grad for parameter in self.parameters.values() if parameter.grad is not None]
        norm = _whole(get_total_norm(gradients))
        if max_norm is not None:
            clip_grads_with_norm_(self.parameters.values(), max_norm, norm)
        return float(norm)

    def step(self) -> None:
        self._optimizer.step()

    def clear_gradients(self) -> None:
        self._optimizer.zero_grad()

    def tensors(self) -> tuple[Tensors, Tensors]:
        weights = {name: self._to_main(parameter) for name, parameter in self.parameters.items()}
        moments = {
            name: self._to_main(tensor) for name, tensor in optimizer_tensors(self._optimizer, self.parameters).items()
        }
        return (weights, moments) if self._world.is_main else ({}, {})

    def restore(self, weights: Tensors, moments: Tensors) -> None:
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(_shard_like(weights[name], parameter))
        laid_out = {}
        for joined, tensor in moments.items():
            parameter = self.parameters[joined.partition("/")[2]]
            # A count of steps is one number and stays whole.
            laid_out[joined] = _shard_like(tensor, parameter) if tensor.shape == parameter.shape else tensor
        restore_optimizer(self._optimizer, self.parameters, laid_out)

    @contextmanager
    def whole(self) -> Iterator[None]:
        wanted = self._model.parameters() if self._delivers_model else self.parameters.values()
        # All processes help to put each one together; the main one keeps it, outside the device.
        replacements = {
            id(parameter): torch.nn.Parameter(self._to_main(parameter), requires_grad=parameter.requires_grad)
            for parameter in wanted
        }
        before: list[tuple[dict[str, Any], str, torch.nn.Parameter]] = []
        if self._world.is_main:
            for module in self._model.modules():
                for name, parameter in list(module._parameters.items()):
                    if id(parameter) in replacements and parameter is not None:
                        before.append((module._parameters, name, parameter))
                        module._parameters[name] = replacements[id(parameter)]
        try:
            yield
        finally:
            for owner, name, parameter in before:
                owner[name] = parameter

    @contextmanager
    def answering(self) -> Iterator[None]:
        # What is put together once stays so: the main process may call any layer any number of times.
        self._root.set_reshard_after_forward(False)
        for part in self._parts:
            part.unshard()
        try:
            yield
        finally:
            # The main process's calls must not be counted among those that all of them make.
            self._root.reset_iter_state()
            self._root.set_reshard_after_forward(True)
            self._root.set_reshard_after_forward(False, recurse=False)

    def _watch(self, path: str, part: torch.nn.Module) -> None:
        """Note what a part uses: gradients reach its parameters as they are when together, and never their shards."""

        def watch_what_is_together(module: torch.nn.Module, _: Any) -> None:
            for inner, parameter in module.named_parameters():
                name = f"{path}.{inner}".removeprefix(".").removeprefix(_PREFIX)
                if name in self.parameters and not isinstance(parameter, DTensor):
                    self._use.watch(name, parameter)
            hook.remove()  # they are the same tensors from now on

        hook = part.register_forward_pre_hook(watch_what_is_together)

    def _to_main(self, tensor: torch.Tensor) -> torch.Tensor:
        gathered = _whole(tensor.detach())
        return gathered.cpu() if self._world.is_main else gathered.new_empty(0)


def find_blocks(model: torch.nn.Module) -> list[torch.nn.Module]:
    """Return the layers of all towers: what stands in the outermost lists of modules and has weights.

    Raises:
        ValueError: If there are none.
    """
    blocks: list[torch.nn.Module] = []

    def visit(module: torch.nn.Module) -> None:
        for child in module.children():
            if isinstance(child, torch.nn.ModuleList):
                blocks.extend(block for block in child if next(block.parameters(), None) is not None)
            else:
                visit(child)

    visit(model)
    if not blocks:
        raise ValueError(f"{type(model).__name__} has no list of layers that could be laid out over processes.")
    return blocks


def _whole(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def _local(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def _shard_like(tensor: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
    if not isinstance(parameter, DTensor):
        return tensor.to(parameter.device)
    # Every process has all of it already, so nothing needs to be sent.
    return distribute_tensor(
        tensor.to(parameter.device), parameter.device_mesh, parameter.placements, src_data_rank=None
    )
