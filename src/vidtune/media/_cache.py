"""Decoded frames kept on disk for the next read of the same content under the same contract.

Off unless a caller passes a ``FrameCache``: decoded frames of patients should lie in no folder that nobody asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np

from vidtune.core.errors import VidtuneError
from vidtune.core.file_cache import FileCache
from vidtune.core.hashing import hash_json, sha256_bytes
from vidtune.media._container import ClipFile, check_file
from vidtune.media._content import hash_of
from vidtune.media._frameset import FrameSet
from vidtune.media._limits import ReadLimits
from vidtune.media._source import ClipSource

# Raised when the meaning of a FrameSet or the way from file to pixels changes: older entries are then not found.
_CONTRACT = 1
_LENGTH_BYTES = 8


class FrameCache(FileCache[FrameSet]):
    """A folder of decoded frames; see ``FileCache`` for its arguments."""

    name = "frames"

    def get_or_read(self, source_sha256: str, contract: Mapping[str, Any], read: Callable[[], FrameSet]) -> FrameSet:
        """Return the frames of this content under this contract, from the cache or else from ``read``."""
        key = hash_json(
            {
                "contract": _CONTRACT,
                "decoder": av.__version__,
                "source": source_sha256,
                "wanted": json.loads(json.dumps(contract)),
            }
        )
        frameset = self.get(key)
        if frameset is None:
            frameset = read()
            self.put(key, frameset)
        return frameset

    def _dump(self, value: FrameSet) -> Sequence[bytes | memoryview]:
        fields: dict[str, Any] = {
            name: field for name, field in vars(value).items() if name not in ("frames_thwc", "sound")
        }
        pixels = np.ascontiguousarray(value.frames_thwc)
        header = json.dumps({"fields": fields, "shape": pixels.shape}).encode()
        return [len(header).to_bytes(_LENGTH_BYTES, "big") + header, pixels.data]

    def _parse(self, payload: memoryview) -> FrameSet:
        start = _LENGTH_BYTES + int.from_bytes(payload[:_LENGTH_BYTES], "big")
        record = json.loads(bytes(payload[_LENGTH_BYTES:start]))
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in record["fields"].items()
        }
        # A copy, because frames that were decoded may be written to as well.
        pixels = np.frombuffer(payload[start:], dtype=np.uint8).reshape(record["shape"]).copy()
        return FrameSet(frames_thwc=pixels, **fields)


def source_hash_of(source: ClipSource, limits: ReadLimits) -> str | None:
    """Return the hash of what a source holds; None when it is no file (frames in memory need no cache)."""
    if isinstance(source, (bytes, bytearray)):
        return sha256_bytes(bytes(source))
    if not isinstance(source, (str, Path)) or Path(source).is_dir():
        return None
    clip = ClipFile.of(Path(source))
    try:
        check_file(clip, limits)
        return hash_of(clip)
    except (VidtuneError, OSError):
        return None  # reading it will say what is wrong
