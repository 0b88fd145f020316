"""What a recipe says of watching a run: where its curves are shown, and what is done when it goes wrong."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from vidtune.config import Config


class TrackingConfig(Config):
    """Where the curves of a run are shown besides its own log and pictures."""

    trackers: tuple[str, ...] = ("tensorboard",)
    """Any of `tensorboard`, `wandb`, `mlflow`, `clearml`, `trackio`. What is not named is given nothing; what is named
    stays on this machine unless its options say where to send it."""

    project: Annotated[str, Field(min_length=1)] = "vidtune"
    """Under which name trackers put runs together; the run is called as its directory."""

    options: dict[str, dict[str, Any]] = {}
    """Settings of single trackers, such as `{wandb: {mode: online}}`."""

    @model_validator(mode="after")
    def _trackers_are_known(self) -> Self:
        # The room of trackers reads configs itself.
        from vidtune.training._tracking import read_options

        without = sorted(set(self.options) - set(self.trackers))
        if without:
            raise ValueError(f"options of {', '.join(without)} have no effect: add it to trackers, or leave them out.")
        if len(set(self.trackers)) < len(self.trackers):
            raise ValueError(f"trackers={list(self.trackers)}: each at most once.")
        for name, options in self.chosen.items():
            read_options(name, options)
        return self

    @property
    def chosen(self) -> dict[str, dict[str, Any]]:
        """The trackers by name, with the settings of each."""
        return {name: self.options.get(name, {}) for name in self.trackers}


class WatchdogConfig(Config):
    """What is done about a run that learns nothing or stands still. A loss that is not a number always ends it."""

    on_collapse: Literal["warn", "stop"] = "warn"
    """When answers are alike in `collapse_patience` measurements in a row, or gradients are exactly 0 in ten steps:
    note it and go on, or end the run with an error, after a checkpoint."""

    alike_share: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Answers are alike when this share of the held-out samples gets the very same one, and fewer of the true ones
    are the same. Needs generated answers."""

    collapse_patience: Annotated[int, Field(ge=1)] = 2
    """Measurements in a row with such answers. Early ones often are."""

    hang_s: Annotated[float, Field(gt=0)] | None = 1800.0
    """Seconds without a forward pass, a loaded batch or a write after which the process ends by itself, with the
    samples and the stacks named. Answers that an evaluator generates may take any time. None: never."""
