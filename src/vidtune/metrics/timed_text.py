"""Text with times: how events are written in an answer, and read back from a model's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_CLOCK = r"(?:\d+:)?\d{1,2}:\d{2}(?:\.\d+)?|\d+(?:\.\d+)?"
_UNIT = r"(?:seconds|secs|sec|s)\b"
_LIST_NUMBER = re.compile(r"^\d+[.)]\s+(?=\W*\d)")
_EVENT = re.compile(
    rf"^\W*?(?P<start>{_CLOCK})\s*(?P<unit>{_UNIT})?"
    rf"(?:\s*(?:-|–|—|to\b|,)\s*(?P<end>{_CLOCK})\s*(?P<end_unit>{_UNIT})?)?\s*(?P<mark>[\])>]?\s*[:\-–—]|[\])>])?\s+"
    r"(?P<text>\S.*)$",
    re.IGNORECASE,
)
"""A number alone before a sentence is no time: "3. Lift your hips" is the third of a list."""


@dataclass(frozen=True)
class TimedText:
    """Something said of a moment or a stretch of a clip."""

    start_s: float
    end_s: float | None
    """None for a moment."""

    text: str


def format_events(events: Sequence[Mapping[str, Any]]) -> str:
    r"""Return events as lines that ``parse_events`` reads back.

    Example:
        >>> format_events([{"start_s": 0.0, "end_s": 12.5, "text": "A man sits."}, {"start_s": 13, "text": "Up!"}])
        '0.0-12.5 s: A man sits.\n13.0 s: Up!'
    """
    lines = []
    for event in events:
        end_s = event.get("end_s")
        span = f"{float(event['start_s']):.1f}" + ("" if end_s is None else f"-{float(end_s):.1f}")
        lines.append(f"{span} s: {event['text']}")
    return "\n".join(lines)


def parse_events(text: str) -> tuple[list[TimedText], int]:
    r"""Return the events that an answer lists, one a line, and how many lines could not be read.

    Understood: ``12.5 s: text``, ``0-12.5: text``, ``[0.0, 12.5] text``, ``00:12 - 01:02 text``, with a bullet before.
    A line without a time is an event without a place: it is not one, and is counted.

    Example:
        >>> parse_events("[0, 12.5] A man sits.\nnothing more")
        ([TimedText(start_s=0.0, end_s=12.5, text='A man sits.')], 1)
    """
    events, num_unread = [], 0
    for line in text.splitlines():
        if not line.strip():
            continue
        found = _EVENT.match(_LIST_NUMBER.sub("", line.strip()))
        if found is None or not any(found[name] for name in ("unit", "end", "mark")):
            num_unread += 1
            continue
        start_s = _seconds(found["start"])
        end_s = _seconds(found["end"]) if found["end"] else None
        if end_s is not None and end_s < start_s:
            start_s, end_s = end_s, start_s
        events.append(TimedText(start_s, end_s, found["text"].strip()))
    return events, num_unread


def _seconds(clock: str) -> float:
    seconds = 0.0
    for part in clock.split(":"):
        seconds = seconds * 60 + float(part)
    return seconds
