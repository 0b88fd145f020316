"""LoRA whose ranks lie where they pay, over all towers, within a budget of parameters. What is saved is plain LoRA."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidtune.adapters._kind import Modality, Towers, adapter_kinds
from vidtune.adapters._record import base_identity
from vidtune.adapters.kinds import _peft
from vidtune.adapters.rank_budget._options import RankBudgetOptions
from vidtune.config import Config
from vidtune.core.errors import BadUsage

if TYPE_CHECKING:
    import torch

    from vidtune.adapters._config import AdapterConfig

_PICTURE_FILE = "rank_plan.png"
_SEEDS_PER_STEP = 100_003
"""More than there are matrices: no two of them draw the same rows."""


class _RankBudget:
    """See ``AdapterKind``."""

    uses: frozenset[str] = frozenset({"rank", "alpha", "dropout", "modalities", "modules_to_train"})
    default_modalities: tuple[Modality, ...] = ("vision", "projector", "language")
    options_class: type[Config] = RankBudgetOptions

    def quantization_config(self, config: AdapterConfig, device: str) -> Any | None:
        """Return None, or the 4-bit storage as qlora has it by default."""
        if _options(config).base_storage == "plain":
            return None
        return adapter_kinds.get("qlora").quantization_config(type(config)(kind="qlora"), device)

    def attach(self, model: Any, config: AdapterConfig, towers: Towers) -> Any:
        """Measure, plan, and put matrices of the planned ranks in."""
        from peft import LoraConfig, get_peft_model

        options = _options(config)
        is_in_4_bit = bool(getattr(model, "is_loaded_in_4bit", False))
        if is_in_4_bit != (options.base_storage == "nf4"):
            raise BadUsage(
                f"options.base_storage is {options.base_storage}, and the base was {'' if is_in_4_bit else 'not '}"
                "loaded in 4 bit.",
                "Pass quantization_config(adapter_config) to load_model.",
            )
        plan = _plan(model, config, options, towers)
        peft_config = LoraConfig(
            **plan.peft_settings(),
            lora_dropout=config.dropout,
            modules_to_save=_peft.find_whole_modules(model, towers, config.modules_to_train) or None,
            ensure_weight_tying="embeddings" in config.modules_to_train and _peft.has_tied_embeddings(model),
            bias="none",
        )
        tuned = get_peft_model(model, peft_config)
        # The lasting name of the base, not the folder it was loaded from on this machine.
        peft_config.base_model_name_or_path = base_identity(model)["source"] or None
        tuned.vidtune_rank_plan = plan
        return tuned

    def after_step(self, model: Any, step: int, num_steps: int, optimizer: torch.optim.Optimizer | None = None) -> None:
        """Move ranks when it is time to; see ``move_ranks``."""
        options = _options(model.vidtune_adapter)
        every, last = options.reallocate_every_steps, options.reallocate_until_step
        if every is None or last is None or step % every or step > last:
            return
        if optimizer is None:
            raise BadUsage(
                "ranks cannot move without the optimizer, whose state moves with them.",
                "Give after_step the optimizer.",
            )
        from vidtune.adapters.rank_budget import move_ranks

        move_ranks(model, optimizer, options, seed=step * _SEEDS_PER_STEP)

    def changes_shapes(self, config: AdapterConfig) -> bool:
        """Return whether ranks move while the model is trained."""
        return config.options["reallocate_every_steps"] is not None

    def fit_weights(self, model: Any, weights: Mapping[str, torch.Tensor]) -> None:
        """Give ``model`` the ranks of a checkpoint, which may have moved since its plan."""
        from vidtune.adapters.rank_budget import fit_ranks

        fit_ranks(model, weights)

    def save(self, model: Any, folder: Path) -> None:
        """Write PEFT's files, and the plan beside them as YAML and as a picture."""
        from vidtune.adapters.rank_budget import PLAN_FILE, draw_plan, write_plan

        _peft.save(model, folder)
        write_plan(model.vidtune_rank_plan, folder / PLAN_FILE)
        draw_plan(model.vidtune_rank_plan, folder / _PICTURE_FILE)

    def load(self, model: Any, folder: Path, *, trainable: bool) -> Any:
        """Read PEFT's files and the plan."""
        from vidtune.adapters.rank_budget import PLAN_FILE, read_plan

        tuned = _peft.load(model, folder, trainable=trainable)
        tuned.vidtune_rank_plan = read_plan(folder / PLAN_FILE)
        return tuned

    def merge(self, model: Any) -> Any:
        """Add each product to its weight; refused in 4 bit, as by qlora."""
        if getattr(model, "is_loaded_in_4bit", False):
            return adapter_kinds.get("qlora").merge(model)
        return _peft.merge(model)


def _options(config: AdapterConfig) -> RankBudgetOptions:
    return RankBudgetOptions.model_validate(config.options)


def _plan(model: Any, config: AdapterConfig, options: RankBudgetOptions, towers: Towers) -> Any:
    from vidtune.adapters.rank_budget import make_plan, read_plan
    from vidtune.adapters.rank_budget._plan import check_plan
    from vidtune.adapters.rank_budget._scores import find_matrices, spread

    targets: dict[str, str] = {modality: towers.linear_targets[modality] for modality in config.modalities}
    if options.plan is None:
        batches = spread(towers.batches or (), options.num_calibration_samples)
        return make_plan(model, targets, options, rank=config.rank, alpha=config.alpha, batches=batches)
    path = Path(options.plan)
    plan = read_plan(path)
    matrices = find_matrices(model, targets)
    check_plan(plan, {name: (part.in_features, part.out_features) for name, (_, part) in matrices.items()}, path)
    if (plan.rank, plan.alpha) != (config.rank, config.alpha):
        raise BadUsage(
            f"the plan {path} is for rank={plan.rank} and alpha={plan.alpha:g}, the config says "
            f"{config.rank} and {config.alpha}.",
            "Set rank and alpha as the plan has them.",
        )
    return plan


KIND = _RankBudget()
