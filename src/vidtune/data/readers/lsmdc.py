"""LSMDC: ``LSMDC16_annos_training.csv`` and its like: tab-separated, without a line of names.

    0001_American_Beauty_00.00.51.926-00.00.54.129<TAB>start aligned<TAB>end aligned<TAB>start<TAB>end<TAB>sentence

Clip ids come more than once in the training file and once in the test of a thousand. The film is the subject: its
clips are not independent of each other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vidtune.data._findings import Place
from vidtune.data._layouts import Table
from vidtune.data._samples import Sample
from vidtune.data._tasks import CAPTION_QUESTION, PROTOCOL, asked_sample, text_of, video_of

_COLUMNS = ("clip_id", "start_aligned", "end_aligned", "start_extracted", "end_extracted", "sentence")
_FILM = re.compile(r"^(?P<film>.+?)_\d{2}\.\d{2}\.\d{2}\.\d{3}-")
_SPLITS = {"training": "train", "val": "val", "publictect": "test-1k", "test": "test"}


class _Lsmdc:
    layout = Table("\t", _COLUMNS)
    looks_like = "six columns divided by tabs: clip, four times, sentence"

    def recognises(self, record: Mapping[str, Any]) -> bool:
        return set(record) == set(_COLUMNS) and bool(_FILM.match(str(record["clip_id"])))

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        clip, sentence = video_of(record, "clip_id", place), text_of(record, "sentence", place)
        if clip is None or sentence is None:
            return None
        film = _FILM.match(clip)
        if film is None:
            place.report("clip_id", clip, "film, start and end, as in 0001_American_Beauty_00.00.51.926-00.00.54.129")
            return None
        split = next((split for part, split in _SPLITS.items() if part in place.findings.path.name), None)
        return asked_sample(
            sample_id="",
            video=f"{film['film']}/{clip}",
            question=CAPTION_QUESTION,
            answer=sentence,
            split=split,
            subject=film["film"],
            meta={PROTOCOL: "retrieval", "references": [sentence.strip()]},
        )


READER = _Lsmdc()
