"""Questions about one clip read its prompt once: the language tower is given packed rows, and nobody else notices.

The model puts its batch together by its own rules, positions included. At the door of the language tower the tokens are
packed (see ``_packing``), each with the position that it has alone; what comes out is unpacked, so the loss finds every
token where it was. Gradients of what is shared add up on the way back, as those of its copies would.

Shapes: B rows of T tokens, G packed rows of L places, D numbers of a token.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from vidtune.adapters import bare_model, needs_every_token
from vidtune.core.errors import ConfigInvalid
from vidtune.inference import shares_beginnings
from vidtune.training._config import TrainConfig
from vidtune.training._loss import IGNORED_LABEL
from vidtune.training._packing import Packing, pack_rows
from vidtune.training._precision import Precision

_KNOWN = {"input_ids", "inputs_embeds", "attention_mask", "position_ids", "past_key_values", "use_cache", "kwargs"}
"""What a language tower may be told. One that takes more, as features for its inner layers, is told it by token."""

_ATTENTIONS = ("sdpa", "eager")
"""Attention that obeys a mask over pairs of tokens."""

_LARGEST_DIFFERENCE: dict[Precision, float] = {"fp32": 1e-4, "tf32": 1e-2, "bf16": 0.05, "fp16": 0.05}
"""By how much of their size states of a packed pass may differ from those of a plain one: far more than rounding."""


def require_can_share(config: TrainConfig, model: Any) -> None:
    """Refuse to share prompts where the outcome would be another one, as far as can be told without computing.

    Raises:
        ConfigInvalid: Naming all reasons, where the recipe asks for it.
    """
    reasons = list(_reasons_against(config, model)) if config.loop.share_prompts else []
    if reasons:
        raise ConfigInvalid(
            f"loop.share_prompts is true, but {', and '.join(reasons)}.", "Leave it out, or change what stands against."
        )


class SharedPrompts:
    """Packs what enters the language tower of a model, and unpacks what leaves it, inside ``packed``.

    Args:
        model: With its adapter; ``require_can_share`` has let it pass.
    """

    def __init__(self, model: Any) -> None:
        self._packing: Packing | None = None
        self._inside: Packing | None = None
        """That of the pass which is in the language tower."""

        self.num_packed = 0
        """Passes so far whose rows were packed."""

        decoder = _find_decoder(model)
        assert decoder is not None  # noqa: S101 (it would have been refused)
        self.width = int(bare_model(model).config.get_text_config().hidden_size)
        decoder.register_forward_pre_hook(self._pack, with_kwargs=True)
        decoder.register_forward_hook(self._unpack)

    @contextmanager
    def packed(self, packing: Packing | None) -> Iterator[None]:
        """Compute a batch that is laid out like this; as it is where that is None."""
        self._packing = packing
        try:
            yield
        finally:
            self._packing = self._inside = None

    def difference(self, labels_2t: torch.Tensor, compute: Callable[[], torch.Tensor], precision: Precision) -> float:
        """Compute a sample that is twice in a batch, plainly and packed, and return the relative difference.

        Args:
            labels_2t: Of the batch; what comes before the first supervised token is shared.
            compute: Returns the states that the loss reads.
            precision: What is computed in.

        Raises:
            ConfigInvalid: If it is larger than rounding: the model is not as it seemed.
        """
        length = labels_2t.shape[1]
        num_shared = int((labels_2t[0] == IGNORED_LABEL).to(torch.int8).argmin())
        plain, before = compute().float(), self.num_packed
        with self.packed(pack_rows([length, length], [((0, 1), num_shared)]).to(labels_2t.device)):
            packed = compute().float()
        if self.num_packed == before:
            raise ConfigInvalid(
                "loop.share_prompts: this model gives its language tower a mask of its own making.",
                "Leave share_prompts out.",
            )
        difference = float((packed - plain).norm() / plain.norm())
        if not difference <= _LARGEST_DIFFERENCE[precision]:
            raise ConfigInvalid(
                f"loop.share_prompts: the states of two questions whose prompt is read once differ by {difference:.2%} "
                f"from those of two prompts, expected at most {_LARGEST_DIFFERENCE[precision]:.2%}.",
                "Leave share_prompts out.",
            )
        return difference

    def _pack(self, decoder: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        packing, mask = self._packing, kwargs.get("attention_mask")
        # A mask of a model's own making is none over tokens; passes of another shape are those of a trained prompt.
        if packing is None or not isinstance(mask, torch.Tensor) or mask.shape != packing.place_bt.shape:
            return None
        self._inside = packing
        self.num_packed += 1
        embeds_btd = kwargs["inputs_embeds"]
        positions_xbt = kwargs.get("position_ids")
        if positions_xbt is None:
            positions_xbt = torch.arange(mask.shape[1], device=mask.device)[None]
        positions_xbt = positions_xbt.expand(*positions_xbt.shape[:-2], *mask.shape)
        # Several kinds of position come in front of the rows.
        positions_gl = packing.pack(positions_xbt.movedim((-2, -1), (0, 1)))
        return args, {
            **kwargs,
            "inputs_embeds": packing.pack(embeds_btd),
            "attention_mask": packing.attention_mask(embeds_btd.dtype),
            "position_ids": positions_gl.movedim((0, 1), (-2, -1)),
        }

    def _unpack(self, decoder: Any, args: tuple[Any, ...], output: Any) -> Any:
        if self._inside is not None:
            output.last_hidden_state = self._inside.unpack(output.last_hidden_state)
            self._inside = None
        return output


def _reasons_against(config: TrainConfig, model: Any) -> Iterator[str]:
    name = type(bare_model(model)).__name__
    decoder = _find_decoder(model)
    if needs_every_token(model):
        yield f"the adapter {config.adapter.kind} treats each token of a batch by its place"
    if decoder is None:
        yield f"{name} does not show its language tower"
        return
    told = set(inspect.signature(decoder.forward).parameters) - _KNOWN
    if told:
        yield f"the language tower of {name} is also told {', '.join(sorted(told))}"
    if not shares_beginnings(bare_model(model)):
        yield f"{name} has layers that do not attend to everything before"
    text_config = bare_model(model).config.get_text_config()
    if text_config._attn_implementation not in _ATTENTIONS:
        yield f"model.attn_implementation is {text_config._attn_implementation!r}, not one of {', '.join(_ATTENTIONS)}"
    if any(_is_random(module) for module in decoder.modules()):
        yield "there is dropout in the language tower, which would be one draw for all questions (adapter.dropout: 0)"


def _is_random(module: Any) -> bool:
    rates = (getattr(module, "attention_dropout", 0.0), module.p if isinstance(module, torch.nn.Dropout) else 0.0)
    return any(isinstance(rate, float) and rate > 0 for rate in rates)


def _find_decoder(model: Any) -> Any:
    inner = bare_model(model)
    decoder = inner.get_decoder() if hasattr(inner, "get_decoder") else None
    return None if decoder is inner else decoder
