"""Trackers: each real library on this machine, where it is installed; nothing is sent anywhere."""

import importlib.util
import sqlite3
import subprocess
import sys

import pytest

from vidtune.config import dump_config
from vidtune.core.errors import ConfigInvalid, DataInvalid
from vidtune.core.rundir import RunDirectory
from vidtune.training import _tracking, read_history, train
from vidtune.training._tracking import Boards, trackers


@pytest.fixture
def run(tmp_path):
    return RunDirectory(tmp_path / "run")


def log_twice(name, run, options=None):
    """Log steps 1 and 2, die, take the run up again at step 2, and log 2 and 3."""
    told = []
    for first_step, has_failed in ((1, True), (2, False)):
        boards = Boards(
            {name: options or {}}, run, project="tests", first_step=first_step, recipe={"seed": 1}, report=told.append
        )
        boards.__enter__()
        for step in (first_step, first_step + 1):
            boards.log(step, {"train/loss": 1 / step})
        boards.__exit__(KeyboardInterrupt if has_failed else None, None, None)
    assert told == []


def test_every_tracker_is_a_file_and_is_documented():
    assert trackers.names() == ["clearml", "mlflow", "tensorboard", "trackio", "wandb"]
    for name in trackers.names():
        assert all(field.description for field in trackers.get(name).options_class.model_fields.values())


def test_tensorboard_continues_and_hides_what_is_run_again(run, monkeypatch):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.summary.writer import event_file_writer

    # The ninth and the tenth writer of a process: their files are sorted by name, and "10" is before "9".
    numbers = event_file_writer.AtomicCounter(9)
    monkeypatch.setattr(event_file_writer, "_global_uid", numbers)
    log_twice("tensorboard", run)
    events = EventAccumulator(str(run.tensorboard)).Reload().Scalars("train/loss")

    assert [event.step for event in events] == [1, 2, 3]


def log_twice_in_a_child(name, run, environment, seconds=120):
    """These libraries start services of their own, set global state and warn: they get a process to live with."""
    code = (
        "from pathlib import Path; from vidtune.core.rundir import RunDirectory\n"
        "from tests.training.test_tracking import log_twice\n"
        f"log_twice({name!r}, RunDirectory(Path({str(run.path)!r})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=seconds
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""  # it is for results


def test_mlflow_keeps_one_run_in_the_run_directory(run, child_env):
    pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    # A variable that would send: the recipe names no server, so nothing may be sent.
    log_twice_in_a_child("mlflow", run, {**child_env, "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"})
    with sqlite3.connect(run.path / "mlflow.db") as database:
        runs = database.execute("select name, status from runs").fetchall()
        points = database.execute("select distinct step, value from metrics where key = 'train/loss'").fetchall()
        params = database.execute("select key, value from params").fetchall()
    database.close()

    assert runs == [("run", "FINISHED")]
    assert sorted(points) == [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))]
    assert params == [("seed", "1")]


def test_wandb_offline_continues_under_the_same_id(run, child_env):
    pytest.importorskip("wandb")
    log_twice_in_a_child("wandb", run, {**child_env, "WANDB_MODE": "online"})
    folders = [path.name for path in (run.path / "wandb").iterdir() if path.name.startswith("offline-run-")]

    assert len(folders) in (1, 2)  # both within one second share a folder
    assert len({name.rpartition("-")[2] for name in folders}) == 1
    assert all(list((run.path / "wandb" / name).glob("*.wandb")) for name in folders)


def test_trackio_keeps_one_run_on_this_machine(run, tmp_path, child_env):
    pytest.importorskip("trackio")
    environment = {**child_env, "TRACKIO_DIR": str(tmp_path / "trackio"), "TRACKIO_SPACE_ID": "nobody/nothing"}
    log_twice_in_a_child("trackio", run, environment)
    with sqlite3.connect(tmp_path / "trackio" / "tests.db") as database:
        rows = database.execute("select distinct run_name, step from metrics order by step").fetchall()
    database.close()

    assert [step for _, step in rows] == [1, 2, 3]
    assert len({name for name, _ in rows}) == 1


@pytest.mark.slow
def test_clearml_writes_an_offline_session(run, tmp_path, child_env):
    pytest.importorskip("clearml")
    environment = {**child_env, "CLEARML_CACHE_DIR": str(tmp_path / "clearml"), "HOME": str(tmp_path)}
    log_twice_in_a_child("clearml", run, environment, seconds=240)

    assert len(list(tmp_path.rglob("offline-*.zip"))) == 2


@pytest.mark.parametrize("name", ["wandb", "mlflow", "clearml", "trackio"])
def test_a_tracker_whose_library_is_missing_names_its_extra_before_weights_load(name, recipe, run, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        _tracking.importlib.util, "find_spec", lambda package: None if package == name else real(package)
    )
    monkeypatch.setattr("vidtune.training._prepare.load_model", None)

    with pytest.raises(DataInvalid, match=rf"pip install 'vidtune\[{name}\]'"):
        train(recipe(loop={"tracking": {"trackers": [name]}}), run)


@pytest.mark.parametrize(
    ("tracking", "message"),
    [
        ({"trackers": ["wandbb"]}, "Did you mean 'wandb'"),
        ({"options": {"wandb": {"mode": "online"}}}, "options of wandb have no effect"),
        ({"trackers": ["wandb"], "options": {"wandb": {"mod": "x"}}}, "It has: mode, entity, tags"),
        ({"trackers": ["tensorboard", "tensorboard"]}, "each at most once"),
    ],
)
def test_a_tracking_that_cannot_be_is_refused(tracking, message, recipe):
    with pytest.raises(ConfigInvalid, match=message):
        recipe(loop={"tracking": tracking})


class _Breaks:
    """A tracker whose server goes away at the second step."""

    options_class = trackers.get("tensorboard").options_class

    def check(self, options):
        pass

    def open(self, run, options):
        return self

    def log(self, step, curves):
        if step > 1:
            raise ConnectionError("the server is gone")

    def close(self, *, has_failed):
        raise AssertionError("it was left out")


def test_a_tracker_that_fails_is_said_and_the_run_goes_on(recipe, run, monkeypatch):
    monkeypatch.setitem(trackers._targets, "breaks", _Breaks())
    summary = train(recipe(loop={"tracking": {"trackers": ["breaks"]}}), run)

    assert summary.num_steps_done == 6
    assert any("breaks failed and is left out" in note and "the server is gone" in note for note in summary.notes)
    assert len(read_history(run.training_log).steps) == 6
    assert not run.tensorboard.exists()


def test_a_recipe_with_a_tracker_is_written_whole(recipe):
    config = recipe(loop={"tracking": {"trackers": ["tensorboard", "wandb"], "options": {"wandb": {"tags": ["a"]}}}})

    assert "wandb:" in dump_config(config)
