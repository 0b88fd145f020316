"""What the study is: its settings, its runs, and about how long they take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from vidtune.config import Config, load_recipe
from vidtune.core.rundir import RunDirectory
from vidtune.packs.physio import PhysioConfig
from vidtune.training import TrainConfig

ROOT = Path(__file__).parents[3]

METRICS = {"exercise": "exercise named", "error": "mistake named", "time": "questions about time"}
"""What is measured, as columns are headed."""

_QUESTIONS_PER_CLIP = 2.05
"""One about form, and about as many about time: 320 for 300 clips."""

_SAMPLES_PER_S = 15.0
"""Of training nano with one process: 630 clips, 10 epochs, two processes in 209 s (benchmarks/results/demo.json)."""

_ANSWERS_PER_S = 12.0
"""180 clips in 15 s there."""

_START_S = 45.0
"""Starting, reading the clips and loading, of training and two predictions."""


class Arm(Config):
    """One way of tuning."""

    title: str
    """For the table."""

    recipe: Path
    """A training recipe, from the root of the repository."""

    set: tuple[str, ...] = ()
    """Overrides of its own, after the shared ones."""

    against: tuple[str, ...] = ()
    """Arms it is compared with."""

    seed_also: str | None = None
    """A setting that changes with the seed besides ``seed``; the seed plus one, as 0 stands for none."""

    @property
    def path(self) -> Path:
        """Where its recipe lies."""
        return self.recipe if self.recipe.is_absolute() else ROOT / self.recipe


class Study(Config):
    """All arms on one pack."""

    pack: PhysioConfig = PhysioConfig()
    """The clips."""

    arms: dict[str, Arm]
    """By their short names."""

    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (0, 1, 2)
    """Of training; the clips and questions stay the same."""

    nproc: Annotated[int, Field(ge=1)] = 1
    """Processes that share a training run."""

    num_frames: Annotated[int, Field(ge=1)] = 8
    """Frames of a clip that a model is asked about."""

    max_new_tokens: Annotated[int, Field(ge=1)] = 64
    """Longest answer."""

    shared: tuple[str, ...] = ()
    """Overrides of every arm."""

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        for name, arm in self.arms.items():
            unknown = sorted({*arm.against} - {*self.arms})
            if unknown or name in arm.against:
                raise ValueError(f"arms.{name}.against={arm.against} must name other arms: {', '.join(self.arms)}.")
        return self

    def minutes_a_run(self) -> float:
        """Return about how long one arm takes with one seed, on a core a process."""
        num_train, _, num_test = self.pack.clips_per_split()
        seconds = [self._num_learned(arm, num_train) / (_SAMPLES_PER_S * self.nproc) for arm in self.arms.values()]
        asking_s = _QUESTIONS_PER_CLIP * num_test / _ANSWERS_PER_S
        return (sum(seconds) / len(seconds) + asking_s + _START_S) / 60

    def _num_learned(self, arm: Arm, num_clips: int) -> float:
        """Return how many samples an arm learns from, each pass over them counted."""
        loop = load_recipe(TrainConfig, arm.path, [*self.shared, *arm.set]).loop
        if loop.max_steps is not None:
            return loop.max_steps * loop.batch_size * loop.accumulation
        return _QUESTIONS_PER_CLIP * num_clips * float(loop.epochs or 1)


@dataclass(frozen=True)
class Run:
    """One arm with one seed."""

    name: str
    seed: int
    folder: Path

    @property
    def training(self) -> RunDirectory:
        return RunDirectory(self.folder / "train")

    def asked(self, task: str) -> RunDirectory:
        """Return where the answers of a task lie."""
        return RunDirectory(self.folder / f"test-{task}")


def all_runs(study: Study, out: Path) -> list[Run]:
    """Return all runs, one seed of every arm before the next seed: what is there early is comparable."""
    return [Run(name, seed, out / "runs" / f"{name}-{seed}") for seed in study.seeds for name in study.arms]
