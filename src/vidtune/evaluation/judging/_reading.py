"""How replies of judges are read: strictly. What cannot be told is None, and no number is ever made up for it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vidtune.evaluation.judging._item import Reply, Scores, TokenChoice
from vidtune.evaluation.judging._rubric import HIGH, LOW

_SAID = re.compile(
    r"(?i)\b(?:score|rating|overall|result|answer|points?)\b\s*(?:is|of)?\s*[:=]?\s*\**\s*([1-5](?:\.\d+)?)(?![\d.]*\d)"
)
_WHOLE = re.compile(r"\**\(?\s*([1-5](?:\.\d+)?)\s*\)?\**\s*(?:/\s*5|out of 5)?\s*\.?")


def points(value: Any) -> float | None:
    """Return a number of points on the scale, or None for anything else; ``true`` is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and LOW <= value <= HIGH else None


def read_number(text: str) -> float | None:
    """Return the one score that a text states: it is nothing else, or it says "score: 4".

    Different scores in one text are none: "between 3 and 4" cannot be told.

    Example:
        >>> read_number("4"), read_number("Rating: 4/5, because 2 errors were found."), read_number("In 3 of 5 clips")
        (4.0, 4.0, None)
    """
    whole = _WHOLE.fullmatch(text.strip())
    said = {float(found) for found in ([whole[1]] if whole else _SAID.findall(text))}
    return points(said.pop()) if len(said) == 1 else None


def read_object(text: str, fields: Sequence[str]) -> Mapping[str, Any] | None:
    """Return the last JSON object in a text that has all ``fields``; None where there is none."""
    found = None
    for value in _objects(text):
        if all(name in value for name in fields):
            found = value
    return found


def read_scores(text: str, fields: Sequence[str]) -> dict[str, float] | None:
    """Return the points of each of ``fields`` in the last JSON object that has them all, or None if one is no score."""
    value = read_object(text, fields)
    if value is None:
        return None
    scores = {name: points(value[name]) for name in fields}
    known = {name: score for name, score in scores.items() if score is not None}
    return known if len(known) == len(fields) else None


def weighted_scores(reply: Reply, said: Scores) -> dict[str, float] | None:
    """Return for each JSON field the mean score under the judge's own probabilities of the score token.

    Source: Liu et al., "G-Eval" (2023): the sum of k p(k), p normalised over the scores of the scale. None where the
    reply tells no probabilities, or its tokens are not the text.
    """
    if not reply.tokens or "".join(token.text for token in reply.tokens) != reply.text:
        return None
    found = {}
    for name in said:
        places = [match.end() for match in re.finditer(rf'"{re.escape(name)}"\s*:\s*', reply.text)]
        token = _token_at(reply.tokens, places[-1]) if places else None
        mean = None if token is None else expected_score(token)
        if mean is None:
            return None
        found[name] = mean
    return found


def expected_score(token: TokenChoice) -> float | None:
    """Return the mean of the scores 1 to 5 under a token's probabilities; None where it is no score.

    Example:
        >>> expected_score(TokenChoice(" 4", {" 4": math.log(0.6), " 2": math.log(0.2), " a": math.log(0.2)}))
        3.5
    """
    if token.text.strip() not in _SCALE:
        return None
    weights: dict[int, float] = {}
    for text, logprob in token.logprobs.items():
        if text.strip() in _SCALE:
            weights[int(text)] = weights.get(int(text), 0.0) + math.exp(logprob)
    total = sum(weights.values())
    return round(sum(score * weight for score, weight in weights.items()) / total, 12) if total > 0 else None


_SCALE = frozenset(str(score) for score in range(int(LOW), int(HIGH) + 1))


def _token_at(tokens: Sequence[TokenChoice], place: int) -> TokenChoice | None:
    """Return the token that holds the first character of a value; a blank before it may be part of the token."""
    end = 0
    for token in tokens:
        end += len(token.text)
        if place < end:
            return token
    return None


def _objects(text: str) -> Iterator[Mapping[str, Any]]:
    decoder = json.JSONDecoder()
    place = text.find("{")
    while place >= 0:
        try:
            value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            end = place + 1
        else:
            if isinstance(value, dict):
                yield value
        place = text.find("{", end)
