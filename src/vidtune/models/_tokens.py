"""Token ids of the parts of a prompt, cut as they would be in the whole.

Tokenizers of the SentencePiece kind put a space before whatever they are given. A part from the middle of a prompt
has no such space, so for them it is tokenized behind a line break, whose tokens are taken off again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

_BREAK = "\n"

_adds_space: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


def opening_ids(tokenizer: Any, first_piece: str) -> list[int]:
    """Return the token that the tokenizer puts before every prompt; nothing where the template writes it itself."""
    if tokenizer.bos_token is None or first_piece.startswith(tokenizer.bos_token):
        return []
    return [token for token in tokenizer("")["input_ids"][:1] if token == tokenizer.bos_token_id]


def piece_ids(tokenizer: Any, piece: str, *, is_first: bool) -> list[int]:
    """Return the ids of what a template wrote; special tokens in it are special."""
    lead = lead_of(tokenizer, is_first=is_first)
    return without_lead(tokenizer, _encode(tokenizer, lead + piece), lead) or _encode(tokenizer, piece)


def text_ids(tokenizer: Any, texts: Sequence[str], *, opens_prompt: bool) -> list[list[int]]:
    """Return the ids of the texts of a prompt, as plain text: special tokens in them are letters.

    Args:
        tokenizer: Of the checkpoint.
        texts: All of one prompt, in order.
        opens_prompt: Whether the first of them stands at the very start, before anything of the template.
    """
    options = {"add_special_tokens": False, "split_special_tokens": True}
    plain: list[list[int]] = tokenizer(list(texts), **options)["input_ids"]
    lead = lead_of(tokenizer, is_first=False)
    if not lead:
        return plain
    led = tokenizer([lead + text for text in texts], **options)["input_ids"]
    inside = [without_lead(tokenizer, ids, lead) or alone for ids, alone in zip(led, plain, strict=True)]
    return [plain[0], *inside[1:]] if opens_prompt else inside


def lead_of(tokenizer: Any, *, is_first: bool) -> str:
    """Return what to put before a part so that the tokenizer adds no space to it."""
    if is_first:
        return ""
    if tokenizer not in _adds_space:
        lead = _encode(tokenizer, _BREAK)
        _adds_space[tokenizer] = _encode(tokenizer, f"{_BREAK}a") != [*lead, *_encode(tokenizer, "a")]
    return _BREAK if _adds_space[tokenizer] else ""


def without_lead(tokenizer: Any, ids: list[int], lead: str) -> list[int]:
    """Return ``ids`` without those of ``lead`` in front; empty when ``lead`` has melted into what follows."""
    if not lead:
        return ids
    lead_ids = _encode(tokenizer, lead)
    return ids[len(lead_ids) :] if ids[: len(lead_ids)] == lead_ids else []


def _encode(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids
