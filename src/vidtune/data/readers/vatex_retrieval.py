"""VATEX for retrieval: the lists of the HGR split, which retrieval papers report on.

    test_list.txt, val_list.txt, train_list.txt       one id a line, as TS2-Net and its successors have them
    tst_names.npy, val_names.npy, trn_names.npy       the same as arrays, as the split was published (``public_split``)
    hgr_test.txt, hgr_val.txt, hgr_train.txt          the same, under names that say what they are

    Ptf_2VRj-V0_000122_000132

1,500 and 1,500 ids are of the validation set, 25,991 of the training set. Captions come from what is there beside the
list: ``vatex_training_v1.0.json`` and ``vatex_validation_v1.0.json``; ``vatex_data.json``, from ids to records with
``enCap``; ``ref_captions.json``, from ids to captions, which may also lie in ``../annotation/RET``. ``split`` is
``test-hgr``, ``val-hgr`` or ``train-hgr``, by the list's name. Source: Chen et al., Fine-grained Video-Text Retrieval
with Hierarchical Graph Reasoning, CVPR 2020; cshizhe/hgr_v2t, LiuRicky/ts2_net.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from vidtune.data._findings import Place
from vidtune.data._layouts import NameList
from vidtune.data._samples import Sample
from vidtune.data._tasks import CAPTION_QUESTION, PROTOCOL, asked_sample, read_beside, video_of

_ALL_CAPTIONS = (
    "vatex_training_v1.0.json",
    "vatex_validation_v1.0.json",
    "vatex_data.json",
    "ref_captions.json",
    "../annotation/RET/ref_captions.json",
)
_SPLITS = {"test": "test-hgr", "tst": "test-hgr", "val": "val-hgr", "train": "train-hgr", "trn": "train-hgr"}


class _VatexRetrieval:
    layout = NameList("hgr_id", r"[\w-]{11}_\d{6}_\d{6}")
    looks_like = "a list with one id a line, as Ptf_2VRj-V0_000122_000132"

    def recognises(self, record: Mapping[str, Any]) -> bool:
        return set(record) == {"hgr_id"}

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        video = video_of(record, "hgr_id", place)
        if video is None:
            return None
        references = _captions_beside(place.findings.path.parent).get(video)
        if not references:
            found = f"no caption of {video!r} in {', '.join(_ALL_CAPTIONS[:-1])} beside the list"
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
        for video, captions in _captions_of(read_beside(path)):
            # The official files come first: those of other projects are often lower-cased and tokenised.
            if isinstance(captions, list):
                found.setdefault(video, tuple(str(text).strip() for text in captions if str(text).strip()))
    return found


def _captions_of(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield id and captions of a list of records, or of an object from ids to records or to captions."""
    if isinstance(value, dict):
        for video, item in value.items():
            yield video, item.get("enCap") if isinstance(item, dict) else item
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            yield str(item.get("videoID")), item.get("enCap")


READER = _VatexRetrieval()
