"""VATEX: ``vatex_training_v1.0.json`` and its like: ten English and ten Chinese captions a clip.

    [{"videoID": "Ptf_2VRj-V0_000122_000132", "enCap": ["..."], "chCap": ["..."]}]

The first five English captions are independent of the Chinese ones, the last five go with them; all ten are
references. ``split`` is by the file's name. The splits of retrieval papers are lists: see ``vatex_retrieval``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidtune.data._findings import Place
from vidtune.data._layouts import RECORDS
from vidtune.data._samples import Sample
from vidtune.data._tasks import CAPTION_QUESTION, PROTOCOL, asked_sample, known_of, rest_of, texts_of, video_of

_SPLITS = {"training": "train", "validation": "val", "public_test": "test", "private_test": "test"}


class _Vatex:
    layout = RECORDS
    looks_like = "`videoID` and `enCap`"
    split_lists: Mapping[str, str] = {
        "test-hgr": "test_list.txt",
        "val-hgr": "val_list.txt",
        "train-hgr": "train_list.txt",
    }

    def recognises(self, record: Mapping[str, Any]) -> bool:
        return "videoID" in record and "question" not in record

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        video = video_of(record, "videoID", place)
        # The private test set has no captions: its clips can be described and not be scored.
        references = texts_of(record, "enCap", place) if "enCap" in record else []
        if video is None or references is None:
            return None
        split = next((split for part, split in _SPLITS.items() if part in place.findings.path.name), None)
        return asked_sample(
            sample_id=video,
            video=video,
            question=CAPTION_QUESTION,
            answer=next(iter(references), None),
            split=split,
            meta={
                PROTOCOL: "captions",
                **known_of(references=references or None, references_zh=record.get("chCap")),
                **rest_of(record, {"videoID", "enCap", "chCap"}),
            },
        )


READER = _Vatex()
