"""The longvideo pack: minutes of scenes with short rare events, and questions that say where their evidence is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vidtune.core.progress import Progress, silent
from vidtune.packs.longvideo._config import LongvideoConfig
from vidtune.packs.longvideo._plan import Event, Question, SceneSpan, VideoPlan, plan_video
from vidtune.packs.longvideo._synthesize import GENERATOR_VERSION, LongvideoSummary
from vidtune.packs.longvideo._synthesize import synthesize as _synthesize


@dataclass(frozen=True)
class LongvideoPack:
    """The pack as the registry offers it."""

    name: str = "longvideo"
    config_class: type[LongvideoConfig] = LongvideoConfig

    def synthesize(self, out_folder: Path, config: LongvideoConfig, progress: Progress = silent) -> LongvideoSummary:
        """Write the data set, or continue an unfinished one, and return what was written."""
        return _synthesize(Path(out_folder), config, progress)


PACK = LongvideoPack()

__all__ = [
    "GENERATOR_VERSION",
    "PACK",
    "Event",
    "LongvideoConfig",
    "LongvideoPack",
    "LongvideoSummary",
    "Question",
    "SceneSpan",
    "VideoPlan",
    "plan_video",
]
