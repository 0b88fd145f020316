"""The captions pack: clips with several captions each, and longer videos of several events."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vidtune.core.progress import Progress, silent
from vidtune.packs.captions._config import CaptionsConfig
from vidtune.packs.captions._synthesize import GENERATOR_VERSION, CaptionsSummary
from vidtune.packs.captions._synthesize import synthesize as _synthesize


@dataclass(frozen=True)
class CaptionsPack:
    """The pack as the registry offers it."""

    name: str = "captions"
    config_class: type[CaptionsConfig] = CaptionsConfig

    def synthesize(self, out_folder: Path, config: CaptionsConfig, progress: Progress = silent) -> CaptionsSummary:
        """Write the data set, or continue an unfinished one, and return what was written."""
        return _synthesize(Path(out_folder), config, progress)


PACK = CaptionsPack()

__all__ = ["GENERATOR_VERSION", "PACK", "CaptionsConfig", "CaptionsPack", "CaptionsSummary"]
