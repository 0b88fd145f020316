"""The sound contract: what is heard of a clip, beside the frames that are seen of it.

Suffix letter: ``n`` samples of one channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Sound:
    """Sound of one clip, in one channel. What is missing is said; nothing is added at the ends to make it longer."""

    waveform_n: NDArray[np.float32]
    """Full scale is -1 to 1; several channels are their mean."""

    sample_rate_hz: int

    start_s: float
    """When the first sample is heard: in seconds after the first frame of the clip, or after the beginning of a file
    that is sound alone. Later than asked for where the track begins later."""

    requested_s: float
    """How long the part is that was asked for: as given, or else to the end of the track as its header has it."""

    source_sha256: str
    """Of the content of the file."""

    gap_s: float = 0.0
    """How much of it is silence in the place of sound that is lost: the file skips it, or it cannot be decoded."""

    @property
    def duration_s(self) -> float:
        """How long it is."""
        return len(self.waveform_n) / self.sample_rate_hz

    def to_record(self) -> dict[str, Any]:
        """Return what a prediction record keeps."""
        return {
            "requested_s": round(self.requested_s, 6),
            "delivered_s": round(self.duration_s, 6),
            "start_s": round(self.start_s, 6),
            "gap_s": round(self.gap_s, 6),
            "sample_rate_hz": self.sample_rate_hz,
            "source_sha256": self.source_sha256,
        }


@dataclass(frozen=True)
class WantedSound:
    """Sound of a file, by time and rate."""

    sample_rate_hz: int
    max_duration_s: float
    """The most that is delivered, from the start of the part on."""

    start_s: float = 0.0
    end_s: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be delivered."""
        if not (self.sample_rate_hz > 0 and self.max_duration_s > 0):
            raise ValueError(
                f"rate and duration must be more than 0, found {self.sample_rate_hz} Hz and {self.max_duration_s:g} s."
            )
        if not 0 <= self.start_s < (float("inf") if self.end_s is None else self.end_s):
            raise ValueError(f"there is no part from {self.start_s:g} s to {self.end_s} s.")

    @property
    def stop_s(self) -> float:
        """Where the part ends at the latest."""
        stop_s = self.start_s + self.max_duration_s
        return stop_s if self.end_s is None else min(stop_s, self.end_s)
