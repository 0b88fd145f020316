"""Which option a free text chooses: by fixed rules, never by chance. What cannot be told is wrong, and is counted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from vidtune.metrics.matching import normalise_answer

LETTERS = "ABCDEFGHIJ"

Rule = Literal["letter", "phrase", "leading letter", "option text", "lone letter", "unparsed"]


@dataclass(frozen=True)
class Choice:
    """What a text chooses, and how that was told."""

    index: int | None
    """From 0; None where it cannot be told."""

    rule: Rule


@dataclass(frozen=True)
class _Patterns:
    whole: re.Pattern[str]
    phrase: re.Pattern[str]
    leading: re.Pattern[str]
    bracketed: re.Pattern[str]
    listed: re.Pattern[str]
    lone: re.Pattern[str]


def extract_choice(text: str, options: Sequence[str]) -> Choice:
    """Return the option that ``text`` chooses.

    The first of these that tells one option decides:

    1. the text is a letter, with or without brackets, stop or "option" before it;
    2. it says "the answer is B" or "answer: (B)"; the last such phrase counts;
    3. it begins with a capital letter and a stop, bracket or colon: "B. a hat";
    4. it names exactly one option in whole words, or is one;
    5. exactly one letter stands in brackets, or alone as a capital that is no English word ("A" and "I" are).

    "A man throws a hat" therefore does not choose A. Two letters, or a letter that no option has, are unparsed.

    Args:
        text: What the model said.
        options: At least two, at most ten, without their letters.

    Example:
        >>> extract_choice("A man throws it.", ["a ball", "a hat"]).index is None
        True
        >>> extract_choice("The answer is (B).", ["a ball", "a hat"]).index
        1
    """
    patterns = _patterns(len(options))
    said = text.strip().strip("*_`\"' \n")
    if found := patterns.whole.fullmatch(said):
        return Choice(LETTERS.index(found["letter"].upper()), "letter")
    phrases = [match["letter"] for match in patterns.phrase.finditer(said)]
    if phrases:
        return Choice(LETTERS.index(phrases[-1].upper()), "phrase")
    if found := patterns.leading.match(said):
        return Choice(LETTERS.index(found["letter"]), "leading letter")
    named = _named_option(said, options)
    if named is not None:
        return Choice(named, "option text")
    if patterns.listed.search(said):
        return Choice(None, "unparsed")
    letters = {match["letter"] for match in patterns.bracketed.finditer(said)}
    letters = letters or {match["letter"] for match in patterns.lone.finditer(said)} - {"A", "I"}
    if len(letters) == 1:
        return Choice(LETTERS.index(letters.pop()), "lone letter")
    return Choice(None, "unparsed")


@lru_cache(maxsize=16)
def _patterns(num_options: int) -> _Patterns:
    if not 2 <= num_options <= len(LETTERS):
        raise ValueError(f"expected 2 to {len(LETTERS)} options, found {num_options}.")
    known = LETTERS[:num_options]
    letter = f"(?P<letter>[{known}])"
    either = f"(?P<letter>[{known}{known.lower()}])"
    lead = r"(?:(?:the\s+)?(?:(?:correct|right|best|final)\s+)?(?:answer|option|choice)\s*(?:is\s*)?:?\s*)?"
    # After the letter nothing may go on that makes it a word or a part of a list of letters.
    listing = rf"\s*(?:,|/|&|or\b|and\b|,\s*or\b)\s*\(?[{known}]\b"
    # "A" before a word is an article, unless the word begins to give reasons.
    article = r"(?!(?<=A)\s+(?!(?:because|as|since|for|which|that|with|is|was)\b)[a-z])"
    end = rf"(?![\w'’])(?!{listing}){article}"
    says = r"(?:(?:answer|option|choice)\s*(?:is|would be|:|=|->)\s*(?:option\s*|choice\s*)?|\b(?:option|choice)\s+)"
    return _Patterns(
        whole=re.compile(rf"{lead}[(\[]?\s*{either}\s*[)\]]?\s*[.:)]?", re.IGNORECASE),
        phrase=re.compile(rf"(?i:{says})[*_`\"'(\[\s]*{letter}{end}"),
        leading=re.compile(rf"[(\[]?{letter}(?:[)\]:]|\.(?!\w\.))(?=\s|$|\*)"),
        bracketed=re.compile(rf"[(\[]\s*{letter}\s*[)\]]"),
        listed=re.compile(rf"\b[{known}]\)?{listing}"),
        lone=re.compile(rf"(?<![\w'’.]){letter}(?![\w'’])"),
    )


def _named_option(text: str, options: Sequence[str]) -> int | None:
    """Return the one option whose words the text has in one piece; the longest of several inside each other."""
    said = f" {normalise_answer(text)} "
    names = [normalise_answer(option) for option in options]
    found = [index for index, name in enumerate(names) if name and f" {name} " in said]
    whole = [
        index
        for index in found
        if not any(names[index] != names[other] and f" {names[index]} " in f" {names[other]} " for other in found)
    ]
    return whole[0] if len(whole) == 1 else None
