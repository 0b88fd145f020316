"""The processes that compute one run together: who shares what, and how they agree.

A recipe fixes the mathematics, the number of processes only fixes who computes: the forward passes of a step are dealt
out, their gradients are summed, and every process takes the same step. Two processes therefore give what one gives, to
the last bit where addition is exact in any order, which it is for two.

The gradients are summed here and not by ``DistributedDataParallel``: a process that has no batch in a step, or none
with a clip in it, has nothing to wait for, and no wrapper stands between the loop and the model.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from threading import Thread
from typing import TypeVar, cast

import torch
from torch import distributed

from vidtune.core.environment import num_usable_cores
from vidtune.core.errors import BadUsage, ConfigInvalid, PeerLost

ValueT = TypeVar("ValueT")

_LOOK_EVERY_S = 0.2

_WORDS_OF_LOSS = ("closed by peer", "reset by peer", "Broken pipe", "/gloo/", "NCCL", "ProcessGroup")
"""In the messages of gloo and NCCL, and in no message of a layer."""

_PATIENCE = timedelta(days=1)
"""The others wait while the main process lets the model answer; one that dies is noticed by the launcher at once."""


@dataclass(frozen=True)
class World:
    """One process among ``size``; alone it is its own world and nothing is sent."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes the files and speaks to the user."""
        return self.rank == 0

    def share(self, values: Sequence[ValueT]) -> Sequence[ValueT]:
        """Return what this process works on: every ``size``-th value."""
        return values[self.rank :: self.size]

    def join_shares(self, mine: Sequence[ValueT]) -> list[ValueT]:
        """Return all values in the order from which ``share`` dealt them."""
        if self.size == 1:
            return list(mine)
        shares: list[Sequence[ValueT]] = [()] * self.size
        with _among_peers():
            distributed.all_gather_object(shares, list(mine))
        longest = max(len(share) for share in shares)
        return [share[position] for position in range(longest) for share in shares if position < len(share)]

    def done_by_main(self, work: Callable[[], ValueT]) -> ValueT:
        """Let the main process alone do ``work`` and return its outcome to all of them."""
        if self.size == 1:
            return work()
        box = [work() if self.is_main else None]
        with _among_peers():
            distributed.broadcast_object_list(box, src=0)
        return cast("ValueT", box[0])

    def any_of(self, flags: Sequence[bool]) -> list[bool]:
        """Return for each flag whether any process has set it."""
        if self.size == 1:
            return list(flags)
        # On the CPU and so over gloo, as all counts.
        is_set = torch.tensor(flags, dtype=torch.uint8)
        with _among_peers():
            distributed.all_reduce(is_set, distributed.ReduceOp.MAX)
        return [bool(flag) for flag in is_set.tolist()]

    def sum_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replace each gradient by the sum over all processes; one that is missing everywhere stays missing."""
        if self.size == 1:
            return
        parameters = list(parameters)
        is_there = self.any_of([parameter.grad is not None for parameter in parameters])
        by_kind: dict[tuple[torch.device, torch.dtype], list[torch.Tensor]] = {}
        for parameter, is_anywhere in zip(parameters, is_there, strict=True):
            if is_anywhere:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                by_kind.setdefault((parameter.device, parameter.dtype), []).append(parameter.grad)
        for gradients in by_kind.values():
            joined = torch.cat([gradient.flatten() for gradient in gradients])
            with _among_peers():
                distributed.all_reduce(joined)
            parts = torch.split(joined, [gradient.numel() for gradient in gradients])
            torch._foreach_copy_(gradients, [part.view_as(g) for part, g in zip(parts, gradients, strict=True)])

    def copy_from_main(self, tensors: Iterable[torch.Tensor]) -> None:
        """Overwrite tensors with those of the main process."""
        if self.size == 1:
            return
        with torch.no_grad(), _among_peers():
            for tensor in tensors:
                distributed.broadcast(tensor.data, src=0)


ALONE = World()
"""The world of a run of one process."""


@contextmanager
def join_world() -> Iterator[World]:
    """Join the processes that ``vidtune train --nproc``, ``torchrun`` or a cluster's scheduler has started.

    They say so by RANK and WORLD_SIZE in the environment; without them, or where the caller has set up
    ``torch.distributed`` itself, nothing is started or ended here.

    Raises:
        BadUsage: If the environment and the processes that answer do not agree.
    """
    wanted = int(os.environ.get("WORLD_SIZE", "1"))
    if distributed.is_initialized():
        yield _current(wanted)
        return
    if wanted == 1:
        yield ALONE
        return
    if "TORCHELASTIC_RUN_ID" in os.environ:
        Thread(target=_end_with, args=(os.getppid(),), name="watch-launcher", daemon=True).start()
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    # Objects and counts go over gloo even where gradients go over NCCL.
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backend, timeout=_PATIENCE)
    try:
        yield _current(wanted)
    finally:
        distributed.destroy_process_group()


def require_work_for_all(num_batches: int, world: World) -> None:
    """Refuse a step that leaves a process without a forward pass.

    Raises:
        ConfigInvalid: If ``num_batches`` of a step are fewer than the processes.
    """
    if num_batches < world.size:
        raise ConfigInvalid(
            f"loop.accumulation={num_batches} forward passes a step are dealt out to {world.size} processes.",
            f"Set it to {world.size} or a multiple, and loop.batch_size to what one process takes at a time.",
        )


def num_threads_each() -> int | None:
    """Return how many CPU threads a process may use beside its neighbours; None when it is alone."""
    num_local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return None if num_local == 1 else max(1, num_usable_cores() // num_local)


def is_main_process() -> bool:
    """Whether this process speaks to the user: it is alone, or the first of those that share a run."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def naming_lost_peers() -> Iterator[None]:
    """Translate what the back ends raise within a model whose layers are exchanged, when the other end has gone.

    Other errors of torch are of the same class, so it goes by their words.
    """
    try:
        yield
    except RuntimeError as exc:
        if not any(word in str(exc) for word in _WORDS_OF_LOSS):
            raise
        raise _peer_lost(exc) from exc


@contextmanager
def _among_peers() -> Iterator[None]:
    """Translate what the back ends raise when a process at the other end has gone."""
    try:
        yield
    except RuntimeError as exc:
        raise _peer_lost(exc) from exc


def _peer_lost(exc: RuntimeError) -> PeerLost:
    return PeerLost(
        f"another process of this run ended or does not answer: {' '.join(str(exc).split())[:200]}.",
        "Start the run again; it continues from the last checkpoint.",
    )


def _end_with(launcher_pid: int) -> None:
    """End this process when its launcher is gone: killed, it could not stop us, and we would hold the run."""
    while os.getppid() == launcher_pid:
        time.sleep(_LOOK_EVERY_S)
    os._exit(PeerLost.exit_status)


def _current(wanted: int) -> World:
    world = World(distributed.get_rank(), distributed.get_world_size())
    # A launcher that fails to pass its variables on starts n runs of one process, each believing itself alone.
    if wanted not in (1, world.size):
        raise BadUsage(
            f"WORLD_SIZE says {wanted} processes, {world.size} answered.", "Start them with `vidtune train --nproc`."
        )
    return world
