"""From turns to token ids with the checkpoint's own chat template, knowing where every answer is.

The template is rendered once per *shape* of a conversation (roles, clip or no clip) with a private-use mark where
each text goes, and cut at the marks. What lies between is the template's own and is tokenized with special tokens;
the texts are tokenized apart from it, as plain text. This gives three things that tokenizing the rendered string
does not:

- the answer's tokens are known by construction, so labels never depend on searching for a string;
- a question that contains ``<|im_end|>`` or ``<|video_pad|>`` stays a question: it cannot end its turn or
  claim a clip;
- an answer is cut into the tokens that generation would produce: both start after the template's last token.

For texts that neither start with white space nor contain special tokens the ids are those of the rendered string.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from vidtune.core.errors import ModelMismatch, SupervisionInvalid

if TYPE_CHECKING:
    from vidtune.data import Turn

_MARK = "\ue000{}\ue001"
_MARK_PATTERN = re.compile("\ue000(\\d+)\ue001")

_Shape = tuple[str, tuple[str, ...], bool, bool]
_skeletons: WeakKeyDictionary[Any, dict[_Shape, tuple[tuple[int, ...], ...]]] = WeakKeyDictionary()


@dataclass(frozen=True)
class ChatTokens:
    """The tokens of one conversation."""

    ids: list[int]
    """Token ids; a clip is still the template's one placeholder token."""

    is_supervised: list[bool]
    """For every token, whether it belongs to an answer or ends one."""


def encode_chat(
    processor: Any, turns: Sequence[Turn], *, has_clip: bool, end_of_turn_ids: Sequence[int], for_generation: bool
) -> ChatTokens:
    """Tokenize one conversation.

    Args:
        processor: The checkpoint's processor; its chat template and tokenizer are used.
        turns: The conversation. The template adds its default system prompt if it has one and the first turn is
            not a system turn.
        has_clip: Put one clip at the start of the first user turn.
        end_of_turn_ids: Tokens of which one must follow every answer.
        for_generation: Open an assistant turn at the end, for the model to write.

    Raises:
        ValueError: If the turns cannot be a prompt (nothing asked, or an answer last where one is to be written).
        SupervisionInvalid: If there is no answer where labels are wanted.
        ModelMismatch: If the template drops, repeats or reorders a turn, or does not end an answer.
    """
    _check_turns(turns, for_generation=for_generation)
    roles = tuple(turn.role for turn in turns)
    pieces = _skeleton(processor, roles, has_clip, for_generation)
    texts = processor.tokenizer([turn.text for turn in turns], add_special_tokens=False, split_special_tokens=True)[
        "input_ids"
    ]

    ids = list(pieces[0])
    is_supervised = [False] * len(ids)
    for role, text_ids, piece in zip(roles, texts, pieces[1:], strict=True):
        is_answer = role == "assistant"
        if is_answer and (not piece or piece[0] not in end_of_turn_ids):
            raise ModelMismatch(
                f"the chat template of {_name(processor)} writes token {piece[:1]} after an answer, "
                f"expected one of {tuple(end_of_turn_ids)}.",
                "Use the chat template that the model was trained with.",
            )
        ids += [*text_ids, *piece]
        is_supervised += [is_answer] * len(text_ids)
        is_supervised += [is_answer and position == 0 for position in range(len(piece))]
    return ChatTokens(ids, is_supervised)


def _check_turns(turns: Sequence[Turn], *, for_generation: bool) -> None:
    if not any(turn.role == "user" for turn in turns):
        raise ValueError(f"a conversation needs a user turn, found roles {[turn.role for turn in turns]}.")
    if for_generation and turns[-1].role == "assistant":
        raise ValueError("a prompt ends before the answer, found an assistant turn at its end; pass the turns before.")
    if not for_generation and not any(turn.role == "assistant" for turn in turns):
        raise SupervisionInvalid(
            "a training sample has no assistant turn, so there is nothing to learn from it.",
            "Leave it out, or add its answer.",
        )


def _skeleton(
    processor: Any, roles: tuple[str, ...], has_clip: bool, for_generation: bool
) -> tuple[tuple[int, ...], ...]:
    """Return the token ids before, between and after the texts."""
    cache = _skeletons.setdefault(processor, {})
    shape: _Shape = (str(processor.chat_template), roles, has_clip, for_generation)
    if shape not in cache:
        parts = _MARK_PATTERN.split(_render(processor, roles, has_clip, for_generation))
        order = parts[1::2]
        if order != [str(index) for index in range(len(roles))]:
            raise ModelMismatch(
                f"the chat template of {_name(processor)} writes the {len(roles)} turns {roles} as turns "
                f"{[int(index) for index in order]}; each must appear once, in order.",
                "Give the conversation the roles that the template knows, or use another template.",
            )
        encoded = processor.tokenizer(parts[0::2], add_special_tokens=False)["input_ids"]
        cache[shape] = tuple(tuple(piece) for piece in encoded)
    return cache[shape]


def _render(processor: Any, roles: tuple[str, ...], has_clip: bool, for_generation: bool) -> str:
    first_user = roles.index("user")
    messages = []
    for index, role in enumerate(roles):
        content: list[dict[str, str]] = [{"type": "text", "text": _MARK.format(index)}]
        if has_clip and index == first_user:
            content.insert(0, {"type": "video"})
        messages.append({"role": role, "content": content})
    return str(processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=for_generation))


def _name(processor: Any) -> str:
    return str(processor.tokenizer.name_or_path or "this model")
