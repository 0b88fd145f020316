"""The answers a model could have learnt by heart: the source of blind priors and of known wordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from vidtune.core.durable import read_json
from vidtune.core.errors import DataInvalid, VidtuneError
from vidtune.core.rundir import RunDirectory
from vidtune.evaluation._predictions import Prediction, errors_of

if TYPE_CHECKING:
    from vidtune.data import Sample

_EVALUATED_SPLITS = ("test", "val", "validation", "dev", "eval")


@dataclass(frozen=True)
class ReferenceSet:
    """Reference answers with what is known about each."""

    samples: tuple[Prediction, ...]
    """Only ``answer``, ``question``, ``label``, ``subject``, ``errors`` and ``meta`` are meaningful."""

    is_training: bool
    """False when these are the evaluated answers themselves, for want of training answers."""

    description: str
    """Where they come from, for people."""

    videos: Path | None = None
    """Folder of their clips, where a recipe says it."""


def find_reference(predictions: Sequence[Prediction], run: RunDirectory, asked: Path | None) -> ReferenceSet:
    """Return the training answers, or the evaluated ones where no training answers are known.

    Looked at in this order: the path asked for; the training data of the run that the predictions'
    recipe names as its model; a ``*train*`` file beside the evaluated ``*test*`` or ``*val*`` file.

    Raises:
        VidtuneError: If the path asked for cannot be read. A path only found is passed over.
    """
    if asked is not None:
        return _read_training_answers(asked, videos_of(run))
    for path, videos in _likely_paths(run):
        try:
            return _read_training_answers(path, videos)
        except VidtuneError:
            # Only a guess: an unreadable neighbour is no fault of the evaluation.
            continue
    return ReferenceSet(tuple(predictions), False, "the evaluated answers themselves")


def as_reference(samples: Sequence[Sample]) -> tuple[Prediction, ...]:
    """Return samples of a data set in the form in which metrics take them."""
    return tuple(
        Prediction(
            sample_id=sample.sample_id,
            answer=sample.answer,
            text=None,
            question=sample.question,
            video=sample.video,
            subject=sample.subject,
            label=sample.label,
            errors=errors_of(sample.meta),
            meta=sample.meta,
        )
        for sample in samples
    )


def find_pack(run: RunDirectory) -> str | None:
    """Return the name of the generated pack that the run's data lies in, or None for other data."""
    data = _section(run, "data")
    for key in ("path", "videos"):
        if not isinstance(data.get(key), str):
            continue
        path = Path(data[key])
        for folder in (path, path.parent):
            if (folder / "pack.json").is_file():
                return _pack_name(folder)
    return None


def read_recipe(run: RunDirectory) -> Mapping[str, Any]:
    """Return the recipe of a run; empty when there is none or it cannot be read."""
    try:
        recipe = yaml.safe_load(run.recipe.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return recipe if isinstance(recipe, Mapping) else {}


def _pack_name(folder: Path) -> str:
    try:
        described = read_json(folder / "pack.json")
    except VidtuneError:
        # Damaged or half written: it is a pack all the same, and to say so is what matters here.
        return folder.name
    name = described.get("pack") if isinstance(described, Mapping) else None
    return str(name or folder.name)


def videos_of(run: RunDirectory) -> Path | None:
    """Return the folder of the clips that a run was made from; None where its recipe names none."""
    videos = _section(run, "data").get("videos")
    return Path(videos) if isinstance(videos, str) else None


def _read_training_answers(path: Path, videos: Path | None) -> ReferenceSet:
    from vidtune.data import read_dataset

    samples = as_reference([sample for sample in read_dataset(path).samples if sample.is_answered])
    if not samples:
        raise DataInvalid(f"{path} has no answers to learn a baseline from.", "Name the annotations trained on.")
    return ReferenceSet(samples, True, f"{len(samples):,} training answers of {path.name}", videos)


def _likely_paths(run: RunDirectory) -> list[tuple[Path, Path | None]]:
    """Return annotation files that the model may have learned from, with the folders of their clips."""
    found: dict[Path, Path | None] = {}
    source = _section(run, "model").get("source")
    if isinstance(source, str):
        # The model may be named by its run directory or by a checkpoint inside it.
        for folder in (Path(source), *list(Path(source).parents)[:2]):
            trained_on = _section(RunDirectory(folder), "data").get("path")
            if isinstance(trained_on, str):
                found.setdefault(Path(trained_on), videos_of(RunDirectory(folder)))
    evaluated = _section(run, "data").get("path")
    if isinstance(evaluated, str):
        path = Path(evaluated)
        names = [path.name.replace(split, "train") for split in _EVALUATED_SPLITS if split in path.name]
        for name in names:
            found.setdefault(path.with_name(name), videos_of(run))
    return [(path, videos) for path, videos in found.items() if path.is_file()]


def _section(run: RunDirectory, name: str) -> Mapping[str, Any]:
    """Return one group of settings of a run's recipe; empty when the recipe has none of that name."""
    section = read_recipe(run).get(name)
    return section if isinstance(section, Mapping) else {}
