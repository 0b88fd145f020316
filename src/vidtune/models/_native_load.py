"""What is checked and set when a checkpoint of a native family is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidtune.core.errors import ModelMismatch

if TYPE_CHECKING:
    from vidtune.models._native import NativeFamily

_REMEDY = "The folder mixes two models: fetch or save it again."


def check_tokens(family: NativeFamily, folder: Path, config: Any, processor: Any) -> None:
    """Check that tokenizer and model belong together.

    Raises:
        ModelMismatch: If they disagree on the token of pixels or on the size of the vocabulary, or if the tokenizer
            has no token that ends a turn.
    """
    wanted, found = family.config_token_id(config), family.visual_token_id(processor)
    if wanted is not None and found != wanted:
        raise ModelMismatch(
            f"the tokenizer in {folder} gives {family.placeholder(processor)} the id {found}, "
            f"config.json says {wanted}.",
            _REMEDY,
        )
    if not family.end_of_turn_ids(processor):
        raise ModelMismatch(f"the tokenizer in {folder} does not know {family.end_tokens[0]}.", _REMEDY)
    num_embedded = config.get_text_config().vocab_size
    if len(processor.tokenizer) > num_embedded:
        raise ModelMismatch(
            f"the tokenizer in {folder} has {len(processor.tokenizer)} tokens, the model embeds {num_embedded}.",
            _REMEDY,
        )


def keep_whole(quantization_config: Any | None, family: NativeFamily) -> None:
    """Tell a quantizer which modules to leave alone, unless it was told already; each kind has its own word for it.

    Args:
        quantization_config: Changed. Its ``vidtune_quantize_vision`` set: linear layers of the vision tower are not
            left alone.
        family: Whose modules they are.
    """
    modules = list(family.kept_when_quantized)
    if getattr(quantization_config, "vidtune_quantize_vision", False):
        # transformers reads each entry as a regular expression at the start of a module's whole name.
        modules = [rf"(?!(?:{family.linear_targets('vision')})$){module}" for module in modules]
    for word in ("llm_int8_skip_modules", "modules_to_not_convert"):
        if hasattr(quantization_config, word):
            if not getattr(quantization_config, word):
                setattr(quantization_config, word, modules)
            return
