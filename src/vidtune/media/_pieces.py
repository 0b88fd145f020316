"""The frames of a walk on their way from the decoder process: some of them at a time, as arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidtune.media._walk import WalkedFrame
from vidtune.media._wire import Nonsense, get_array, put_arrays


def put_piece(file: int, frames: Sequence[WalkedFrame]) -> dict[str, Any]:
    """Write frames to the file and return what ``get_piece`` needs to find them there."""
    if not frames:
        return {"arrays": {}}
    arrays: dict[str, NDArray[Any]] = {
        "pixels": np.stack([frame.pixels_hwc for frame in frames]),
        "indices": np.array([frame.index for frame in frames], dtype=np.int64),
        "rotations_deg": np.array([frame.rotation_deg for frame in frames], dtype=np.int64),
        "sizes_hw": np.array([frame.size_hw for frame in frames], dtype=np.int64),
        "times_s": np.array([frame.time_s for frame in frames], dtype=np.float64),
        "is_damaged": np.array([frame.is_damaged for frame in frames], dtype=np.bool_),
        "has_full": np.array([frame.full_hwc is not None for frame in frames], dtype=np.bool_),
    }
    full = [frame.full_hwc for frame in frames if frame.full_hwc is not None]
    if full:
        arrays["full"] = np.stack(full)
    return {"arrays": put_arrays(file, arrays)}


def get_piece(file: int, places: Mapping[str, Any]) -> Iterator[WalkedFrame]:
    """Yield the frames that ``put_piece`` wrote.

    Raises:
        Nonsense: If no such frames are there.
    """
    if not places:
        return
    found = {name: get_array(file, place) for name, place in places.items()}
    num_frames = len(found["pixels"])
    each = ("indices", "rotations_deg", "sizes_hw", "times_s", "is_damaged", "has_full")
    if found["pixels"].ndim != 4 or any(len(found[name]) != num_frames for name in each):
        raise Nonsense
    full = iter(found.get("full", ()))
    for place in range(num_frames):
        height_px, width_px = found["sizes_hw"][place].tolist()
        yield WalkedFrame(
            pixels_hwc=found["pixels"][place],
            full_hwc=next(full) if found["has_full"][place] else None,
            size_hw=(height_px, width_px),
            rotation_deg=int(found["rotations_deg"][place]),
            index=int(found["indices"][place]),
            time_s=float(found["times_s"][place]),
            is_damaged=bool(found["is_damaged"][place]),
        )
