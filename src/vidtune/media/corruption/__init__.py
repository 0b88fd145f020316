"""Damage on purpose: pure, seeded corruptions of frames and of video files, one file for each family."""

from vidtune.media.corruption._corruption import (
    Corruption,
    CorruptionConfig,
    corrupt_frames,
    corruptions,
    levels,
)
from vidtune.media.corruption._file import DamagedVideo, corrupt_video
from vidtune.media.corruption._named import NamedCorruption, corruption_names, read_corruptions
from vidtune.media.corruption._sheet import write_corruption_sheet

__all__ = [
    "Corruption",
    "CorruptionConfig",
    "DamagedVideo",
    "NamedCorruption",
    "corrupt_frames",
    "corrupt_video",
    "corruption_names",
    "corruptions",
    "levels",
    "read_corruptions",
    "write_corruption_sheet",
]
