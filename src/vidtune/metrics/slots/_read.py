"""A grammar small enough to be read: clauses, who or what they are about, and which way it should go.

A clause is an instruction when it begins with an action or says that something should be; else it is a finding. What
both come to is *advice*: the direction in which a part should go. "Your knees cave inwards" and "Push your knees
outwards" give the same advice; "knees caving outwards" gives the opposite one. Negation turns advice around or takes
a finding back: "don't let your knees cave in" is advice, "your knees do not cave in" is none.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from functools import lru_cache
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
    OPENING_WORDS,
    PRONOUN,
    REFERENCE,
    SEVERE,
    SHOULD,
    SIDE,
    SLIGHT,
)
from vidtune.metrics.slots._lexicon import Lexicon
from vidtune.metrics.slots._slots import Advice, FeedbackSlots
from vidtune.metrics.slots._words import Found, Told

_ABOUT_PARTS = NOT_A_PART.bit | REFERENCE.bit | BACK_AS_PART.bit
"""Hints of rules by which a word for a part may stand for none, or another word for one."""

_NUM_CLAUSES = 16_384
"""How many clauses are remembered: people and models repeat themselves by the phrase."""


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


_NOTHING = _Clause((), frozenset(), frozenset(), False, False, False, False)


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
    parts: set[str] = set()
    errors: set[str] = set()
    advice: set[Advice] = set()
    corrections: set[Advice] = set()
    has_praise = False
    last_part = ""
    for piece in CLAUSE_END.split(lowered.replace("’", "'")):
        said = piece.strip() if piece else ""
        clause = _read_clause(said, lexicon) if said else _NOTHING
        if clause is _NOTHING:
            continue
        has_praise |= clause.is_praise
        if clause.is_over:
            continue
        if clause.parts:
            last_part = clause.parts[0]
        errors |= clause.errors
        if clause.names_parts:
            parts.update(clause.parts)
        if clause.wanted:
            given = [Advice(last_part, direction) for direction in clause.wanted]
            advice.update(given)
            if clause.is_instruction:
                corrections.update(given)
    whole = f"{head} {feedback}".lower()
    hints = lexicon.vocabulary.hints_of(whole)
    sides = SIDE.pattern.findall(whole) if hints & SIDE.bit else ()
    is_severe = bool(hints & SEVERE.bit) and SEVERE.pattern.search(lowered) is not None
    is_slight = bool(hints & SLIGHT.bit) and SLIGHT.pattern.search(lowered) is not None
    return FeedbackSlots(
        exercise=catalogue.identify(text) if catalogue is not None else None,
        parts=frozenset(parts),
        errors=frozenset(errors),
        advice=frozenset(advice),
        corrections=frozenset(corrections),
        sides=frozenset(side for found in sides for side in found if side),
        severity=2 if is_severe else 1 if is_slight else None,
        is_praise=has_praise and not advice and not errors,
    )


class _Signs(NamedTuple):
    """What stands in a clause; the same signs stand in many."""

    parts: tuple[str, ...]
    action: str | None
    errors: tuple[str, ...]
    directions: tuple[str, ...]
    degrees: frozenset[str]
    """Directions that "too high" and the like ask for."""

    is_negated: bool
    is_wish: bool
    """Whether it says that something should be, or begins with what should not."""

    has_praise: bool


@lru_cache(maxsize=_NUM_CLAUSES)
def _read_clause(clause: str, lexicon: Lexicon) -> _Clause:
    told = Told(clause, lexicon.vocabulary)
    has_degrees = bool(lexicon.degrees) and ("too" in clause or "enough" in clause)
    if not told.begins and not has_degrees and not told.hints & _ABOUT_PARTS:
        return _NOTHING
    idioms: list[str] = []
    if lexicon.idiom_words in told.begins:
        told, idioms = _take_idioms(told, lexicon)
    degrees: frozenset[str] = frozenset()
    if has_degrees:
        degrees, told = _take_degrees(told, lexicon)
    parts_in_order = lexicon.part_words.find(told)
    parts = _find_parts(told, parts_in_order, lexicon)
    is_negated = told.holds(NEGATION)
    signs = _Signs(
        parts,
        _leading_action(told.text, lexicon),
        tuple(lexicon.error_words.names(told)),
        (*idioms, *_find_directions(told, parts, parts_in_order, lexicon)),
        degrees,
        is_negated,
        told.holds(SHOULD) or (is_negated and BEGINS_WITH_NEGATION.match(told.text) is not None),
        bool(lexicon.praise_words.find(told)),
    )
    return _conclude(signs, lexicon)


@lru_cache(maxsize=_NUM_CLAUSES)
def _conclude(signs: _Signs, lexicon: Lexicon) -> _Clause:
    parts, action, errors, directions, degrees, is_negated, is_wish, has_praise = signs
    is_instruction = action is not None or is_wish
    if action is not None and not is_negated:
        # "Drop your hips" is an instruction to do so, not a finding that they drop.
        errors = ()
    is_praise = has_praise and not errors and not degrees and not is_negated
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
    if not found:
        return told, []
    text = told.text
    for _, first, last in reversed(found):
        text = f"{text[: told.spans[first][0]]} {text[told.spans[last][1] :]}"
    return Told(text, lexicon.vocabulary), [name for name, _, _ in found if name]


def _told(text: str, before: Told, lexicon: Lexicon) -> Told:
    return before if text == before.text else Told(text, lexicon.vocabulary)


def _take_degrees(told: Told, lexicon: Lexicon) -> tuple[frozenset[str], Told]:
    """Return what "too high" and "not low enough" ask for, and the clause without them."""
    clause = told.text
    excess = {lexicon.opposites[lexicon.degrees[found.group(1)]] for found in lexicon.excess.finditer(clause)}
    lack = {lexicon.degrees[found.group(1)] for found in lexicon.lack.finditer(clause)}
    without = lexicon.lack.sub(" ", lexicon.excess.sub(" ", clause))
    return frozenset(excess | lack), _told(without, told, lexicon)


def _error_of_degree(wanted: Set[str]) -> str:
    known = {
        "slower": "fast",
        "down": "insufficient",
        "up": "insufficient",
        "more": "insufficient",
        "straight": "bending",
    }
    return next((known[direction] for direction in sorted(wanted) if direction in known), "misplaced")


def _find_parts(told: Told, in_order: Sequence[Found], lexicon: Lexicon) -> tuple[str, ...]:
    """Return the parts in the order in which they are named; "sit back" names none.

    Args:
        told: A clause.
        in_order: All names of parts that stand in it.
        lexicon: The words of the domain.
    """
    if not told.hints & _ABOUT_PARTS:
        return tuple(dict.fromkeys([name for name, _, _ in in_order]))
    if lexicon.part_words not in told.begins and "'" not in told.text and not told.may_hold(BACK_AS_PART):
        return ()  # Taking words away makes no others, unless one is cut at an apostrophe.
    if told.may_hold(NOT_A_PART):
        text = NOT_A_PART.pattern.sub(lambda found: found.group(0).replace("back", "    "), told.text)
        told = _told(text, told, lexicon)
    # "Draw it towards your head" is not about the head.
    if told.may_hold(REFERENCE):
        without = _told(REFERENCE.pattern.sub(" ", told.text), told, lexicon)
        if without is not told and (PRONOUN.search(without.text) or lexicon.part_words.find(without)):
            told = without
    found = [(told.spans[first][0], name) for name, first, _ in lexicon.part_words.find(told)]
    if "back" in lexicon.parts and told.may_hold(BACK_AS_PART):
        found += [(match.start(), "back") for match in BACK_AS_PART.pattern.finditer(told.text)]
    return tuple(dict.fromkeys([name for _, name in sorted(found)]))


def _find_directions(told: Told, parts: Sequence[str], in_order: Sequence[Found], lexicon: Lexicon) -> list[str]:
    if "back" in parts:
        told = _told(BACK.sub(" ", told.text), told, lexicon)
        in_order = lexicon.part_words.find(told)
    # The "lower" of "lower back" is no way to go.
    return lexicon.direction_words.names(told, without=in_order)


def _leading_action(clause: str, lexicon: Lexicon) -> str | None:
    """Return the action that the clause begins with, after words of politeness."""
    first = clause.split(maxsplit=1)[:1]
    if first and first[0] in OPENING_WORDS:
        told = clause
        while (shorter := OPENING.sub("", told)) != told:
            told = shorter
        first = told.split(maxsplit=1)[:1]
    return _action_of(first[0], lexicon) if first else None


@lru_cache(maxsize=_NUM_CLAUSES)
def _action_of(chunk: str, lexicon: Lexicon) -> str | None:
    return next(iter(lexicon.action_words.names(Told(chunk, lexicon.vocabulary))), None)


def _of_instruction(
    action: str | None, directions: Sequence[str], errors: Sequence[str], lexicon: Lexicon, *, is_negated: bool
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


def _of_finding(directions: Sequence[str], errors: Sequence[str], lexicon: Lexicon) -> set[str]:
    """Return what undoes a finding: the opposite of its directions, or the cure of its errors."""
    cures = {lexicon.cures[error] for error in errors if error in lexicon.cures}
    opposites = {lexicon.opposites[direction] for direction in directions if direction in lexicon.opposites}
    if not errors:
        return opposites
    # A direction that is said decides against the one that the error usually has.
    axes = {frozenset((direction, lexicon.opposites[direction])) for direction in opposites}
    kept = {cure for cure in cures if frozenset((cure, lexicon.opposites.get(cure, cure))) not in axes}
    return opposites | kept
