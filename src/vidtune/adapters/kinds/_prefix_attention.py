"""Attention to a few keys and values that stand before every sequence, for the kinds prefix and prompt.

transformers lets a model's attention be any registered function. Ours puts the keys and values of the prefix in front
of those of the sequence, at the moment of attending. Positions, masks and the cache know nothing of them: a sequence is
encoded as without a prefix, which is what lets these kinds work with any family's rotary positions, with padding on
either side and with generation. (PEFT's own prefix tuning passes the prefix as a cache; video families then take the
prompt for a continuation and place no video in it.)

Shapes: B samples, H heads of keys, Q queries, K keys, N length of the prefix, E numbers of a head.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from vidtune.adapters._kind import Towers
from vidtune.adapters.kinds import _peft
from vidtune.core.errors import BadUsage

if TYPE_CHECKING:
    import torch

_NAME = "vidtune_prefix"


class PrefixSource(Protocol):
    """Where the keys and values of a prefix come from."""

    def keys_values(self, attention: Any) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Return those of one attention, each (H, N, E); None to attend without a prefix."""

    def seen(self, attention: Any, key_bhke: torch.Tensor, value_bhke: torch.Tensor) -> None:
        """Be told the keys and values of a pass without a prefix."""


def find_attentions(model: Any, towers: Towers) -> list[str]:
    """Return the names of the attentions of the language tower, first layer first.

    Raises:
        BadUsage: If they do not look up their attention function by name, as those of transformers do.
    """
    names = [name for name in _peft.sublayers(model, towers, "language") if _peft.is_attention(name)]
    for name in names:
        attention = model.get_submodule(name)
        if not hasattr(getattr(attention, "config", None), "_attn_implementation") or not hasattr(
            attention, "head_dim"
        ):
            raise BadUsage(
                f"{name} of this model does not attend through transformers' interface, which a prefix needs.",
                "Use another kind.",
            )
    return names


def put_before(model: Any, attentions: list[Any], source: PrefixSource) -> None:
    """Make ``attentions`` of ``model`` attend to the prefix of ``source`` from now on."""
    _register()
    for attention in attentions:
        # Not as a submodule: a source may be one already.
        attention.__dict__["vidtune_prefix_source"] = source

    def keep_ours(module: Any, args: Any, kwargs: Any) -> None:
        # Others may choose an attention function later, as training does on a CPU; the prefix must not get lost.
        for attention in attentions:
            if attention.config._attn_implementation != _NAME:
                attention.config._attn_implementation = _NAME

    # The inner model: training calls it without the head.
    model.base_model.register_forward_pre_hook(keep_ours, with_kwargs=True)


def _register() -> None:
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(_NAME, _attend)
    AttentionMaskInterface.register(_NAME, sdpa_mask)


def _attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,
) -> Any:
    """Attend to prefix and sequence: ``query`` (B, heads, Q, E), ``key`` and ``value`` (B, H, K, E)."""
    import torch
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    source: PrefixSource | None = module.__dict__.get("vidtune_prefix_source")
    prefix = source.keys_values(module) if source is not None else None
    if prefix is None:
        if source is not None:
            source.seen(module, key, value)
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    num_queries, num_keys, length = query.shape[2], key.shape[2], prefix[0].shape[1]
    if attention_mask is None:
        # No mask means causal, or everything for a single new token.
        attention_mask = torch.ones(num_queries, num_keys, dtype=torch.bool, device=key.device)
        attention_mask = attention_mask.tril(num_keys - num_queries)[None, None]
    is_seen = True if attention_mask.dtype == torch.bool else 0.0
    joined_mask = torch.nn.functional.pad(attention_mask, (length, 0), value=is_seen)
    joined_key, joined_value = (
        torch.cat([part.to(real.dtype).expand(len(real), -1, -1, -1), real], dim=2)
        for part, real in zip(prefix, (key, value), strict=True)
    )
    return sdpa_attention_forward(module, query, joined_key, joined_value, joined_mask, **options)
