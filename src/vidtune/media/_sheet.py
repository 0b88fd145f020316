"""A contact sheet: the chosen frames with their times, and below them what the clip is like and where they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vidtune.core.durable import write_atomic
from vidtune.core.wording import counted
from vidtune.media._choice import Choice
from vidtune.media._probe import VideoInfo
from vidtune.media._sampling import Curve
from vidtune.media.selection._candidates import at_clock

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

_WIDTH = 1680
_MARGIN = 36
_GAP = 10
_LANE_HEIGHT = 62
_LANE_GAP = 12
_LABEL_WIDTH = 150
_CAPTION_HEIGHT = 24
_CAPTION_WIDTH = 112
_SMOOTHING = 2

_PAPER, _INK, _FAINT, _RULE, _LANE = "#fbfaf8", "#1f2328", "#6b7280", "#d9d7d2", "#f1efeb"
_ACCENTS = ("#2563eb", "#d9480f", "#0f8a6a", "#9333ea", "#b58900", "#be185d", "#0e7490", "#4d7c0f")
_CURVE_COLOURS = {"motion": "#5b7083", "entropy": "#8a7a5c", "scene change": "#8a5c6e", "relevance": "#4f8a5b"}


@dataclass
class _Page:
    """A picture that is drawn from top to bottom."""

    image: Image.Image
    draw: ImageDraw.ImageDraw
    y: int = 0


def write_sheet(
    path: Path, info: VideoInfo, choices: Sequence[Choice], curves: Mapping[str, Curve], *, query: str | None = None
) -> None:
    """Write the sheet as a PNG (or as a JPEG when the name ends so), atomically.

    Args:
        path: The picture.
        info: Facts of the clip, for the heading.
        choices: One block of frames each.
        curves: One lane each, below the frames, with every choice marked.
        query: Stands in the heading.

    Raises:
        DiskFull: If there is no room.
    """
    kind = "JPEG" if path.suffix.lower() in (".jpg", ".jpeg") else "PNG"
    content = BytesIO()
    draw_sheet(info, choices, curves, query=query).save(content, kind, quality=92)
    write_atomic(path, content.getvalue())


def draw_sheet(
    info: VideoInfo, choices: Sequence[Choice], curves: Mapping[str, Curve], *, query: str | None = None
) -> Image.Image:
    """Return the sheet as a picture."""
    from PIL import Image, ImageDraw

    num_columns, pitch, tile_size = _tiling(choices)
    height = _height_of(choices, len(curves), num_columns, tile_size, query)
    image = Image.new("RGB", (_WIDTH, height), _PAPER)
    page = _Page(image, ImageDraw.Draw(image), _MARGIN)
    _draw_heading(page, info, choices, query)
    for number, choice in enumerate(choices):
        _draw_choice(page, choice, _accent(number), num_columns, pitch, tile_size)
    _draw_lanes(page, info.duration_s, choices, curves)
    return image


def _accent(number: int) -> str:
    return _ACCENTS[number % len(_ACCENTS)]


def _tiling(choices: Sequence[Choice]) -> tuple[int, int, tuple[int, int]]:
    """Return frames a row, pixels from one to the next, and the size of one.

    Few frames make about square pages, comparisons long rows; time and number of a narrow frame keep their room.
    """
    most = max(choice.frames.num_delivered for choice in choices)
    _, height, width, _ = choices[0].frames.frames_thwc.shape
    is_upright = height > width
    num_columns = min(
        most, 8 if is_upright else (8 if len(choices) > 1 else 4 if most <= 4 else 6 if most <= 12 else 8)
    )
    tile_width = (_WIDTH - 2 * _MARGIN - _GAP * (num_columns - 1)) // num_columns
    tile_width = min(tile_width, 420)
    tile_height = round(tile_width * height / width)
    if tile_height > 320:
        tile_width, tile_height = max(1, round(320 * width / height)), 320
    return num_columns, max(tile_width, _CAPTION_WIDTH) + _GAP, (tile_width, max(1, tile_height))


def _height_of(
    choices: Sequence[Choice], num_lanes: int, num_columns: int, tile_size: tuple[int, int], query: str | None
) -> int:
    rows = sum(-(-choice.frames.num_delivered // num_columns) for choice in choices)
    tiles = rows * (tile_size[1] + _CAPTION_HEIGHT + _GAP) + len(choices) * 58
    lanes = num_lanes * (_LANE_HEIGHT + _LANE_GAP) + len(choices) * 26 + 20
    return 2 * _MARGIN + 62 + (34 if query else 0) + tiles + lanes


def _draw_heading(page: _Page, info: VideoInfo, choices: Sequence[Choice], query: str | None) -> None:
    page.draw.text((_MARGIN, page.y), _shortened(info.path.name, 80), _INK, _font(30, bold=True))
    total = "" if info.num_frames is None else f" · {counted(info.num_frames, 'frame')}"
    rotation_deg = choices[0].frames.rotation_deg
    turned = f", turned {rotation_deg}°" if rotation_deg else ""
    size = f"{info.width_px}x{info.height_px}{turned}"
    facts = f"{at_clock(info.duration_s)} · {size} · {info.fps:.4g} fps · {info.codec}{total}"
    page.draw.text((_WIDTH - _MARGIN, page.y + 10), facts, _FAINT, _font(18), anchor="ra")
    page.y += 48
    if query:
        page.draw.text((_MARGIN, page.y), f"“{_shortened(query, 130)}”", _INK, _font(20))
        page.y += 34
    page.draw.line((_MARGIN, page.y, _WIDTH - _MARGIN, page.y), _RULE, 1)
    page.y += 14


def _draw_choice(
    page: _Page, choice: Choice, accent: str, num_columns: int, pitch: int, tile_size: tuple[int, int]
) -> None:
    from PIL import Image

    frames, (tile_width, tile_height) = choice.frames, tile_size
    page.draw.rounded_rectangle((_MARGIN, page.y + 6, _MARGIN + 8, page.y + 34), 3, accent)
    page.draw.text((_MARGIN + 20, page.y + 4), choice.sampling.kind, _INK, _font(24, bold=True))
    name_width = int(page.draw.textlength(choice.sampling.kind, _font(24, bold=True)))
    options = ", ".join(f"{name} {value}" for name, value in choice.sampling.options.items())
    facts = [
        counted(frames.num_delivered, "frame"),
        f"covers {frames.coverage:.0%}",
        f"chosen in {_duration(choice.select_s)}",
    ]
    if frames.padded:
        facts.append(f"{frames.padded} repeated")
    text = " · ".join([*facts, options] if options else facts)
    page.draw.text((_MARGIN + 36 + name_width, page.y + 11), _shortened(text, 120), _FAINT, _font(17))
    page.y += 48
    for start in range(0, frames.num_delivered, num_columns):
        for column, index in enumerate(range(start, min(start + num_columns, frames.num_delivered))):
            x = _MARGIN + column * pitch
            tile = Image.fromarray(frames.frames_thwc[index]).resize(tile_size, Image.Resampling.LANCZOS)
            page.image.paste(tile, (x, page.y))
            page.draw.rectangle((x, page.y + tile_height, x + tile_width - 1, page.y + tile_height + 3), accent)
            label_y = page.y + tile_height + 6
            page.draw.text((x + 1, label_y), at_clock(frames.times_s[index]), _INK, _font(15, bold=True))
            page.draw.text((x + pitch - _GAP - 1, label_y + 1), f"#{frames.indices[index]:,}", _FAINT, _font(13), "ra")
        page.y += tile_height + _CAPTION_HEIGHT + _GAP
    page.y += 10


def _draw_lanes(page: _Page, duration_s: float, choices: Sequence[Choice], curves: Mapping[str, Curve]) -> None:
    left, right = _MARGIN + _LABEL_WIDTH, _WIDTH - _MARGIN
    page.draw.line((_MARGIN, page.y, right, page.y), _RULE, 1)
    page.y += 18
    top = page.y
    for name, curve in curves.items():
        page.draw.text((_MARGIN, page.y + 8), name, _INK, _font(17, bold=True))
        page.draw.text((_MARGIN, page.y + 31), _range_text(name, curve), _FAINT, _font(13))
        lane = _lane_image(curve, duration_s, right - left, _CURVE_COLOURS.get(name, "#60708a"))
        page.image.paste(lane, (left, page.y))
        page.y += _LANE_HEIGHT + _LANE_GAP
    page.y += 2
    for number, choice in enumerate(choices):
        _draw_marks(page, choice, _accent(number), duration_s, (left, right), top if len(choices) == 1 else None)
        page.y += 26
    _draw_clock(page, duration_s, left, right)


def _draw_marks(
    page: _Page, choice: Choice, accent: str, duration_s: float, span: tuple[int, int], lanes_top: int | None
) -> None:
    left, right = span
    page.draw.text((_MARGIN, page.y), _shortened(choice.sampling.kind, 16), accent, _font(17, bold=True))
    page.draw.line((left, page.y + 11, right, page.y + 11), _RULE, 1)
    for time_s in choice.frames.times_s:
        x = left + time_s / duration_s * (right - left)
        if lanes_top is not None:
            for y in range(lanes_top, page.y + 2, 6):
                page.draw.line((x, y, x, min(y + 2, page.y)), accent, 1)
        page.draw.polygon([(x - 6, page.y + 20), (x + 6, page.y + 20), (x, page.y + 3)], accent, _PAPER)


def _draw_clock(page: _Page, duration_s: float, left: int, right: int) -> None:
    step_s = next(
        (step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800) if duration_s / step <= 12),
        3600,
    )
    for number in range(int(duration_s / step_s) + 1):
        x = left + number * step_s / duration_s * (right - left)
        page.draw.line((x, page.y, x, page.y + 6), _FAINT, 1)
        text = at_clock(number * step_s)
        page.draw.text((x, page.y + 9), text.removesuffix(".0"), _FAINT, _font(13), "ma")
    page.draw.line((left, page.y, right, page.y), _FAINT, 1)


def _lane_image(curve: Curve, duration_s: float, width: int, colour: str) -> Image.Image:
    """Return a filled curve, drawn larger and shrunk so that its edge is smooth."""
    from PIL import Image, ImageDraw

    scale = _SMOOTHING
    lane = Image.new("RGB", (width * scale, _LANE_HEIGHT * scale), _LANE)
    draw = ImageDraw.Draw(lane)
    heights = _column_values(curve, duration_s, width)
    base = _LANE_HEIGHT * scale
    points = [(x * scale, base - (0.04 + 0.9 * value) * base) for x, value in enumerate(heights)]
    draw.polygon([(0, base), *points, (width * scale, base)], _lightened(colour))
    draw.line(points, colour, 2 * scale)
    return lane.resize((width, _LANE_HEIGHT), Image.Resampling.LANCZOS)


def _column_values(curve: Curve, duration_s: float, width: int) -> NDArray[np.float64]:
    """Return the curve at each pixel column from 0 to 1: the largest value of those that share a column."""
    times_s, values = np.asarray(curve.times_s), np.asarray(curve.values, dtype=np.float64)
    # One flash must not flatten all the rest.
    low, high = float(values.min()), float(np.quantile(values, 0.995))
    if high <= low:
        high = float(values.max())
    shares = np.clip((values - low) / (high - low), 0, 1) if high > low else np.zeros_like(values)
    columns = np.interp((np.arange(width) + 0.5) / width * duration_s, times_s, shares)
    own = np.minimum((times_s / duration_s * width).astype(np.int64), width - 1)
    np.maximum.at(columns, own, shares)
    return np.asarray(columns, dtype=np.float64)


def _range_text(name: str, curve: Curve) -> str:
    units = {"motion": "grey levels", "entropy": "bit", "scene change": "of 255", "relevance": "0 to 1"}
    if name == "relevance":
        return units[name]
    return f"{min(curve.values):.3g} to {max(curve.values):.3g} {units.get(name, '')}".strip()


def _duration(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _shortened(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _lightened(colour: str) -> tuple[int, ...]:
    channels = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return tuple(round(channel + (241 - channel) * 0.62) for channel in channels)


@lru_cache(maxsize=32)
def _font(size: int, *, bold: bool = False) -> Any:
    """Return DejaVu Sans, which comes with matplotlib and knows every script's digits; the default without it."""
    from PIL import ImageFont

    try:
        import matplotlib

        folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
        return ImageFont.truetype(str(folder / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")), size)
    except (ImportError, OSError):
        return ImageFont.load_default(size)
