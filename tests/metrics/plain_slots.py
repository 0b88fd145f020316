"""Reading feedback the plain way: every pattern is tried at every word, every rule is searched, nothing is kept.

Slow, and short enough to be checked by eye; the reader that is used has to find the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from vidtune.metrics import ExerciseCatalogue, split_answer
from vidtune.metrics.slots import Advice, FeedbackSlots, Lexicon
from vidtune.metrics.slots import _grammar as grammar

_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
_PATTERN_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?\*?")
_OF_DEGREE = {
    "slower": "fast",
    "down": "insufficient",
    "up": "insufficient",
    "more": "insufficient",
    "straight": "bending",
}


def read_plainly(text: str, lexicon: Lexicon, catalogue: ExerciseCatalogue | None = None) -> FeedbackSlots:
    """Return what ``read_feedback`` has to return."""
    head, feedback = split_answer(text)
    lowered = feedback.lower()
    parts, errors, advice, corrections = set(), set(), set(), set()
    has_praise, last_part = False, ""
    for piece in grammar.CLAUSE_END.split(lowered.replace("’", "'")):
        if not piece or not piece.strip():
            continue
        named, found, wanted, is_instruction, is_praise, has_signs = _read_clause(piece.strip(), lexicon)
        has_praise |= is_praise
        if is_praise and not is_instruction:
            continue
        last_part = named[0] if named else last_part
        errors |= found
        if wanted or has_signs or is_instruction:
            parts |= set(named)
        given = {Advice(last_part, direction) for direction in wanted}
        advice |= given
        if is_instruction:
            corrections |= given
    whole = f"{head} {feedback}".lower()
    sides = {side for found in grammar.SIDE.pattern.findall(whole) for side in found if side}
    is_severe, is_slight = grammar.SEVERE.pattern.search(lowered), grammar.SLIGHT.pattern.search(lowered)
    return FeedbackSlots(
        exercise=catalogue.identify(text) if catalogue is not None else None,
        parts=frozenset(parts),
        errors=frozenset(errors),
        advice=frozenset(advice),
        corrections=frozenset(corrections),
        sides=frozenset(sides),
        severity=2 if is_severe else 1 if is_slight else None,
        is_praise=has_praise and not advice and not errors,
    )


def _read_clause(clause: str, lexicon: Lexicon):
    idioms = _find({phrase: (phrase,) for phrase in lexicon.idioms}, clause)
    for _, start, end in reversed(idioms):
        clause = f"{clause[:start]} {clause[end:]}"
    degrees = set()
    if lexicon.degrees:
        degrees |= {lexicon.opposites[lexicon.degrees[one.group(1)]] for one in lexicon.excess.finditer(clause)}
        degrees |= {lexicon.degrees[one.group(1)] for one in lexicon.lack.finditer(clause)}
        clause = lexicon.lack.sub(" ", lexicon.excess.sub(" ", clause))
    parts = _find_parts(clause, lexicon)
    action = _leading_action(clause, lexicon)
    is_negated = grammar.NEGATION.pattern.search(clause) is not None
    is_wish = grammar.SHOULD.pattern.search(clause) is not None
    is_instruction = bool(action or is_wish or (is_negated and grammar.BEGINS_WITH_NEGATION.match(clause)))
    errors = {name for name, _, _ in _find(lexicon.errors, clause)}
    if action is not None and not is_negated:
        errors = set()
    directions = {lexicon.idioms[phrase] for phrase, _, _ in idioms} - {""}
    directions |= _find_directions(clause, parts, lexicon)
    is_praise = not errors and not degrees and not is_negated and bool(_find({"": lexicon.praise}, clause))
    found, wanted = set(), set(degrees)
    if is_instruction:
        wanted |= _instructed(action, directions, errors, lexicon, is_negated)
    elif not is_negated:
        wanted |= _undone(directions, errors, lexicon)
        found |= errors
    if degrees and not is_instruction and (is_negated or not errors):
        found.add(next((_OF_DEGREE[one] for one in sorted(degrees) if one in _OF_DEGREE), "misplaced"))
    return parts, found, wanted, is_instruction, is_praise, bool(errors)


def _find_parts(clause: str, lexicon: Lexicon) -> list[str]:
    clause = grammar.NOT_A_PART.pattern.sub(lambda found: found.group(0).replace("back", "    "), clause)
    without = grammar.REFERENCE.pattern.sub(" ", clause)
    if without != clause and (grammar.PRONOUN.search(without) or _find(lexicon.parts, without)):
        clause = without
    found = [(start, name) for name, start, _ in _find(lexicon.parts, clause)]
    if "back" in lexicon.parts:
        found += [(one.start(), "back") for one in grammar.BACK_AS_PART.pattern.finditer(clause)]
    return list(dict.fromkeys(name for _, name in sorted(found)))


def _find_directions(clause: str, parts: list[str], lexicon: Lexicon) -> set[str]:
    if "back" in parts:
        clause = grammar.BACK.sub(" ", clause)
    for _, start, end in reversed(_find(lexicon.parts, clause)):
        clause = f"{clause[:start]} {clause[end:]}"
    return {name for name, _, _ in _find(lexicon.directions, clause)}


def _leading_action(clause: str, lexicon: Lexicon) -> str | None:
    while (shorter := grammar.OPENING.sub("", clause)) != clause:
        clause = shorter
    first = clause.split()[:1]
    return next((name for name, _, _ in _find(lexicon.actions, first[0])), None) if first else None


def _instructed(action, directions, errors, lexicon: Lexicon, is_negated) -> set[str]:
    if is_negated:
        return _undone(directions, errors, lexicon)
    own = lexicon.action_directions.get(action or "")
    says_more = directions - {"slower", "more", "less", "faster"}
    return directions | ({own} if own and lexicon.opposites.get(own) not in directions and not says_more else set())


def _undone(directions, errors, lexicon: Lexicon) -> set[str]:
    cures = {lexicon.cures[error] for error in errors if error in lexicon.cures}
    opposites = {lexicon.opposites[direction] for direction in directions if direction in lexicon.opposites}
    if not errors:
        return opposites
    said = opposites | {lexicon.opposites[direction] for direction in opposites}
    return opposites | {cure for cure in cures if cure not in said}


def _find(entries: Mapping[str, tuple[str, ...]], text: str) -> list[tuple[str, int, int]]:
    """Return names with where they begin and end, by the longest pattern at each word, without overlaps."""
    patterns = [(_PATTERN_WORD.findall(one), name) for name, several in entries.items() for one in several]
    patterns.sort(key=lambda one: (-len(one[0]), -sum(map(len, one[0]))))
    words = list(_WORD.finditer(text))
    found, place = [], 0
    while place < len(words):
        for pattern, name in patterns:
            there = words[place : place + len(pattern)]
            if len(there) == len(pattern) and all(
                _fits(word.group(), one) for word, one in zip(there, pattern, strict=True)
            ):
                found.append((name, there[0].start(), there[-1].end()))
                place += len(pattern) - 1
                break
        place += 1
    return found


def _fits(word: str, pattern: str) -> bool:
    return word.startswith(pattern[:-1]) if pattern.endswith("*") else word == pattern
