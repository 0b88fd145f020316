"""Which trained parameters a step has used, on any process.

An optimizer leaves a parameter without a gradient alone: a step of texts moves no vision tower. Where weights are
sharded every parameter is given a gradient, of zeros if need be, by which Adam's moments and weight decay would move
it. So it is noted here what autograd itself gave one.
"""

from __future__ import annotations

import torch

from vidtune.training._world import World


class Use:
    """Notes the parameters that are given a gradient by a backward pass.

    Args:
        world: The processes; what one of them used counts as used.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._watched: set[str] = set()
        self._used: set[str] = set()

    def watch(self, name: str, tensor: torch.Tensor) -> None:
        """Note ``name`` whenever a gradient reaches ``tensor``, a leaf; the second time nothing is added."""
        if name not in self._watched:
            self._watched.add(name)
            tensor.register_post_accumulate_grad_hook(lambda _: self._used.add(name))  # type: ignore[no-untyped-call]

    def take(self, names: list[str]) -> set[str]:
        """Return which of ``names`` any process has used since the last call; all of them call it, with the same."""
        is_used = self._world.any_of([name in self._used for name in names])
        self._used.clear()
        return {name for name, used in zip(names, is_used, strict=True) if used}
