"""Whether feedback comes at its moment: the temporal F-score of QEVD, over all sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vidtune.evaluation._corpus import Floats
from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._scorer import ScoringContext
from vidtune.evaluation.scorers.dense_captions import events_in
from vidtune.metrics import match_in_time, parse_events, temporal_f_score


@dataclass(frozen=True)
class TemporalFScore:
    """See ``vidtune.metrics.match_in_time``; counts are added over the sessions, then divided."""

    label: str = "Feedback in time"

    def rows(
        self,
        texts: Sequence[str],
        samples: Sequence[Prediction],
        context: ScoringContext,
        values: Mapping[str, Sequence[float | None]],
    ) -> Floats | None:
        """Return the counts of each session."""
        rows = []
        for text, sample in zip(texts, samples, strict=True):
            truths = events_in(sample.meta, "events")
            predicted, _ = parse_events(text)
            found = match_in_time([event.start_s for event in predicted], [event.start_s for event in truths])
            rows.append([found.num_predicted, found.num_true, found.num_predicted_matched, found.num_true_matched])
        return np.array(rows, dtype=np.float64)

    def values(self, totals_bs: Floats) -> Mapping[str, Floats]:
        """Return F-score, precision and recall."""
        said, true, said_matched, true_matched = totals_bs.T
        return {
            "temporal_f_score": np.array([temporal_f_score(*(float(value) for value in row)) for row in totals_bs]),
            "temporal_precision": np.divide(said_matched, said, out=np.zeros_like(said), where=said > 0),
            "temporal_recall": np.divide(true_matched, true, out=np.zeros_like(true), where=true > 0),
        }


METRIC = TemporalFScore()
