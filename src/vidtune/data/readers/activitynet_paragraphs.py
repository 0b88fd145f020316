"""ActivityNet Captions as paragraphs: all sentences of a video one after the other, for captioning and retrieval.

The files are those of ``activitynet_captions``, which is what ``auto`` takes them for; name this format to have
paragraphs. Paragraph-video retrieval is done on ``val_1`` (4,917 videos, one paragraph each). Sentences are joined by
blanks in the order of the file, as in the loaders of CLIP4Clip and TS2-Net: that is the order of time but for a few
videos, of which some sentence begins before the one that precedes it (``v_MSSb3wPd5hM``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidtune.data._findings import Place
from vidtune.data._layouts import ObjectByKey
from vidtune.data._samples import Sample
from vidtune.data._tasks import PROTOCOL, asked_sample, known_of, number_of, video_of
from vidtune.data.readers.activitynet_captions import read_events, split_of

QUESTION = "Describe everything that happens in this video in one paragraph."


class _ActivityNetParagraphs:
    layout = ObjectByKey("video")
    looks_like = "the same, when named"

    def recognises(self, record: Mapping[str, Any]) -> bool:
        return False

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        video, duration_s = video_of(record, "video", place), number_of(record, "duration", place)
        events = read_events(record, place)
        if video is None or events is None:
            return None
        paragraph = " ".join(event["text"] for event in events)
        return asked_sample(
            sample_id=video,
            video=video,
            question=QUESTION,
            answer=paragraph,
            split=split_of(place.findings.path),
            meta={PROTOCOL: "retrieval", "references": [paragraph], **known_of(duration_s=duration_s)},
        )


READER = _ActivityNetParagraphs()
