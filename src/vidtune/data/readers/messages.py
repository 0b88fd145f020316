"""Chat messages: ``{"messages": [{"role": "user", "content": "<video>..."}, ...], "videos": ["squats/0001.mp4"]}``.

As LlamaFactory and ms-swift read it. ``content`` may also be the list of parts that chat templates take
(``{"type": "video", "video": path}``, ``{"type": "video_url", "video_url": {"url": path}}``,
``{"type": "text", "text": ...}``); the clip may be named there instead. ``audios`` may name one sound file, as may a
part ``{"type": "audio", "audio": path, "audio_start": 1.5, "audio_end": 4}``, whose times are in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidtune.data._conversation import (
    AUDIO_TAG,
    VIDEO_TAG,
    build_sample,
    read_turns,
    read_video,
    strip_media_tags,
)
from vidtune.data._findings import ABSENT, Place
from vidtune.data._layouts import RECORDS
from vidtune.data._samples import Role, Sample, Turn
from vidtune.data._strict_json import as_lines

_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system"}


class _Messages:
    layout = RECORDS
    looks_like = "`messages` and `videos`"

    def recognises(self, record: Mapping[str, Any]) -> bool:
        return "messages" in record

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        inline: list[Any] = []
        found: dict[str, Any] = {}
        turns = _read_messages(record, place, inline, found)
        key = "video" if "video" in record and "videos" not in record else "videos"
        written = record.get(key, ABSENT)
        if inline and isinstance(written, list | str):
            named = written if isinstance(written, list) else [written]
            if named != inline:
                place.report_text(key, "other videos than in the content parts", "the same, or only one of the two")
                return None
        video = read_video(inline if inline else written, key, place)
        if record.get("images"):
            place.report("images", record["images"], "none: a sample is one video, text and perhaps one sound file")
            return None
        return build_sample({**record, **found}, place, video=video, turns=turns, own_keys={key, "messages", "images"})

    def to_record(self, sample: Sample) -> dict[str, Any]:
        fields = {"split": sample.split, "subject": sample.subject, "label": sample.label}
        audio = sample.meta.get("audio")
        return {
            "id": sample.sample_id,
            "messages": _tagged(sample.turns, VIDEO_TAG + AUDIO_TAG if audio else VIDEO_TAG),
            "videos": [sample.video],
            **({"audios": [audio]} if audio else {}),
            **{key: value for key, value in fields.items() if value is not None},
            **{key: value for key, value in sample.meta.items() if key != "audio"},
        }

    def encode(self, records: list[dict[str, Any]]) -> str:
        return as_lines(records)


def _read_messages(
    record: Mapping[str, Any], place: Place, videos: list[Any], found: dict[str, Any]
) -> list[Turn] | None:
    """Return the turns; what parts of the content name is added to ``videos`` and ``found``."""
    written = read_turns(record, "messages", ("role", "content"), _ROLES, place)
    if written is None:
        return None
    turns = []
    for role, content, field in written:
        text = content if isinstance(content, str) else _read_parts(content, field, place, videos, found)
        if text is not None:
            turns.append(Turn(role, strip_media_tags(text)))
    return turns if len(turns) == len(written) else None


def _read_parts(content: Any, field: str, place: Place, videos: list[Any], found: dict[str, Any]) -> str | None:
    if not isinstance(content, list) or not content:
        place.report(field, content, "text or a list of parts")
        return None
    texts = []
    for index, part in enumerate(content):
        kind = part.get("type", ABSENT) if isinstance(part, dict) else ABSENT
        if kind == "text" and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif kind in ("video", "video_url"):
            path = _named_file(part, "video")
            if path is not ABSENT:
                videos.append(path)
            found |= _part_of(part, "video")
        elif kind in ("audio", "audio_url"):
            found.setdefault("audio", []).append(_named_file(part, "audio"))
            found |= _part_of(part, "audio")
        else:
            place.report(f"{field}[{index}]", part, "a part of type text, video or audio")
            return None
    return "\n".join(texts)


def _part_of(part: Mapping[str, Any], kind: str) -> dict[str, Any]:
    times = {f"{kind}_start_s": part.get(f"{kind}_start"), f"{kind}_end_s": part.get(f"{kind}_end")}
    return {key: value for key, value in times.items() if value is not None}


def _named_file(part: Mapping[str, Any], kind: str) -> Any:
    path = next((part[key] for key in (kind, "path", "url", f"{kind}_url") if key in part), ABSENT)
    # OpenAI's form puts the address one level down.
    return path.get("url", ABSENT) if isinstance(path, dict) else path


def _tagged(turns: tuple[Turn, ...], tags: str) -> list[dict[str, str]]:
    """Return the messages with the tags that other trainers want before the first question."""
    first_user = next((index for index, turn in enumerate(turns) if turn.role == "user"), -1)
    return [
        {"role": turn.role, "content": (tags if index == first_user else "") + turn.text}
        for index, turn in enumerate(turns)
    ]


READER = _Messages()
