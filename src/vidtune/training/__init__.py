"""The training room: a readable loop from a recipe to an adapted model, exact after a kill."""

from vidtune.training._config import (
    AugmentationConfig,
    EvaluationConfig,
    LimitsConfig,
    LoopConfig,
    SaveConfig,
    TrainConfig,
)
from vidtune.training._errors import LossNotFinite, ModelCollapsed, NotSharded, TooManyDropped, TrainingHung
from vidtune.training._feature_cache import FeatureCache
from vidtune.training._journal import History, read_history
from vidtune.training._learning_config import LossConfig, OptimConfig, TermConfig
from vidtune.training._loop import Evaluator
from vidtune.training._overfit import has_learned, overfit_config, overfit_verdict
from vidtune.training._preflight import load_train_recipe
from vidtune.training._result import read_finished
from vidtune.training._run import train
from vidtune.training._summary import TrainSummary
from vidtune.training._watch_config import TrackingConfig, WatchdogConfig
from vidtune.training._watchdog import ANSWERS_ALIKE
from vidtune.training._world import World, is_main_process, require_work_for_all

__all__ = [
    "ANSWERS_ALIKE",
    "AugmentationConfig",
    "EvaluationConfig",
    "Evaluator",
    "FeatureCache",
    "History",
    "LimitsConfig",
    "LoopConfig",
    "LossConfig",
    "LossNotFinite",
    "ModelCollapsed",
    "NotSharded",
    "OptimConfig",
    "SaveConfig",
    "TermConfig",
    "TooManyDropped",
    "TrackingConfig",
    "TrainConfig",
    "TrainSummary",
    "TrainingHung",
    "WatchdogConfig",
    "World",
    "has_learned",
    "is_main_process",
    "load_train_recipe",
    "overfit_config",
    "overfit_verdict",
    "read_finished",
    "read_history",
    "require_work_for_all",
    "train",
]
