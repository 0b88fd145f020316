"""Attach, save, load and merge adapters. Every kind goes through the same five functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidtune.adapters._config import AdapterConfig
from vidtune.adapters._kind import (
    ActsAfterSteps,
    ActsBeforeSteps,
    AdapterKind,
    AddsToLoss,
    FitsCheckpoints,
    RunsLayersTwice,
    SavesWholeModel,
    SetsRates,
    TellsTokensApart,
    Towers,
    adapter_kinds,
)
from vidtune.adapters._outlook import choose_targets
from vidtune.adapters._quiet import quiet_libraries
from vidtune.adapters._record import adapter_config_of, base_identity, check_base, write_record
from vidtune.core.errors import BadUsage

if TYPE_CHECKING:
    import torch


def quantization_config(config: AdapterConfig, *, device: str = "auto") -> Any | None:
    """Return what to give to ``load_model`` as ``quantization_config``: None unless the kind wants a small base.

    Args:
        config: The adapter that will be attached.
        device: Where the model will run; decides the number format that 4-bit weights are computed in.
    """
    with quiet_libraries():
        return adapter_kinds.get(config.kind).quantization_config(config, device)


def attach_adapter(
    model: Any,
    config: AdapterConfig,
    targets: Mapping[str, str],
    *,
    modality_of: Callable[[str], str] | None = None,
    batches: Iterable[Mapping[str, torch.Tensor]] | None = None,
) -> Any:
    """Make ``model`` trainable as ``config`` says: matrices are put in, everything else is frozen.

    Args:
        model: A model as ``load_model`` gives it. It is changed; use what is returned.
        config: Which kind of adapter, on which towers.
        targets: For every modality, ``family.linear_targets(modality)``.
        modality_of: ``family.modality_of``; needed for ``full`` and for ``modules_to_train``.
        batches: A few training batches; needed by kinds that look at data first, as ``lora`` with ``init: eva``.

    Returns:
        The model to train. New matrices are drawn from torch's random state, so seed it before.

    Raises:
        BadUsage: If the config asks for a tower, or for layers of one, that the model does not have.
    """
    base = base_identity(model)
    towers = Towers(choose_targets(model, config, targets), modality_of, batches)
    with quiet_libraries():
        tuned = adapter_kinds.get(config.kind).attach(model, config, towers)
    tuned.vidtune_adapter = config
    tuned.vidtune_base = base
    return tuned


def learning_rate_multiplier(model: Any, name: str) -> float:
    """Return what the adapter on ``model`` wants the learning rate of one parameter multiplied by; mostly 1."""
    kind = _kind_on(model)
    return kind.learning_rate_multiplier(model.vidtune_adapter, name) if isinstance(kind, SetsRates) else 1.0


def adapter_penalty(model: Any) -> torch.Tensor | None:
    """Return what the adapter on ``model`` adds to the mean loss of a step, with its gradient; mostly None."""
    kind = _kind_on(model)
    return kind.penalty(model) if isinstance(kind, AddsToLoss) else None


def before_step(model: Any, *, step: int, num_steps: int) -> None:
    """Let the adapter on ``model`` know which step of how many is about to be taken, counted from 1."""
    kind = _kind_on(model)
    if isinstance(kind, ActsBeforeSteps):
        kind.before_step(model, step, num_steps)


def after_step(model: Any, *, step: int, num_steps: int, optimizer: torch.optim.Optimizer | None = None) -> None:
    """Let the adapter on ``model`` act: after the optimizer's step, before its gradients are cleared.

    Args:
        model: The model in training.
        step: The step just taken, counted from 1.
        num_steps: All steps of the run.
        optimizer: What holds the state of the trained parameters.
    """
    kind = _kind_on(model)
    if isinstance(kind, ActsAfterSteps):
        kind.after_step(model, step, num_steps, optimizer)


def needs_whole_layers(config: AdapterConfig) -> bool:
    """Whether an adapter of this config cannot be trained while layers are divided over processes.

    It looks at its weights between the steps, reshapes them, or runs layers more than once in a forward pass.
    """
    kind = adapter_kinds.get(config.kind)
    return isinstance(kind, (AddsToLoss, ActsAfterSteps, FitsCheckpoints, RunsLayersTwice))


def needs_every_token(model: Any) -> bool:
    """Whether the layers of the adapter on ``model`` must be given all tokens of a batch, and not some of them."""
    kind = _kind_on(model)
    return isinstance(kind, TellsTokensApart) and kind.needs_every_token


def saves_whole_model(config: AdapterConfig) -> bool:
    """Whether ``save_adapter`` writes all weights of the model, and not only what was trained."""
    return isinstance(adapter_kinds.get(config.kind), SavesWholeModel)


def fit_weights(model: Any, weights: Mapping[str, torch.Tensor]) -> None:
    """Let the adapter on ``model`` take the shapes of a checkpoint's weights, by name, before they are copied in."""
    kind = _kind_on(model)
    if isinstance(kind, FitsCheckpoints):
        kind.fit_weights(model, weights)


def moves_optimizer_state(config: AdapterConfig) -> bool:
    """Whether parameters get other shapes while they are trained, and AdamW's moments with them."""
    kind = adapter_kinds.get(config.kind)
    return isinstance(kind, FitsCheckpoints) and kind.changes_shapes(config)


def save_adapter(model: Any, folder: Path, *, processor: Mapping[str, Any] | None = None) -> None:
    """Write the adapter of ``model`` into ``folder``: PEFT's own files, and ``vidtune_adapter.json`` last.

    The folder is written in place; a caller that must survive a kill stages and renames it.

    Args:
        model: A model with an adapter on it.
        folder: Made if it is not there.
        processor: How the processor showed the clips in training, to be used again with the adapter. None: not known.

    Raises:
        BadUsage: If no adapter was attached to ``model``.
    """
    config = _config_on(model)
    folder.mkdir(parents=True, exist_ok=True)
    with quiet_libraries():
        adapter_kinds.get(config.kind).save(model, folder)
    write_record(folder, config, base_identity(model), processor)


def load_adapter(model: Any, folder: Path, *, trainable: bool = False) -> Any:
    """Put the adapter in ``folder`` on ``model``.

    Args:
        model: Its base, as ``load_model(base_of_adapter(folder), quantization_config=...)`` gives it. It is changed;
            use what is returned.
        folder: What ``save_adapter``, or PEFT alone, wrote.
        trainable: Go on training it; otherwise everything is frozen and the model is in eval mode.

    Raises:
        ModelMismatch: If the adapter was trained on another base, does not fit, or is incomplete.
    """
    config = adapter_config_of(folder)
    check_base(folder, model)
    base = base_identity(model)
    with quiet_libraries():
        tuned = adapter_kinds.get(config.kind).load(model, folder, trainable=trainable)
    tuned.vidtune_adapter = config
    tuned.vidtune_base = base
    return tuned.train(trainable)


def load_plain_adapter(model: Any, folder: Path) -> Any:
    """Return ``model`` with the adapter in ``folder`` as PEFT alone loads it: without vidtune's record and checks."""
    from vidtune.adapters.kinds import _peft

    with quiet_libraries():
        return _peft.load_plain(model, folder)


def merge_adapter(model: Any) -> Any:
    """Return a plain model with the adapter worked into its weights; ``model`` is used up.

    Raises:
        BadUsage: If there is no adapter, or its base is in 4 bit (merging there would round the adapter away).
    """
    with quiet_libraries():
        merged = adapter_kinds.get(_config_on(model).kind).merge(model).eval()
    for attribute in ("vidtune_adapter", "vidtune_base"):  # it is a model of its own now
        if hasattr(merged, attribute):
            delattr(merged, attribute)
    return merged


def _kind_on(model: Any) -> AdapterKind | None:
    """Return the kind of the adapter on ``model``, None without one."""
    config = getattr(model, "vidtune_adapter", None)
    return adapter_kinds.get(config.kind) if isinstance(config, AdapterConfig) else None


def _config_on(model: Any) -> AdapterConfig:
    config = getattr(model, "vidtune_adapter", None)
    if not isinstance(config, AdapterConfig):
        raise BadUsage(
            f"{type(model).__name__} has no adapter of vidtune's on it.", "Call attach_adapter or load_adapter first."
        )
    return config
