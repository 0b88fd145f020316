"""Clips: open, probe, sample, read. Every frame in vidtune comes through ``read_frames``."""

from vidtune.media._frameset import FrameSet, frameset_from_array
from vidtune.media._limits import ReadLimits
from vidtune.media._probe import VideoInfo, probe_video
from vidtune.media._read import read_frames
from vidtune.media._sampling import SamplingConfig, Selector, selectors
from vidtune.media._strip import write_strip

__all__ = [
    "FrameSet",
    "ReadLimits",
    "SamplingConfig",
    "Selector",
    "VideoInfo",
    "frameset_from_array",
    "probe_video",
    "read_frames",
    "selectors",
    "write_strip",
]
