"""A folder of clips: ``squats/0001.mp4``, ``lunges/0002.mp4`` ...; a text file beside a clip holds its caption.

Where the clips lie in several folders, those are the classes, and a clip without a caption is asked for its class.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from vidtune.data._findings import Place
from vidtune.data._layouts import ClipFolder
from vidtune.data._paths import parent_name
from vidtune.data._samples import Sample
from vidtune.data._tasks import CAPTION_QUESTION, asked_sample

CLASS_QUESTION = "What is shown in this video? Name it in a few words."


class _Folder:
    layout = ClipFolder()
    looks_like = "a folder of clips"

    def recognises(self, record: Mapping[str, Any]) -> bool:
        return "clip" in record

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        clip = str(record["clip"])
        root = place.findings.path
        caption_path = root / PurePosixPath(clip).with_suffix(".txt")
        caption = _read_caption(caption_path, place) if caption_path.is_file() else None
        label = parent_name(clip).replace("_", " ") if record.get("has_classes") else None
        return asked_sample(
            sample_id="",
            video=clip,
            question=CAPTION_QUESTION if caption or not label else CLASS_QUESTION,
            answer=caption or label,
            label=label,
            meta={},
        )


def _read_caption(path: Path, place: Place) -> str | None:
    try:
        return " ".join(path.read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError) as exc:
        place.report_text(path.name, f"a file that cannot be read ({exc})", "UTF-8 text")
        return None


READER = _Folder()
