"""Where the curves of a run are shown besides its own log: any number of trackers, each one file of ``trackers/``.

A tracker is a guest. It is given numbers and never asked for any; one that fails on the way is said once and left out,
and the run goes on. Nothing leaves this machine unless the recipe names a tracker and tells it where to send to.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import uuid
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from pydantic import ValidationError

from vidtune.config import Config
from vidtune.core.durable import read_json, write_json
from vidtune.core.errors import NotInstalled, VidtuneError
from vidtune.core.registry import Registry, parts_in_folder
from vidtune.core.rundir import RunDirectory

OptionsT_contra = TypeVar("OptionsT_contra", bound=Config, contravariant=True)


@dataclass(frozen=True)
class TrackedRun:
    """What a tracker is told of a run."""

    run_id: str
    """The same whenever the run is taken up again: what is logged then continues what is there."""

    name: str
    project: str
    folder: Path
    """The run directory; what a tracker keeps on this machine goes below it."""

    first_step: int
    """The step that will be logged first, counted from 1; more than 1 in a run that is taken up again."""

    recipe: Mapping[str, Any]
    """The resolved recipe as JSON values."""

    @property
    def is_resumed(self) -> bool:
        """Whether steps were logged before."""
        return self.first_step > 1


class Board(Protocol):
    """A tracker at work on one run."""

    def log(self, step: int, curves: Mapping[str, float]) -> None:
        """Take the values of some curves at ``step``; names are ``group/name``, as ``train/loss``."""

    def close(self, *, has_failed: bool) -> None:
        """Finish writing. ``has_failed``: the run ended with an error and may be taken up again."""


class Tracker(Protocol[OptionsT_contra]):
    """One kind of place. Its file is imported when a recipe names it, and must not import its library at its top."""

    options_class: type[Config]
    """The settings that only this tracker has."""

    def check(self, options: OptionsT_contra) -> None:
        """Make sure that it can be opened, before weights are loaded.

        Raises:
            VidtuneError: If it cannot; ``NotInstalled`` names the extra that brings its library.
        """

    def open(self, run: TrackedRun, options: OptionsT_contra) -> Board:
        """Begin a run, or continue the one with this id."""


# Imported here and not where it is used, so that only this module's name for the folder is bound.
_folder = importlib.import_module("vidtune.training.trackers")

trackers: Registry[Tracker[Any]] = Registry("tracker", parts_in_folder(_folder.__name__, _folder.__path__, "TRACKER"))
"""All trackers by name: one for each file of ``trackers/``; packages add theirs under ``vidtune.tracker``."""


def require_library(package: str, *, tracker: str) -> None:
    """Make sure that the library of a tracker is installed.

    Raises:
        NotInstalled: Naming the extra that brings it.
    """
    if importlib.util.find_spec(package) is None:
        raise NotInstalled(
            f"the tracker {tracker!r} needs the package {package}, and it is not installed.",
            f"Install the extra that brings it: pip install 'vidtune[{tracker}]'; or take it out of loop.tracking.",
        )


def check_tracker(name: str, options: Mapping[str, Any]) -> None:
    """Check a tracker that a recipe names, and its settings.

    Raises:
        ValueError: If there is none of that name, or a setting is not one of its.
        VidtuneError: If it cannot be opened here.
    """
    tracker, read = _read(name, options)
    tracker.check(read)


def read_options(name: str, options: Mapping[str, Any]) -> Config:
    """Return the settings of a tracker.

    Raises:
        ValueError: If there is none of that name, or a setting is not one of its.
    """
    return _read(name, options)[1]


def _read(name: str, options: Mapping[str, Any]) -> tuple[Tracker[Any], Config]:
    try:
        tracker = trackers.get(name)
    except LookupError as exc:
        raise ValueError(str(exc.args[0])) from exc
    try:
        return tracker, tracker.options_class.model_validate(dict(options))
    except ValidationError as exc:
        known = ", ".join(tracker.options_class.model_fields) or "none"
        found = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in exc.errors())
        raise ValueError(f"options of the tracker {name!r}: {found}. It has: {known}.") from exc


class Boards:
    """The trackers of one run inside a ``with`` block.

    Args:
        names: Which, with the settings of each.
        run: Where the run is.
        project: Under which name runs belong together.
        first_step: What will be logged first.
        recipe: The resolved recipe as JSON values.
        report: Told, once, of a tracker that fails.
    """

    def __init__(
        self,
        names: Mapping[str, Mapping[str, Any]],
        run: RunDirectory,
        *,
        project: str,
        first_step: int,
        recipe: Mapping[str, Any],
        report: Callable[[str], None],
    ) -> None:
        self._names = names
        self._about = TrackedRun(_keep_run_id(run), run.name, project, run.path, first_step, recipe)
        self._report = report
        self._open: dict[str, Board] = {}

    def __enter__(self) -> Self:
        for name in self._names:
            self._guarded(name, partial(self._begin, name))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for name, board in list(self._open.items()):
            self._guarded(name, partial(board.close, has_failed=kind is not None))
        self._open.clear()

    def log(self, step: int, curves: Mapping[str, float]) -> None:
        """Give every tracker the values of some curves at ``step``."""
        for name, board in list(self._open.items()):
            self._guarded(name, partial(board.log, step, curves))

    def _begin(self, name: str) -> None:
        tracker, options = _read(name, self._names[name])
        self._open[name] = tracker.open(self._about, options)

    def _guarded(self, name: str, work: Callable[[], None]) -> None:
        try:
            with redirect_stdout(sys.stderr):  # stdout is for results
                work()
        except VidtuneError:
            raise  # ours, as a full disk: the run cannot go on either
        except Exception as exc:  # a foreign library, perhaps without its server: no reason to lose a training
            self._open.pop(name, None)
            reason = " ".join(f"{type(exc).__name__}: {exc}".split())[:200]
            self._report(f"The tracker {name} failed and is left out from here on: {reason}.")


def _keep_run_id(run: RunDirectory) -> str:
    """Return the id under which trackers know this run: drawn once, then read."""
    path = run.path / "tracking.json"
    with suppress(VidtuneError, KeyError, TypeError):
        return str(read_json(path)["run_id"])
    run_id = uuid.uuid4().hex
    write_json(path, {"run_id": run_id})
    return run_id
