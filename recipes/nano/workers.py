"""Several training processes that agree: each trains by itself, and now and then all take the mean of their weights.

Means of weights cost one exchange in ``every`` steps, where exchanging gradients would cost one in each; with so
small a network and so few workers the two learn alike.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp


def run(function: Callable[..., Any], num_workers: int, out: Path, *arguments: Any) -> None:
    """Call ``function(*arguments)`` in that many processes of one thread each."""
    out.mkdir(parents=True, exist_ok=True)
    if num_workers == 1:
        function(*arguments)
        return
    meeting = out / "meeting"
    meeting.unlink(missing_ok=True)
    mp.spawn(_work, args=(num_workers, str(meeting), function, arguments), nprocs=num_workers, join=True)


def _work(rank: int, count: int, meeting: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[rank % len(cores)]})
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=count)
    try:
        function(*arguments)
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """Return which worker this is; 0 writes logs and checkpoints."""
    return dist.get_rank() if dist.is_initialized() else 0


def count() -> int:
    """Return how many workers there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


@torch.no_grad()
def average(tensors: list[torch.Tensor]) -> None:
    """Replace tensors by their mean over all workers."""
    if count() == 1:
        return
    flat = torch.cat([t.detach().flatten() for t in tensors])
    dist.all_reduce(flat)
    flat /= count()
    for tensor, mean in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
        tensor.copy_(mean.view_as(tensor))


def wait() -> None:
    """Return when all workers have come here."""
    if count() > 1:
        dist.barrier()
