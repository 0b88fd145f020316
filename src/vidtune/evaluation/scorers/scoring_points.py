"""How many of the points that a free answer should make it makes, by their words."""

from __future__ import annotations

from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation.scorers._texts import TextMetric
from vidtune.metrics import meteor_words, synonyms_of

_SMALL = frozenset("a an the and or of in on at to is are was were be it its with by for from this that".split())
_SHARE = 0.5


def _points(sample: Prediction) -> tuple[str, ...]:
    found = sample.meta.get("scoring_points")
    return tuple(text for text in found if isinstance(text, str)) if isinstance(found, list) else ()


def _score(prediction: str, points: tuple[str, ...]) -> float:
    """Return the share of points of which at least half of the telling words are said, or synonyms of them.

    MLVU has a language model judge this; its figures do not compare with these.
    """
    said = {word.lower() for word in meteor_words(prediction)}
    made = 0
    for point in points:
        words = {word.lower() for word in meteor_words(point) if word.isalnum()} - _SMALL
        found = [word for word in words if word in said or synonyms_of(word) & said]
        made += len(found) >= _SHARE * len(words)
    return made / len(points)


METRIC = TextMetric("scoring_points", "Scoring points by their words", _score, references_of=_points)
