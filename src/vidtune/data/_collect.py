"""What is to be examined: the clips of annotation files, of a folder of them, or of a plain folder of videos."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vidtune.core.errors import BadData, DataInvalid, VidtuneError
from vidtune.data._paths import path_parts
from vidtune.data._read import read_dataset
from vidtune.data._samples import Sample
from vidtune.data._videos import resolve_video

VIDEO_SUFFIXES = frozenset(
    ".mp4 .mov .m4v .mkv .webm .avi .ts .m2ts .mts .mpg .mpeg .flv .wmv .3gp .ogv .mxf .vob .asf".split()
)
_OTHER_SUFFIXES = frozenset({".json", ".jsonl", ".csv", ".tsv", ".txt", ".parquet"})
_MAX_NAMED = 5
_SPLITS = frozenset({"train", "val", "valid", "validation", "test", "dev", "eval"})
_SIDE_FILES = frozenset(
    {"manifest.json", "subjects.json", "annotated_errors.json", "ground_truth.json", "rejected_videos.json"}
)


@dataclass(frozen=True)
class CollectedClip:
    """One video of the data, found or not."""

    video: str
    """As written in the annotations, or below the folder."""

    path: Path | None
    error: VidtuneError | None
    """Why there is no path."""

    splits: tuple[str, ...]
    label: str | None
    subject: str | None
    num_samples: int


@dataclass(frozen=True)
class Collection:
    """All clips, and what the splits consist of."""

    clips: tuple[CollectedClip, ...]
    splits: Mapping[str, tuple[Sample, ...]]
    """For a folder of videos: a sample without words for each clip."""

    problems: tuple[str, ...]
    """Annotation files that do not hold, with their findings."""

    sources: tuple[str, ...]
    """What was read, for people."""


def collect_clips(paths: Sequence[Path], videos_root: Path | None = None) -> Collection:
    """Find every clip that ``paths`` stand for.

    Args:
        paths: Annotation files, or one folder: of annotation files, or of videos.
        videos_root: Folder of the videos; default: the folder of each annotation file.

    Raises:
        BadData: If a path or the folder of the videos does not exist, a path is a single video, or a folder holds
            neither annotations nor videos.
    """
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise BadData(f"{missing[0]} does not exist.", "Give an annotation file, or a folder of videos.")
    if videos_root is not None and not videos_root.is_dir():
        raise BadData(f"video folder {videos_root} does not exist.", "Give the folder that holds the videos.")
    videos = [path for path in paths if path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES]
    if videos:
        raise BadData(f"{videos[0]} is a video.", "Give an annotation file, or the folder of the videos.")
    files: list[Path] = []
    for path in paths:
        if path.is_file():
            files.append(path)
            continue
        annotated = _annotation_files(path)
        if not annotated:
            if len(paths) > 1:
                raise BadData(f"{path} holds no annotation file.", "Give one folder of videos at a time.")
            return _collect_folder(path)
        files += annotated
    return _collect_files(files, videos_root)


def _annotation_files(folder: Path) -> list[Path]:
    """Return the annotation files right inside a folder, known by what they say."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in (".json", ".jsonl") or path.name in _SIDE_FILES or not path.is_file():
            continue
        with path.open("rb") as file:
            head = file.read(65536)
        if b'"conversations"' in head or b'"messages"' in head:
            found.append(path)
    return found


def _collect_files(files: Sequence[Path], videos_root: Path | None) -> Collection:
    splits: dict[str, list[Sample]] = {}
    roots: dict[str, Path] = {}
    problems, sources = [], []
    for path in files:
        try:
            dataset = read_dataset(path)
        except DataInvalid as exc:
            problems.append(str(exc))
            continue
        sources.append(f"{path} ({len(dataset)} samples, {dataset.format})")
        for sample in dataset:
            # Inside one file its own words tell the split; between files, the file does where they say nothing.
            splits.setdefault(sample.split or path.stem, []).append(sample)
            roots.setdefault(sample.video, videos_root or path.parent)
    clips = [_collect_clip(video, entries, roots[video]) for video, entries in _by_video(splits).items()]
    named = {name: tuple(samples) for name, samples in splits.items()}
    return Collection(tuple(clips), named, tuple(problems), tuple(sources))


def _by_video(splits: Mapping[str, Iterable[Sample]]) -> dict[str, list[tuple[str, Sample]]]:
    found: dict[str, list[tuple[str, Sample]]] = {}
    for name, samples in splits.items():
        for sample in samples:
            found.setdefault(sample.video, []).append((name, sample))
    return found


def _collect_clip(video: str, entries: Sequence[tuple[str, Sample]], root: Path) -> CollectedClip:
    samples = [sample for _, sample in entries]
    path, error = None, None
    try:
        path = resolve_video(samples[0], root)
    except VidtuneError as exc:
        error = exc
    return CollectedClip(
        video=video,
        path=path,
        error=error,
        splits=tuple(dict.fromkeys(name for name, _ in entries)),
        label=next((sample.label for sample in samples if sample.label), None),
        subject=next((sample.subject for sample in samples if sample.subject), None),
        num_samples=len(samples),
    )


def _collect_folder(folder: Path) -> Collection:
    """Take every video below a folder; one that lies below `train`, `val` or `test` belongs to that split."""
    clips: list[CollectedClip] = []
    splits: dict[str, list[Sample]] = {}
    for path in _videos_below(folder):
        video = path.relative_to(folder).as_posix()
        parents = path_parts(video)[:-1]
        split = next((part for part in parents if part.lower() in _SPLITS), "all")
        label = next((part.replace("_", " ") for part in reversed(parents) if part.lower() not in _SPLITS), None)
        sample = Sample(video, video, (), split=split, label=label)
        splits.setdefault(split, []).append(sample)
        clips.append(CollectedClip(video, path, None, (split,), label, None, 0))
    if not clips:
        # Files of these kinds are told apart by more than a glance: one is examined when it is named.
        others = [path.name for path in sorted(folder.iterdir()) if path.suffix.lower() in _OTHER_SUFFIXES]
        found = f"annotation file that is known at a glance (but {', '.join(others[:_MAX_NAMED])})"
        raise BadData(
            f"{folder} holds no {found if others else 'annotation file'} and no video "
            f"({', '.join(sorted(VIDEO_SUFFIXES))}).",
            "Name the annotation file, or the folder of the videos.",
        )
    named = {name: tuple(samples) for name, samples in splits.items()}
    return Collection(tuple(clips), named, (), (f"{folder} ({len(clips)} videos, no annotations)",))


def _videos_below(folder: Path) -> list[Path]:
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(parent, name) for name in sorted(names) if Path(name).suffix.lower() in VIDEO_SUFFIXES]
    return found
