"""Prefix tuning (Li & Liang 2021, arXiv 2101.00190): trained keys and values before every sequence, in every layer.

Without the paper's reparametrization by an MLP. It cannot be merged: it is no change of weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from vidtune.adapters._kind import Towers
from vidtune.adapters.kinds import _own, _prefix_attention
from vidtune.config import Config

if TYPE_CHECKING:
    import torch

    from vidtune.adapters._config import AdapterConfig


class PrefixOptions(Config):
    """Settings of prefix alone."""

    num_tokens: Annotated[int, Field(ge=1, le=1024)] = 16
    """Length of the prefix. Trained parameters and the cost of attention grow with it."""


class _Prefix(_own.OwnKind):
    """See ``AdapterKind``."""

    uses: frozenset[str] = frozenset({"modalities"})
    no_merge = "a prefix is no change of weights and cannot be merged into them."
    options_class: type[Config] = PrefixOptions

    def attach(self, model: Any, config: AdapterConfig, towers: Towers) -> Any:
        """Put small random keys and values in: the answers change a little at once."""
        _own.check_language(config)
        plan = {
            "attentions": _prefix_attention.find_attentions(model, towers),
            "num_tokens": config.options["num_tokens"],
        }
        return _own.attach(model, plan, self.install)

    def install(self, model: Any, plan: dict[str, Any]) -> None:
        _install(model, plan)


def _install(model: Any, plan: dict[str, Any]) -> None:
    import torch

    class Prefix(torch.nn.Module):
        """Keys and values of one attention: (H, N, E) each."""

        is_vidtune_adapter = True

        def __init__(self, num_heads: int, head_size: int) -> None:
            super().__init__()
            self.keys = torch.nn.Parameter(0.02 * torch.randn(num_heads, plan["num_tokens"], head_size))
            self.values = torch.nn.Parameter(0.02 * torch.randn(num_heads, plan["num_tokens"], head_size))

    attentions = [model.get_submodule(name) for name in plan["attentions"]]
    for attention in attentions:
        num_heads = attention.config.num_key_value_heads
        _own.put_in(attention, "prefix", Prefix(num_heads, attention.head_dim))
    _prefix_attention.put_before(model, attentions, _OwnKeys())


class _OwnKeys:
    """See ``PrefixSource``: every attention carries its own."""

    def keys_values(self, attention: Any) -> tuple[torch.Tensor, torch.Tensor]:
        return attention.prefix.keys, attention.prefix.values

    def seen(self, attention: Any, key_bhke: torch.Tensor, value_bhke: torch.Tensor) -> None:
        """There is no pass without the prefix."""


KIND = _Prefix()
