"""Clips: open, probe, sample, read. Every frame in vidtune comes through ``read_frames``."""

from vidtune.media._cache import FrameCache
from vidtune.media._choice import Choice, choices_record, clip_curves, timed_selection
from vidtune.media._clip import PacketSizes, ReadMode, Scan
from vidtune.media._clip_view import ClipView
from vidtune.media._errors import SoundEmpty, SoundMissing, SoundUnreadable, VideoDecoderDied
from vidtune.media._frameset import FrameSet, frameset_from_array
from vidtune.media._hear import read_sound
from vidtune.media._limits import ReadLimits
from vidtune.media._probe import VideoInfo
from vidtune.media._read import decode_at, packet_sizes, probe_video, read_frames, scan
from vidtune.media._sampling import Curve, SamplingConfig, Selection, Selector, selectors
from vidtune.media._sheet import draw_sheet, write_sheet
from vidtune.media._sound import Sound
from vidtune.media._source import ClipPart, ClipSource
from vidtune.media._still_clip import FrameFolder
from vidtune.media._strip import write_strip
from vidtune.media.embedding import Embedder, embedders

__all__ = [
    "Choice",
    "ClipPart",
    "ClipSource",
    "ClipView",
    "Curve",
    "Embedder",
    "FrameCache",
    "FrameFolder",
    "FrameSet",
    "PacketSizes",
    "ReadLimits",
    "ReadMode",
    "SamplingConfig",
    "Scan",
    "Selection",
    "Selector",
    "Sound",
    "SoundEmpty",
    "SoundMissing",
    "SoundUnreadable",
    "VideoDecoderDied",
    "VideoInfo",
    "choices_record",
    "clip_curves",
    "decode_at",
    "draw_sheet",
    "embedders",
    "frameset_from_array",
    "packet_sizes",
    "probe_video",
    "read_frames",
    "read_sound",
    "scan",
    "selectors",
    "timed_selection",
    "write_sheet",
    "write_strip",
]
