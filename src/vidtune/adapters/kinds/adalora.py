"""AdaLoRA (Zhang et al. 2023, arXiv 2303.10512), by PEFT: ranks that move to the layers where they help.

Each product is P diag(e) Q with P and Q kept near orthogonal by a penalty. While training, the directions that matter
least by a smoothed sensitivity lose their e, over all layers together, until the mean rank is the wanted one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, model_validator

from vidtune.adapters._kind import Modality, Towers
from vidtune.adapters._record import base_identity
from vidtune.adapters.kinds import _peft
from vidtune.config import Config
from vidtune.core.errors import BadUsage

if TYPE_CHECKING:
    import torch

    from vidtune.adapters._config import AdapterConfig

_UNKNOWN_STEPS = 2**31
"""PEFT wants the number of steps at the start; the first step tells it."""


_SENSITIVITY, _UNCERTAINTY = "adalora_sensitivity", "adalora_uncertainty"
"""What they are called in the optimizer's state."""


class AdaLoraOptions(Config):
    """Settings of adalora alone; ``rank`` is the rank that every layer begins with."""

    target_rank: Annotated[int, Field(ge=1, le=1024)] = 8
    """Mean rank over all layers at the end; less than rank."""

    warmup_share: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the steps before ranks begin to fall."""

    final_share: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Share of the steps at the end in which they stay as they are."""

    every_steps: Annotated[int, Field(ge=1)] = 1
    """Ranks are allotted every so many steps."""

    sensitivity_decay: Annotated[float, Field(gt=0, lt=1)] = 0.85
    """How slowly the measured sensitivity forgets."""

    orthogonality: Annotated[float, Field(ge=0)] = 0.5
    """Weight of the penalty that keeps the directions apart."""

    @model_validator(mode="after")
    def _leaves_time(self) -> Self:
        if self.warmup_share + self.final_share >= 1:
            raise ValueError(
                f"warmup_share={self.warmup_share} and final_share={self.final_share} leave no step for ranks to move."
            )
        return self


class _AdaLora:
    """See ``AdapterKind``."""

    uses: frozenset[str] = frozenset({"rank", "alpha", "dropout", "modalities", "modules_to_train"})
    default_modalities: tuple[Modality, ...] = ("language",)
    options_class: type[Config] = AdaLoraOptions

    def quantization_config(self, config: AdapterConfig, device: str) -> None:
        return None

    def attach(self, model: Any, config: AdapterConfig, towers: Towers) -> Any:
        """Put the products in; all e are zero, so nothing changes yet."""
        from peft import AdaLoraConfig, get_peft_model

        options = config.options
        if options["target_rank"] >= config.rank:
            raise BadUsage(
                f"target_rank={options['target_rank']} is not below rank={config.rank}: ranks only fall.",
                "Raise rank or lower options.target_rank.",
            )
        peft_config = AdaLoraConfig(
            init_r=config.rank,
            target_r=options["target_rank"],
            lora_alpha=config.alpha,
            lora_dropout=config.dropout,
            total_step=_UNKNOWN_STEPS,
            deltaT=options["every_steps"],
            beta1=options["sensitivity_decay"],
            beta2=options["sensitivity_decay"],
            orth_reg_weight=options["orthogonality"],
            target_modules=_peft.combine_targets(towers, config.modalities),
            modules_to_save=_peft.find_whole_modules(model, towers, config.modules_to_train) or None,
            bias="none",
        )
        source = base_identity(model)["source"] or None
        tuned = get_peft_model(model, peft_config)
        peft_config.base_model_name_or_path = source
        return tuned

    def penalty(self, model: Any) -> torch.Tensor | None:
        """Return the mean distance of all P'P and QQ' from the identity, weighted; PEFT's own forward adds the same."""
        import torch

        weight = model.peft_config["default"].orth_reg_weight
        distances = []
        for name, parameter in model.named_parameters():
            if parameter.requires_grad and (".lora_A." in name or ".lora_B." in name):
                products = parameter @ parameter.T if ".lora_A." in name else parameter.T @ parameter
                distances.append(torch.linalg.matrix_norm(products - torch.eye(len(products), device=products.device)))
        return weight * torch.stack(distances).mean() if distances and weight else None

    def after_step(self, model: Any, step: int, num_steps: int, optimizer: torch.optim.Optimizer | None) -> None:
        """Measure the sensitivities and take ranks away as the schedule says."""
        options, peft_config = model.vidtune_adapter.options, model.peft_config["default"]
        tuner = model.base_model
        peft_config.tinit = int(options["warmup_share"] * num_steps)
        peft_config.tfinal = int(options["final_share"] * num_steps)
        peft_config.total_step = num_steps
        if peft_config.tinit >= num_steps - peft_config.tfinal:
            return  # too short a run for ranks to move
        tuner.rankallocator.set_total_step(num_steps)
        if optimizer is not None and not tuner.rankallocator.exp_avg_ipt:
            _read_scores(tuner, optimizer)
        if step > num_steps - peft_config.tfinal and peft_config.rank_pattern is None:
            # Taken up again after the ranks were settled: the directions without an e are the ones that went.
            peft_config.rank_pattern = {
                name: (parameter != 0).flatten().tolist()
                for name, parameter in tuner.model.named_parameters()
                if ".lora_E." in name
            }
        tuner.update_and_allocate(step)
        if optimizer is not None:
            _keep_scores(tuner, optimizer)

    def save(self, model: Any, folder: Path) -> None:
        """Write PEFT's files with all directions, those that lost their e too: cut, sums would be rounded otherwise."""
        peft_config = model.peft_config["default"]
        pattern, peft_config.rank_pattern = peft_config.rank_pattern, None
        try:
            _peft.save(model, folder)
        finally:
            peft_config.rank_pattern = pattern

    def load(self, model: Any, folder: Path, *, trainable: bool) -> Any:
        return _peft.load(model, folder, trainable=trainable)

    def merge(self, model: Any) -> Any:
        return _peft.merge(model)


def _keep_scores(tuner: Any, optimizer: torch.optim.Optimizer) -> None:
    """Put the smoothed sensitivities into the optimizer's state, which a checkpoint holds."""
    allocator = tuner.rankallocator
    for name, parameter in tuner.model.named_parameters():
        if name in allocator.exp_avg_ipt:
            optimizer.state[parameter][_SENSITIVITY] = allocator.exp_avg_ipt[name]
            optimizer.state[parameter][_UNCERTAINTY] = allocator.exp_avg_unc[name]


def _read_scores(tuner: Any, optimizer: torch.optim.Optimizer) -> None:
    """Take them back after a run was taken up again."""
    allocator = tuner.rankallocator
    for name, parameter in tuner.model.named_parameters():
        state = optimizer.state.get(parameter, {})
        if _SENSITIVITY in state:
            allocator.ipt[name] = state[_SENSITIVITY].new_zeros(state[_SENSITIVITY].shape)
            allocator.exp_avg_ipt[name] = state[_SENSITIVITY]
            allocator.exp_avg_unc[name] = state[_UNCERTAINTY]


KIND = _AdaLora()
