"""The physio pack: drawn people doing the 14 exercises of QVED, well or with a visible mistake."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vidtune.core.progress import Progress, silent
from vidtune.packs.physio._annotations import PROMPT
from vidtune.packs.physio._config import PhysioConfig
from vidtune.packs.physio._synthesize import GENERATOR_VERSION, PhysioSummary
from vidtune.packs.physio._synthesize import synthesize as _synthesize
from vidtune.packs.physio._timing import write_timing_questions


@dataclass(frozen=True)
class PhysioPack:
    """The pack as the registry offers it."""

    name: str = "physio"
    config_class: type[PhysioConfig] = PhysioConfig

    def synthesize(self, out_folder: Path, config: PhysioConfig, progress: Progress = silent) -> PhysioSummary:
        """Write the data set, or continue an unfinished one, and return what was written."""
        return _synthesize(Path(out_folder), config, progress)


PACK = PhysioPack()

__all__ = [
    "GENERATOR_VERSION",
    "PACK",
    "PROMPT",
    "PhysioConfig",
    "PhysioPack",
    "PhysioSummary",
    "write_timing_questions",
]
