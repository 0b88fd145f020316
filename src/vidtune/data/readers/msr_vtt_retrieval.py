"""MSR-VTT for retrieval: the published lists of the 1k-A, 9k and 7k splits.

    MSRVTT_JSFUSION_test.csv    key,vid_key,video_id,sentence     1k-A: a thousand clips, one caption each
    MSRVTT_train.9k.csv         video_id                          captions from MSRVTT_data.json beside it
    MSRVTT_train.7k.csv         video_id

``split`` is ``test-1k-A``, ``train-9k`` or ``train-7k``, by the file's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from vidtune.data._findings import Place
from vidtune.data._layouts import Table
from vidtune.data._samples import Sample
from vidtune.data._tasks import CAPTION_QUESTION, PROTOCOL, asked_sample, read_beside, video_of

_ALL_CAPTIONS = ("MSRVTT_data.json", "MSRVTT_v2.json")


class _MsrVttRetrieval:
    layout = Table()
    looks_like = "a table with the column `video_id` and, in the test file, `sentence`"

    def recognises(self, record: Mapping[str, Any]) -> bool:
        return "video_id" in record and set(record) <= {"video_id", "sentence", "key", "vid_key"}

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        video = video_of(record, "video_id", place)
        if video is None:
            return None
        if record.get("sentence"):
            references = [str(record["sentence"]).strip()]
        else:
            references = _captions_beside(place.findings.path.parent).get(video, [])
            if not references:
                found = f"no caption of {video!r} in {' or '.join(_ALL_CAPTIONS)} beside the list"
                place.report_text("video_id", found, "the captions beside the list of videos")
                return None
        return asked_sample(
            sample_id=video,
            video=video,
            question=CAPTION_QUESTION,
            answer=references[0],
            split=_split_of(place.findings.path.name),
            meta={PROTOCOL: "retrieval", "references": references},
        )


def _split_of(name: str) -> str | None:
    named = {"JSFUSION_test": "test-1k-A", "train.9k": "train-9k", "train.7k": "train-7k", "train_9k": "train-9k"}
    return next((split for part, split in named.items() if part in name), None)


def _captions_beside(folder: Path) -> Mapping[str, list[str]]:
    path = next((folder / name for name in _ALL_CAPTIONS if (folder / name).is_file()), None)
    return _captions_in(path, path.stat().st_mtime_ns) if path is not None else {}


@lru_cache(maxsize=2)
def _captions_in(path: Path, changed_ns: int) -> Mapping[str, list[str]]:
    value = read_beside(path)
    sentences = value.get("sentences") if isinstance(value, dict) else None
    found: dict[str, list[str]] = {}
    for item in sentences if isinstance(sentences, list) else ():
        if isinstance(item, dict):
            found.setdefault(str(item.get("video_id")), []).append(str(item.get("caption", "")).strip())
    return found


READER = _MsrVttRetrieval()
