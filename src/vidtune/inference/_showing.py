"""What a model is shown and hears of each sample: its clip, or what a condition puts in the place of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from vidtune.adapters import takes_frame_signals
from vidtune.data import Sample, SoundSource, clip_source, load_samples, names_sound, sound_source
from vidtune.inference._augment import View
from vidtune.inference._condition import ConditionImpossible, find_condition
from vidtune.inference._config import PredictConfig
from vidtune.inference._reading import Footage
from vidtune.media import FrameCache, FrameSet, Sound, read_frames
from vidtune.models import Family

if TYPE_CHECKING:
    from vidtune.models import SoundPolicy

_NUM_SHOWN = 4


def takes_asides(family: Family, gated: Any) -> bool:
    """Whether words can stand between the frames of a clip.

    Args:
        family: Of the model.
        gated: The model, or the adapter's config. Gates that weigh frames know a clip in one block only: its groups of
            frames are counted from its first.
    """
    return family.takes_asides and not takes_frame_signals(gated)


class Showing:
    """Finds and reads what is shown and heard.

    Args:
        config: The recipe; its augmentation and its condition, if it has them, decide what that is.
        hears: What the model takes of sound; None for one that does not hear.

    Raises:
        BadUsage: If there is no such condition or augmentation.
        DataInvalid: If the condition needs the other samples of the data and they cannot be read.
    """

    def __init__(self, config: PredictConfig, hears: SoundPolicy | None = None) -> None:
        self._config = config
        self._hears = hears
        self.view = View(config.augment)
        self._condition = find_condition(config.condition)
        self._borrowed, self._borrowed_sound = self._borrow()
        # Spoken questions about one clip follow each other: its frames are decoded once for all of them.
        self._read_shown = lru_cache(maxsize=_NUM_SHOWN)(self._read_frames)
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
            VideoMissing, SoundMissing: If it is not there.
            ConditionImpossible: If the condition has no clip for the sample.
        """
        sound = self._find_sound(sample)
        query = self._config.sampling.query_for(sample.question)
        if self._borrowed is not None:
            if sample.sample_id not in self._borrowed:
                raise ConditionImpossible(
                    f"no other clip of {self._config.data.path} has a different answer than {sample.sample_id}.",
                    "Probe data with more than one video and more than one answer.",
                )
            sample = self._borrowed[sample.sample_id]
        return Footage(clip_source(sample, self._config.data.videos), query, sound)

    def read(self, footage: Footage) -> FrameSet:
        """Return the frames that are shown.

        Raises:
            VidtuneError: As ``read_frames`` and ``read_sound``.
            ConditionImpossible: If the condition would change nothing about the clip.
        """
        if self._hears is None:
            return self._read_frames(footage)
        frames = self._read_shown(replace(footage, sound=None))
        sound: Sound | None = None
        if footage.sound is not None:
            sound = footage.sound.read(
                sample_rate_hz=self._hears.sample_rate_hz,
                max_duration_s=self._hears.max_duration_s,
                limits=self._config.limits,
            )
        if self._condition is not None:
            sound = self._condition.heard(sound)
        return frames if sound is None else replace(frames, sound=sound)

    def _read_frames(self, footage: Footage) -> FrameSet:
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
        heard = (self._borrowed_sound or {}).get(sample.sample_id)
        if heard is not None:
            shown["heard_sample"] = heard.sample_id
        return {"condition": self._config.condition, **shown}

    def _find_sound(self, sample: Sample) -> SoundSource | None:
        if self._hears is None:
            return None
        if self._borrowed_sound is not None:
            if sample.sample_id not in self._borrowed_sound:
                raise ConditionImpossible(
                    f"no other sound of {self._config.data.path} belongs to a different answer than "
                    f"{sample.sample_id}'s, or it has none.",
                    "Probe data with more than one sound and more than one answer.",
                )
            sample = self._borrowed_sound[sample.sample_id]
        return sound_source(sample, self._config.data)

    def _borrow(self) -> tuple[Mapping[str, Sample] | None, Mapping[str, Sample] | None]:
        """Return whose clip is shown and whose sound is heard for each sample; None where it is its own.

        A limit does not change whose.
        """
        condition = self._condition
        if condition is None or (condition.borrow is None and condition.borrow_sound is None):
            return None, None
        everything = load_samples(self._config.data.model_copy(update={"limit": None})).samples
        with_sound = [one for one in everything if self._config.data.sound == "clip" or names_sound(one)]
        return (
            None if condition.borrow is None else condition.borrow(everything),
            None if condition.borrow_sound is None else condition.borrow_sound(with_sound),
        )
