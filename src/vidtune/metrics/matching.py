"""Short answers against the right ones: from equal to the letter to what forgives too much."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_SEPARATORS = re.compile(r"[-_/–—]+")
_NOT_TOLD = re.compile(r"[^\w\s<>%+.]|(?<!\d)\.|\.(?!\d)")
_COMPARED = re.compile(r"([<>])\s*=?\s*(\d)")


def exact_match(prediction: str, answer: str) -> bool:
    """Return whether both are the same text, apart from blanks around them; an empty prediction matches nothing."""
    return bool(prediction.strip()) and prediction.strip() == answer.strip()


def normalise_answer(text: str) -> str:
    """Return a short answer in lower case, without articles and punctuation; hyphens are blanks.

    ``<`` and ``>`` before a number, ``%`` and decimal points stay: "<5" is not "5".

    Example:
        >>> normalise_answer("The Upper-Right."), normalise_answer("< 5 mm")
        ('upper right', '<5 mm')
    """
    told = _NOT_TOLD.sub(" ", _SEPARATORS.sub(" ", text.lower()))
    return " ".join(_COMPARED.sub(r"\1\2", _ARTICLES.sub(" ", told)).split())


def normalised_match(prediction: str, answer: str) -> bool:
    """Return whether both are the same after ``normalise_answer``; an empty prediction matches nothing."""
    said = normalise_answer(prediction)
    return bool(said) and said == normalise_answer(answer)


def word_match(prediction: str, answer: str) -> bool:
    """Return whether the answer stands in the prediction as whole words: "no" is not in "normal".

    Example:
        >>> word_match("The mucosa is normal.", "no"), word_match("No, it is not.", "no")
        (False, True)
    """
    wanted = normalise_answer(answer)
    return bool(wanted) and f" {wanted} " in f" {normalise_answer(prediction)} "


def named_answer(prediction: str, candidates: Sequence[str]) -> str | None:
    """Return the one of ``candidates`` that the prediction names in whole words; None where it names none or several.

    A candidate inside another that is named too ("plank" in "high plank") does not count. A model that says "yes and
    no" has not answered.

    Example:
        >>> named_answer("It is moving up and left.", ["up", "down", "left"]) is None
        True
        >>> named_answer("The lesion is in the upper right part.", ["upper-left", "upper-right"])
        'upper-right'
    """
    said = f" {normalise_answer(prediction)} "
    known = {normalise_answer(candidate): candidate for candidate in candidates}
    found = [name for name in known if name and f" {name} " in said]
    whole = [name for name in found if not any(name != other and f" {name} " in f" {other} " for other in found)]
    return known[whole[0]] if len(whole) == 1 else None


def substring_match(prediction: str, answer: str) -> bool:
    """Return whether the answer is part of the prediction, in any place.

    The rule of SurgViVQA-Audio, kept so that its figures can be reproduced. It counts "no" inside "normal".
    """
    return answer.strip().lower() in prediction.lower()


def baseline_match(prediction: str, answer: str) -> bool:
    """Return whether either text is part of the other.

    The rule by which SurgViVQA-Audio scored its baselines, kept so that its figures can be reproduced: an empty
    prediction is part of every answer and counts as right.
    """
    said, wanted = prediction.strip().lower(), answer.strip().lower()
    return wanted in said or said in wanted


def keyword_match(prediction: str, keyword: str) -> bool:
    """Return whether the keyword is found by SurgViVQA's rule: one word as a whole word, a phrase as any part."""
    wanted = keyword.strip().lower()
    if " " in wanted:
        return wanted in prediction.lower()
    return re.search(rf"\b{re.escape(wanted)}\b", prediction.lower()) is not None


def token_f1(prediction: str, answer: str) -> float:
    """Return the F-score of common words of two short answers.

    Source: Rajpurkar et al., "SQuAD" (2016): lower case, no punctuation, no articles; against its published rule it is
    tested. Two empty texts score 1 there; an empty prediction scores 0 here.

    Example:
        >>> round(token_f1("the upper right side", "upper right"), 4)
        0.8
    """
    said, wanted = _squad_words(prediction), _squad_words(answer)
    common = sum((Counter(said) & Counter(wanted)).values())
    if not common:
        return 0.0
    precision, recall = common / len(said), common / len(wanted)
    return 2 * precision * recall / (precision + recall)


def _squad_words(text: str) -> list[str]:
    told = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return _ARTICLES.sub(" ", told).split()
