"""Training steps, as vidtune takes them and as others do, on the same model and clip."""

from __future__ import annotations

import gc
import importlib.util
import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from published import SIDE_PX
from timing import LossOf, time_steps
from trl_peer import TrlLoss
from unsloth_peer import NAME as UNSLOTH
from unsloth_peer import measure_unsloth

from vidtune.adapters import AdapterConfig, attach_adapter, bare_model, quantization_config
from vidtune.data import Turn
from vidtune.inference import LastLayer
from vidtune.media import frameset_from_array
from vidtune.models import LoadedModel, find_family, load_model
from vidtune.training._loss import count_supervised, positions_read, supervised_loss_sum
from vidtune.training._optimizer import trained_parameters
from vidtune.training._precision import computing

QUESTION = "Which exercise is this, and what should be corrected? " * 2
ANSWER = "squats - the knees move inwards, push them outwards over the toes and keep the back straight"

ALPHA = 16


@dataclass(frozen=True)
class Settings:
    """What is measured."""

    device: str
    num_frames: int
    side_px: int
    rank: int
    num_steps: int
    num_warmup: int


@dataclass(frozen=True)
class Way:
    """One way of taking a step with a model that vidtune has loaded and adapted."""

    prepare: Callable[[Any], None]
    """What is done to the model first."""

    make_loss: Callable[[LoadedModel], LossOf]
    needs: tuple[str, ...] = ()
    """Packages that vidtune does without."""

    skips_unread: bool = False
    """Compute the last layer only where the loss looks, as ``vidtune train`` does."""


def measure_steps(folder: Path, kind: str, settings: Settings) -> dict[str, Any]:
    """Return time, tokens a second, peak memory and first loss of each way of taking a step.

    Args:
        folder: A checkpoint.
        kind: ``lora`` or ``qlora``.
        settings: Sizes.
    """
    results: dict[str, Any] = {}
    for name, way in _ways().items():
        results[name] = _try(lambda way=way: _measure(folder, kind, settings, way), way.needs)
    results[UNSLOTH] = _try(lambda: _measure_unsloth(folder, kind, settings), ("unsloth",))
    ours = results["vidtune"]
    for row in results.values():
        if "step_s" in row and "step_s" in ours:
            row["times_slower_than_vidtune"] = round(row["step_s"] / ours["step_s"], 2)
            row["loss_difference"] = abs(row["first_loss"] - ours["first_loss"])
    return results


def _ways() -> dict[str, Way]:
    return {
        "vidtune": Way(_recompute, lambda loaded: _our_loss, skips_unread=True),
        "vidtune, activations kept": Way(_keep, lambda loaded: _our_loss, skips_unread=True),
        "PEFT and the model's own loss": Way(_recompute, lambda loaded: _own_loss),
        "PEFT and TRL": Way(_recompute, TrlLoss, ("trl",)),
        "PEFT and Liger kernels": Way(_use_liger, lambda loaded: _own_loss, ("liger_kernel", "triton")),
    }


def _try(measure: Callable[[], dict[str, Any]], needs: tuple[str, ...]) -> dict[str, Any]:
    """Measure, or say in a sentence why not."""
    missing = [package for package in needs if importlib.util.find_spec(package) is None]
    if missing:
        return {"not_measured": f"not installed: {', '.join(missing)}"}
    try:
        return measure()
    except torch.cuda.OutOfMemoryError:
        return {"not_measured": "out of memory"}
    except Exception as exc:
        if not needs:
            raise
        # A peer that is there and does not load is a fact, not our failure.
        return {"not_measured": " ".join(f"{type(exc).__name__}: {exc}".split())[:300]}
    finally:
        _forget()


def _measure(folder: Path, kind: str, settings: Settings, way: Way) -> dict[str, Any]:
    on_gpu = settings.device.startswith("cuda")
    config = AdapterConfig(kind=kind, rank=settings.rank, alpha=ALPHA, dropout=0.0)
    loaded = load_model(
        folder,
        device=settings.device,
        dtype="bfloat16" if on_gpu else "float32",
        quantization_config=quantization_config(config, device=settings.device),
        max_pixels=max_pixels_of(folder, settings),
    )
    torch.manual_seed(0)
    family = loaded.family
    targets = {modality: family.linear_targets(modality) for modality in family.modalities}
    model = attach_adapter(loaded.model, config, targets, modality_of=family.modality_of)
    for parameter in trained_parameters(model).values():
        parameter.data = parameter.data.float()
    way.prepare(bare_model(model))
    loss_of = way.make_loss(loaded)
    model.train()
    batch = make_batch(loaded, settings)
    num_tokens = int(batch["attention_mask"].sum())
    read = LastLayer(model).reading(positions_read(batch["labels"])) if way.skips_unread else nullcontext()
    with read:
        return time_steps(
            model,
            batch,
            loss_of,
            device=settings.device,
            num_steps=settings.num_steps,
            num_warmup=settings.num_warmup,
            computing=lambda: computing("bf16" if on_gpu else "fp32", loaded.device, num_tokens),
        )


def _measure_unsloth(folder: Path, kind: str, settings: Settings) -> dict[str, Any]:
    loaded = load_model(folder, device="cpu", dtype="bfloat16", max_pixels=max_pixels_of(folder, settings))
    batch = make_batch(loaded, settings)
    sizes = {"num_steps": settings.num_steps, "num_warmup": settings.num_warmup}
    return measure_unsloth(folder, batch, {"rank": settings.rank, "alpha": ALPHA, "in_4_bit": kind == "qlora", **sizes})


def make_batch(loaded: LoadedModel, settings: Settings) -> dict[str, Any]:
    """Return one clip of noise with a question and an answer."""
    rng = np.random.default_rng(0)
    shape = (settings.num_frames, settings.side_px, settings.side_px, 3)
    frames = frameset_from_array(rng.integers(0, 256, shape, dtype=np.uint8), fps=2.0)
    turns = (Turn("user", QUESTION), Turn("assistant", ANSWER))
    return dict(loaded.family.encode_training(loaded.processor, [(turns, frames)]).to(loaded.device))


def max_pixels_of(folder: Path, settings: Settings) -> int | None:
    """Return the cap on the pixels of a frame, for a family that has one."""
    model_type = json.loads((folder / "config.json").read_text())["model_type"]
    return settings.side_px**2 if find_family(model_type, str(folder)).takes_max_pixels else None


def _our_loss(model: Any, batch: dict[str, Any]) -> torch.Tensor:
    return supervised_loss_sum(model, batch) / count_supervised(batch)


def _own_loss(model: Any, batch: dict[str, Any]) -> torch.Tensor:
    loss: torch.Tensor = model(**batch, use_cache=False).loss
    return loss


def _recompute(model: Any) -> None:
    model.activation_checkpointing_enable({"use_reentrant": False})


def _keep(model: Any) -> None:
    pass


def _use_liger(model: Any) -> None:
    from liger_kernel.transformers import _apply_liger_kernel_to_instance

    _apply_liger_kernel_to_instance(model=model)
    _recompute(model)


def _forget() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def sizes(device: str, *, is_tiny: bool) -> Iterator[Settings]:
    """Yield what is measured: 8 frames of 384 px, or a few small ones."""
    if is_tiny:
        yield Settings(device, num_frames=2, side_px=56, rank=4, num_steps=2, num_warmup=1)
    else:
        yield Settings(device, num_frames=8, side_px=SIDE_PX, rank=64, num_steps=10, num_warmup=3)
