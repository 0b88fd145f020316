"""What a corruption works on: frames, where each came from, and random numbers that depend on nothing else.

Axis letters: ``t`` frames, ``h`` height, ``w`` width, ``c`` channels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Scope = Literal["clip", "frame"]
Pixels = NDArray[np.uint8]

REFERENCE_SIDE_PX = 224
"""The short side of the pictures for which ImageNet-C states its lengths in pixels."""


@dataclass(frozen=True)
class Draws:
    """Random numbers of one corruption on one clip.

    They follow from the seed, the corruption's name and the content of the clip, not from the severity: a stronger
    level is the same damage, more of it. They do not depend on which frames were read either: frame 40 gets the same
    noise alone as among its neighbours.
    """

    seed: int
    name: str
    clip_key: str
    scope: Scope
    """`clip`: one draw for all frames, as from a dirty lens. `frame`: a draw for each, as from a sensor."""

    def of_clip(self) -> np.random.Generator:
        """Return the stream that all frames share, whatever the scope."""
        return self._stream(0)

    def of_frame(self, index: int) -> np.random.Generator:
        """Return the stream of the source's frame ``index``; the same for all frames when the scope is `clip`."""
        return self._stream(index + 1 if self.scope == "frame" else 0)

    def _stream(self, key: int) -> np.random.Generator:
        words = hashlib.sha256(f"{self.seed}/{self.name}/{self.clip_key}/{key}".encode()).digest()[:16]
        return np.random.default_rng(int.from_bytes(words, "big"))


@dataclass(frozen=True, eq=False)
class Clip:
    """The frames that are damaged together."""

    frames_thwc: Pixels
    indices: tuple[int, ...]
    """Of each frame, its place in the source."""

    times_s: tuple[float, ...]
    """Of each frame, when it appears."""

    fps: float
    draws: Draws
    unit_px: float
    """How many pixels stand for one pixel of the published constants."""

    @property
    def num_frames(self) -> int:
        """How many frames there are."""
        return len(self.frames_thwc)

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.frames_thwc.shape[1], self.frames_thwc.shape[2]

    def each(self, change: Callable[[Pixels, np.random.Generator], Pixels]) -> Clip:
        """Return the clip with ``change`` made to every frame, given that frame's random stream."""
        changed = [
            change(frame_hwc, self.draws.of_frame(index))
            for frame_hwc, index in zip(self.frames_thwc, self.indices, strict=True)
        ]
        return replace(self, frames_thwc=np.stack(changed))

    def showing(self, order: Sequence[int]) -> Clip:
        """Return the clip that shows, at each of its times, the frame at that position of ``order``."""
        if len(order) != self.num_frames:
            raise ValueError(f"an order of {len(order)} for {self.num_frames} frames; each time shows one frame.")
        return replace(self, frames_thwc=self.frames_thwc[list(order)], indices=tuple(self.indices[i] for i in order))


def to_uint8(pixels: NDArray[np.floating]) -> Pixels:
    """Round and clip pixels on the scale of 0 to 255."""
    rounded: Pixels = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    return rounded
