"""Fields that every record format shares: conversations, video paths, ids. One set of rules, one wording."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from vidtune.data._findings import ABSENT, Place, describe
from vidtune.data._samples import Role, Sample, Turn

_MEDIA_TAG = re.compile(r"<(?:video|image|audio)>\n?|\n<(?:video|image|audio)>$")
VIDEO_TAG = "<video>\n"
"""What is put before the first question when a format wants the place of the clip marked."""

AUDIO_TAG = "<audio>\n"
"""What follows it where the sample names a sound file."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_KNOWN_KEYS = {"id", "split", "subject", "label", "system"}
RESERVED_KEYS = frozenset({*_KNOWN_KEYS, "video", "videos", "images", "audios", "conversations", "messages"})
"""Keys that some format needs for itself; no sample has them in its meta."""


_ROLES: dict[str, Role] = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "system": "system",
}
MEDIA_KEYS = frozenset({"video_start_s", "video_end_s", "audio", "audios", "audio_start_s", "audio_end_s"})
"""Keys of a record about the part of its clip that is meant, and about the sound file that it names besides."""

SPEAKERS: dict[Role, str] = {"user": "human", "assistant": "gpt", "system": "system"}
"""Who speaks, as LLaVA and ShareGPT write it."""


def is_sharegpt(record: Mapping[str, Any]) -> bool:
    """Whether a record with ``conversations`` names its clip in a list ``videos``, as ShareGPT files do."""
    return isinstance(record.get("videos"), list) and "video" not in record


def read_conversation(record: Mapping[str, Any], place: Place) -> list[Turn] | None:
    """Return the turns of ``conversations``, of LLaVA and ShareGPT; None after reporting what is wrong."""
    written = read_turns(record, "conversations", ("from", "value"), _ROLES, place)
    if written is None:
        return None
    turns = []
    for role, content, field in written:
        if isinstance(content, str):
            turns.append(Turn(role, strip_media_tags(content)))
        else:
            place.report(field, content, "text")
    return turns if len(turns) == len(written) else None


def strip_media_tags(text: str) -> str:
    r"""Return ``text`` without the tags that mark where a clip goes; the prompt template puts it in.

    Example:
        >>> strip_media_tags("<video>\nHow is the form?")
        'How is the form?'
    """
    return _MEDIA_TAG.sub("", text)


def build_sample(
    record: Mapping[str, Any], place: Place, *, video: str | None, turns: Sequence[Turn] | None, own_keys: set[str]
) -> Sample | None:
    """Put together what a format found; None when anything is missing, which has been reported by then.

    The id is left empty when the record has none: it is derived when the whole file is known.
    """
    system = read_optional_text(record, "system", place)
    sample_id = _read_id(record, place)
    split, subject, label = (read_optional_text(record, key, place) for key in ("split", "subject", "label"))
    if video is None or turns is None:
        return None
    turns = _without_empty_answer(turns)
    if system:
        turns = (Turn("system", system), *turns)
    media = read_media_keys(record, place)
    if media is None or not check_turns(turns, place):
        return None
    meta = {key: value for key, value in record.items() if key not in own_keys | _KNOWN_KEYS | MEDIA_KEYS}
    return Sample(sample_id, video, tuple(turns), split, subject, label, {**meta, **media})


def read_turns(
    record: Mapping[str, Any], key: str, names: tuple[str, str], roles: Mapping[str, Role], place: Place
) -> list[tuple[Role, Any, str]] | None:
    """Return role, content and field name of every turn under ``key``.

    Args:
        record: The sample as written.
        key: Where its list of turns is.
        names: The keys of a turn for who speaks and what is said.
        roles: What the format's speakers are called here.
        place: Where problems are reported.
    """
    value = record.get(key, ABSENT)
    if not isinstance(value, list) or not value:
        place.report(key, value, "a list of turns")
        return None
    turns: list[tuple[Role, Any, str]] = []
    for index, item in enumerate(value):
        field = f"{key}[{index}]"
        if not isinstance(item, dict):
            place.report(field, item, f"an object with {names[0]!r} and {names[1]!r}")
            continue
        speaker = item.get(names[0], ABSENT)
        if not isinstance(speaker, str) or speaker not in roles:
            place.report(f"{field}.{names[0]}", speaker, "one of " + ", ".join(roles))
            continue
        turns.append((roles[speaker], item.get(names[1], ABSENT), f"{field}.{names[1]}"))
    return turns if len(turns) == len(value) else None


def check_turns(turns: Sequence[Turn], place: Place) -> bool:
    """Report a conversation that cannot be asked; True if it can. Whether it has an answer matters to its user."""
    spoken = [turn for turn in turns if turn.role != "system"]
    num_system = len(turns) - len(spoken)
    if num_system > 1 or (num_system == 1 and turns[0].role != "system"):
        place.report_text("", f"{num_system} system turns", "at most one, at the beginning")
        return False
    if not spoken:
        place.report_text("", "no question and no answer", "a question, and an answer where one is known")
        return False
    for index, turn in enumerate(spoken):
        expected = "user" if index % 2 == 0 else "assistant"
        if turn.role != expected:
            place.report_text("", f"{turn.role} as speaker {index + 1}", f"{expected}: they take turns, user first")
            return False
        if not turn.text.strip():
            place.report_text("", f"an empty {'question' if expected == 'user' else 'answer'}", "text")
            return False
    return True


def _without_empty_answer(turns: Sequence[Turn]) -> Sequence[Turn]:
    """Return ``turns`` without an empty answer at their end: it stands where no answer is known."""
    is_empty = bool(turns) and turns[-1].role == "assistant" and not turns[-1].text.strip()
    return turns[:-1] if is_empty else turns


def read_video(value: Any, field: str, place: Place) -> str | None:
    """Return the path of the one clip: a text, or a list of one; anything else is reported."""
    if isinstance(value, list):
        if len(value) != 1:
            place.report_text(field, describe(value), "one video: a text, or a list of one")
            return None
        value = value[0]
    if isinstance(value, str) and value.strip():
        return check_path(value, field, place)
    place.report(field, value, "the path of a video, as text")
    return None


def read_media_keys(record: Mapping[str, Any], place: Place) -> dict[str, Any] | None:
    """Return what a record says of its clip's part and of its sound, as keys of a sample's meta; None after a report.

    ``video_start_s`` and ``video_end_s`` say which part of the clip is meant; without them, all of it. ``audio``, or
    ``audios`` as other trainers call it, names one file: a text, or a list of one, and ``audio_start_s`` and
    ``audio_end_s`` the part of it.
    """
    sound = _read_sound_file(record, place)
    part, part_of_sound = _read_part(record, "video", place), _read_part(record, "audio", place)
    if sound is None or part is None or part_of_sound is None:
        return None
    return {**sound, **part, **part_of_sound}


def _read_sound_file(record: Mapping[str, Any], place: Place) -> dict[str, Any] | None:
    named = [record[key] for key in ("audios", "audio") if key in record and record[key] not in (None, "", [], False)]
    if not named:
        return {}
    paths = [value if isinstance(value, list) else [value] for value in named]
    if len(paths[0]) != 1 or paths[-1] != paths[0] or not isinstance(paths[0][0], str) or not paths[0][0].strip():
        found_value = paths[0][0] if len(paths[0]) == 1 else named[0]
        place.report("audio", found_value, "one sound file: its path, or a list of one path")
        return None
    path = check_path(paths[0][0], "audio", place)
    return None if path is None else {"audio": path}


def _read_part(record: Mapping[str, Any], kind: str, place: Place) -> dict[str, float] | None:
    start_key, end_key = f"{kind}_start_s", f"{kind}_end_s"
    found: dict[str, float] = {}
    for key in (start_key, end_key):
        if record.get(key) is None:
            continue
        seconds = _seconds(record[key])
        if seconds is None:
            place.report(key, record[key], f"seconds from the beginning of the {kind}, 0 or more")
            return None
        found[key] = seconds
    start_s = found.get(start_key, 0.0)
    if start_s >= found.get(end_key, math.inf):
        place.report(end_key, record[end_key], f"more than {start_key}, {start_s:g}")
        return None
    return found


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < math.inf else None


def read_optional_text(record: Mapping[str, Any], key: str, place: Place) -> str | None:
    """Return a text that may be absent or null."""
    value = record.get(key)
    if value is None or (isinstance(value, str) and value):
        return value
    place.report(key, value, "text, or leave it out")
    return None


def check_path(path: str, field: str, place: Place) -> str | None:
    """Return ``path`` if it can be one below the video folder; else report it and return None."""
    if "://" in path:
        place.report(field, path, "a path: videos are read from disk only, not from a URL")
    elif _CONTROL.search(path):
        place.report(field, path, "a path without control characters")
    elif ".." in path.replace("\\", "/").split("/"):
        place.report(field, path, "a path inside the video folder, without '..'")
    else:
        return path
    return None


def _read_id(record: Mapping[str, Any], place: Place) -> str:
    value = record.get("id")
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and value.strip() and not _CONTROL.search(value):
        return value
    place.report("id", value, "a text of printable characters or a whole number, or leave it out")
    return ""
