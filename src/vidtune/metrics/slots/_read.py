"""A grammar small enough to be read: clauses, who or what they are about, and which way it should go.

A clause is an instruction when it begins with an action or says that something should be; else it is a finding. What
both come to is *advice*: the direction in which a part should go. "Your knees cave inwards" and "Push your knees
outwards" give the same advice; "knees caving outwards" gives the opposite one. Negation turns advice around or takes
a finding back: "don't let your knees cave in" is advice, "your knees do not cave in" is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple

from vidtune.metrics.exercise import ExerciseCatalogue, split_answer
from vidtune.metrics.slots._grammar import (
    BACK,
    BACK_AS_PART,
    BEGINS_WITH_NEGATION,
    CLAUSE_END,
    NEGATION,
    NOT_A_PART,
    OPENING,
    PRONOUN,
    REFERENCE,
    SEVERE,
    SHOULD,
    SIDE,
    SLIGHT,
)
from vidtune.metrics.slots._lexicon import Lexicon
from vidtune.metrics.slots._words import Told

_NUM_CLAUSES = 16_384
"""How many clauses are remembered: people and models repeat themselves by the phrase."""


class Advice(NamedTuple):
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


class _Clause(NamedTuple):
    """What a clause says, whatever was said before it."""

    parts: tuple[str, ...]
    errors: frozenset[str]
    wanted: frozenset[str]
    """Directions in which its part should go."""

    is_instruction: bool
    is_praise: bool
    is_over: bool
    """Whether it is about nothing: a part that it names is not what the next clause is about."""

    names_parts: bool


def read_feedback(text: str, lexicon: Lexicon, catalogue: ExerciseCatalogue | None = None) -> FeedbackSlots:
    """Take a piece of feedback apart.

    It reads words by rules. What the lexicon has no word for is not seen, and irony is beyond it.

    Args:
        text: A whole answer; what stands before its separator is the exercise.
        lexicon: The words of the domain.
        catalogue: The exercises there are; None reads none.
    """
    head, feedback = split_answer(text)
    lowered = feedback.lower()
    reading = _Reading()
    for clause in CLAUSE_END.split(lowered.replace("’", "'")):
        if clause and (said := clause.strip()):
            _add_clause(_read_clause(said, lexicon), reading)
    whole = f"{head} {feedback}".lower()
    hints = lexicon.vocabulary.hints_of(whole)
    sides = SIDE.pattern.findall(whole) if hints & SIDE.bit else ()
    is_severe = bool(hints & SEVERE.bit) and SEVERE.pattern.search(lowered) is not None
    is_slight = bool(hints & SLIGHT.bit) and SLIGHT.pattern.search(lowered) is not None
    return FeedbackSlots(
        exercise=catalogue.identify(text) if catalogue is not None else None,
        parts=frozenset(reading.parts),
        errors=frozenset(reading.errors),
        advice=frozenset(reading.advice),
        corrections=frozenset(reading.corrections),
        sides=frozenset(side for found in sides for side in found if side),
        severity=2 if is_severe else 1 if is_slight else None,
        is_praise=reading.has_praise and not reading.advice and not reading.errors,
    )


def _add_clause(clause: _Clause, reading: _Reading) -> None:
    reading.has_praise |= clause.is_praise
    if clause.is_over:
        return
    owner = clause.parts[0] if clause.parts else reading.last_part
    reading.errors |= clause.errors
    advice = [Advice(owner, direction) for direction in clause.wanted]
    if clause.names_parts:
        reading.parts.update(clause.parts)
    reading.advice.update(advice)
    if clause.is_instruction:
        reading.corrections.update(advice)
    reading.last_part = owner


@lru_cache(maxsize=_NUM_CLAUSES)
def _read_clause(clause: str, lexicon: Lexicon) -> _Clause:
    told, directions = _take_idioms(Told(clause, lexicon.vocabulary), lexicon)
    degrees, told = _take_degrees(told, lexicon)
    parts = tuple(_find_parts(told, lexicon))
    action = _leading_action(told.text, lexicon)
    is_negated = told.holds(NEGATION)
    is_instruction = (
        action is not None or told.holds(SHOULD) or (is_negated and BEGINS_WITH_NEGATION.match(told.text) is not None)
    )
    errors = lexicon.error_words.names(told)
    if is_instruction and action is not None and not is_negated:
        # "Drop your hips" is an instruction to do so, not a finding that they drop.
        errors = []
    directions += _find_directions(told, parts, lexicon)
    is_praise = not errors and not degrees and not is_negated and lexicon.praise_words.is_in(told)
    found: set[str] = set()
    wanted = set(degrees)
    if is_instruction:
        wanted |= _of_instruction(action, directions, errors, lexicon, is_negated=is_negated)
    elif not is_negated:
        wanted |= _of_finding(directions, errors, lexicon)
        found |= set(errors)
        if degrees and not errors:
            found.add(_error_of_degree(degrees))
    elif degrees:
        found.add(_error_of_degree(degrees))
    return _Clause(
        parts=parts,
        errors=frozenset(found),
        wanted=frozenset(wanted),
        is_instruction=is_instruction,
        is_praise=is_praise,
        is_over=is_praise and not is_instruction,
        names_parts=bool(wanted or errors or is_instruction),
    )


def _take_idioms(told: Told, lexicon: Lexicon) -> tuple[Told, list[str]]:
    """Return the clause without its idioms, and the directions that they stand for."""
    found = lexicon.idiom_words.find(told)
    text = told.text
    for one in reversed(found):
        text = f"{text[: one.start]} {text[one.end :]}"
    return _told(text, told, lexicon), [one.name for one in found if one.name]


def _told(text: str, before: Told, lexicon: Lexicon) -> Told:
    return before if text == before.text else Told(text, lexicon.vocabulary)


def _take_degrees(told: Told, lexicon: Lexicon) -> tuple[set[str], Told]:
    """Return what "too high" and "not low enough" ask for, and the clause without them."""
    wanted: set[str] = set()
    clause = told.text
    if not lexicon.degrees or "too" not in clause and "enough" not in clause:
        return wanted, told
    wanted |= {lexicon.opposites[lexicon.degrees[found.group(1)]] for found in lexicon.excess.finditer(clause)}
    wanted |= {lexicon.degrees[found.group(1)] for found in lexicon.lack.finditer(clause)}
    return wanted, _told(lexicon.lack.sub(" ", lexicon.excess.sub(" ", clause)), told, lexicon)


def _error_of_degree(wanted: set[str]) -> str:
    known = {
        "slower": "fast",
        "down": "insufficient",
        "up": "insufficient",
        "more": "insufficient",
        "straight": "bending",
    }
    return next((known[direction] for direction in sorted(wanted) if direction in known), "misplaced")


def _find_parts(told: Told, lexicon: Lexicon) -> list[str]:
    """Return the parts in the order in which they are named; "sit back" names none."""
    if told.may_hold(NOT_A_PART):
        text = NOT_A_PART.pattern.sub(lambda found: found.group(0).replace("back", "    "), told.text)
        told = _told(text, told, lexicon)
    # "Draw it towards your head" is not about the head.
    if told.may_hold(REFERENCE):
        without = _told(REFERENCE.pattern.sub(" ", told.text), told, lexicon)
        if without is not told and (PRONOUN.search(without.text) or lexicon.part_words.is_in(without)):
            told = without
    found = [(one.start, one.name) for one in lexicon.part_words.find(told)]
    if "back" in lexicon.parts and told.may_hold(BACK_AS_PART):
        found += [(match.start(), "back") for match in BACK_AS_PART.pattern.finditer(told.text)]
    return list(dict.fromkeys(name for _, name in sorted(found)))


def _find_directions(told: Told, parts: Sequence[str], lexicon: Lexicon) -> list[str]:
    if "back" in parts:
        told = _told(BACK.sub(" ", told.text), told, lexicon)
    # The "lower" of "lower back" is no way to go.
    return lexicon.direction_words.names(told, without=lexicon.part_words)


def _leading_action(clause: str, lexicon: Lexicon) -> str | None:
    """Return the action that the clause begins with, after words of politeness."""
    told = clause
    while (shorter := OPENING.sub("", told)) != told:
        told = shorter
    first = told.split(maxsplit=1)[:1]
    if not first or all(scanner is not lexicon.action_words for scanner, _ in lexicon.vocabulary[first[0]][1]):
        return None
    return next(iter(lexicon.action_words.names(Told(first[0], lexicon.vocabulary))), None)


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
