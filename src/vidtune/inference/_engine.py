"""Keep a model busy: requests join as answers are finished, fewer at a time when memory is short."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import takewhile
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self

import torch

from vidtune.core.errors import OutOfMemory, VideoTooLarge, VidtuneError
from vidtune.core.freed_memory import freed_memory_kept
from vidtune.inference._cache import shares_beginnings
from vidtune.inference._config import GenerationConfig
from vidtune.inference._decode import Decoder, Row
from vidtune.inference._encoder import Encoder
from vidtune.inference._memory import BatchSize, free_memory, is_out_of_memory
from vidtune.inference._packed_linear import Packing
from vidtune.inference._prompts import encode_requests
from vidtune.inference._request import Generation, Request, TicketT, clip_key

if TYPE_CHECKING:
    from vidtune.models import LoadedModel

CLIPS_READ_TOGETHER = 8
"""On a CPU the most: what layers hand each other about more of them than that leaves the processor's cache."""


@dataclass(frozen=True)
class _Inside(Generic[TicketT]):
    """A request in work."""

    ticket: TicketT
    request: Request
    row: Row
    num_prompt_tokens: int
    num_visual_tokens: int
    preprocess_s: float
    batch_size: int


class Engine(Generic[TicketT]):
    """A model at work on many requests, as a context: it prepares waiting ones in a thread.

    Every request has a ticket, by which its caller knows it again: answers come as they are finished.

    Args:
        loaded: The model.
        config: How answers are written.
        size: How many are in work at a time; it shrinks while memory is short.
        num_top_logprobs: How many of the likeliest tokens are kept for each place of an answer.
    """

    def __init__(
        self, loaded: LoadedModel, config: GenerationConfig, size: BatchSize, *, num_top_logprobs: int = 0
    ) -> None:
        self._loaded = loaded
        self._config = config
        self._num_top = num_top_logprobs
        self._size = size
        self._stop_ids = loaded.family.end_of_turn_ids(loaded.processor)
        self._can_share = shares_beginnings(loaded.model)
        self._opening: tuple[int, ...] = ()
        self._decoder = self._make_decoder()
        self._encoder = Encoder(loaded)
        self._inside: list[_Inside[TicketT]] = []
        self._num_alone = 0
        self._num_taken = 0
        self._packing = Packing(loaded.model)
        self._while_open = ExitStack()
        self.note = ""
        """What was last done about short memory."""

    def __enter__(self) -> Self:
        """Begin."""
        self._while_open.enter_context(freed_memory_kept(self._loaded.device.type == "cpu"))
        self._while_open.enter_context(self._encoder)
        self._while_open.callback(self._packing.drop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the thread that prepares, and give memory back."""
        self._while_open.__exit__(kind, exc, trace)

    @property
    def is_busy(self) -> bool:
        """Whether answers are in work."""
        return bool(self._inside)

    @property
    def num_inside(self) -> int:
        """Answers in work."""
        return len(self._inside)

    @property
    def can_grow(self) -> bool:
        """Whether requests can join others that are in work: not with every kind of cache."""
        return self._can_share

    @property
    def has_room(self) -> bool:
        """Whether another request can join now."""
        return self._num_free() > 0

    def advance(
        self, waiting: list[tuple[TicketT, Request]], *, only_read: bool = False
    ) -> list[tuple[TicketT, Generation | VidtuneError | ValueError]]:
        """Take from the front of ``waiting`` what fits, and write on until some answers are finished.

        Args:
            waiting: Requests with their tickets; what is taken is removed, and put back if memory did not suffice.
            only_read: Read the prompts of what is taken and write nothing yet, because others will join.

        Returns:
            Finished answers by their tickets. In place of an answer: ``OutOfMemory`` for a request that does not fit
            even alone, or the error of one that cannot be put to the model.
        """
        joining: list[tuple[TicketT, Request]] = []
        failed: list[tuple[TicketT, Generation | VidtuneError | ValueError]] = []
        try:
            self._packing.begin(self._num_taken + len(waiting))
            while waiting and (num_joining := self._num_joining(waiting)):
                joining = waiting[:num_joining]
                del waiting[:num_joining]
                self._num_taken += num_joining
                failed += self._join(joining, waiting)
                joining = []
            self.look_ahead(waiting)
            if only_read:
                return failed
            finished = self._run() if self._inside else []
            self._size.fits()
            return [*failed, *finished]
        except (RuntimeError, MemoryError) as exc:
            if not is_out_of_memory(exc):
                raise
        # Outside the handler: the exception's traceback held the tensors of the failed step.
        return [*failed, *self._shrink(joining, waiting)]

    def look_ahead(self, waiting: Sequence[tuple[TicketT, Request]]) -> None:
        """Prepare what will be taken next, beside the caller and beside the model."""
        self._encoder.look_ahead((request for _, request in waiting), self._size.current)

    def _num_joining(self, waiting: Sequence[tuple[TicketT, Request]]) -> int:
        """Return how many may join now: no part of the questions about a clip, if all of them fit a little later."""
        num_fitting = self._num_fitting(waiting)
        if not self._can_share or self._loaded.device.type != "cpu":
            return num_fitting
        clips = [clip_key(request) for _, request in waiting[:num_fitting]]
        is_within = (len(set(clips[: place + 1])) <= CLIPS_READ_TOGETHER for place in range(num_fitting))
        return sum(takewhile(bool, is_within))

    def _num_fitting(self, waiting: Sequence[tuple[TicketT, Request]]) -> int:
        num_free = self._num_free()
        if num_free >= len(waiting) or self._num_alone or not self._can_share:
            return num_free
        clips = [clip_key(request) for _, request in waiting[: num_free + self._size.current]]
        cut = clips[num_free]
        if clips.count(cut) > self._size.current:
            return num_free
        num_before = min(clips.index(cut), num_free)
        return num_before if num_before or self._inside else num_free

    def _num_free(self) -> int:
        if not self._decoder.is_open:
            return 0
        num_free = max(0, self._size.current - self._decoder.num_rows)
        return min(num_free, 1) if self._num_alone else num_free

    def _join(
        self, group: list[tuple[TicketT, Request]], waiting: list[tuple[TicketT, Request]]
    ) -> list[tuple[TicketT, VidtuneError | ValueError]]:
        """Let a group join. One that cannot be put to the model must not be its neighbours' fault: each joins alone."""
        try:
            self._inside += self._read(group, waiting)
        except (VidtuneError, ValueError) as exc:
            if len(group) > 1:
                waiting[:0] = group
                self._num_alone = len(group)
                return []
            self._num_alone = max(0, self._num_alone - 1)
            return [(group[0][0], exc)]
        self._num_alone = max(0, self._num_alone - 1)
        return []

    def _read(
        self, group: Sequence[tuple[TicketT, Request]], waiting: Sequence[tuple[TicketT, Request]]
    ) -> list[_Inside[TicketT]]:
        began_s = time.perf_counter() - self._encoder.hidden_s
        loaded = self._loaded
        requests = [request for _, request in group]
        prompts = encode_requests(
            loaded, requests, can_share=self._can_share, opening=self._opening, encoder=self._encoder
        )
        self.look_ahead(waiting)
        self._opening = prompts.opening() or self._opening
        num_prompt, num_visual = prompts.num_tokens(), prompts.num_visual_tokens()
        _check_context(loaded, *max(zip(num_prompt, num_visual, strict=True)), self._config)
        prompts = prompts.to(loaded.device)
        _finish(loaded.device)
        preprocess_s = (time.perf_counter() + self._encoder.hidden_s - began_s) / len(group)
        rows = self._decoder.join(prompts, [request.key for _, request in group])
        batch_size = self._decoder.num_rows
        return [
            _Inside(ticket, request, row, prompt, visual, preprocess_s, batch_size)
            for (ticket, request), row, prompt, visual in zip(group, rows, num_prompt, num_visual, strict=True)
        ]

    def _run(self) -> list[tuple[TicketT, Generation]]:
        self._decoder.run()
        finished = [one for one in self._inside if one.row.is_done]
        self._inside = [one for one in self._inside if not one.row.is_done]
        return [(one.ticket, _generation(one, self._encoder)) for one in finished]

    def _shrink(
        self, joining: list[tuple[TicketT, Request]], waiting: list[tuple[TicketT, Request]]
    ) -> list[tuple[TicketT, OutOfMemory]]:
        """Begin again with fewer at a time; answers depend on their request alone, so they come out the same."""
        everyone = [*((one.ticket, one.request) for one in self._inside), *joining]
        self._inside = []
        self._packing.drop()
        self._decoder = self._make_decoder()
        self._encoder.forget()
        free_memory()
        if len(everyone) == 1:
            ticket, request = everyone[0]
            return [(ticket, _too_big_alone(request))]
        waiting[:0] = everyone
        self._size.failed(len(everyone))
        self.note = f"out of memory with {len(everyone)} clips, going on with {self._size.current}"
        return []

    def _make_decoder(self) -> Decoder:
        return Decoder(self._loaded.model, stop_ids=self._stop_ids, config=self._config, num_top_logprobs=self._num_top)


def _too_big_alone(request: Request) -> OutOfMemory:
    shape = "no clip" if request.frames is None else f"frames of shape {request.frames.frames_thwc.shape}"
    return OutOfMemory(
        f"memory does not suffice for one sample alone ({shape}).",
        "Use fewer frames (sampling.num_frames), smaller ones (model.max_pixels), or quantization=nf4.",
    )


def _generation(one: _Inside[TicketT], encoder: Encoder) -> Generation:
    row = one.row
    token_ids = row.token_ids[:-1] if row.is_stopped else row.token_ids
    return Generation(
        text=encoder.decode(token_ids),
        token_ids=tuple(row.token_ids),
        mean_logprob=sum(row.logprobs) / len(row.logprobs),
        mean_entropy=sum(row.entropies) / len(row.entropies),
        mean_margin=sum(row.margins) / len(row.margins),
        finish_reason="stop" if row.is_stopped else "length",
        num_prompt_tokens=one.num_prompt_tokens,
        num_visual_tokens=one.num_visual_tokens,
        preprocess_s=one.preprocess_s,
        generate_s=row.seconds,
        batch_size=one.batch_size,
        top_logprobs=tuple(row.top_logprobs),
    )


def _check_context(
    loaded: LoadedModel, num_prompt_tokens: int, num_visual_tokens: int, config: GenerationConfig
) -> None:
    limit = getattr(loaded.model.config.get_text_config(), "max_position_embeddings", None)
    if limit is not None and num_prompt_tokens + config.max_new_tokens > limit:
        of_clip = "fewer frames (sampling.num_frames), smaller ones (model.max_pixels), " if num_visual_tokens else ""
        raise VideoTooLarge(
            f"a prompt of {num_prompt_tokens:,} tokens, {num_visual_tokens:,} of them of the clip, and an answer of "
            f"{config.max_new_tokens:,} pass the model's context of {limit:,} tokens.",
            f"Use {of_clip}fewer words, or a shorter answer (generation.max_new_tokens).",
        )


def _finish(device: torch.device) -> None:
    """Wait for the device, so that a time is the time of the work and not of its launch."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
