"""MSR-VTT: ``MSRVTT_data.json`` or ``train_val_videodatainfo.json``: videos and, apart, their twenty captions.

    {"videos": [{"video_id": "video0", "category": 9, "split": "train", "start time": 137.7, "end time": 149.4, ...}],
     "sentences": [{"sen_id": 0, "video_id": "video0", "caption": "a car is shown"}]}

One sample a video, with all its captions; ``split`` is the official one of captioning (6,513 / 497 / 2,990). The
retrieval splits are in ``msr_vtt_retrieval``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidtune.data._findings import Place
from vidtune.data._layouts import JoinedObject
from vidtune.data._samples import Sample
from vidtune.data._tasks import CAPTION_QUESTION, PROTOCOL, asked_sample, known_of, rest_of, texts_of, video_of


def join_captions(value: Mapping[str, Any], place: Place) -> list[tuple[str, dict[str, Any]]]:
    """Return every video with its captions; a caption of no video is reported."""
    captions: dict[str, list[str]] = {}
    for index, item in enumerate(value["sentences"]):
        if isinstance(item, dict) and isinstance(item.get("video_id"), str) and isinstance(item.get("caption"), str):
            captions.setdefault(item["video_id"], []).append(item["caption"])
        else:
            place.report(f"sentences[{index}]", item, "an object with `video_id` and `caption`")
    joined, known = [], set()
    for index, item in enumerate(value["videos"]):
        if not isinstance(item, dict) or not isinstance(item.get("video_id"), str):
            place.report(f"videos[{index}]", item, "an object with `video_id`")
            continue
        known.add(item["video_id"])
        joined.append((f"videos[{index}]", {**item, "captions": captions.get(item["video_id"], [])}))
    for video in sorted(set(captions) - known):
        place.report_text("sentences", f"captions of {video!r}", "videos that the list of videos has")
    return joined


class _MsrVtt:
    layout = JoinedObject(("videos", "sentences"), join_captions)
    looks_like = "an object with `videos` and `sentences`"

    def recognises(self, record: Mapping[str, Any]) -> bool:
        return "captions" in record and "video_id" in record

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        video = video_of(record, "video_id", place)
        references = texts_of(record, "captions", place)
        if video is None or references is None:
            return None
        split = record.get("split")
        return asked_sample(
            sample_id=video,
            video=video,
            question=CAPTION_QUESTION,
            answer=references[0],
            split=split if isinstance(split, str) else None,
            meta={
                PROTOCOL: "captions",
                "references": references,
                **known_of(category=record.get("category")),
                **rest_of(record, {"video_id", "captions", "split", "category"}),
            },
        )


READER = _MsrVtt()
