"""One training step, as vidtune takes it and as others do, on the same model and clip."""

from __future__ import annotations

import gc
import importlib.util
import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from published import SIDE_PX
from trl_peer import TrlLoss

from vidtune.adapters import AdapterConfig, attach_adapter, bare_model, quantization_config
from vidtune.data import Turn
from vidtune.media import frameset_from_array
from vidtune.models import LoadedModel, find_family, load_model
from vidtune.training._loss import count_supervised, supervised_loss_sum
from vidtune.training._optimizer import trained_parameters
from vidtune.training._precision import computing

QUESTION = "Which exercise is this, and what should be corrected? " * 2
ANSWER = "squats - the knees move inwards, push them outwards over the toes and keep the back straight"

LossOf = Callable[[Any, dict[str, Any]], torch.Tensor]


@dataclass(frozen=True)
class Settings:
    """What is measured."""

    device: str
    num_frames: int
    side_px: int
    rank: int
    num_steps: int
    num_warmup: int


def measure_steps(folder: Path, kind: str, settings: Settings) -> dict[str, Any]:
    """Return time, tokens a second, peak memory and first loss of each way of taking a step.

    Args:
        folder: A checkpoint.
        kind: ``lora`` or ``qlora``.
        settings: Sizes.
    """
    results: dict[str, Any] = {}
    for name, (needs, prepare, make_loss) in _ways().items():
        missing = [package for package in needs if importlib.util.find_spec(package) is None]
        if missing:
            results[name] = {"not_measured": f"not installed: {', '.join(missing)}"}
            continue
        try:
            results[name] = _measure(folder, kind, settings, prepare, make_loss)
        except torch.cuda.OutOfMemoryError:
            results[name] = {"not_measured": "out of memory"}
        _forget()
    ours = results["vidtune"]
    for row in results.values():
        if "step_s" in row:
            row["times_slower_than_vidtune"] = round(row["step_s"] / ours["step_s"], 2)
            row["loss_difference"] = abs(row["first_loss"] - ours["first_loss"])
    return results


def _ways() -> dict[str, tuple[tuple[str, ...], Callable[[Any], None], Callable[[LoadedModel], LossOf]]]:
    """Return, by name: the packages that it needs, what is done to the model first, and what makes the loss."""
    return {
        "vidtune": ((), _recompute, lambda loaded: _our_loss),
        "vidtune, activations kept": ((), _keep, lambda loaded: _our_loss),
        "PEFT and the model's own loss": ((), _recompute, lambda loaded: _own_loss),
        "PEFT and TRL": (("trl",), _recompute, TrlLoss),
        "PEFT and Liger kernels": (("liger_kernel", "triton"), _use_liger, lambda loaded: _own_loss),
    }


def _measure(
    folder: Path,
    kind: str,
    settings: Settings,
    prepare: Callable[[Any], None],
    make_loss: Callable[[LoadedModel], LossOf],
) -> dict[str, Any]:
    config = AdapterConfig(kind=kind, rank=settings.rank, alpha=16, dropout=0.0)
    dtype = "bfloat16" if settings.device.startswith("cuda") else "float32"
    loaded = load_model(
        folder,
        device=settings.device,
        dtype=dtype,
        quantization_config=quantization_config(config, device=settings.device),
        max_pixels=max_pixels_of(folder, settings),
    )
    torch.manual_seed(0)
    family = loaded.family
    targets = {modality: family.linear_targets(modality) for modality in family.modalities}
    model = attach_adapter(loaded.model, config, targets, modality_of=family.modality_of)
    parameters = trained_parameters(model).values()
    for parameter in parameters:
        parameter.data = parameter.data.float()
    prepare(bare_model(model))
    loss_of = make_loss(loaded)
    model.train()
    batch = make_batch(loaded, settings)
    optimizer = torch.optim.AdamW(parameters, lr=2e-4, fused=True)
    precision = "bf16" if settings.device.startswith("cuda") else "fp32"
    num_tokens = int(batch["attention_mask"].sum())
    seconds, losses = [], []
    if settings.device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
    for _ in range(settings.num_warmup + settings.num_steps):
        _wait(settings.device)
        began_s = time.perf_counter()
        with computing(precision, loaded.device, num_tokens):  # type: ignore[arg-type]
            loss = loss_of(model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
        _wait(settings.device)
        seconds.append(time.perf_counter() - began_s)
    step_s = statistics.median(seconds[settings.num_warmup :])
    return {
        "step_s": step_s,
        "tokens": num_tokens,
        "tokens_per_s": round(num_tokens / step_s, 1),
        "peak_gib": _peak_gib(settings.device),
        "first_loss": losses[0],
        "last_loss": losses[-1],
    }


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
    model.gradient_checkpointing_enable({"use_reentrant": False})


def _keep(model: Any) -> None:
    pass


def _use_liger(model: Any) -> None:
    from liger_kernel.transformers import _apply_liger_kernel_to_instance

    _apply_liger_kernel_to_instance(model=model)
    _recompute(model)


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def _peak_gib(device: str) -> float | None:
    return round(torch.cuda.max_memory_allocated() / 2**30, 2) if device.startswith("cuda") else None


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
