"""Annotation files and what they say: read, found on disk, selected, split, checked, described, written."""

from vidtune.data._answers import require_answers
from vidtune.data._balance import balance_classes
from vidtune.data._check import CheckReport, Finding, check_dataset
from vidtune.data._clip_source import clip_name, clip_source, note_windows
from vidtune.data._collect import CollectedClip, Collection, collect_clips
from vidtune.data._config import DataConfig, load_samples
from vidtune.data._degrade import DegradeSummary, degrade_dataset
from vidtune.data._doctor import Diagnosis, Shared, diagnose
from vidtune.data._leakage import Leak, clip_families, find_leaks
from vidtune.data._near_copies import ClipsOfTwoSets, NearCopies, NearCopy, clips_of_two_sets, find_near_copies
from vidtune.data._probe import ProbedVideo, probe_videos
from vidtune.data._probe_sound import missing_sounds
from vidtune.data._quality import QualityThresholds, thresholds_named
from vidtune.data._read import read_dataset
from vidtune.data._samples import Aside, Dataset, Sample, Turn
from vidtune.data._sides import mirror_sample, mirror_turns, swap_sides
from vidtune.data._sound_paths import SoundsKept, keep_sounds
from vidtune.data._sound_source import SoundSource, names_sound, sound_name, sound_source
from vidtune.data._splits import SplitConfig, SplitResult, split_dataset
from vidtune.data._stats import DatasetStats, Spread, TypeStats, describe_dataset, errors_of
from vidtune.data._subset import class_of, take_subsets
from vidtune.data._subtitles import (
    Subtitle,
    SubtitlesShown,
    read_subtitles,
    show_subtitles,
    subtitle_file,
    subtitles_before,
    subtitles_between,
    subtitles_seen,
)
from vidtune.data._videos import resolve_video
from vidtune.data._write import (
    encode_dataset,
    suffix_of,
    target_of,
    writable_formats,
    write_dataset,
    write_messages,
    write_qved,
)
from vidtune.data.readers import Reader, Writer, readers

__all__ = [
    "Aside",
    "CheckReport",
    "ClipsOfTwoSets",
    "CollectedClip",
    "Collection",
    "DataConfig",
    "Dataset",
    "DatasetStats",
    "DegradeSummary",
    "Diagnosis",
    "Finding",
    "Leak",
    "NearCopies",
    "NearCopy",
    "ProbedVideo",
    "QualityThresholds",
    "Reader",
    "Sample",
    "Shared",
    "SoundSource",
    "SoundsKept",
    "SplitConfig",
    "SplitResult",
    "Spread",
    "Subtitle",
    "SubtitlesShown",
    "Turn",
    "TypeStats",
    "Writer",
    "balance_classes",
    "check_dataset",
    "class_of",
    "clip_families",
    "clip_name",
    "clip_source",
    "clips_of_two_sets",
    "collect_clips",
    "degrade_dataset",
    "describe_dataset",
    "diagnose",
    "encode_dataset",
    "errors_of",
    "find_leaks",
    "find_near_copies",
    "keep_sounds",
    "load_samples",
    "mirror_sample",
    "mirror_turns",
    "missing_sounds",
    "names_sound",
    "note_windows",
    "probe_videos",
    "read_dataset",
    "read_subtitles",
    "readers",
    "require_answers",
    "resolve_video",
    "show_subtitles",
    "sound_name",
    "sound_source",
    "split_dataset",
    "subtitle_file",
    "subtitles_before",
    "subtitles_between",
    "subtitles_seen",
    "suffix_of",
    "swap_sides",
    "take_subsets",
    "target_of",
    "thresholds_named",
    "writable_formats",
    "write_dataset",
    "write_messages",
    "write_qved",
]
