"""LoRA whose rank follows the clip: each frame uses as many of the ranks as its signals ask for.

The update of a layer is gated rank by rank: ``y = W x + s B (g(u) * A x)``, where u are the signals of the frame that a
token belongs to (motion, entropy, scene change, position) and g opens the first ranks and leaves the others shut. Text
has a gate of its own. A fresh adapter computes what plain LoRA does. ``control`` takes the signals away in one of three
ways, at equal size and equal budget: what is left of the gain does not come from them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from vidtune.adapters._kind import Modality, Towers
from vidtune.adapters._record import base_identity
from vidtune.adapters.kinds import _peft
from vidtune.adapters.quantizers import quantizers
from vidtune.adapters.temporal._registration import register_with_peft
from vidtune.config import Config
from vidtune.core.errors import BadUsage

if TYPE_CHECKING:
    from vidtune.adapters._config import AdapterConfig

_VISUAL_TOKEN_FIELDS = ("image_token_id", "video_token_id", "image_token_index", "video_token_index")


class TemporalLoraOptions(Config):
    """Settings of temporal_lora alone."""

    quantizer: str | None = None
    """How the base is stored: nf4, int8 and the others of ``vidtune quantize``. None: as it is."""

    rank_stabilized: bool = False
    """Scale by alpha / sqrt(rank) instead of alpha / rank, so that large ranks learn as fast as small ones."""

    budget: Annotated[float, Field(gt=0, le=1)] | None = 0.75
    """Share of the ranks that tokens use on average over all layers; training is drawn to it. None: no budget."""

    budget_weight: Annotated[float, Field(gt=0)] = 1.0
    """Times the squared distance from the budget, added to the loss."""

    budget_reached_at: Annotated[float, Field(ge=0.2, le=1)] | None = None
    """Share of the run after which the budget is reached. Until then it falls from all ranks, and it moves the level of
    each gate alone: what a frame gets beside the others, and a layer beside the others, is left to the task. None: the
    budget holds from the first step, and closes all layers alike."""

    softness: Annotated[float, Field(gt=0)] = 1.0
    """Width, in ranks, of the edge between open and shut in training. At inference the edge is sharp."""

    gate_gain: Annotated[float, Field(gt=0)] = 20.0
    """By how much steps of the gates are larger than those of the matrices."""

    control: Literal["none", "constant", "shuffled", "random"] = "none"
    """What the gates see in place of the signals: nothing (`constant`), those of other frames of the clip
    (`shuffled`), noise (`random`)."""

    skip_still_below: float | None = None
    """Frames whose motion, in standard deviations from the mean, is below this teach the adapter nothing."""

    @model_validator(mode="after")
    def _there_is_a_budget_to_reach(self) -> Self:
        if self.budget is None and self.budget_reached_at is not None:
            raise ValueError("budget_reached_at has no effect with budget=null: leave it out.")
        return self


class _TemporalLora:
    """See ``AdapterKind``."""

    uses: frozenset[str] = frozenset({"rank", "alpha", "dropout", "modalities", "modules_to_train", "per_modality"})
    default_modalities: tuple[Modality, ...] = ("language",)
    options_class: type[Config] = TemporalLoraOptions
    needs_every_token = True

    def quantization_config(self, config: AdapterConfig, device: str) -> Any | None:
        """Return how the base is stored, if the options ask for less than it has."""
        name = config.options["quantizer"]
        return None if name is None else quantizers.get(name).config(device)

    def attach(self, model: Any, config: AdapterConfig, towers: Towers) -> Any:
        """Put the matrices and the gates in. The second of each pair of matrices is zero, the gates are open."""
        register_with_peft()
        from peft import get_peft_model

        from vidtune.adapters.temporal._tuner import TemporalLoraConfig

        if "audio" in config.modalities:
            raise BadUsage("temporal_lora has no signals for audio.", "Leave audio out of adapter.modalities.")
        options = config.options
        visual = [modality for modality in config.modalities if modality in ("vision", "projector")]
        own: dict[str, Any] = {
            name: options[name]
            for name in TemporalLoraOptions.model_fields
            if name not in ("quantizer", "rank_stabilized")
        }
        sizes: dict[str, Any] = dict(_peft.rank_patterns(towers, config))
        peft_config = TemporalLoraConfig(
            r=config.rank,
            lora_alpha=config.alpha,
            lora_dropout=config.dropout,
            use_rslora=options["rank_stabilized"],
            target_modules=_peft.combine_targets(towers, config.modalities),
            modules_to_save=_peft.find_whole_modules(model, towers, config.modules_to_train) or None,
            ensure_weight_tying="embeddings" in config.modules_to_train and _peft.has_tied_embeddings(model),
            bias="none",
            **sizes,
            visual_targets=_peft.combine_targets(towers, visual) if visual else "(?!)",
            visual_token_ids=_visual_token_ids(model),
            **own,
        )
        tuned = get_peft_model(model, peft_config)
        # The lasting name of the base, not the folder it was loaded from on this machine.
        peft_config.base_model_name_or_path = base_identity(model)["source"] or None
        return tuned

    def save(self, model: Any, folder: Path) -> None:
        """Write PEFT's files."""
        _peft.save(model, folder)

    def load(self, model: Any, folder: Path, *, trainable: bool) -> Any:
        """Read PEFT's files."""
        register_with_peft()
        return _peft.load(model, folder, trainable=trainable)

    def before_step(self, model: Any, step: int, num_steps: int) -> None:
        """Tell a budget that is reached gradually how far training has come; see ``ActsBeforeSteps``."""
        from vidtune.adapters.temporal._context import context_of

        context = context_of(model)
        assert context is not None  # noqa: S101 (attached by this kind)
        context.progress = step / num_steps

    def penalty(self, model: Any) -> Any:
        """Return how far training is from the budget of ranks; see ``AddsToLoss``."""
        from vidtune.adapters.temporal._budget import budget_penalty

        return budget_penalty(model)

    def merge(self, model: Any) -> Any:
        """Refuse: what is added to a weight differs from frame to frame."""
        raise BadUsage(
            "temporal_lora cannot be merged: what it adds to a weight differs from frame to frame.",
            "Write it as plain LoRA at a fixed gate (`vidtune merge --plain-lora`, export_plain_lora), and merge that.",
        )


def _visual_token_ids(model: Any) -> list[int]:
    """Return the tokens that stand for pixels, as the model's config names them."""
    known = {getattr(model.config, name, None) for name in _VISUAL_TOKEN_FIELDS}
    ids = sorted(int(token) for token in known if token is not None)
    if not ids:
        raise BadUsage(
            f"the config of {type(model).__name__} does not say which tokens stand for pixels, so temporal_lora cannot "
            "tell them from text.",
            "Use another kind of adapter.",
        )
    return ids


KIND = _TemporalLora()
