"""METEOR of each answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._scorer import Score, ScoringContext
from vidtune.metrics import Thresholds, meteor


@dataclass(frozen=True)
class Meteor:
    """See ``vidtune.metrics.meteor``."""

    name: str = "meteor"
    label: str = "METEOR Score"
    field: str = "meteor"
    kind: Literal["score", "proportion"] = "score"
    thresholds: Thresholds | None = Thresholds(green=0.5, yellow=0.2)
    baselines: tuple[str, ...] = ("blind_prior", "per_exercise_majority")

    def compute(self, texts: Sequence[str], samples: Sequence[Prediction], context: ScoringContext) -> list[Score]:
        """Score each text against its sample's answer."""
        pairs = [(text, sample.answer) for text, sample in zip(texts, samples, strict=True)]
        return context.score_once(self.name, pairs, self._score)

    def _score(self, pair: tuple[str, str]) -> Score:
        value = meteor(*pair) if pair[1].strip() else None
        return Score(value, {self.field: value})


METRIC = Meteor()
