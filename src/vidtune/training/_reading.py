"""How a training reads the clip of a sample."""

from __future__ import annotations

from vidtune.data import DataConfig, Sample, clip_source
from vidtune.media import FrameCache, FrameSet, read_frames
from vidtune.training._config import TrainConfig
from vidtune.training._examples import ReadFrames


def clip_reader(config: TrainConfig, source: DataConfig) -> ReadFrames:
    """Return what reads the clip of a sample as the recipe says: which frames, how large, kept on disk or not."""
    cache = config.frame_cache.open(FrameCache)

    def read(sample: Sample) -> FrameSet:
        return read_frames(
            clip_source(sample, source.videos),
            config.sampling,
            max_side_px=config.max_side_px,
            query=config.sampling.query_for(sample.question),
            cache=cache,
        )

    return read
