"""What a way of tuning must be able to do. A kind is one file of ``kinds/``, or of a plugin."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from vidtune.config import Config
from vidtune.core.registry import Registry

if TYPE_CHECKING:
    import torch

    from vidtune.adapters._config import AdapterConfig

Modality = Literal["vision", "projector", "language", "audio"]


@dataclass(frozen=True)
class Towers:
    """Where the parts of a model are, as its family tells it."""

    linear_targets: Mapping[str, str]
    """For every modality, a pattern of the whole names of its linear layers."""

    modality_of: Callable[[str], str] | None = None
    """From the name of a parameter to its modality; needed to train whole towers."""

    batches: Iterable[Mapping[str, torch.Tensor]] | None = None
    """Some training batches, for kinds that look at data before they start."""


class AdapterKind(Protocol):
    """One way of tuning a model.

    The file of a kind is imported when a config names it, so it must not import torch or PEFT at its top.
    """

    uses: frozenset[str]
    """Which of the shared fields of ``AdapterConfig`` have an effect; any other one set is an error."""

    default_modalities: tuple[Modality, ...]

    options_class: type[Config]
    """The settings that only this kind has."""

    def quantization_config(self, config: AdapterConfig, device: str) -> Any | None:
        """Return what the base model must be loaded with, or None for a base that is not quantized."""

    def attach(self, model: Any, config: AdapterConfig, towers: Towers) -> Any:
        """Return the model to train, with ``requires_grad`` set on what is trained and on nothing else."""

    def save(self, model: Any, folder: Path) -> None:
        """Write what was trained."""

    def load(self, model: Any, folder: Path, *, trainable: bool) -> Any:
        """Return ``model`` with what ``save`` wrote put on it."""

    def merge(self, model: Any) -> Any:
        """Return a plain model that answers as the tuned one; ``model`` is used up."""


@runtime_checkable
class SetsRates(Protocol):
    """A kind whose parts learn at different speeds."""

    def learning_rate_multiplier(self, config: AdapterConfig, name: str) -> float:
        """Return what the learning rate of the parameter of that name is multiplied by."""


@runtime_checkable
class AddsToLoss(Protocol):
    """A kind with a penalty of its own."""

    def penalty(self, model: Any) -> torch.Tensor | None:
        """Return what is added to the mean loss of a step; None for nothing. It is computed after the forward pass."""


@runtime_checkable
class ActsBeforeSteps(Protocol):
    """A kind for which it matters how far training has come."""

    def before_step(self, model: Any, step: int, num_steps: int) -> None:
        """Act before the first forward pass of step ``step`` of ``num_steps``, counted from 1.

        What it does must follow from these numbers alone: a run that was killed goes on in the middle.
        """


@runtime_checkable
class ActsAfterSteps(Protocol):
    """A kind that changes its own shape while it is trained."""

    def after_step(self, model: Any, step: int, num_steps: int, optimizer: torch.optim.Optimizer | None) -> None:
        """Act after the optimizer's step ``step`` of ``num_steps``, counted from 1, while gradients are still there.

        A kind that gives parameters other shapes must do the same to the state of the optimizer.
        """


@runtime_checkable
class FitsCheckpoints(Protocol):
    """A kind whose parameters may have other shapes in a checkpoint than after ``attach``."""

    def changes_shapes(self, config: AdapterConfig) -> bool:
        """Whether they will, with this config."""

    def fit_weights(self, model: Any, weights: Mapping[str, torch.Tensor]) -> None:
        """Give the trained parameters of ``model`` the shapes of ``weights``, which will be copied into them."""


@runtime_checkable
class RunsLayersTwice(Protocol):
    """A kind for which one forward pass goes through the same layers more than once."""

    def num_passes(self) -> int:
        """Return how often."""


@runtime_checkable
class TellsTokensApart(Protocol):
    """A kind whose layers do something else with one token than with another, by its place in the batch."""

    needs_every_token: bool
    """Whether its layers must be given all tokens of a batch at once."""


@runtime_checkable
class SavesWholeModel(Protocol):
    """A kind that delivers a model that stands alone, the weights that it left alone included."""

    def whole_model_file(self) -> str:
        """Return the name of the file that describes the model."""


# Imported here and not where it is used, so that only this module's name for the folder is bound.
_folder = importlib.import_module("vidtune.adapters.kinds")


def _kind_files() -> dict[str, str]:
    """Return, for every public file in ``kinds``, where its kind is to be imported from; nothing is imported."""
    return {
        module.name: f"{_folder.__name__}.{module.name}:KIND"
        for module in pkgutil.iter_modules(_folder.__path__)
        if not module.name.startswith("_")
    }


adapter_kinds: Registry[AdapterKind] = Registry("adapter_kind", _kind_files())
"""All ways of tuning by name: one for each file of ``kinds``; packages add theirs under ``vidtune.adapter_kind``."""
