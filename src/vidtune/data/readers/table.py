"""A plain table: columns ``video`` and ``answer`` (or ``caption``), and where known ``question``, ``id``, ``split`` ...

Cells are divided by commas, semicolons or tabs. ``options`` may hold the options of a multiple-choice question and
``references`` further right answers, both divided by ``|``. Any other column is kept. Where no question is written, one
is asked that fits a caption.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vidtune.core.errors import DataInvalid
from vidtune.data._conversation import MEDIA_KEYS, check_turns, read_media_keys
from vidtune.data._findings import Place
from vidtune.data._layouts import Table
from vidtune.data._samples import Sample, Turn
from vidtune.data._tasks import CAPTION_QUESTION, PROTOCOL, choice_sample, option_named, options_of, video_of

_DIVIDER = "|"
_COLUMNS = ("id", "video", "system", "question", "answer", "split", "subject", "label")
_ANSWERS = ("answer", "caption")
_JSON = "json:"
"""Begins a cell that holds a value no plain text can hold."""


def is_row(record: Mapping[str, Any]) -> bool:
    """Whether a record has a video and something that is asked or said about it."""
    return "video" in record and any(key in record for key in ("question", *_ANSWERS))


def read_row(cells: Mapping[str, Any], place: Place, *, has_divided_options: bool) -> Sample | None:
    """Return the sample of a row, or None after a report.

    Args:
        cells: What is known of it; nothing empty.
        place: Where it is.
        has_divided_options: Whether ``options`` is one text with all of them, where it is a multiple-choice question.
    """
    video = video_of(cells, "video", place)
    answer_key = next((key for key in _ANSWERS if key in cells), "answer")
    question = str(cells.get("question") or CAPTION_QUESTION)
    known = {key: str(cells[key]) if key in cells else None for key in ("split", "subject", "label")}
    meta = {key: value for key, value in cells.items() if key not in {*_COLUMNS, *_ANSWERS}}
    media = read_media_keys(meta, place)
    if media is None:
        return None
    meta = {**{key: value for key, value in meta.items() if key not in MEDIA_KEYS}, **media}
    if isinstance(meta.get("references"), str):
        meta["references"] = [part.strip() for part in meta["references"].split(_DIVIDER) if part.strip()]
    if isinstance(cells.get("options"), str if has_divided_options else list):
        written = cells["options"]
        parts = [part.strip() for part in written.split(_DIVIDER)] if has_divided_options else written
        options = options_of(parts, "options", place)
        correct = option_named(cells.get(answer_key), options, answer_key, place)
        sample_id = str(cells.get("id", ""))
        meta = {PROTOCOL: "multiple_choice", **{key: meta[key] for key in meta if key != "options"}}
        sample = choice_sample(
            place,
            sample_id=sample_id,
            video=video,
            question=question,
            options=options,
            correct=correct,
            meta=meta,
            split=known["split"],
            subject=known["subject"],
        )
        return replace(sample, label=known["label"]) if sample else None
    turns = [Turn("user", question)]
    if cells.get("system"):
        turns.insert(0, Turn("system", str(cells["system"])))
    if cells.get(answer_key):
        turns.append(Turn("assistant", str(cells[answer_key])))
    if video is None or not check_turns(turns, place):
        return None
    return Sample(str(cells.get("id", "")), video, tuple(turns), **known, meta=meta)


class _Table:
    layout = Table()
    looks_like = "a table with the columns `video` and `question`, `answer` or `caption`"
    is_general = True

    def recognises(self, record: Mapping[str, Any]) -> bool:
        return is_row(record)

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        cells = {key: _value(text, key, place) for key, text in record.items() if text != ""}
        return read_row(cells, place, has_divided_options=True)

    def to_record(self, sample: Sample) -> dict[str, Any]:
        if len([turn for turn in sample.turns if turn.role != "system"]) > 2:
            raise DataInvalid(
                f"sample {sample.sample_id!r} has several questions in one conversation; a table has a row for one.",
                "Write qved, messages or sharegpt.",
            )
        system = next((turn.text for turn in sample.turns if turn.role == "system"), "")
        fields = {
            "id": sample.sample_id,
            "video": sample.video,
            "system": system,
            "question": sample.question,
            "answer": sample.answer,
            "split": sample.split or "",
            "subject": sample.subject or "",
            "label": sample.label or "",
        }
        # What is no text is written as JSON behind a mark, so that it reads back as what it was.
        return fields | {key: _cell(value) for key, value in sample.meta.items()}

    def encode(self, records: list[dict[str, Any]]) -> str:
        columns = [*_COLUMNS, *dict.fromkeys(key for record in records for key in record if key not in _COLUMNS)]
        written = [name for name in columns if name in ("id", "video", "answer") or any(map(_holds(name), records))]
        out = io.StringIO()
        writer = csv.DictWriter(out, written, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
        return out.getvalue()


def _holds(name: str) -> Any:
    return lambda record: bool(record.get(name))


def _cell(value: Any) -> str:
    is_plain = isinstance(value, str) and value and not value.startswith(_JSON)
    return str(value) if is_plain else _JSON + json.dumps(value, ensure_ascii=False, allow_nan=False)


def _value(text: str, key: str, place: Place) -> Any:
    if not text.startswith(_JSON):
        return text
    try:
        return json.loads(text[len(_JSON) :])
    except (ValueError, RecursionError):
        place.report(key, text, f"JSON after {_JSON!r}")
        return None


READER = _Table()
