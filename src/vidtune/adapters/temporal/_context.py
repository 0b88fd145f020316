"""Bring the signals of the frames to the layers: which token of which layer stands for which group of frames.

The contract: a model is called with two tensors besides its own,

- ``frame_signals`` (G, s), float32: the signals as measured, of all groups of frames of all clips of the batch, in the
  order of the rows; and
- ``frame_counts`` (clips,), int64: of each clip, how many of the groups are its own.

A hook before the model's forward takes them out and keeps what the layers need. It is kept until the next forward pass,
because gradient checkpointing runs layers again during the backward pass.

Axis letters: ``b`` rows, ``l`` tokens, ``n`` tokens of a layer that sees pixels only, ``g`` groups, ``s`` signals.
"""

from __future__ import annotations

import weakref
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from vidtune.adapters._bare import bare_model
from vidtune.core.errors import BadUsage, ModelMismatch

Control = str


class TemporalContext:
    """What the model is being shown.

    Args:
        config: The ``TemporalLoraConfig`` of the adapter; read at every pass, so that fitted statistics count at once.
    """

    def __init__(self, config: Any) -> None:
        self.config = config
        self.signals_gs: torch.Tensor = torch.zeros(0, len(config.signals))
        """Normalized, and put through the control."""

        self.index_bl: torch.Tensor | None = None
        """Of each token of the language model: 0 for text, 1 + the group for pixels."""

        self.weights: torch.Tensor = torch.zeros(1)
        """(1 + g,) how many tokens there are of text and of each group, padding left out."""

        self.progress = 1.0
        """How far training has come, as a share of its steps."""

        self.num_passes = 0
        self._depth = 0
        self._clips: list[tuple[int, int]] = []
        self._index_n: dict[int, torch.Tensor] = {}
        self._teaching: dict[tuple[bool, int], torch.Tensor] = {}
        self._rows: tuple[weakref.ref[torch.Tensor], torch.Tensor, torch.Tensor] | None = None
        self._given: dict[str, torch.Tensor] = {}

    # Called by the hooks

    def enter(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Take the signals out of the arguments of the outermost of the hooked modules."""
        signals = kwargs.pop("frame_signals", None)
        counts = kwargs.pop("frame_counts", None)
        if self._depth == 0:
            input_ids = kwargs.get("input_ids", args[0] if args else None)
            if signals is None:
                signals, counts = self._given.get("frame_signals"), self._given.get("frame_counts")
            self._show(input_ids, kwargs.get("attention_mask"), kwargs.get("past_key_values"), signals, counts)
        self._depth += 1
        return args, kwargs

    def leave(self) -> None:
        """Count a hooked module out, whether it returned or raised."""
        self._depth = max(0, self._depth - 1)
        if not self._depth:
            self._rows = None

    @contextmanager
    def giving(self, inputs: Mapping[str, torch.Tensor]) -> Iterator[None]:
        """Use the signals of these inputs for all passes inside; for callers that cannot pass them on."""
        self._given = dict(inputs)
        # ``generate`` of transformers runs the vision tower before the model's own forward.
        self._show(
            inputs["input_ids"], inputs.get("attention_mask"), None, inputs["frame_signals"], inputs["frame_counts"]
        )
        try:
            yield
        finally:
            self._given = {}

    # Called by the layers

    def token_index(self, x: torch.Tensor, *, is_visual: bool) -> torch.Tensor:
        """Return the row of the gates for each token of ``x`` (..., features): the shape of ``x`` without its last.

        Raises:
            ModelMismatch: If the tokens of ``x`` cannot be told apart.
            BadUsage: If a tower is run by itself.
        """
        shape = x.shape[:-1]
        if is_visual:
            # The backward pass may run layers again; whatever else comes by itself was not announced.
            if not (self._depth or self._given or torch.is_grad_enabled()):
                raise BadUsage(
                    "a tower with temporal_lora was run by itself, outside of a pass of the model.",
                    "Run it inside vidtune.adapters.frame_signals_given(model, inputs).",
                )
            return self._visual_index(shape.numel(), x.device).reshape(shape)
        if self.index_bl is None or self.index_bl.shape != shape:
            found = None if self.index_bl is None else tuple(self.index_bl.shape)
            raise ModelMismatch(
                f"temporal_lora knows what {found} tokens stand for, a layer was given {tuple(shape)}.",
                "Tune the language tower of a model that is called with input_ids, or use kind='lora'.",
            )
        return self.index_bl

    def teaching_places(self, index: torch.Tensor, *, is_visual: bool) -> torch.Tensor:
        """Return the places of the tokens that teach the adapter: text, and frames that are not still.

        Args:
            index: As ``token_index`` gave it.
            is_visual: The layer sees pixels only.
        """
        key = (is_visual, index.numel())
        if key not in self._teaching:
            moves_g = self.signals_gs[:, list(self.config.signals).index("motion")] >= self.config.skip_still_below
            teaches = moves_g if is_visual else torch.cat([moves_g.new_ones(1), moves_g])
            self._teaching[key] = teaches.to(index.device)[index.flatten()].nonzero().squeeze(1)
        return self._teaching[key]

    @torch.no_grad()
    def rows_of(self, x: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Return the rows of ``x`` (..., features) at these places.

        Layers side by side, as query, key and value, are given the same tensor: its rows are taken once, or each layer
        would keep a copy of its own for the backward pass.
        """
        known = self._rows
        if known is None or known[0]() is not x or known[1] is not places:
            rows = x.reshape(-1, x.shape[-1])
            known = self._rows = (weakref.ref(x), places, rows if len(places) == len(rows) else rows[places])
        return known[2]

    def prepare(self, signals: torch.Tensor | None, groups: Sequence[int], device: torch.device) -> torch.Tensor:
        """Return measured signals (g, s) as the gates are shown them: normalized, and put through the control.

        Args:
            signals: As ``measure_signals`` gives them, of all clips one after another.
            groups: How many of the rows each clip has.
            device: Where the result goes.

        Raises:
            BadUsage: If there are other signals than the adapter was made for.
        """
        config = self.config
        if signals is None:
            return torch.zeros(0, len(config.signals), device=device)
        raw_gs = signals.detach().float().cpu()
        if raw_gs.shape[1] != len(config.signals):
            raise BadUsage(
                f"frame_signals has {raw_gs.shape[1]} columns, the adapter was made for {len(config.signals)}: "
                f"{', '.join(config.signals)}.",
                "Make them with vidtune.adapters.frame_inputs.",
            )
        mean, std = config.signal_mean or [0.0] * raw_gs.shape[1], config.signal_std or [1.0] * raw_gs.shape[1]
        normal_gs = (raw_gs - torch.tensor(mean)) / torch.tensor(std)
        clips = zip(torch.split(raw_gs, list(groups)), torch.split(normal_gs, list(groups)), strict=True)
        return torch.cat([_control(config.control, raw, clip) for raw, clip in clips]).to(device)

    # Inside

    def _show(self, input_ids: Any, attention_mask: Any, cache: Any, signals: Any, counts: Any) -> None:
        self.num_passes += 1
        self._index_n, self._teaching = {}, {}
        if input_ids is None:
            self.index_bl = None
            return
        is_pixel_bl = torch.isin(input_ids, torch.tensor(self.config.visual_token_ids, device=input_ids.device))
        if cache is not None and cache.get_seq_length() > 0:
            is_pixel_bl = torch.zeros_like(is_pixel_bl)  # what follows a prompt is text, whatever the model writes
        num_pixels = [int(count) for count in is_pixel_bl.sum(1)]
        with_clip = [row for row, count in enumerate(num_pixels) if count]
        if not with_clip:
            signals, counts = None, None
        elif signals is None:
            raise BadUsage(
                f"{len(with_clip)} rows have frames, but temporal_lora was given no frame_signals.",
                "Call the model with what vidtune.adapters.frame_inputs makes of the frames.",
            )
        groups = [] if counts is None else [int(count) for count in counts.flatten()]
        self._check_counts(groups, [num_pixels[row] for row in with_clip], 0 if signals is None else len(signals))
        self.signals_gs = self.prepare(signals, groups, input_ids.device)
        self._clips = [(num_pixels[row], count) for row, count in zip(with_clip, groups, strict=True)]
        index_bl = torch.zeros_like(input_ids, dtype=torch.long)
        first = 1
        for row, (count, num_groups) in zip(with_clip, self._clips, strict=True):
            index_bl[row, is_pixel_bl[row]] = first + spread(count, num_groups).to(input_ids.device)
            first += num_groups
        self.index_bl = index_bl
        is_plain_mask = isinstance(attention_mask, torch.Tensor) and attention_mask.shape == input_ids.shape
        shown = index_bl[attention_mask.bool()] if is_plain_mask else index_bl.flatten()
        self.weights = torch.bincount(shown, minlength=first).float()

    def _check_counts(self, groups: Sequence[int], num_pixels: Sequence[int], num_signals: int) -> None:
        if len(groups) != len(num_pixels) or sum(groups) != num_signals or any(count < 1 for count in groups):
            raise BadUsage(
                f"frame_counts={list(groups)} and {num_signals} frame_signals do not fit {len(num_pixels)} rows with "
                "frames.",
                "Pass one count for each row that has frames; they add up to the signals.",
            )

    def _visual_index(self, num_tokens: int, device: torch.device) -> torch.Tensor:
        """Return the group of each token inside a vision tower or projector, counted from 0.

        There the clips lie one after the other, each with as large a share of the tokens as it has in the prompt.
        """
        if num_tokens not in self._index_n:
            total = sum(count for count, _ in self._clips)
            parts, first = [], 0
            for count, num_groups in self._clips:
                size, rest = divmod(num_tokens * count, total)
                if rest or size % num_groups:
                    raise ModelMismatch(
                        f"a visual layer has {num_tokens} tokens, which {len(self._clips)} clips of "
                        f"{[groups for _, groups in self._clips]} groups of frames cannot share evenly.",
                        "Tune only the language tower with temporal_lora (modalities).",
                    )
                parts.append(first + spread(size, num_groups))
                first += num_groups
            if not parts:
                raise ModelMismatch(
                    f"a visual layer has {num_tokens} tokens, but no row of the batch has frames.",
                    "Leave pixels out where the prompt has no place for them.",
                )
            self._index_n[num_tokens] = torch.cat(parts).to(device)
        return self._index_n[num_tokens]


def context_of(model: Any) -> TemporalContext | None:
    """Return what brings the signals to the layers of ``model``; None if it has no ``temporal_lora``."""
    base = bare_model(model)
    context = getattr(base, "temporal_context", None)
    return context if isinstance(context, TemporalContext) else None


def spread(num_tokens: int, num_groups: int) -> torch.Tensor:
    """Return the group of each of a clip's tokens: equal runs, and what is over at the end belongs to the last.

    Example:
        >>> spread(7, 3).tolist()
        [0, 0, 1, 1, 2, 2, 2]
    """
    places = torch.arange(num_tokens)
    if num_tokens < num_groups:
        return places * num_groups // num_tokens
    return (places // (num_tokens // num_groups)).clamp_max(num_groups - 1)


def _control(name: Control, raw_gs: torch.Tensor, normal_gs: torch.Tensor) -> torch.Tensor:
    """Return what the gate is shown of one clip. Draws depend on the clip alone, so the batch changes nothing."""
    if name == "none":
        return normal_gs
    if name == "constant":
        return torch.zeros_like(normal_gs)
    draws = torch.Generator().manual_seed(zlib.crc32(raw_gs.numpy().tobytes()))
    if name == "shuffled":
        return normal_gs[torch.randperm(len(normal_gs), generator=draws)]
    return torch.randn(normal_gs.shape, generator=draws)
