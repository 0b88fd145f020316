"""What two models are asked when they are compared: a few conversations, each with the frames of its clip."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from vidtune.config import build_config
from vidtune.core.errors import BadData, ConfigInvalid, DataInvalid
from vidtune.core.rundir import RunDirectory
from vidtune.data import DataConfig, clip_source, load_samples
from vidtune.inference.exports._config import CertifyConfig
from vidtune.media import SamplingConfig, read_frames

if TYPE_CHECKING:
    from vidtune.data import Turn
    from vidtune.media import FrameSet

_PACK_SIZE_PX = 112
_PACK_EXERCISES = ("squats", "pushups", "lunges_leg_out_in_front")


@dataclass(frozen=True)
class Probe:
    """One question that both models answer."""

    name: str
    turns: Sequence[Turn]
    frames: FrameSet | None


def read_probes(
    data: DataConfig | None, *, num_samples: int, sampling: SamplingConfig, max_side_px: int | None = None
) -> list[Probe]:
    """Return the first samples of a data set whose clips can be read.

    Args:
        data: Where the samples are. None: clips of the physio pack, drawn for the purpose.
        num_samples: How many to return; fewer if the data set has fewer.
        sampling: Which frames of each clip.
        max_side_px: As in a prediction recipe.

    Raises:
        DataInvalid: If no sample of the data set has a clip that can be read.
    """
    if data is None:
        with tempfile.TemporaryDirectory(prefix="vidtune-probes-") as folder:
            return _read(_draw_clips(Path(folder), num_samples), num_samples, sampling, max_side_px)
    return _read(data, num_samples, sampling, max_side_px)


def as_in_run(source: str | Path, config: CertifyConfig) -> CertifyConfig:
    """Return ``config`` with the held-out data, or else the data, of the training run that ``source`` is.

    Clips are sampled as in training then. What the user named stays; so does everything where ``source`` is no run, or
    its data has gone.
    """
    recipe_file = RunDirectory(Path(source)).recipe
    if config.data is not None or not recipe_file.is_file():
        return config
    recipe = yaml.safe_load(recipe_file.read_text(encoding="utf-8"))
    recipe = recipe if isinstance(recipe, dict) else {}
    data = recipe.get("eval_data") or recipe.get("data")
    try:
        found = build_config(
            CertifyConfig,
            {
                "data": data,
                "sampling": recipe.get("sampling") or {},
                "max_side_px": recipe.get("max_side_px"),
                **{name: value for name, value in config.model_dump().items() if name in config.model_fields_set},
            },
            source=str(recipe_file),
        )
    except ConfigInvalid:
        return config
    return found if found.data is not None and found.data.path.is_file() and found.data.videos.is_dir() else config


def _read(data: DataConfig, num_samples: int, sampling: SamplingConfig, max_side_px: int | None) -> list[Probe]:
    probes: list[Probe] = []
    reasons: list[str] = []
    for sample in load_samples(data).samples:
        if len(probes) == num_samples:
            break
        try:
            frames = read_frames(clip_source(sample, data.videos), sampling, max_side_px=max_side_px)
        except BadData as exc:
            reasons.append(f"{sample.sample_id}: {exc.problem}")
            continue
        probes.append(Probe(sample.sample_id, sample.prompt_turns, frames))
    if not probes:
        raise DataInvalid(
            f"no clip of {data.path} can be read, so there is nothing to compare models on.",
            "Check data.videos (--videos), or leave --data out to use drawn clips.",
            reasons[:3],
        )
    return probes


def _draw_clips(folder: Path, num_clips: int) -> DataConfig:
    """Draw a few people doing exercises; the same ones every time."""
    from vidtune.packs.physio import PACK, PhysioConfig

    # A fifth of a pack is its test split, and every split holds every exercise.
    num_in_pack = max(5 * num_clips, 5 * len(_PACK_EXERCISES))
    config = PhysioConfig(
        num_clips=num_in_pack, num_subjects=5, size_px=_PACK_SIZE_PX, exercises=_PACK_EXERCISES, workers=1
    )
    PACK.synthesize(folder, config)
    return DataConfig(path=folder / "qved_test.json", videos=folder)
