"""What a recipe says of a step: what is lowered, and how the weights follow. Importing this imports no torch."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from vidtune.config import Config


class OptimConfig(Config):
    """AdamW, its learning rates and their course."""

    kind: str = "adamw"
    """`adamw`: 8 bytes of state a trained weight. `adamw_8bit`: 2. `paged_adamw`, `paged_adamw_8bit`: the same, moved
    to the host's memory when the GPU's is full (CUDA only)."""

    learning_rate: Annotated[float, Field(gt=0, le=1)] = 2e-4
    """Peak learning rate of the language model's trained weights."""

    vision_lr_multiplier: Annotated[float, Field(gt=0, le=100)] = 1.0
    """Times learning_rate for the vision tower. Only when the adapter reaches it."""

    projector_lr_multiplier: Annotated[float, Field(gt=0, le=100)] = 1.0
    """Times learning_rate for the projector. Only when the adapter reaches it."""

    audio_lr_multiplier: Annotated[float, Field(gt=0, le=100)] = 1.0
    """Times learning_rate for the audio tower. Only when the adapter reaches it."""

    schedule: Literal["constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts"] = "cosine"
    """Course of the learning rate after the warm-up: flat, straight to 0, half a cosine to 0, or several of them.
    `constant_with_warmup` is `constant` that demands a warm-up."""

    num_cycles: Annotated[int, Field(ge=1, le=1000)] = 1
    """Half cosines of `cosine_with_restarts`, each from the peak to 0."""

    warmup_ratio: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Share of all steps in which the learning rate rises from 0."""

    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Decoupled weight decay; never on biases and norms (tensors of one dimension)."""

    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Decay of AdamW's first moment."""

    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Decay of AdamW's second moment."""

    epsilon: Annotated[float, Field(gt=0, lt=1)] = 1e-8
    """AdamW's guard against division by zero."""

    max_grad_norm: Annotated[float, Field(gt=0)] | None = 1.0
    """Gradients are scaled down to this global norm. None: not clipped."""

    @field_validator("kind")
    @classmethod
    def _kind_is_known(cls, value: str) -> str:
        from vidtune.training._optimizer import optimizers  # which reads configs itself

        try:
            optimizers.get(value)
        except LookupError as exc:
            raise ValueError(str(exc.args[0])) from exc
        return value

    @model_validator(mode="after")
    def _warms_up(self) -> Self:
        if self.schedule == "constant_with_warmup" and not self.warmup_ratio:
            raise ValueError("schedule='constant_with_warmup' with warmup_ratio=0 is 'constant': set one of them.")
        return self

    @model_validator(mode="after")
    def _cycles_count(self) -> Self:
        if self.num_cycles != 1 and self.schedule != "cosine_with_restarts":
            raise ValueError(
                f"num_cycles={self.num_cycles} has no effect with schedule={self.schedule!r}: "
                "set schedule to 'cosine_with_restarts', or leave num_cycles at 1."
            )
        return self


class TermConfig(Config):
    """One further term of the loss."""

    weight: Annotated[float, Field(gt=0, le=1000)]
    """What the term is multiplied by."""

    schedule: Literal["constant", "rising", "falling"] = "constant"
    """Over the run: always the weight; from 0 to it; from it to 0. Straight lines."""

    features: Literal["output", "input"] = "output"
    """Of which states: those that the language model has at a clip's tokens in its last layer, or those that the vision
    tower and projector give to it. The latter only where one of them is trained."""

    options: dict[str, Any] = {}
    """Settings that only this term has; see docs/training.md."""


class LossConfig(Config):
    """What a wrong token costs. The held-out loss is always plain cross entropy."""

    focal_gamma: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Focal loss (Lin et al. 2017): what is likely already counts (1 - p)^gamma times. 0: plain cross entropy."""

    class_weights: Literal["none", "inverse_frequency", "effective_number"] = "none"
    """Let samples of rare labels count more: by 1 / n of their label, or by its effective number (Cui et al. 2019)."""

    effective_beta: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Of `effective_number`: nearer to 1 is nearer to `inverse_frequency`. None: 0.999."""

    terms: dict[str, TermConfig] = {}
    """Added to the loss of the tokens: any of `equicontour_soft`, `equicontour_hard`, `distribution_alignment`,
    `structure_alignment`, `temporal_coherence`. None unless named; whether they help is not measured here."""

    @model_validator(mode="after")
    def _terms_are_known(self) -> Self:
        from vidtune.training._terms import read_term  # which reads configs itself

        for name, term in self.terms.items():
            read_term(name, term)
        return self

    @model_validator(mode="after")
    def _beta_counts(self) -> Self:
        if self.effective_beta is not None and self.class_weights != "effective_number":
            raise ValueError(
                f"effective_beta={self.effective_beta} has no effect with class_weights={self.class_weights!r}: "
                "set class_weights to 'effective_number', or leave it out."
            )
        return self
