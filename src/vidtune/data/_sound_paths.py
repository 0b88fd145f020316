"""Sound files of samples that move to another annotation file: their paths stay right, and none is lost in silence."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vidtune.data._samples import Sample
from vidtune.data._sound_source import names_sound


@dataclass(frozen=True)
class SoundsKept:
    """What became of the sound files that samples name."""

    num_named: int
    """Samples that name one."""

    num_rewritten: int
    """Of them, those whose path is written anew, because it counted from the folder of the old annotation file."""

    num_not_beside: int
    """Of them, those whose file is not there: the path is as it was, to be found below the folder of the videos."""

    def to_record(self) -> dict[str, int]:
        """Return the counts as JSON values."""
        return {"named": self.num_named, "rewritten": self.num_rewritten, "not_beside": self.num_not_beside}


def keep_sounds(samples: Sequence[Sample], source: Path, target: Path) -> tuple[list[Sample], SoundsKept]:
    """Return ``samples`` with paths of sound files that hold from another folder. No file is copied or moved.

    A file that lies beside the old annotation file gets a path from the new one's folder if it is below that, else its
    full path. A path that is found otherwise, in full or below the folder of the videos, stays as it is.

    Args:
        samples: What is to be written.
        source: Folder of the annotation file that they are from.
        target: Folder of the one that they are written to.
    """
    num_named = num_rewritten = num_not_beside = 0
    old, new = source.resolve(), target.resolve()
    kept = []
    for sample in samples:
        if names_sound(sample):
            num_named += 1
            written = str(sample.meta["audio"])
            is_beside = ".." not in written.replace("\\", "/").split("/") and os.path.isfile(source / written)
            if not is_beside:
                num_not_beside += 1
            elif old != new and not os.path.isabs(written):
                num_rewritten += 1
                file = old / written
                path = file.relative_to(new).as_posix() if file.is_relative_to(new) else str(file)
                sample = replace(sample, meta={**sample.meta, "audio": path})
        kept.append(sample)
    return kept, SoundsKept(num_named, num_rewritten, num_not_beside)
