"""What a model is shown of each sample: its clip, or what a condition puts in the place of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidtune.adapters import takes_frame_signals
from vidtune.data import Sample, clip_source, load_samples
from vidtune.inference._augment import View
from vidtune.inference._condition import ConditionImpossible, find_condition
from vidtune.inference._config import PredictConfig
from vidtune.inference._reading import Footage
from vidtune.media import FrameCache, FrameSet, read_frames
from vidtune.models import Family


def takes_asides(family: Family, gated: Any) -> bool:
    """Whether words can stand between the frames of a clip.

    Args:
        family: Of the model.
        gated: The model, or the adapter's config. Gates that weigh frames know a clip in one block only: its groups of
            frames are counted from its first.
    """
    return family.takes_asides and not takes_frame_signals(gated)


class Showing:
    """Finds and reads what is shown.

    Args:
        config: The recipe; its augmentation and its condition, if it has them, decide what that is.

    Raises:
        BadUsage: If there is no such condition or augmentation.
        DataInvalid: If the condition needs the other samples of the data and they cannot be read.
    """

    def __init__(self, config: PredictConfig) -> None:
        self._config = config
        self.view = View(config.augment)
        self._condition = find_condition(config.condition)
        self._borrowed = self._borrow()
        self._frame_cache = config.frame_cache.open(FrameCache)

    @property
    def has_clip(self) -> bool:
        """Whether the model is shown anything at all."""
        return self._condition is None or self._condition.has_clip

    @property
    def needs_frames(self) -> bool:
        """Whether clips are read: also where they are not shown, for the subtitles of the moments that they show."""
        return self.has_clip or self._config.data.subtitles is not None

    def find(self, sample: Sample) -> Footage:
        """Return what is read for a sample.

        Raises:
            VideoMissing: If it is not there.
            ConditionImpossible: If the condition has no clip for the sample.
        """
        query = self._config.sampling.query_for(sample.question)
        if self._borrowed is not None:
            if sample.sample_id not in self._borrowed:
                raise ConditionImpossible(
                    f"no other clip of {self._config.data.path} has a different answer than {sample.sample_id}.",
                    "Probe data with more than one video and more than one answer.",
                )
            sample = self._borrowed[sample.sample_id]
        return Footage(clip_source(sample, self._config.data.videos), query)

    def read(self, footage: Footage) -> FrameSet:
        """Return the frames that are shown.

        Raises:
            VidtuneError: As ``read_frames``.
            ConditionImpossible: If the condition would change nothing about the clip.
        """
        frames = read_frames(
            footage.source,
            self._config.sampling,
            limits=self._config.limits,
            max_side_px=self._config.max_side_px,
            query=footage.query,
            cache=self._frame_cache,
        )
        frames = self.view.frames(frames)
        return frames if self._condition is None else self._condition.shown(frames)

    def about(self, sample: Sample) -> dict[str, Any]:
        """Return what a record adds where the model was shown something else than the sample's clip."""
        if self._condition is None:
            return {}
        other = (self._borrowed or {}).get(sample.sample_id)
        shown = {} if other is None else {"shown_video": other.video}
        return {"condition": self._config.condition, **shown}

    def _borrow(self) -> Mapping[str, Sample] | None:
        """Return whose clip is shown for each sample; None where it is its own. A limit does not change whose."""
        if self._condition is None or self._condition.borrow is None:
            return None
        everything = self._config.data.model_copy(update={"limit": None})
        return self._condition.borrow(load_samples(everything).samples)
