"""Chat messages: ``{"messages": [{"role": "user", "content": "<video>..."}, ...], "videos": ["squats/0001.mp4"]}``.

As LlamaFactory and ms-swift read it. ``content`` may also be the list of parts that chat templates take
(``{"type": "video", "video": path}``, ``{"type": "video_url", "video_url": {"url": path}}``,
``{"type": "text", "text": ...}``); the clip may be named there instead. ``audios`` may name one sound file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vidtune.data._conversation import VIDEO_TAG, build_sample, read_turns, read_video, strip_media_tags
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
        turns = _read_messages(record, place, inline)
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
        audio = read_video(record["audios"], "audios", place) if record.get("audios") else None
        sample = build_sample(record, place, video=video, turns=turns, own_keys={key, "messages", "images", "audios"})
        if sample is None or (record.get("audios") and audio is None):
            return None
        return replace(sample, meta={**sample.meta, "audio": audio}) if audio else sample

    def to_record(self, sample: Sample) -> dict[str, Any]:
        fields = {"split": sample.split, "subject": sample.subject, "label": sample.label}
        audio = sample.meta.get("audio")
        return {
            "id": sample.sample_id,
            "messages": _tagged(sample.turns),
            "videos": [sample.video],
            **({"audios": [audio]} if audio else {}),
            **{key: value for key, value in fields.items() if value is not None},
            **{key: value for key, value in sample.meta.items() if key != "audio"},
        }

    def encode(self, records: list[dict[str, Any]]) -> str:
        return as_lines(records)


def _read_messages(record: Mapping[str, Any], place: Place, videos: list[Any]) -> list[Turn] | None:
    """Return the turns; videos named inside content parts are added to ``videos``."""
    written = read_turns(record, "messages", ("role", "content"), _ROLES, place)
    if written is None:
        return None
    turns = []
    for role, content, field in written:
        text = content if isinstance(content, str) else _read_parts(content, field, place, videos)
        if text is not None:
            turns.append(Turn(role, strip_media_tags(text)))
    return turns if len(turns) == len(written) else None


def _read_parts(content: Any, field: str, place: Place, videos: list[Any]) -> str | None:
    if not isinstance(content, list) or not content:
        place.report(field, content, "text or a list of parts")
        return None
    texts = []
    for index, part in enumerate(content):
        kind = part.get("type", ABSENT) if isinstance(part, dict) else part
        if kind == "text" and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif kind in ("video", "video_url"):
            path = next((part[key] for key in ("video", "path", "url", "video_url") if key in part), ABSENT)
            # OpenAI's form puts the address one level down.
            path = path.get("url", ABSENT) if isinstance(path, dict) else path
            if path is not ABSENT:
                videos.append(path)
        else:
            place.report(f"{field}[{index}]", part, "a part of type text or video")
            return None
    return "\n".join(texts)


def _tagged(turns: tuple[Turn, ...]) -> list[dict[str, str]]:
    """Return the messages with the tag that other trainers want before the first question."""
    first_user = next((index for index, turn in enumerate(turns) if turn.role == "user"), -1)
    return [
        {"role": turn.role, "content": (VIDEO_TAG if index == first_user else "") + turn.text}
        for index, turn in enumerate(turns)
    ]


READER = _Messages()
