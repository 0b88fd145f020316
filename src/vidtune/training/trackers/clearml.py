"""ClearML. Offline unless the recipe says otherwise: a session file, which ``clearml-task`` or the server import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from vidtune.config import Config
from vidtune.training._tracking import Board, TrackedRun, require_library

_FRAMEWORKS = (
    "matplotlib tensorflow tensorboard pytorch xgboost scikit fastai lightgbm hydra detect_repository tfdefines joblib "
    "megengine catboost gradio"
)
_NOT_CONNECTED = dict.fromkeys(_FRAMEWORKS.split(), False)
"""One by one: only a table of all of them also keeps it from reading the git repository around, with its changes."""


class ClearmlOptions(Config):
    """Settings of clearml."""

    mode: Literal["offline", "online"] = "offline"
    """`offline`: a session in ClearML's cache folder, named in its output; a run that is taken up again writes another
    one with the same tag. `online`: to the server of this machine's `clearml.conf`."""


class _Board:
    """See ``Board``."""

    def __init__(self, task: Any, *, is_offline: bool) -> None:
        self._task = task
        self._is_offline = is_offline

    def log(self, step: int, curves: Mapping[str, float]) -> None:
        logger = self._task.get_logger()
        for name, value in curves.items():
            title, _, series = name.partition("/")
            logger.report_scalar(title, series or title, value=value, iteration=step)

    def close(self, *, has_failed: bool) -> None:
        if has_failed and not self._is_offline:  # offline it would wait for a server that is not there
            self._task.mark_failed(ignore_errors=True, status_message="the run ended with an error")
        self._task.close()


class _Clearml:
    """See ``Tracker``."""

    options_class = ClearmlOptions

    def check(self, options: ClearmlOptions) -> None:
        require_library("clearml", tracker="clearml")

    def open(self, run: TrackedRun, options: ClearmlOptions) -> Board:
        from clearml import Task

        is_offline = options.mode == "offline"
        Task.set_offline(is_offline)
        before = [] if is_offline else Task.get_tasks(project_name=run.project, tags=[run.run_id])
        task = Task.init(
            project_name=run.project,
            task_name=run.name,
            tags=[run.run_id],
            continue_last_task=before[0].id if before else False,
            reuse_last_task_id=False,
            # Numbers only: no code, no arguments, no weights, nothing about the machine.
            output_uri=False,
            auto_connect_arg_parser=False,
            auto_connect_frameworks=_NOT_CONNECTED,
            auto_connect_streams=False,
            auto_resource_monitoring=False,
        )
        # The steps we report are the run's own, also in a run that is taken up again.
        task.set_initial_iteration(0)
        task.connect_configuration(dict(run.recipe), name="recipe")
        return _Board(task, is_offline=is_offline)


TRACKER = _Clearml()
