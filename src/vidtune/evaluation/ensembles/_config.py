"""What an ensemble can be told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from vidtune.config import Config
from vidtune.evaluation._scorer import metrics
from vidtune.evaluation.ensembles._rule import ensemble_rules


class EnsembleConfig(Config):
    """How several runs become one."""

    rule: str = "vote"
    """`vote`, `probability`, `confidence` or `minimum_risk`."""

    members: Annotated[tuple[Path, ...], Field(min_length=1)]
    """The runs, or prediction files, over the same samples."""

    utility: str | None = None
    """Only `minimum_risk`: the metric of single answers that says how alike two are. None: `rouge_l`."""

    calibrate_on: tuple[Path, ...] = ()
    """Runs over a validation set: one for each member in their order, or one for all of them."""

    model: dict[str, Any] = {}
    """As in the first member's recipe, so that what it was trained on is found; written by itself."""

    data: dict[str, Any] = {}
    """As in the first member's recipe; written by itself."""

    @model_validator(mode="after")
    def _rule_and_utility_are_known(self) -> Self:
        if self.rule not in ensemble_rules.names():
            raise ValueError(f"no rule {self.rule!r}; known: {', '.join(ensemble_rules.names())}")
        if self.utility is not None:
            if not ensemble_rules.get(self.rule).needs_likeness:
                raise ValueError(f"utility={self.utility!r} has no effect with rule={self.rule!r}: leave it out")
            if self.utility not in metrics.names():
                raise ValueError(f"no metric {self.utility!r}; known: {', '.join(metrics.names())}")
        return self
