"""What is said in a video: subtitle files, and which of their lines belong to the frames that a model sees."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vidtune.core.durable import read_json
from vidtune.core.errors import DataInvalid
from vidtune.data._samples import Aside, Sample, Turn

if TYPE_CHECKING:
    from vidtune.data._config import DataConfig

_SRT_TIMES = re.compile(r"(\d+):(\d{2}):(\d{2})[,.](\d{1,3})\s*-->\s*(\d+):(\d{2}):(\d{2})[,.](\d{1,3})")
_MARKUP = re.compile(r"<[^<>]+>|\{[^{}]*\}")
_MIN_WINDOW_S = 1.0


@dataclass(frozen=True)
class Subtitle:
    """A line and when it is shown."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True)
class SubtitlesShown:
    """How a question was asked with subtitles."""

    place: Literal["between", "before"]
    """The frames, or the question."""

    num_lines: int


def read_subtitles(path: Path) -> list[Subtitle]:
    """Read SubRip (``.srt``) or LongVideoBench's JSON, in either of its forms, in the order of time.

    Raises:
        DataInvalid: If the file is not there or holds no subtitle that can be understood.
    """
    if path.suffix.lower() == ".json":
        lines = _read_json_lines(path)
    else:
        lines = _read_srt(path)
    if not lines:
        raise DataInvalid(f"{path} holds no subtitles, expected SubRip or a list of {{start, end, line}}.", "Check it.")
    return sorted(lines, key=lambda line: (line.start_s, line.end_s))


def subtitles_seen(subtitles: Sequence[Subtitle], times_s: Sequence[float]) -> list[Subtitle]:
    """Return the lines that are on screen with at least one of the frames at ``times_s``, by the middle of each.

    A line shown for less than a second counts as one of a second, and a frame at its very start or end does not show
    it. Source: ``insert_subtitles_into_frames`` of LongVideoBench's own loader, longvideobench/LongVideoBench @2aa4f91.
    """
    return sorted((line for line in subtitles if any(_covers(line, time_s) for time_s in times_s)), key=_middle_s)


def subtitles_between(sample: Sample, subtitles: Sequence[Subtitle], times_s: Sequence[float]) -> tuple[Sample, int]:
    """Return the sample with the lines of its frames between them: each after the last frame up to its middle.

    Source: as ``subtitles_seen``.

    Args:
        sample: Asked at least one question.
        subtitles: Of its whole video, on the clock of the clip.
        times_s: Of the frames that are shown.

    Returns:
        The sample, and how many lines are in it.
    """
    seen = subtitles_seen(subtitles, times_s)
    asides = tuple(Aside(sum(time_s <= _middle_s(line) for time_s in times_s), line.text) for line in seen)
    first = next(index for index, turn in enumerate(sample.turns) if turn.role == "user")
    turns = list(sample.turns)
    turns[first] = replace(turns[first], asides=asides)
    return replace(sample, turns=tuple(turns)), len(seen)


def subtitles_before(sample: Sample, subtitles: Sequence[Subtitle], times_s: Sequence[float]) -> tuple[Sample, int]:
    """Return the sample with the lines of its frames before the question, each with the frame after which it is said.

    Where the clip is one block of a prompt, the order of frames and lines is told by numbers: ``[frame 3, 12.5 s]``.
    Arguments and result are those of ``subtitles_between``.
    """
    seen = subtitles_seen(subtitles, times_s)
    if not seen:
        return sample, 0
    lines = []
    for line in seen:
        number = max(1, sum(time_s <= _middle_s(line) for time_s in times_s))
        lines.append(f"[frame {number}, {_middle_s(line):.1f} s] {line.text}")
    told = "What is said, by the frame after which it is said:\n" + "\n".join(lines)
    last = max(index for index, turn in enumerate(sample.turns) if turn.role == "user")
    turns = list(sample.turns)
    turns[last] = Turn("user", f"{told}\n\n{turns[last].text}")
    return replace(sample, turns=tuple(turns)), len(seen)


def show_subtitles(
    sample: Sample, config: DataConfig, times_s: Sequence[float], *, can_stand_between: bool
) -> tuple[Sample, SubtitlesShown | None]:
    """Return the sample as it is asked with its subtitles, where its data has some and they are to be shown.

    Args:
        sample: As it was read.
        config: Says where subtitle files are and where their lines stand.
        times_s: Of the frames that are shown.
        can_stand_between: Whether the model can be given words between frames.

    Returns:
        The sample, and how subtitles are shown; None where it has none.

    Raises:
        DataInvalid: If its subtitle file cannot be understood, or its lines must stand between frames and cannot.
    """
    path = subtitle_file(sample, config.subtitles) if config.subtitles is not None else None
    if path is None:
        return sample, None
    place = config.subtitle_place
    if place == "between" and not can_stand_between:
        raise DataInvalid(
            f"the subtitles of {sample.sample_id} cannot stand between its frames: this model is shown a clip in one "
            "block.",
            "Leave data.subtitle_place out to have them before the question, or use a model of another family.",
        )
    if place == "auto":
        is_wanted = sample.meta.get("subtitle_place") == "between"
        place = "between" if is_wanted and can_stand_between else "before"
    start_s = float(sample.meta.get("subtitle_start_s") or 0)
    lines = [replace(line, start_s=line.start_s - start_s, end_s=line.end_s - start_s) for line in read_subtitles(path)]
    put = subtitles_between if place == "between" else subtitles_before
    shown, num_lines = put(sample, lines, times_s)
    return shown, SubtitlesShown(place, num_lines)


def subtitle_file(sample: Sample, folder: Path) -> Path | None:
    """Return the subtitle file of a sample, where its data names one and it is there."""
    name = sample.meta.get("subtitle_path")
    path = folder / str(name).rsplit("/", 1)[-1] if isinstance(name, str) else None
    return path if path is not None and path.is_file() else None


def _middle_s(line: Subtitle) -> float:
    return (line.start_s + line.end_s) / 2


def _covers(line: Subtitle, time_s: float) -> bool:
    missing_s = max(0.0, _MIN_WINDOW_S - (line.end_s - line.start_s)) / 2
    return line.start_s - missing_s < time_s < line.end_s + missing_s


def _read_srt(path: Path) -> list[Subtitle]:
    try:
        text = path.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError as exc:
        raise DataInvalid(f"{path} cannot be read: {exc.strerror}.", "Check the path.") from exc
    found = []
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        times = _SRT_TIMES.search(block)
        if times is None:
            continue
        said = " ".join(_MARKUP.sub("", block[times.end() :]).split())
        start_s, end_s = _srt_seconds(times.groups()[:4]), _srt_seconds(times.groups()[4:])
        if said:
            found.append(Subtitle(start_s, end_s, said))
    return found


def _srt_seconds(parts: Sequence[Any]) -> float:
    hours, minutes, seconds, fraction = parts
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + int(str(fraction).ljust(3, "0")) / 1000


def _read_json_lines(path: Path) -> list[Subtitle]:
    value = read_json(path)
    found = []
    for item in value if isinstance(value, list) else []:
        if not isinstance(item, dict):
            continue
        span = item.get("timestamp") or [item.get("start"), item.get("end")]
        text = item.get("line", item.get("text"))
        bounds = [_clock_seconds(one) for one in span] if isinstance(span, list) and len(span) == 2 else [None, None]
        start_s, end_s = bounds
        if start_s is not None and isinstance(text, str) and text.strip():
            found.append(Subtitle(start_s, end_s if end_s is not None else start_s, " ".join(text.split())))
    return found


def _clock_seconds(value: Any) -> float | None:
    if isinstance(value, int | float):
        return float(value)
    try:
        seconds = 0.0
        for part in str(value).split(":"):
            seconds = seconds * 60 + float(part)
    except ValueError:
        return None
    return seconds
