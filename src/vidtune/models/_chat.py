"""From turns to token ids with the checkpoint's own chat template, knowing where every answer is.

The template is rendered once per *shape* of a conversation (roles, clip or no clip) with a private-use mark where
each text goes, and cut at the marks. What lies between is the template's own and is tokenized with special tokens;
the texts are tokenized apart from it, as plain text. This gives three things that tokenizing the rendered string
does not:

- the answer's tokens are known by construction, so labels never depend on searching for a string;
- a question that contains ``<|im_end|>`` or ``<|video_pad|>`` stays a question: it cannot end its turn or
  claim a clip;
- an answer is cut into the tokens that generation would produce: both start after the template's last token.

A space that a template writes between its own words and a text ("USER: ...") belongs to the text's first token and is
tokenized with it. Where a template takes the outer white space of a text away, so is it here. An answer comes after
exactly what the template writes when it asks for one. For texts that neither start with white space nor contain special
tokens the ids are otherwise those of the rendered string.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from vidtune.core.errors import ModelMismatch, SupervisionInvalid
from vidtune.models._tokens import opening_ids, piece_ids, text_ids

if TYPE_CHECKING:
    from vidtune.data import Turn

_MARK = "\ue000{}\ue001"
_MARK_PATTERN = re.compile("\ue000(\\d+)\ue001")
_SPACE = "\u2003"
"""White space that no template writes of itself."""

_MAX_SHAPES = 256

Media = Sequence[Mapping[str, Any]]
"""What a clip is in the content of a turn: ``[{"type": "video"}]``, say. A clip in several runs of frames has ``ASIDE``
where words stand between them."""

ASIDE: Mapping[str, Any] = {"type": "text"}
"""Stands among media for words that are given apart, like every other text."""

TextContent = Callable[[str, str], Any]
"""From a role and a text to a turn's content, as the chat template takes it."""

Expand = Callable[[str, bool], list[int]]
"""From a piece of the template that holds the clip's placeholders to its ids; told whether the prompt begins there."""


@dataclass(frozen=True)
class ChatTokens:
    """The tokens of one conversation."""

    ids: list[int]
    """Token ids; without ``expand``, a clip is still the template's one placeholder token."""

    is_supervised: list[bool]
    """For every token, whether it belongs to an answer or ends one."""

    clip_spans: tuple[tuple[int, int], ...]
    """Where each piece with a clip, or with a run of its frames, begins and ends."""


@dataclass(frozen=True)
class _Shape:
    """All of a conversation that the template can see but the texts."""

    roles: tuple[str, ...]
    """Of the turns."""

    media: tuple[Mapping[str, Any], ...]
    placeholder: str
    for_generation: bool

    @property
    def num_asides(self) -> int:
        """How many texts stand between the frames of the clip."""
        return self.media.count(ASIDE)

    @property
    def num_runs(self) -> int:
        """How many media stand together without a text between them."""
        is_clip = [item != ASIDE for item in self.media]
        return sum(now and not before for before, now in zip([False, *is_clip], is_clip, strict=False))

    def turns_of_texts(self) -> list[int]:
        """Return, of each text of the prompt, which turn it belongs to; asides come before its own text."""
        first_user = self.roles.index("user")
        return sorted([*range(len(self.roles)), *[first_user] * self.num_asides])

    def to_json(self) -> str:
        """Return the same text for the same shape."""
        return json.dumps([self.roles, [dict(item) for item in self.media], self.placeholder, self.for_generation])


@dataclass(frozen=True)
class _Skeleton:
    """What the template writes before, between and after the texts."""

    pieces: tuple[str, ...]
    ids: tuple[tuple[int, ...], ...]
    spaces: tuple[str, ...]
    """Of each text, the spaces before it that are tokenized with it."""

    is_trimmed: tuple[bool, ...]
    """Of each text, whether the template takes its outer white space away."""

    clip_pieces: tuple[int, ...]
    """Which pieces hold the clip's placeholders."""


_skeletons: WeakKeyDictionary[Any, dict[str, _Skeleton]] = WeakKeyDictionary()


def encode_chat(
    processor: Any,
    turns: Sequence[Turn],
    *,
    media: Media = (),
    asides: Sequence[str] = (),
    placeholder: str = "",
    end_of_turn_ids: Sequence[int],
    for_generation: bool,
    expand: Expand | None = None,
    adds_end_of_turn: bool = False,
    text_content: TextContent | None = None,
) -> ChatTokens:
    """Tokenize one conversation.

    Args:
        processor: The checkpoint's processor; its chat template and tokenizer are used.
        turns: The conversation. The template adds its default system prompt if it has one and the first turn is
            not a system turn.
        media: Put this at the start of the first user turn.
        asides: The words for each ``ASIDE`` in ``media``.
        placeholder: What the template writes for media; needed with ``expand``.
        end_of_turn_ids: Tokens of which one must follow every answer.
        for_generation: Open an assistant turn at the end, for the model to write.
        expand: Makes the ids of a piece that holds media, called in their order.
        adds_end_of_turn: Put the first of ``end_of_turn_ids`` after an answer where the template writes none.
        text_content: Makes the content of a turn without media; None: a list of one text, which most templates take.

    Raises:
        ValueError: If the turns cannot be a prompt (nothing asked, an answer last where one is to be written, or half
            of a surrogate pair in a text).
        SupervisionInvalid: If there is no answer where labels are wanted.
        ModelMismatch: If the template refuses, drops, repeats or reorders a turn, splits a clip, or does not end an
            answer.
    """
    _check_turns(turns, for_generation=for_generation)
    shape = _Shape(tuple(turn.role for turn in turns), tuple(media), placeholder, for_generation)
    skeleton = _skeleton(processor, shape, text_content or _as_list)
    ids_of_pieces = [list(ids) for ids in skeleton.ids]
    for at in skeleton.clip_pieces:
        if expand is None:
            break
        ids_of_pieces[at] = expand(skeleton.pieces[at], at == 0)
        if at == 0:
            ids_of_pieces[0] = [*opening_ids(processor.tokenizer, skeleton.pieces[0]), *ids_of_pieces[0]]
    first_user = shape.roles.index("user")
    said = [turn.text for turn in turns]
    said = [*said[:first_user], *asides, *said[first_user:]]
    _check_characters(said)
    texts = text_ids(
        processor.tokenizer,
        [
            space + (text.strip() if is_trimmed else text)
            for space, is_trimmed, text in zip(skeleton.spaces, skeleton.is_trimmed, said, strict=True)
        ],
        opens_prompt=not skeleton.pieces[0],
    )

    ids = list(ids_of_pieces[0])
    is_supervised = [False] * len(ids)
    clip_spans = [(0, len(ids))] if 0 in skeleton.clip_pieces else []
    for index, (turn_index, text) in enumerate(zip(shape.turns_of_texts(), texts, strict=True), start=1):
        piece = ids_of_pieces[index]
        is_answer = shape.roles[turn_index] == "assistant"
        if is_answer and (not piece or piece[0] not in end_of_turn_ids):
            if not adds_end_of_turn:
                raise ModelMismatch(
                    f"the chat template of {_name(processor)} writes token {piece[:1]} after an answer, "
                    f"expected one of {tuple(end_of_turn_ids)}.",
                    "Use the chat template that the model was trained with.",
                )
            piece = [end_of_turn_ids[0], *piece]
        ids += text
        is_supervised += [is_answer] * len(text)
        if index in skeleton.clip_pieces:
            clip_spans.append((len(ids), len(ids) + len(piece)))
        ids += piece
        is_supervised += [is_answer and position == 0 for position in range(len(piece))]
    return ChatTokens(ids, is_supervised, tuple(clip_spans))


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


def _check_characters(texts: Sequence[str]) -> None:
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError as exc:
            raise ValueError(f"{text[exc.start : exc.end]!r} in a text is half of a character.") from exc


def _as_list(role: str, text: str) -> list[dict[str, Any]]:
    return [_text(text)]


def _text(text: str) -> dict[str, Any]:
    return {**ASIDE, "text": text}


def _skeleton(processor: Any, shape: _Shape, text_content: TextContent) -> _Skeleton:
    cache = _skeletons.setdefault(processor, {})
    key = f"{shape.to_json()}{processor.chat_template}"
    if key not in cache:
        if len(cache) >= _MAX_SHAPES:  # a family that writes times into its media content has endless shapes
            cache.clear()
        cache[key] = _cut_template(processor, shape, text_content)
    return cache[key]


def _cut_template(processor: Any, shape: _Shape, text_content: TextContent) -> _Skeleton:
    parts = _MARK_PATTERN.split(_render(processor, shape, text_content))
    order, turns_of_texts = parts[1::2], shape.turns_of_texts()
    if order != [str(index) for index in range(len(turns_of_texts))]:
        raise ModelMismatch(
            f"the chat template of {_name(processor)} writes the {len(turns_of_texts)} texts of turns {shape.roles} "
            f"as texts {[int(index) for index in order]}; each must appear once, in order.",
            "Give the conversation the roles that the template knows, or use another template.",
        )
    pieces, spaces = list(parts[0::2]), []
    for index, turn_index in enumerate(turns_of_texts):
        bare = pieces[index].rstrip(" ")
        if shape.roles[turn_index] == "assistant":
            asked = replace(shape, roles=shape.roles[:turn_index])
            bare = _opening_of_answer(processor, asked, text_content, pieces[index])
        spaces.append(pieces[index][len(bare) :] if pieces[index].startswith(bare) else "")
        pieces[index] = bare
    clip_pieces = _find_clip(processor, pieces, shape) if shape.media and shape.placeholder else ()
    ids = [piece_ids(processor.tokenizer, piece, is_first=index == 0) for index, piece in enumerate(pieces)]
    ids[0] = [*opening_ids(processor.tokenizer, pieces[0]), *ids[0]]
    spaced = _render(processor, shape, text_content, around=_SPACE)
    is_trimmed = [_SPACE not in re.findall(f".?{_MARK.format(index)}.?", spaced)[0] for index in range(len(spaces))]
    return _Skeleton(tuple(pieces), tuple(tuple(piece) for piece in ids), tuple(spaces), tuple(is_trimmed), clip_pieces)


def _opening_of_answer(processor: Any, asked: _Shape, text_content: TextContent, written: str) -> str:
    """Return what comes before an answer that the model is to write, where it differs in white space from ``written``.

    Some templates write "Assistant:" for the model to go on, and "Assistant: ..." around an answer that is there, or
    set a line break otherwise. Training must teach to go on from the former.
    """
    if "user" not in asked.roles:
        return written
    opened = _MARK_PATTERN.split(_render(processor, replace(asked, for_generation=True), text_content))[-1]
    return opened if opened.split() == written.split() else written


def _find_clip(processor: Any, pieces: Sequence[str], shape: _Shape) -> tuple[int, ...]:
    found = tuple(index for index, piece in enumerate(pieces) if shape.placeholder in piece)
    if len(found) != shape.num_runs:
        raise ModelMismatch(
            f"the chat template of {_name(processor)} writes the clip ({shape.placeholder}) into {len(found)} places "
            f"between the texts, expected {shape.num_runs}.",
            "Use the chat template that the model was trained with.",
        )
    return found


def _render(processor: Any, shape: _Shape, text_content: TextContent, *, around: str = "") -> str:
    # Comes with transformers, which is not imported together with this room.
    from jinja2 import TemplateError

    first_user = shape.roles.index("user")
    marks = (f"{around}{_MARK.format(number)}{around}" for number in count())
    messages = []
    for index, role in enumerate(shape.roles):
        has_media = index == first_user and bool(shape.media)
        media = [_text(next(marks)) if item == ASIDE else dict(item) for item in shape.media] if has_media else []
        mark = next(marks)
        messages.append({"role": role, "content": [*media, _text(mark)] if media else text_content(role, mark)})
    try:
        return str(processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=shape.for_generation))
    except TemplateError as exc:
        raise ModelMismatch(
            f"the chat template of {_name(processor)} cannot write turns {shape.roles}: {str(exc).rstrip('.')}.",
            "Give the conversation the roles that the template knows, or use another template.",
        ) from exc


def _name(processor: Any) -> str:
    return str(processor.tokenizer.name_or_path or "this model")
