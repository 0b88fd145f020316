"""VATEX for retrieval: the lists of the HGR split, which retrieval papers report on.

    hgr_test.txt    1,500 ids of the validation set, one a line
    hgr_val.txt     the other 1,500
    hgr_train.txt   those of the training set

    Ptf_2VRj-V0_000122_000132

Captions come from ``vatex_training_v1.0.json`` and ``vatex_validation_v1.0.json`` beside the list. ``split`` is
``test-hgr``, ``val-hgr`` or ``train-hgr``, by the file's name. Source: Chen et al., Fine-grained Video-Text Retrieval
with Hierarchical Graph Reasoning, CVPR 2020.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from vidtune.data._findings import Place
from vidtune.data._layouts import NameList
from vidtune.data._samples import Sample
from vidtune.data._tasks import CAPTION_QUESTION, PROTOCOL, asked_sample, read_beside, video_of

_ALL_CAPTIONS = ("vatex_training_v1.0.json", "vatex_validation_v1.0.json")
_SPLITS = {"test": "test-hgr", "tst": "test-hgr", "val": "val-hgr", "train": "train-hgr", "trn": "train-hgr"}


class _VatexRetrieval:
    layout = NameList("hgr_id", r"[\w-]{11}_\d{6}_\d{6}")
    looks_like = "a text file with one id a line, as Ptf_2VRj-V0_000122_000132"

    def recognises(self, record: Mapping[str, Any]) -> bool:
        return set(record) == {"hgr_id"}

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        video = video_of(record, "hgr_id", place)
        if video is None:
            return None
        references = _captions_beside(place.findings.path.parent).get(video)
        if not references:
            found = f"no caption of {video!r} in {' or '.join(_ALL_CAPTIONS)} beside the list"
            place.report_text("", found, "the captions beside the list of ids")
            return None
        split = next((split for part, split in _SPLITS.items() if part in place.findings.path.name), None)
        return asked_sample(
            sample_id=video,
            video=video,
            question=CAPTION_QUESTION,
            answer=references[0],
            split=split,
            meta={PROTOCOL: "retrieval", "references": list(references)},
        )


def _captions_beside(folder: Path) -> Mapping[str, tuple[str, ...]]:
    paths = [path for name in _ALL_CAPTIONS if (path := folder / name).is_file()]
    return _captions_in(tuple((path, path.stat().st_mtime_ns) for path in paths))


@lru_cache(maxsize=2)
def _captions_in(changed_at: tuple[tuple[Path, int], ...]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for path, _ in changed_at:
        value = read_beside(path)
        for item in value if isinstance(value, list) else ():
            if isinstance(item, dict) and isinstance(item.get("enCap"), list):
                found[str(item.get("videoID"))] = tuple(str(text).strip() for text in item["enCap"])
    return found


READER = _VatexRetrieval()
