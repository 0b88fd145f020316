"""The training room: a readable loop from a recipe to an adapted model, exact after a kill."""

from vidtune.training._config import (
    AugmentationConfig,
    EvaluationConfig,
    LimitsConfig,
    LoopConfig,
    LossConfig,
    OptimConfig,
    SaveConfig,
    TrainConfig,
)
from vidtune.training._errors import LossNotFinite, NotSharded, TooManyDropped
from vidtune.training._journal import History, read_history
from vidtune.training._loop import Evaluator
from vidtune.training._overfit import has_learned, overfit_config, overfit_verdict
from vidtune.training._result import read_finished
from vidtune.training._run import train
from vidtune.training._summary import TrainSummary
from vidtune.training._world import World, is_main_process, require_work_for_all

__all__ = [
    "AugmentationConfig",
    "EvaluationConfig",
    "Evaluator",
    "History",
    "LimitsConfig",
    "LoopConfig",
    "LossConfig",
    "LossNotFinite",
    "NotSharded",
    "OptimConfig",
    "SaveConfig",
    "TooManyDropped",
    "TrainConfig",
    "TrainSummary",
    "World",
    "has_learned",
    "is_main_process",
    "overfit_config",
    "overfit_verdict",
    "read_finished",
    "read_history",
    "require_work_for_all",
    "train",
]
