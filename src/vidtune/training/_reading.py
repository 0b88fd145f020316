"""How a training reads the clip of a sample, and its sound where the model hears."""

from __future__ import annotations

from dataclasses import replace

from vidtune.data import DataConfig, Sample, clip_source, sound_source
from vidtune.media import FrameCache, FrameSet, read_frames
from vidtune.models import SoundPolicy
from vidtune.training._config import TrainConfig
from vidtune.training._examples import ReadFrames


def clip_reader(config: TrainConfig, source: DataConfig, hears: SoundPolicy | None) -> ReadFrames:
    """Return what reads the clip of a sample as the recipe says: which frames, how large, kept on disk or not.

    Args:
        config: The recipe.
        source: Where the samples come from, and what of their sound is heard.
        hears: What the model takes of sound; None for one that does not hear.
    """
    cache = config.frame_cache.open(FrameCache)

    def read(sample: Sample) -> FrameSet:
        frames = read_frames(
            clip_source(sample, source.videos),
            config.sampling,
            max_side_px=config.max_side_px,
            query=config.sampling.query_for(sample.question),
            cache=cache,
        )
        heard = None if hears is None else sound_source(sample, source)
        if hears is None or heard is None:
            return frames
        sound = heard.read(sample_rate_hz=hears.sample_rate_hz, max_duration_s=hears.max_duration_s)
        return replace(frames, sound=sound)

    return read
