"""What goes into a model and what comes out: one question, one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

if TYPE_CHECKING:
    from vidtune.data import Turn
    from vidtune.media import FrameSet


TicketT = TypeVar("TicketT")


@dataclass(frozen=True)
class Request:
    """One question to a model."""

    turns: Sequence[Turn]
    """The conversation so far; it ends before the answer."""

    frames: FrameSet | None = None
    """The clip, or None for a question without one."""

    key: str = ""
    """With sampling, what the random draws depend on besides the seed; a sample id, say."""


@dataclass(frozen=True)
class Generation:
    """One answer, with what it took."""

    text: str
    """Without special tokens and outer white space. May be empty: then the model had nothing to say."""

    token_ids: tuple[int, ...]
    """New tokens, the end token included when it came."""

    mean_logprob: float
    """Mean natural-log probability of the new tokens under the model: its confidence."""

    mean_entropy: float
    """Mean entropy in nats of what the model could have written in each place. 0: it had no doubt."""

    mean_margin: float
    """Mean of the likeliest token's probability less that of the second. 1: it had no doubt."""

    finish_reason: Literal["stop", "length"]
    """`stop`: the model ended the answer. `length`: it was cut at ``max_new_tokens``."""

    num_prompt_tokens: int
    num_visual_tokens: int
    preprocess_s: float
    """This request's share of the time from frames to tensors."""

    generate_s: float
    """This request's share of the time in the model: of every step, an equal part with those it was answered with."""

    batch_size: int
    """How many were in work when it joined, itself included."""

    top_logprobs: tuple[dict[int, float], ...] = ()
    """For each new token, the likeliest tokens with their log-probabilities; empty where they were not asked for."""

    @property
    def num_new_tokens(self) -> int:
        """How many tokens were generated, the end token included."""
        return len(self.token_ids)


def length_key(request: Request) -> tuple[int, int]:
    """Return what requests are sorted by, so that those of similar cost are read together."""
    num_values = 0 if request.frames is None else request.frames.frames_thwc.size
    texts = [text for turn in request.turns for text in (turn.text, *(aside.text for aside in turn.asides))]
    return num_values, sum(map(len, texts))


def sort_for_reading(waiting: list[tuple[TicketT, Request]]) -> None:
    """Sort in place: those of similar cost together, and all questions about one clip next to each other."""
    longest: dict[int, tuple[int, int]] = {}
    for _, request in waiting:
        clip = clip_key(request)
        longest[clip] = max(longest.get(clip, (0, 0)), length_key(request))
    rank = {clip: place for place, clip in enumerate(longest)}

    def key(entry: tuple[TicketT, Request]) -> tuple[tuple[int, int], int, tuple[int, int]]:
        clip = clip_key(entry[1])
        return longest[clip], rank[clip], length_key(entry[1])

    waiting.sort(key=key)


def clip_key(request: Request) -> int:
    """Return what is the same for requests about the same frames, as long as they are there."""
    return id(request if request.frames is None else request.frames)
