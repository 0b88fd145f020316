"""What can be found wrong with model, adapter, optimizer and disk before weights are loaded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial

from vidtune.adapters import choose_targets, estimate_trained, moves_optimizer_state
from vidtune.core.errors import VidtuneError
from vidtune.core.rundir import RunDirectory
from vidtune.models import choose_device, outline_model
from vidtune.training._checkpoint import run_bytes
from vidtune.training._config import TrainConfig
from vidtune.training._optimizer import optimizers
from vidtune.training._precision import choose_precision

_SMALLEST_FREE_BYTES = 64 * 2**20
_BYTES_A_NUMBER = 4
"""What is trained is float32."""


def check_model(config: TrainConfig) -> tuple[list[str], int]:
    """Return, in sentences, what stands against this model, adapter and optimizer on this machine.

    And about how many bytes the trained weights take; 0 where it cannot be told.
    """
    findings = list(_check_device(config))
    try:
        return findings, _trained_bytes(config)
    except VidtuneError as exc:
        return [*findings, f"model or adapter: {exc}"], 0


def check_disk(config: TrainConfig, run: RunDirectory, trained_bytes: int) -> list[str]:
    """Return in a sentence that the run will not fit on the disk; nothing if it will, as far as can be told."""
    path = run.path.absolute()
    existing = next(folder for folder in [path, *path.parents] if folder.exists())
    free_bytes = shutil.disk_usage(existing).free
    needed_bytes = max(_SMALLEST_FREE_BYTES, run_bytes(config.save.keep, trained_bytes, trained_bytes))
    if free_bytes >= needed_bytes:
        return []
    return [
        f"run: {free_bytes:,} bytes are free at {existing}; its checkpoints and result need about {needed_bytes:,} "
        "(save.keep says how many stay)."
    ]


def _check_device(config: TrainConfig) -> Iterator[str]:
    kind = optimizers.get(config.optim.kind)
    if not kind.has_plain_moments and moves_optimizer_state(config.adapter):
        yield (
            f"optim.kind={config.optim.kind!r}: the adapter {config.adapter.kind} moves AdamW's moments with its "
            "ranks, and these cannot be cut; set optim.kind to 'adamw', or leave reallocate_every_steps out."
        )
    try:
        device = choose_device(config.model.device)
    except VidtuneError as exc:
        yield f"model.device: {exc}"
        return
    for check in (kind.check, partial(choose_precision, config.loop.precision)):
        try:
            check(device)
        except VidtuneError as exc:
            yield str(exc)


def _trained_bytes(config: TrainConfig) -> int:
    """Return about what the trained weights take; 0 where it cannot be told.

    Raises:
        VidtuneError: If there is no such model, or the adapter reaches for what it does not have.
    """
    outline = outline_model(config.model.source)
    if outline is None:
        return 0
    family = outline.family
    targets: dict[str, str] = {modality: family.linear_targets(modality) for modality in family.modalities}
    if outline.model is None:
        return 0
    chosen = choose_targets(outline.model, config.adapter, targets)
    return _BYTES_A_NUMBER * estimate_trained(outline.model, config.adapter, chosen, family.modality_of)
