"""Draw what the gates did: the frames of a clip on top, below them how many ranks each layer gave to each.

Axis letters: ``t`` frames, ``h``, ``w``, ``c``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidtune.adapters.temporal._budget import GateRow
from vidtune.core.errors import BadUsage

_MOST_NAMED = 48
"""With more layers than this only the towers are named."""


def draw_gate_map(rows: Sequence[GateRow], frames_thwc: NDArray[Any], path: Path) -> None:
    """Write a picture of the gates of one clip: darker is more ranks; text, where it has a gate, is the first column.

    Args:
        rows: What ``gate_rows`` returned after the model was shown this clip alone.
        frames_thwc: Its frames, uint8.
        path: A PNG file.

    Raises:
        BadUsage: If there are no gates, or no frames under them.
    """
    from matplotlib.figure import Figure  # the object interface: no display, no global state

    if not rows or not rows[0].frame_ranks:
        raise BadUsage("there are no gates to draw.", "Show a model with temporal_lora one clip, and call gate_rows.")
    shares = (
        np.array([[np.nan if row.text_rank is None else row.text_rank, *row.frame_ranks] for row in rows], dtype=float)
        / np.array([row.rank for row in rows], dtype=float)[:, None]
    )
    num_groups = shares.shape[1] - 1
    per_group = -(-len(frames_thwc) // num_groups)
    figure = Figure(figsize=(1.0 * (num_groups + 1) + 3.2, 1.2 + 0.16 * min(len(rows), 64)), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=[1.1, max(1.5, 0.16 * min(len(rows), 64))])
    for group in range(num_groups):
        frame = frames_thwc[min(group * per_group, len(frames_thwc) - 1)]
        above.imshow(frame, extent=(group + 0.53, group + 1.47, 0, 1), aspect="auto")
    # Columns of both pictures must meet, so the frames are stretched to them.
    above.set(xlim=(-0.5, num_groups + 0.5), ylim=(0, 1), aspect="auto")
    above.axis("off")
    image = below.imshow(shares, aspect="auto", vmin=0, vmax=1, cmap="Blues", interpolation="nearest")
    below.set_facecolor("0.93")
    below.set_xticks(range(num_groups + 1), ["text", *(str(1 + group) for group in range(num_groups))])
    below.set_xlabel("group of frames")
    if len(rows) <= _MOST_NAMED:
        below.set_yticks(range(len(rows)), [short_name(row.layer) for row in rows], fontsize=6)
    else:
        below.set_ylabel(f"{len(rows)} layers, first to last")
    figure.colorbar(image, ax=[above, below], label="share of ranks used")
    figure.savefig(path, dpi=120)


def short_name(layer: str) -> str:
    """Return what tells one layer from another.

    Example:
        >>> short_name("model.language_model.layers.1.self_attn.q_proj")
        'language_model 1 q_proj'
    """
    parts = layer.split(".")
    number = next((part for part in parts if part.isdigit()), "")
    tower = parts[1] if len(parts) > 2 else parts[0]
    return " ".join(part for part in (tower, number, parts[-1]) if part)
