"""Things said at times: overlap of stretches, dense captions, and feedback that must come at its moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vidtune.metrics.timed_text import TimedText

DENSE_TIOUS = (0.3, 0.5, 0.7, 0.9)
QEVD_TOLERANCE_S = 1.5


def temporal_iou(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Return the length that two stretches share over the length that they cover.

    Source: ActivityNet Captions' ``densevid_eval``, which takes the union as one stretch from the first start to the
    last end; for stretches that touch it is the same, for others both are 0.

    Example:
        >>> temporal_iou((0.0, 10.0), (5.0, 15.0))
        0.3333333333333333
    """
    shared = max(0.0, min(first[1], second[1]) - max(first[0], second[0]))
    union = max(first[1], second[1]) - min(first[0], second[0])
    return shared / union if union > 0 and shared > 0 else 0.0


@dataclass(frozen=True)
class DenseScores:
    """One video at one overlap."""

    precision: float
    """Share of predicted events that overlap some true one enough."""

    recall: float
    """Share of true events that some prediction overlaps enough."""

    text: float
    """Mean likeness over all overlapping pairs; a prediction that overlaps none counts as one pair of 0."""


def dense_caption_scores(
    predicted: Sequence[TimedText],
    references: Sequence[Sequence[TimedText]],
    tiou: float,
    likeness: Callable[[str, str], float],
) -> DenseScores:
    """Score the dense captions of one video.

    Source: Krishna et al., "Dense-Captioning Events in Videos" (2017), and its ``densevid_eval``: precision and recall
    are the best over the annotators' sets, the text score pools the pairs of all of them. Where nothing is predicted
    all three are 0; the published code then leaves the video out of its mean.

    Args:
        predicted: Events of the prediction, each with an end.
        references: Of each annotator, the true events.
        tiou: How much a pair must overlap.
        likeness: Of two texts, 0 to 1.
    """
    spans = [(event, (event.start_s, event.end_s)) for event in predicted if event.end_s is not None]
    if not spans:
        return DenseScores(0.0, 0.0, 0.0)
    precisions, recalls = [], []
    paired = [False] * len(spans)
    values: list[float] = []
    for events in references:
        covered = [False] * len(events)
        hits = [False] * len(spans)
        for row, (event, span) in enumerate(spans):
            for column, truth in enumerate(events):
                if (
                    truth.end_s is None
                    or temporal_iou((span[0], float(span[1] or 0)), (truth.start_s, truth.end_s)) < tiou
                ):
                    continue
                covered[column] = hits[row] = paired[row] = True
                values.append(likeness(event.text, truth.text))
        precisions.append(sum(hits) / len(spans))
        recalls.append(sum(covered) / len(events) if events else 0.0)
    values += [0.0] * paired.count(False)
    return DenseScores(max(precisions, default=0.0), max(recalls, default=0.0), sum(values) / len(values))


@dataclass(frozen=True)
class TimedMatch:
    """How many pieces of feedback came at their moment; counts of several videos are added."""

    num_predicted: int
    num_true: int
    num_predicted_matched: int
    num_true_matched: int
    pairs: tuple[tuple[int, int], ...]
    """Places of predicted and true pieces that belong together: text is compared on these alone."""


def match_in_time(
    predicted_s: Sequence[float], true_s: Sequence[float], tolerance_s: float = QEVD_TOLERANCE_S
) -> TimedMatch:
    """Match feedback to the true feedback nearest in time, in order, each used once.

    Source: the temporal F-score of Panchal et al., "What to Say and When to Say it: Live Fitness Coaching as a Testbed
    for Situated Interaction" (2024): ``|t_true - t_predicted| < 1.5 s``. Precision goes from predictions to truths,
    recall from truths to predictions; both matchings are greedy and may differ.

    Example:
        >>> match_in_time([1.0, 9.0], [2.0]).num_predicted_matched
        1
    """
    forth = _greedy(predicted_s, true_s, tolerance_s)
    back = _greedy(true_s, predicted_s, tolerance_s)
    return TimedMatch(len(predicted_s), len(true_s), len(forth), len(back), tuple(forth))


def temporal_f_score(
    num_predicted: float, num_true: float, num_predicted_matched: float, num_true_matched: float
) -> float:
    """Return the harmonic mean of precision and recall of added counts; 0 where nothing matches."""
    if not num_predicted_matched or not num_true_matched:
        return 0.0
    precision, recall = num_predicted_matched / num_predicted, num_true_matched / num_true
    return 2 * precision * recall / (precision + recall)


def hits_within(predicted_s: Sequence[float], spans_s: Sequence[tuple[float, float]], tolerance_s: float) -> float:
    """Return the share of true stretches that have a predicted moment inside, or nearer than ``tolerance_s``.

    Raises:
        ValueError: If there is no true stretch.
    """
    if not spans_s:
        raise ValueError("expected at least one true stretch of time, found none.")
    found = [any(start - tolerance_s <= time <= end + tolerance_s for time in predicted_s) for start, end in spans_s]
    return sum(found) / len(found)


def _greedy(own_s: Sequence[float], other_s: Sequence[float], tolerance_s: float) -> list[tuple[int, int]]:
    taken: set[int] = set()
    pairs = []
    for place, time_s in enumerate(own_s):
        free = [index for index in range(len(other_s)) if index not in taken]
        nearest = min(free, key=lambda index: abs(other_s[index] - time_s), default=None)
        if nearest is not None and abs(other_s[nearest] - time_s) < tolerance_s:
            taken.add(nearest)
            pairs.append((place, nearest))
    return pairs
