"""Draw what the gates did: with one clip, under its frames; and with many clips, layer by layer.

Axis letters: ``t`` frames, ``h``, ``w``, ``c``.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidtune.adapters.temporal._clip_gates import ClipGates, mean_ranks
from vidtune.core.durable import write_atomic
from vidtune.core.errors import BadUsage

_MOST_NAMED = 64
"""In a panel of more layers than this they are not named."""

_ROW_IN, _MOST_ROWS = 0.13, 60
_SIGNAL_REACH = 2.5
"""Signals beyond so many standard deviations have the strongest colour."""


def draw_gate_map(gates: ClipGates, frames_thwc: NDArray[Any], path: Path) -> None:
    """Write a picture of the gates of one clip: its frames, its signals, and of each tower the ranks in use.

    Darker is more of a layer's ranks. The first column is text, where a layer has a gate for it.

    Args:
        gates: Of this clip.
        frames_thwc: Its frames, uint8.
        path: A PNG file; written atomically.

    Raises:
        BadUsage: If there are no gates, or no frames under them.
    """
    if not gates.rows or not gates.rows[0].frame_ranks:
        raise BadUsage("there are no gates to draw.", "Give the gates of a clip, as clip_gates returns them.")
    from matplotlib.figure import Figure  # the object interface: no display, no global state

    num_groups = len(gates.rows[0].frame_ranks)
    towers = list(dict.fromkeys(gates.modalities))
    heights = [1.1, 0.16 * len(gates.signal_names) + 0.1]
    heights += [max(0.5, _ROW_IN * min(gates.modalities.count(tower), _MOST_ROWS)) for tower in towers]
    figure = Figure(
        figsize=(0.8 * (num_groups + 1) + 3.4, sum(heights) + 0.5 * len(heights) + 0.4), layout="constrained"
    )
    panels = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    _draw_frames(panels[0], frames_thwc, num_groups)
    signals = np.array([[np.nan] * len(gates.signal_names), *gates.signals_gs]).T
    toned = _draw_rows(panels[1], signals, list(gates.signal_names), "RdBu_r", (-_SIGNAL_REACH, _SIGNAL_REACH))
    panels[1].set_title("what the gates are shown, in standard deviations", fontsize=8, loc="left")
    shaded: Any = None
    used = gates.effective_ranks
    for axes, tower in zip(panels[2:], towers, strict=True):
        rows = [row for row, modality in zip(gates.rows, gates.modalities, strict=True) if modality == tower]
        shares = np.array(
            [[np.nan if row.text_rank is None else row.text_rank, *row.frame_ranks] for row in rows], dtype=float
        )
        shares /= np.array([row.rank for row in rows], dtype=float)[:, None]
        names = [short_name(row.layer) for row in rows] if len(rows) <= _MOST_NAMED else []
        shaded = _draw_rows(axes, shares, names, "Blues", (0, 1))
        told = ", ".join(f"{name} {value:.1f}" for name, value in used.items() if name.split()[0] == tower)
        axes.set_title(f"ranks in use of {_span([row.rank for row in rows])}: {told}", fontsize=8, loc="left")
    panels[-1].set_xticks(range(num_groups + 1), ["text", *(str(1 + group) for group in range(num_groups))], fontsize=7)
    panels[-1].set_xlabel("group of frames", fontsize=8)
    figure.colorbar(toned, ax=panels[1], pad=0.01).ax.tick_params(labelsize=6)
    figure.colorbar(shaded, ax=list(panels[2:]), label="share of ranks used", pad=0.01)
    _save(figure, path)


def draw_gate_summary(clips: Sequence[ClipGates], path: Path) -> None:
    """Write a picture of many clips: of each layer the mean ranks in use, and how those of a frame go with its signals.

    Args:
        clips: The gates of the clips.
        path: A PNG file; written atomically.

    Raises:
        BadUsage: If there are no clips.
    """
    from matplotlib.figure import Figure

    means = mean_ranks(clips)
    rows, modalities = clips[0].rows, clips[0].modalities
    figure = Figure(figsize=(11, max(3.6, 1.2 + _ROW_IN * min(len(rows), _MOST_ROWS))), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
    for tower in dict.fromkeys(modalities):
        places = [place for place, modality in enumerate(modalities) if modality == tower]
        left.plot([means[rows[at].layer]["frames"] for at in places], places, "o", ms=4, label=f"{tower}, frames")
        spoken = [at for at in places if rows[at].text_rank is not None]
        if spoken:
            text = [means[rows[at].layer]["text"] for at in spoken]
            left.plot(text, spoken, "d", ms=4, mfc="none", color="0.3", label=f"{tower}, text")
    if len(rows) <= _MOST_NAMED:
        left.set_yticks(range(len(rows)), [short_name(row.layer) for row in rows], fontsize=6)
    left.set(xlabel="mean ranks in use", xlim=(-0.3, max(row.rank for row in rows) + 0.3), ylim=(len(rows) - 0.4, -0.6))
    left.legend(fontsize=7)
    signals_ns = np.concatenate([np.array(clip.signals_gs) for clip in clips])
    ranks_n = np.concatenate([_mean_by_group(clip) for clip in clips])
    for number, name in enumerate(clips[0].signal_names):
        label = f"{name} (r = {_correlation(signals_ns[:, number], ranks_n)})"
        right.plot(signals_ns[:, number], ranks_n, ".", ms=4, alpha=0.6, label=label)
    right.set(xlabel="signal of a group of frames, in standard deviations", ylabel="mean ranks it uses, over layers")
    right.legend(fontsize=7)
    figure.suptitle(f"gates of {len(clips)} clips", fontsize=10, x=0.02, ha="left")
    _save(figure, path)


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


def _draw_frames(axes: Any, frames_thwc: NDArray[Any], num_groups: int) -> None:
    per_group = -(-len(frames_thwc) // num_groups)
    for group in range(num_groups):
        frame = frames_thwc[min(group * per_group, len(frames_thwc) - 1)]
        axes.imshow(frame, extent=(group + 0.53, group + 1.47, 0, 1), aspect="auto")
    # Columns of all panels must meet, so the frames are stretched to them.
    axes.set(xlim=(-0.5, num_groups + 0.5), ylim=(0, 1), aspect="auto")
    axes.axis("off")


def _draw_rows(axes: Any, values: NDArray[Any], names: list[str], colours: str, reach: tuple[float, float]) -> Any:
    image = axes.imshow(values, aspect="auto", vmin=reach[0], vmax=reach[1], cmap=colours, interpolation="nearest")
    axes.set_facecolor("0.93")
    axes.set_xticks([])
    axes.set_yticks(range(len(names)), names, fontsize=6)
    if not names:
        axes.set_ylabel(f"{len(values)} layers, first to last", fontsize=7)
    return image


def _mean_by_group(clip: ClipGates) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = np.array([row.frame_ranks for row in clip.rows], dtype=np.float64).mean(axis=0)
    return mean


def _correlation(first_n: NDArray[Any], second_n: NDArray[Any]) -> str:
    if first_n.std() < 1e-9 or second_n.std() < 1e-9:
        return "-"
    return f"{np.corrcoef(first_n, second_n)[0, 1]:+.2f}"


def _span(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def _save(figure: Any, path: Path) -> None:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120, metadata={"Software": None})
    write_atomic(path, buffer.getvalue())
