"""Annotation files and what they say: read, found on disk, selected, split, checked, described, written."""

from vidtune.data._answers import require_answers
from vidtune.data._check import CheckReport, Finding, check_dataset
from vidtune.data._config import DataConfig, load_samples
from vidtune.data._leakage import Leak, find_leaks
from vidtune.data._probe import ProbedVideo, probe_videos
from vidtune.data._read import read_dataset
from vidtune.data._samples import Dataset, Sample, Turn
from vidtune.data._splits import SplitConfig, SplitResult, split_dataset
from vidtune.data._stats import DatasetStats, Spread, describe_dataset, errors_of
from vidtune.data._videos import resolve_video
from vidtune.data._write import encode_dataset, write_dataset, write_messages, write_qved
from vidtune.data.readers import Reader, readers

__all__ = [
    "CheckReport",
    "DataConfig",
    "Dataset",
    "DatasetStats",
    "Finding",
    "Leak",
    "ProbedVideo",
    "Reader",
    "Sample",
    "SplitConfig",
    "SplitResult",
    "Spread",
    "Turn",
    "check_dataset",
    "describe_dataset",
    "encode_dataset",
    "errors_of",
    "find_leaks",
    "load_samples",
    "probe_videos",
    "read_dataset",
    "readers",
    "require_answers",
    "resolve_video",
    "split_dataset",
    "write_dataset",
    "write_messages",
    "write_qved",
]
