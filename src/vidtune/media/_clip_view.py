"""What selectors see of a clip: its facts, a cheap first pass over it, and what was measured on that. All of it lazy.

The two-pass plan for long videos: small frames at a low rate are looked at here, and only the frames that were chosen
are then decoded exactly and at full size. A selector that asks for nothing costs nothing.

Axis letters: ``t`` frames, ``h`` height, ``w`` width, ``c`` channels, ``d`` features.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from vidtune.media._clip import PacketSizes, Scan, WantedScan
from vidtune.media._frameset import frameset_from_array
from vidtune.media._limits import ReadLimits
from vidtune.media._probe import VideoInfo
from vidtune.media._source import ClipSource, opened_clip
from vidtune.media._still_clip import open_frames
from vidtune.media.embedding import get_embedder
from vidtune.media.embedding.distance import feature_loss

FIRST_PASS_SIDE_PX = 96
_Known = TypeVar("_Known")
_MIN_RATE_HZ = 2.0
_CANDIDATES_A_FRAME = 16
_MAX_CANDIDATES = 4096


class ClipReader(Protocol):
    """Where a view gets its frames from; an open clip is one."""

    def scan(self, wanted: WantedScan) -> Scan:
        """Return small frames at about the wanted rate."""

    def packet_sizes(self) -> PacketSizes:
        """Return the size of every coded frame; decodes nothing."""


class ClipView:
    """One clip as a selector sees it. Everything is read when first asked for, and remembered."""

    def __init__(self, info: VideoInfo, reader: ClipReader, *, query: str | None = None, seed: int = 0) -> None:
        self.info = info
        self.query = query
        self.seed = seed
        self._reader = reader
        self._known: dict[Any, Any] = {}

    @classmethod
    def of_source(
        cls,
        source: ClipSource,
        info: VideoInfo,
        *,
        limits: ReadLimits | None = None,
        query: str | None = None,
        seed: int = 0,
    ) -> Self:
        """Return the view of a clip that is read from its file, folder or bytes."""
        return cls(info, _SourceReader(source, limits), query=query, seed=seed)

    @classmethod
    def from_frames(
        cls, frames_thwc: NDArray[np.uint8], *, fps: float, query: str | None = None, seed: int = 0
    ) -> Self:
        """Return the view of frames that are in memory already."""
        clip = open_frames(frameset_from_array(frames_thwc, fps=fps), ReadLimits())
        return cls(clip.info, clip, query=query, seed=seed)

    def scan(self, rate_hz: float, max_side_px: int = FIRST_PASS_SIDE_PX) -> Scan:
        """Return small frames of the whole clip, about ``rate_hz`` a second and never more than it has."""
        key = ("scan", min(rate_hz, self.info.fps), max_side_px)
        return self._once(key, lambda: self._reader.scan(WantedScan(key[1], max_side_px)))

    def packets(self) -> PacketSizes:
        """Return the sizes of the coded frames; decodes nothing."""
        return self._once(("packets",), self._reader.packet_sizes)

    def features(self, embedder: str, rate_hz: float) -> NDArray[np.float32]:
        """Return a vector (t, d) of each frame of ``scan(rate_hz)``, by the embedder of that name."""
        return self._once(
            ("features", embedder, rate_hz),
            lambda: get_embedder(embedder).embed_frames(self._scan_for(embedder, rate_hz).frames_thwc),
        )

    def feature_loss(self, embedder: str, quantized_embedder: str, rate_hz: float) -> NDArray[np.float64]:
        """Return how far the features of each frame of ``scan(rate_hz)`` are from those of a quantized tower.

        The cosine distance of the two vectors, as measured on this clip: 0 when nothing is lost, at most 2. Any
        selector may weigh its frames by it.

        Args:
            embedder: The tower in full precision, such as ``vision_tower:nano``.
            quantized_embedder: The same as it will run: ``vision_tower_nf4:nano``, ``vision_tower_int8:nano``.
            rate_hz: As of ``scan``.
        """
        return feature_loss(self.features(embedder, rate_hz), self.features(quantized_embedder, rate_hz))

    def relevance(self, embedder: str, rate_hz: float) -> NDArray[np.float64] | None:
        """Return how much each frame of ``scan(rate_hz)`` has to do with the query.

        None when there is no query, or when the embedder cannot tell.
        """
        query = self.query
        if query is None:
            return None
        return self._once(
            ("relevance", embedder, rate_hz, query),
            lambda: get_embedder(embedder).score_frames(
                self._scan_for(embedder, rate_hz).frames_thwc, self.features(embedder, rate_hz), query
            ),
        )

    def measured(
        self, measure: Callable[[NDArray[np.uint8]], NDArray[np.float64]], rate_hz: float
    ) -> NDArray[np.float64]:
        """Return what ``measure`` (of ``_signals``) says of the frames of ``scan(rate_hz)``."""
        return self._once(("measured", measure, rate_hz), lambda: measure(self.scan(rate_hz).frames_thwc))

    def plan_rate_hz(self, num_frames: int) -> float:
        """Return the rate of a first pass that is good enough to choose ``num_frames`` from.

        At least 2 frames a second, so that what lasts half a second can be seen, at least 16 candidates for each frame
        that is chosen, and at most 4,096 of them or as many as the clip has.
        """
        duration_s = self.info.duration_s
        wanted_hz = max(_MIN_RATE_HZ, _CANDIDATES_A_FRAME * num_frames / duration_s)
        most_hz = max(_MAX_CANDIDATES, 4 * num_frames) / duration_s
        return min(wanted_hz, most_hz, self.info.fps)

    def _scan_for(self, embedder: str, rate_hz: float) -> Scan:
        return self.scan(rate_hz, max(FIRST_PASS_SIDE_PX, get_embedder(embedder).max_side_px))

    def _once(self, key: Any, make: Callable[[], _Known]) -> _Known:
        if key not in self._known:
            self._known[key] = make()
        known: _Known = self._known[key]
        return known


class _SourceReader:
    """Opens a clip anew for each look: a view may outlive its use, a decoder should not wait for it."""

    def __init__(self, source: ClipSource, limits: ReadLimits | None) -> None:
        self._source = source
        self._limits = limits

    def scan(self, wanted: WantedScan) -> Scan:
        with opened_clip(self._source, self._limits) as clip:
            return clip.scan(wanted)

    def packet_sizes(self) -> PacketSizes:
        with opened_clip(self._source, self._limits) as clip:
            return clip.packet_sizes()
