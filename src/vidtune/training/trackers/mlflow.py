"""MLflow: a database in the run directory, or the server that the recipe names."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from vidtune.config import Config
from vidtune.training._tracking import Board, TrackedRun, require_library

_RUN_ID_TAG = "vidtune.run_id"
_MAX_PARAMS = 100
_MAX_PARAM_CHARACTERS = 500


class MlflowOptions(Config):
    """Settings of mlflow."""

    uri: str | None = None
    """Where to: `sqlite:///FILE`, or the address of a server. None: `mlflow.db` in the run directory. The environment
    is not asked, so that only a recipe can have something sent."""


class _Board:
    """See ``Board``."""

    def __init__(self, client: Any, run_id: str) -> None:
        self._client = client
        self._run_id = run_id

    def log(self, step: int, curves: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now_ms = int(time.time() * 1000)
        metrics = [Metric(name, value, now_ms, step) for name, value in curves.items()]
        self._client.log_batch(self._run_id, metrics=metrics)

    def close(self, *, has_failed: bool) -> None:
        self._client.set_terminated(self._run_id, status="FAILED" if has_failed else "FINISHED")


class _Mlflow:
    """See ``Tracker``."""

    options_class = MlflowOptions

    def check(self, options: MlflowOptions) -> None:
        require_library("mlflow", tracker="mlflow")
        if options.uri is None or options.uri.startswith("sqlite:"):
            require_library("sqlalchemy", tracker="mlflow")  # the small package mlflow-skinny comes without

    def open(self, run: TrackedRun, options: MlflowOptions) -> Board:
        from mlflow.entities import Param, RunTag
        from mlflow.tracking import MlflowClient

        client = MlflowClient(tracking_uri=options.uri or f"sqlite:///{run.folder.resolve() / 'mlflow.db'}")
        found = client.get_experiment_by_name(run.project)
        experiment = client.create_experiment(run.project) if found is None else found.experiment_id
        before = client.search_runs([experiment], f"tags.`{_RUN_ID_TAG}` = '{run.run_id}'", max_results=1)
        if before:
            run_id = before[0].info.run_id
            client.update_run(run_id, status="RUNNING")
            return _Board(client, run_id)
        run_id = client.create_run(experiment, run_name=run.name).info.run_id
        params = [Param(name, value[:_MAX_PARAM_CHARACTERS]) for name, value in _flatten("", run.recipe)]
        client.log_batch(run_id, params=params[:_MAX_PARAMS], tags=[RunTag(_RUN_ID_TAG, run.run_id)])
        return _Board(client, run_id)


def _flatten(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(f"{prefix}{name}.", value)
        else:
            yield prefix + name, str(value)


TRACKER = _Mlflow()
