"""The same questions asked several times: other random draws, other frames, changed pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from vidtune.config import apply_overrides, build_config
from vidtune.core.errors import BadUsage
from vidtune.core.progress import Progress, silent
from vidtune.core.rundir import RunDirectory
from vidtune.inference._config import PredictConfig

MEMBERS = "members"
"""Folder of a run directory in which its members' run directories are."""

_TEMPERATURE = 0.7
_TOP_P = 0.95
_FIXED = ("model", "data", "quantization", "limits", "num_threads", "frame_cache")


@dataclass(frozen=True)
class Variant:
    """One way to ask."""

    name: str
    """Of its folder."""

    config: PredictConfig


def list_variants(config: PredictConfig, *, num_samples: int = 0, augment: Sequence[str] = ()) -> list[Variant]:
    """Return all ways to ask.

    Args:
        config: The recipe. With ``augment`` it is a way of its own.
        num_samples: Ask each way so many times, drawing tokens at random with seeds 0, 1, …; at temperature 0.7 and
            top-p 0.95, unless the recipe draws already. 0: ask once, as the recipe says.
        augment: Further ways: settings that differ from the recipe, ``key=value`` joined by ``+``, e.g.
            ``sampling.kind=motion`` or ``augment=mirror+sampling.num_frames=16``.

    Raises:
        BadUsage: If a way changes the model, the data, or nothing.
        ConfigInvalid: If a setting does not fit.
    """
    ways = [("as-is", config)]
    values = config.model_dump(mode="json")
    for number, text in enumerate(augment, start=1):
        changed = build_config(PredictConfig, apply_overrides(values, text.split("+")), source=f"--augment {text}")
        fixed = [name for name in _FIXED if getattr(changed, name) != getattr(config, name)]
        if fixed or changed == config:
            what = f"changes {', '.join(fixed)}" if fixed else "changes nothing"
            raise BadUsage(
                f"--augment {text!r} {what}: it shows the same clips to the same model in another way.",
                "Name settings of sampling, augment, max_side_px or generation.",
            )
        ways.append((f"augment-{number}", changed))
    if not num_samples:
        return [Variant(name, way) for name, way in ways]
    return [
        Variant(f"{name}-sample-{seed + 1}", _drawn(way, seed)) for name, way in ways for seed in range(num_samples)
    ]


def predict_variants(variants: Sequence[Variant], run: RunDirectory, progress: Progress = silent) -> list[Path]:
    """Ask in every way, each into its own run directory below ``run``; the model is loaded once. Resumable.

    Returns:
        The run directories, in the order of ``variants``.

    Raises:
        VidtuneError: As ``predict_dataset``.
    """
    from vidtune.inference._loading import load_configured
    from vidtune.inference._predict import predict_dataset

    first = variants[0].config

    @cache
    def load() -> Any:
        return load_configured(first.model, quantization=first.quantization)

    folders = []
    for variant in variants:
        member = RunDirectory(run.path / MEMBERS / variant.name)

        def tell(stage: str, done: int, total: int, note: str = "", name: str = variant.name) -> None:
            progress(f"{name}: {stage}", done, total, note)

        predict_dataset(variant.config, member, progress=tell, load=load)
        folders.append(member.path)
    return folders


def _drawn(config: PredictConfig, seed: int) -> PredictConfig:
    """Return the recipe with answers drawn at random by this seed."""
    own = config.generation
    drawn = own.model_copy(
        update={
            "do_sample": True,
            "temperature": own.temperature if own.do_sample else _TEMPERATURE,
            "top_p": own.top_p if own.do_sample else _TOP_P,
            "seed": (own.seed or 0) + seed,
        }
    )
    return config.model_copy(update={"generation": drawn})
