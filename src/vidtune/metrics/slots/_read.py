"""A grammar small enough to be read: clauses, who or what they are about, and which way it should go.

A clause is an instruction when it begins with an action or says that something should be; else it is a finding. What
both come to is *advice*: the direction in which a part should go. "Your knees cave inwards" and "Push your knees
outwards" give the same advice; "knees caving outwards" gives the opposite one. Negation turns advice around or takes
a finding back: "don't let your knees cave in" is advice, "your knees do not cave in" is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from vidtune.metrics.exercise import ExerciseCatalogue, split_answer
from vidtune.metrics.slots._lexicon import Lexicon

_CLAUSE = re.compile(
    r"[.;!?:\n]+|,\s*(?:and|but|so|then|which)?\s*"
    r"|\s+(?:and then|and|but|so that|so|then|while|because|although|instead)\s+"
)
_NEGATION = re.compile(
    r"\b(?:not|no|never|without|avoid\w*|stop|prevent\w*|don't|dont|doesn't|isn't|aren't|won't|n't|neither|nor)\b|n't\b"
)
_SHOULD = re.compile(
    r"\b(?:should|need to|needs to|try to|make sure|ensure|remember to|want to|aim to|focus on|must|have to|let your"
    r"|let the)\b"
)
_OPENING = re.compile(
    r"^(?:please|now|also|next|just|instead|and|but|so|then|you can|you could|try to|try|to|always|do|simply)\s+"
)
_PRONOUN = re.compile(r"\b(?:them|it|they|these|this|those)\b")
_REFERENCE = re.compile(
    r"\b(?:towards?|over|above|below|between|behind|under|against|away from|from|near|past|beside|with|through"
    r"|until)\s+"
    r"(?:your|the|his|her|their)\s+(?:\w+\s+)?\w+"
)
_SIDE = re.compile(
    r"\b(left|right)\s+(?:side|arm|leg|knee|hip|foot|heel|hand|elbow|shoulder|glute|thigh|wrist|ankle)s?\b|\((left|right)[^)]*\)|\b(both)\b"
)
_NOT_A_PART = re.compile(
    r"\b(?:sit|sits|sitting|lean\w*|go\w*|come\w*|push\w*|move\w*|step\w*|fall\w*|hips|weight)\s+"
    r"(?:your hips\s+)?back\b"
)
_BACK = re.compile(r"\bback\b(?=\s+(?:straight|flat|neutral|is|sag\w*|arch\w*|round\w*|stay\w*|in))")
_SEVERE = re.compile(
    r"\b(?:very|severe\w*|far too|much too|badly|a lot|significant\w*|extreme\w*|completely|heavily|strongly)\b"
)
_SLIGHT = re.compile(r"\b(?:slight\w*|a bit|a little|somewhat|mild\w*|barely|minor|a touch)\b")


@dataclass(frozen=True, order=True)
class Advice:
    """A part and the way it should go."""

    part: str
    """Empty where the text names none."""

    direction: str


class AdviceIndex:
    """Pieces of advice by direction; one reading is compared with many others."""

    def __init__(self, advice: Iterable[Advice]) -> None:
        self.advice = frozenset(advice)
        self._parts: dict[str, set[str]] = {}
        for one in self.advice:
            self._parts.setdefault(one.direction, set()).add(one.part)

    def __contains__(self, one: Advice) -> bool:
        """Whether the same advice is given; a part that is not named fits any."""
        return self.sends(one.part, one.direction)

    def __len__(self) -> int:
        return len(self.advice)

    def sends(self, part: str, direction: str) -> bool:
        """Whether a part is sent that way."""
        parts = self._parts.get(direction)
        return parts is not None and (not part or part in parts or "" in parts)

    def count(self, other: AdviceIndex) -> int:
        """Return how many pieces of this advice are given by the other too."""
        return sum(one in other for one in self.advice)


@dataclass(frozen=True)
class FeedbackSlots:
    """What a piece of feedback says."""

    exercise: str | None = None
    parts: frozenset[str] = frozenset()
    errors: frozenset[str] = frozenset()
    """Errors that are found; not those that are denied."""

    advice: frozenset[Advice] = frozenset()
    """Of findings and instructions together."""

    corrections: frozenset[Advice] = frozenset()
    """Of instructions alone."""

    sides: frozenset[str] = frozenset()
    """``left``, ``right``, ``both``."""

    severity: int | None = None
    """1 slight, 2 severe; None where nothing is said."""

    is_praise: bool = False
    """Whether it finds nothing wrong and says so."""

    @cached_property
    def advised(self) -> AdviceIndex:
        """``advice``, to look things up in."""
        return AdviceIndex(self.advice)

    @cached_property
    def corrected(self) -> AdviceIndex:
        """``corrections``, to look things up in."""
        return AdviceIndex(self.corrections)


@dataclass
class _Reading:
    """What has been read so far."""

    parts: set[str] = field(default_factory=set)
    errors: set[str] = field(default_factory=set)
    advice: set[Advice] = field(default_factory=set)
    corrections: set[Advice] = field(default_factory=set)
    last_part: str = ""
    has_praise: bool = False


def read_feedback(text: str, lexicon: Lexicon, catalogue: ExerciseCatalogue | None = None) -> FeedbackSlots:
    """Take a piece of feedback apart.

    It reads words by rules. What the lexicon has no word for is not seen, and irony is beyond it.

    Args:
        text: A whole answer; what stands before its separator is the exercise.
        lexicon: The words of the domain.
        catalogue: The exercises there are; None reads none.
    """
    head, feedback = split_answer(text)
    reading = _Reading()
    for clause in _CLAUSE.split(feedback.lower().replace("’", "'")):
        if clause and clause.strip():
            _read_clause(clause.strip(), lexicon, reading)
    sides = {side for found in _SIDE.findall(f"{head} {feedback}".lower()) for side in found if side}
    lowered = feedback.lower()
    severity = 2 if _SEVERE.search(lowered) else 1 if _SLIGHT.search(lowered) else None
    return FeedbackSlots(
        exercise=catalogue.identify(text) if catalogue is not None else None,
        parts=frozenset(reading.parts),
        errors=frozenset(reading.errors),
        advice=frozenset(reading.advice),
        corrections=frozenset(reading.corrections),
        sides=frozenset(sides),
        severity=severity,
        is_praise=reading.has_praise and not reading.advice and not reading.errors,
    )


def _read_clause(clause: str, lexicon: Lexicon, reading: _Reading) -> None:
    told, directions = _take_idioms(clause, lexicon)
    degrees, told = _take_degrees(told, lexicon)
    parts = _find_parts(told, lexicon)
    action = _leading_action(told, lexicon)
    is_negated = bool(_NEGATION.search(told))
    is_instruction = action is not None or bool(_SHOULD.search(told)) or _begins_with_negation(told)
    errors = lexicon.error_words.names(told)
    if is_instruction and action is not None and not is_negated:
        # "Drop your hips" is an instruction to do so, not a finding that they drop.
        errors = []
    directions += _find_directions(told, parts, lexicon)
    if not errors and not degrees and not is_negated and lexicon.praise_words.find(told):
        reading.has_praise = True
        if not is_instruction:
            return
    owner = parts[0] if parts else reading.last_part
    wanted = set(degrees)
    if is_instruction:
        wanted |= _of_instruction(action, directions, errors, lexicon, is_negated=is_negated)
    elif not is_negated:
        wanted |= _of_finding(directions, errors, lexicon)
        reading.errors |= set(errors)
        if degrees and not errors:
            reading.errors.add(_error_of_degree(degrees))
    elif degrees:
        reading.errors.add(_error_of_degree(degrees))
    advice = {Advice(owner, direction) for direction in wanted}
    if wanted or errors or is_instruction:
        reading.parts |= set(parts)
    reading.advice |= advice
    if is_instruction:
        reading.corrections |= advice
    reading.last_part = parts[0] if parts else reading.last_part


def _take_idioms(clause: str, lexicon: Lexicon) -> tuple[str, list[str]]:
    """Return the clause without its idioms, and the directions that they stand for."""
    found = lexicon.idiom_words.find(clause)
    for one in reversed(found):
        clause = f"{clause[: one.start]} {clause[one.end :]}"
    return clause, [one.name for one in found if one.name]


def _take_degrees(clause: str, lexicon: Lexicon) -> tuple[set[str], str]:
    """Return what "too high" and "not low enough" ask for, and the clause without them."""
    wanted: set[str] = set()
    if not lexicon.degrees or "too" not in clause and "enough" not in clause:
        return wanted, clause
    wanted |= {lexicon.opposites[lexicon.degrees[found.group(1)]] for found in lexicon.excess.finditer(clause)}
    wanted |= {lexicon.degrees[found.group(1)] for found in lexicon.lack.finditer(clause)}
    return wanted, lexicon.lack.sub(" ", lexicon.excess.sub(" ", clause))


def _error_of_degree(wanted: set[str]) -> str:
    known = {
        "slower": "fast",
        "down": "insufficient",
        "up": "insufficient",
        "more": "insufficient",
        "straight": "bending",
    }
    return next((known[direction] for direction in sorted(wanted) if direction in known), "misplaced")


def _find_parts(clause: str, lexicon: Lexicon) -> list[str]:
    """Return the parts in the order in which they are named; "sit back" names none."""
    told = _NOT_A_PART.sub(lambda found: found.group(0).replace("back", "    "), clause)
    # "Draw it towards your head" is not about the head.
    without = _REFERENCE.sub(" ", told)
    if without != told and (_PRONOUN.search(without) or lexicon.part_words.find(without)):
        told = without
    found = [(one.start, one.name) for one in lexicon.part_words.find(told)]
    if "back" in lexicon.parts:
        found += [(match.start(), "back") for match in _BACK.finditer(told)]
    ordered = [name for _, name in sorted(found)]
    return list(dict.fromkeys(ordered))


def _find_directions(clause: str, parts: list[str], lexicon: Lexicon) -> list[str]:
    told = re.sub(r"\bback\b", " ", clause) if "back" in parts else clause
    # The "lower" of "lower back" is no way to go.
    for one in reversed(lexicon.part_words.find(told)):
        told = f"{told[: one.start]} {told[one.end :]}"
    return lexicon.direction_words.names(told)


def _leading_action(clause: str, lexicon: Lexicon) -> str | None:
    """Return the action that the clause begins with, after words of politeness."""
    told = clause
    while (shorter := _OPENING.sub("", told)) != told:
        told = shorter
    first = told.split(maxsplit=1)[:1]
    return next(iter(lexicon.action_words.names(first[0])), None) if first else None


def _begins_with_negation(clause: str) -> bool:
    return re.match(r"(?:please\s+)?(?:do not|don't|dont|avoid|stop|never)\b", clause) is not None


def _of_instruction(
    action: str | None, directions: list[str], errors: list[str], lexicon: Lexicon, *, is_negated: bool
) -> set[str]:
    """Return where an instruction sends its part: the directions it names, or those of its action."""
    if is_negated:
        # "Don't let your knees cave in": the opposite of what is forbidden.
        return _of_finding(directions, errors, lexicon)
    wanted = set(directions)
    own = lexicon.action_directions.get(action or "")
    if (
        own is not None
        and lexicon.opposites.get(own) not in wanted
        and not (wanted - {"slower", "more", "less", "faster"})
    ):
        wanted.add(own)
    return wanted


def _of_finding(directions: list[str], errors: list[str], lexicon: Lexicon) -> set[str]:
    """Return what undoes a finding: the opposite of its directions, or the cure of its errors."""
    cures = {lexicon.cures[error] for error in errors if error in lexicon.cures}
    opposites = {lexicon.opposites[direction] for direction in directions if direction in lexicon.opposites}
    if not errors:
        return opposites
    # A direction that is said decides against the one that the error usually has.
    axes = {frozenset((direction, lexicon.opposites[direction])) for direction in opposites}
    kept = {cure for cure in cures if frozenset((cure, lexicon.opposites.get(cure, cure))) not in axes}
    return opposites | kept
