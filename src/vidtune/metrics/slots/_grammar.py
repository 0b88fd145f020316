"""The words of English that the grammar goes by, whatever the domain."""

from __future__ import annotations

import re
from dataclasses import dataclass

CLAUSE_END = re.compile(
    # [.;!?:\n]+ | a comma, perhaps with a conjunction | a conjunction between blanks; written so that the search skips
    # to the next character that can begin one.
    r"[.;!?:,\s](?:(?<=[.;!?:\n])[.;!?:\n]*|(?<=,)\s*(?:and|but|so|then|which)?\s*"
    r"|(?<=\s)\s*(?:and then|and|but|so that|so|then|while|because|although|instead)\s+)"
)
_OPENINGS = "please|now|also|next|just|instead|and|but|so|then|you can|you could|try to|try|to|always|do|simply"
OPENING = re.compile(rf"^(?:{_OPENINGS})\s+")
OPENING_WORDS = frozenset(phrase.split()[0] for phrase in _OPENINGS.split("|"))
"""One of them stands first where an opening does."""

PRONOUN = re.compile(r"\b(?:them|it|they|these|this|those)\b")
BACK = re.compile(r"\bback\b")
BEGINS_WITH_NEGATION = re.compile(r"(?:please\s+)?(?:do not|don't|dont|avoid|stop|never)\b")


@dataclass(frozen=True)
class Rule:
    """A pattern that most texts do not hold, and how that is known without searching them."""

    pattern: re.Pattern[str]

    needs: tuple[str, ...]
    """Every match has one of these in it."""

    bit: int
    """Its place in the hints of a text."""

    def __post_init__(self) -> None:
        assert not any(need.split() != [need] for need in self.needs)  # noqa: S101 (looked for between blanks)


def _rules(*rules: tuple[str, tuple[str, ...]]) -> tuple[Rule, ...]:
    return tuple(Rule(re.compile(pattern), needs, 1 << number) for number, (pattern, needs) in enumerate(rules))


RULES = _rules(
    (
        r"\b(?:not|no|never|without|avoid\w*|stop|prevent\w*|don't|dont|doesn't|isn't|aren't|won't|n't|neither|nor)\b"
        r"|n't\b",
        ("no", "never", "without", "avoid", "stop", "prevent", "n't", "dont", "neither"),
    ),
    (
        r"\b(?:should|need to|needs to|try to|make sure|ensure|remember to|want to|aim to|focus on|must|have to"
        r"|let your|let the)\b",
        ("should", "need", "try", "sure", "remember", "want", "aim", "focus", "must", "have", "let"),
    ),
    (
        r"\b(?:towards?|over|above|below|between|behind|under|against|away from|from|near|past|beside|with|through"
        r"|until)\s+"
        r"(?:your|the|his|her|their)\s+(?:\w+\s+)?\w+",
        (
            *("toward", "over", "above", "below", "between", "behind", "under", "against", "from", "near", "past"),
            *("beside", "with", "through", "until"),
        ),
    ),
    (
        r"\b(left|right)\s+(?:side|arm|leg|knee|hip|foot|heel|hand|elbow|shoulder|glute|thigh|wrist|ankle)s?\b"
        r"|\((left|right)[^)]*\)|\b(both)\b",
        ("left", "right", "both"),
    ),
    (
        r"\b(?:sit|sits|sitting|lean\w*|go\w*|come\w*|push\w*|move\w*|step\w*|fall\w*|hips|weight)\s+"
        r"(?:your hips\s+)?back\b",
        ("back",),
    ),
    (r"\bback\b(?=\s+(?:straight|flat|neutral|is|sag\w*|arch\w*|round\w*|stay\w*|in))", ("back",)),
    (
        r"\b(?:very|severe\w*|far too|much too|badly|a lot|significant\w*|extreme\w*|completely|heavily|strongly)\b",
        ("very", "severe", "far", "much", "badly", "lot")
        + ("significant", "extreme", "completely", "heavily", "strongly"),
    ),
    (
        r"\b(?:slight\w*|a bit|a little|somewhat|mild\w*|barely|minor|a touch)\b",
        ("slight", "bit", "little", "somewhat", "mild", "barely", "minor", "touch"),
    ),
)
NEGATION, SHOULD, REFERENCE, SIDE, NOT_A_PART, BACK_AS_PART, SEVERE, SLIGHT = RULES
