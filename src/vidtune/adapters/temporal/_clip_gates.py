"""What gates did with a clip, as plain values: which ranks each layer used. Imports neither torch nor numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from vidtune.core.errors import BadUsage


@dataclass(frozen=True)
class GateRow:
    """The gate of one layer."""

    layer: str
    is_visual: bool
    rank: int
    text_rank: int | None
    """How many ranks text uses; None in a layer that sees pixels only."""

    frame_ranks: tuple[int, ...]
    """Of each group of frames, how many ranks it uses: what is computed at inference."""


@dataclass(frozen=True)
class ClipGates:
    """What the gates do with one clip. They go by its frames alone, so no question and no neighbour changes them."""

    signal_names: tuple[str, ...]
    signals_gs: tuple[tuple[float, ...], ...]
    """What the gates are shown: in standard deviations from the mean of the training set, and after the control."""

    rows: tuple[GateRow, ...]
    modalities: tuple[str, ...]
    """The tower of each row."""

    @property
    def effective_ranks(self) -> dict[str, float]:
        """Mean number of ranks in use: of each tower that sees frames only, of frames and of text in the others."""
        return effective_ranks(self.rows, self.modalities)

    def to_record(self) -> dict[str, Any]:
        """Return it as JSON values: the signals of each group, and of each layer what text and each group use."""
        return {
            "signal_names": list(self.signal_names),
            "signals": [[round(value, 4) for value in row] for row in self.signals_gs],
            "effective_ranks": self.effective_ranks,
            "layers": {
                row.layer: {
                    "modality": modality,
                    "rank": row.rank,
                    "text": row.text_rank,
                    "frames": list(row.frame_ranks),
                }
                for row, modality in zip(self.rows, self.modalities, strict=True)
            },
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> ClipGates:
        """Return what ``to_record`` was made from, signals rounded."""
        layers = record["layers"].items()
        return cls(
            tuple(record["signal_names"]),
            tuple(tuple(row) for row in record["signals"]),
            tuple(
                GateRow(name, one["text"] is None, one["rank"], one["text"], tuple(one["frames"]))
                for name, one in layers
            ),
            tuple(one["modality"] for _, one in layers),
        )


def mean_ranks(clips: Sequence[ClipGates]) -> dict[str, dict[str, float]]:
    """Return, for every layer, the mean number of ranks that text and the groups of frames of these clips use.

    Raises:
        BadUsage: If there are no clips.
    """
    if not clips:
        raise BadUsage("there are no gates to average.", "Give the gates of at least one clip.")
    found = {}
    for number, row in enumerate(clips[0].rows):
        frames = [rank for clip in clips for rank in clip.rows[number].frame_ranks]
        text = {} if row.text_rank is None else {"text": float(row.text_rank)}
        found[row.layer] = {"frames": round(fmean(frames), 3), **text}
    return found


def effective_ranks(rows: Sequence[GateRow], modalities: Sequence[str]) -> dict[str, float]:
    """Return the mean number of ranks in use by tower; where a tower reads text too, of frames and of text apart."""
    ranks: dict[str, list[float]] = {}
    for row, modality in zip(rows, modalities, strict=True):
        ranks.setdefault(modality if row.is_visual else f"{modality} frames", []).extend(row.frame_ranks)
        if row.text_rank is not None:
            ranks.setdefault(f"{modality} text", []).append(row.text_rank)
    return {name: round(fmean(values), 3) for name, values in ranks.items() if values}
