"""The overfit check: can the recipe teach the model a handful of samples by heart?

It is the first thing to try with new data or a new model. A small loss proves that frames, labels, adapter and
optimizer are connected. It proves nothing about other clips: what is measured is what was learned.
"""

from __future__ import annotations

from typing import Any

from vidtune.config import build_config
from vidtune.training._config import TrainConfig
from vidtune.training._summary import TrainSummary

_NUM_STEPS = 200
_LEARNED_LOSS = 0.1
"""Nats a supervised token: the right token has more than nine tenths of the probability on average."""


def overfit_config(config: TrainConfig, num_samples: int) -> TrainConfig:
    """Return the recipe for the first ``num_samples``, measured on themselves, without augmentation or dropout."""
    values: dict[str, Any] = config.model_dump(mode="json", exclude_unset=True)
    values["data"] = {**values["data"], "limit": num_samples}
    values["eval_data"] = values["data"]
    values["evaluation"] = {"limit": None, "generate": False, "keep_best": False}
    if "dropout" in values.get("adapter", {}):
        values["adapter"] = {**values["adapter"], "dropout": 0.0}
    values["loop"] = {**values.get("loop", {}), "epochs": None, "max_steps": _NUM_STEPS, "balance_by": None}
    values["save"] = {**values.get("save", {}), "every_steps": _NUM_STEPS // 2}
    values.pop("augmentation", None)
    return build_config(TrainConfig, values, source="the overfit check")


def has_learned(summary: TrainSummary) -> bool:
    """Whether the samples are known by heart."""
    return summary.best_value is not None and summary.best_value < _LEARNED_LOSS


def overfit_verdict(summary: TrainSummary) -> str:
    """Return what the check showed, for people."""
    found = f"loss {summary.best_value:.4f} on the {summary.num_samples} samples it was trained on"
    if has_learned(summary):
        return (
            f"Overfit   {found}: it knows them by heart. Frames, labels, adapter and optimizer are connected.\n"
            "          This says nothing about other clips."
        )
    return (
        f"Overfit   {found}, expected below {_LEARNED_LOSS:g} after {summary.num_steps_done} steps: it did not learn "
        "them.\n          Look at supervision.txt, raise optim.learning_rate, or let the adapter reach more."
    )
