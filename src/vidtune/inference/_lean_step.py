"""One new token a row, computed from the parts of a model's layers instead of by calling the model.

For one token a row a plain decoder layer of transformers calls some sixty operations on tensors of a few kilobytes,
each of which costs as much as the arithmetic in it. Here it is a third as many: queries and keys are turned together,
the mask is made once for all layers, sums are taken in place. Projections and MLPs are called as the modules that they
are, with whatever an adapter has put in their place.

No class is named. A model is taken over when its layers consist of these parts and nothing else, no one listens to what
is not called any more, and, the first time, its logits are the model's own.

Suffix letters: ``b`` rows, ``h`` heads, ``k`` key and value heads, ``g`` query heads on each of these, ``l`` tokens,
``d`` features or head dim, ``v`` vocabulary.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import torch

from vidtune.adapters import bare_model

_DECODER = {"embed_tokens", "layers", "norm", "rotary_emb"}
_LAYER = {"input_layernorm", "self_attn", "post_attention_layernorm", "mlp"}
_ATTENTION = {"q_proj", "k_proj", "v_proj", "o_proj"}
_HEAD_NORMS = {"q_norm", "k_norm"}
_MLP = {"gate_proj", "up_proj", "down_proj"}
_MAX_DIFFERENCE = {torch.float32: 1e-4}
"""Of logits from the model's own, as a share of their deviation from their mean. Other formats round more."""

_MAX_ROUNDED_DIFFERENCE = 0.05

_agrees: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()
"""Of each model that was tried whether the logits were its own."""


class LeanStep:
    """Writes one more token of each row with one model.

    Args:
        model: One that ``has_plain_layers``.
    """

    def __init__(self, model: Any) -> None:
        inner = bare_model(model)
        self._model = inner
        self._decoder = inner.get_decoder()
        self._head = inner.get_output_embeddings()

    @property
    def agrees(self) -> bool | None:
        """Whether the logits are those of the model; None as long as nobody has compared them."""
        return _agrees.get(self._model)

    def compare(self, found_bv: torch.Tensor, own_bv: torch.Tensor) -> None:
        """Note for good whether ``found_bv`` are the logits ``own_bv`` of the model itself."""
        limit = _MAX_DIFFERENCE.get(self._decoder.norm.weight.dtype, _MAX_ROUNDED_DIFFERENCE)
        own_bv = own_bv.float()
        difference = (found_bv.float() - own_bv).norm() / (own_bv - own_bv.mean(1, keepdim=True)).norm()
        _agrees[self._model] = bool(difference <= limit)

    def logits(self, token_b: torch.Tensor, position: torch.Tensor, cache: Any, mask_bl: torch.Tensor) -> torch.Tensor:
        """Return the logits (b, v) of the next token, and write keys and values of this one into the cache.

        Args:
            token_b: What was written last.
            position: (..., b, 1) its positions, as the model itself takes them.
            cache: With room for new tokens.
            mask_bl: Whether a place of the cache, this token's included, holds a token.
        """
        hidden_b1d = self._decoder.embed_tokens(token_b[:, None])
        turn = _Turn(*self._decoder.rotary_emb(hidden_b1d, _of_media(position)))
        mask_b11l = None if bool(mask_bl.all()) else _additive(mask_bl, hidden_b1d.dtype)
        for number, layer in enumerate(self._decoder.layers):
            read_b1d = _attend(
                layer.self_attn, _norm(layer.input_layernorm, hidden_b1d), turn, cache.layers[number], mask_b11l
            )
            hidden_b1d = read_b1d.add_(hidden_b1d)
            hidden_b1d = layer.mlp(_norm(layer.post_attention_layernorm, hidden_b1d)).add_(hidden_b1d)
        logits_bv: torch.Tensor = self._head(_norm(self._decoder.norm, hidden_b1d))[:, 0]
        return logits_bv


def has_plain_layers(model: Any) -> bool:
    """Whether a step of ``model`` can be computed from its parts, as far as can be seen from these.

    An adapter that changes projections or MLPs in place is no hindrance; one that follows a layer, or the model, is.
    """
    inner = bare_model(model)
    decoder = inner.get_decoder() if hasattr(inner, "get_decoder") else None
    if decoder is None or not {name for name, _ in decoder.named_children()} >= _DECODER:
        return False
    passed_over = [*_around(model, decoder), decoder]
    for layer in decoder.layers:
        parts = dict(layer.named_children())
        if set(parts) != _LAYER or {name for name, _ in parts["mlp"].named_children()} - {"act_fn"} != _MLP:
            return False
        attention = parts["self_attn"]
        if {name for name, _ in attention.named_children()} not in (_ATTENTION, _ATTENTION | _HEAD_NORMS):
            return False
        if not _attends_by_torch_to_everything(attention):
            return False
        passed_over += [layer, attention, *_norms(layer), *_norms(attention)]
    return all(_is_nobodys(module) for module in [*passed_over, decoder.norm]) and all(
        hasattr(norm, "variance_epsilon") for layer in decoder.layers for norm in _norms(layer)
    )


def take_back(cache: Any) -> None:
    """Forget the last token of every row: the next one is written in its place."""
    for layer in cache.layers:
        layer.keys, layer.values = layer.keys[:, :, :-1], layer.values[:, :, :-1]


class _Turn:
    """Rotary positions, for queries and keys side by side."""

    def __init__(self, cos_b1d: torch.Tensor, sin_b1d: torch.Tensor) -> None:
        self._half = cos_b1d.shape[-1] // 2
        self._cos_b1d = cos_b1d
        self._sin_b1d = torch.cat([-sin_b1d[..., : self._half], sin_b1d[..., self._half :]], dim=-1)

    def __call__(self, states_bhd: torch.Tensor) -> torch.Tensor:
        return torch.addcmul(states_bhd * self._cos_b1d, states_bhd.roll(self._half, -1), self._sin_b1d)


def _attend(
    attention: Any, hidden_b1d: torch.Tensor, turn: _Turn, kept: Any, mask: torch.Tensor | None
) -> torch.Tensor:
    num_rows, dim = len(hidden_b1d), attention.head_dim
    query_bhd = attention.q_proj(hidden_b1d).view(num_rows, -1, dim)
    key_bkd = attention.k_proj(hidden_b1d).view(num_rows, -1, dim)
    value_bk1d = attention.v_proj(hidden_b1d).view(num_rows, -1, 1, dim)
    if hasattr(attention, "q_norm"):
        query_bhd, key_bkd = _norm(attention.q_norm, query_bhd), _norm(attention.k_norm, key_bkd)
    num_heads, num_kept = query_bhd.shape[1], key_bkd.shape[1]
    turned_bhd = turn(torch.cat([query_bhd, key_bkd], dim=1))
    key_bkld, value_bkld = kept.update(turned_bhd[:, num_heads:, None], value_bk1d)
    # Query heads that share their keys stand side by side, as if they were so many tokens.
    query_bkgd = turned_bhd[:, :num_heads].view(num_rows, num_kept, num_heads // num_kept, dim)
    read_bkgd = torch.nn.functional.scaled_dot_product_attention(
        query_bkgd, key_bkld, value_bkld, attn_mask=mask, scale=attention.scaling
    )
    read_b1d: torch.Tensor = attention.o_proj(read_bkgd.reshape(num_rows, 1, -1))
    return read_b1d


def _norm(norm: Any, states: torch.Tensor) -> torch.Tensor:
    """Return the root mean square norm over the last axis, rounded where transformers rounds it."""
    exact = states.float()
    square = torch.linalg.vecdot(exact, exact).div_(exact.shape[-1])
    scaled = exact * square.add_(norm.variance_epsilon).rsqrt_()[..., None]
    normed: torch.Tensor = scaled.to(states.dtype).mul_(norm.weight)
    return normed


def _additive(mask_bl: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    zeros_bl = torch.zeros(mask_bl.shape, dtype=dtype, device=mask_bl.device)
    return zeros_bl.masked_fill_(mask_bl == 0, -torch.inf)[:, None, None]


def _of_media(position: torch.Tensor) -> torch.Tensor:
    """Return positions without those of text alone, which some models are given in front of time, height and width."""
    return position[1:] if position.ndim == 3 and len(position) == 4 else position


def _attends_by_torch_to_everything(attention: Any) -> bool:
    chosen = getattr(getattr(attention, "config", None), "_attn_implementation", None)
    return chosen == "sdpa" and getattr(attention, "sliding_window", None) is None


def _norms(module: Any) -> list[Any]:
    return [part for name, part in module.named_children() if name.endswith("norm")]


def _around(model: Any, decoder: Any) -> list[Any]:
    """Return the modules that ``decoder`` lies in, ``model`` first."""
    path = next(name for name, module in model.named_modules() if module is decoder)
    names = path.split(".")
    return [model.get_submodule(".".join(names[:depth])) for depth in range(len(names))]


def _is_nobodys(module: Any) -> bool:
    """Whether nobody follows what ``module`` is given and returns, or computes it otherwise."""
    return not (module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module))
