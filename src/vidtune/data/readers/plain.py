"""Plain records: what ``table`` has as columns, as the keys of JSON objects or the columns of a Parquet table.

    {"video": "squats/1.mp4", "question": "How is the form?", "answer": "The knees move inwards.", "subject": "p1"}

``options`` and ``references`` are lists here. Any other key is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidtune.data._findings import Place
from vidtune.data._layouts import RECORDS
from vidtune.data._samples import Sample
from vidtune.data.readers.table import is_row, read_row

_TEXTS = ("question", "answer", "caption", "system")


class _Plain:
    layout = RECORDS
    looks_like = "`video` and `question`, `answer` or `caption`"
    is_general = True

    def recognises(self, record: Mapping[str, Any]) -> bool:
        return is_row(record)

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        known = {key: value for key, value in record.items() if value is not None and value != ""}
        wrong = [key for key in _TEXTS if not isinstance(known.get(key, ""), str | int | float)]
        for key in wrong:
            place.report(key, known[key], "text")
        return None if wrong else read_row(known, place, has_divided_options=False)


READER = _Plain()
