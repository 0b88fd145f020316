"""Adapter tuning (Houlsby et al. 2019, arXiv 1902.00751): a small network after every attention and every MLP.

Each narrows its input to a few numbers, bends them and widens them again, and adds the result to its input. Here it
follows the sublayer and not the sum with the residual. It cannot be merged: it is not linear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from vidtune.adapters._kind import Towers
from vidtune.adapters.kinds import _own, _peft
from vidtune.config import Config

if TYPE_CHECKING:
    from vidtune.adapters._config import AdapterConfig


class BottleneckOptions(Config):
    """Settings of bottleneck alone; ``rank`` is its width."""

    activation: Literal["gelu", "relu", "silu"] = "gelu"
    """What bends."""

    where: Literal["both", "mlp"] = "both"
    """After attention and MLP, or only after the MLP (Pfeiffer et al. 2020, arXiv 2005.00247: half as many)."""


class _Bottleneck(_own.OwnKind):
    """See ``AdapterKind``."""

    uses: frozenset[str] = frozenset({"rank", "modalities"})
    no_merge = "a bottleneck is not linear and cannot be merged into weights."
    options_class: type[Config] = BottleneckOptions

    def attach(self, model: Any, config: AdapterConfig, towers: Towers) -> Any:
        """Put the networks in; their second matrices are zero, so nothing changes yet."""
        places = {}
        for modality in config.modalities:
            for part, names in _peft.sublayers(model, towers, modality).items():
                if config.options["where"] == "both" or not _peft.is_attention(part):
                    places[part] = int(model.get_submodule(names[-1]).weight.shape[0])
        plan = {"places": places, "rank": config.rank, "activation": config.options["activation"]}
        return _own.attach(model, plan, self.install)

    def install(self, model: Any, plan: dict[str, Any]) -> None:
        _install(model, plan)


def _install(model: Any, plan: dict[str, Any]) -> None:
    import torch

    activation = getattr(torch.nn.functional, plan["activation"])

    class Bottleneck(torch.nn.Module):
        """A narrow network beside the identity. Shapes: (..., D) in and out."""

        is_vidtune_adapter = True

        def __init__(self, width: int, rank: int) -> None:
            super().__init__()
            self.down = torch.nn.Linear(width, rank)
            self.up = torch.nn.Linear(rank, width)
            torch.nn.init.zeros_(self.up.weight)
            torch.nn.init.zeros_(self.up.bias)

        def forward(self, hidden: torch.Tensor) -> torch.Tensor:
            added: torch.Tensor = self.up(activation(self.down(hidden.to(self.down.weight.dtype))))
            return hidden + added.to(hidden.dtype)

    def follow(parent: Any, inputs: Any, output: Any) -> Any:
        # An attention returns its output with its weights or more; only the output is for the next layer.
        if isinstance(output, tuple):
            return (parent.bottleneck(output[0]), *output[1:])
        return parent.bottleneck(output)

    for name, width in plan["places"].items():
        parent = model.get_submodule(name)
        _own.put_in(parent, "bottleneck", Bottleneck(width, plan["rank"]))
        parent.register_forward_hook(follow)


KIND = _Bottleneck()
