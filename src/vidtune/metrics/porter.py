"""Porter's stemmer: English words without their endings, as METEOR compares them.

Written here because importing ``nltk`` for it takes longer than scoring a test set.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

_IRREGULAR = {
    "skies": "sky",
    "dying": "die",
    "lying": "lie",
    "tying": "tie",
    "innings": "inning",
    "outings": "outing",
    "cannings": "canning",
    **{word: word for word in ("sky", "news", "inning", "outing", "canning", "howe", "proceed", "exceed", "succeed")},
}
_DERIVED = {
    "ational": "ate",
    "tional": "tion",
    "enci": "ence",
    "anci": "ance",
    "izer": "ize",
    "bli": "ble",
    "entli": "ent",
    "eli": "e",
    "ousli": "ous",
    "ization": "ize",
    "ation": "ate",
    "ator": "ate",
    "alism": "al",
    "iveness": "ive",
    "fulness": "ful",
    "ousness": "ous",
    "aliti": "al",
    "iviti": "ive",
    "biliti": "ble",
    "fulli": "ful",
}
"""Endings of derived words by what is left of them; of two that fit, the longer stands first."""
_QUALITIES = {"icate": "ic", "ative": "", "alize": "al", "iciti": "ic", "ical": "ic", "ful": "", "ness": ""}
_LAST = dict.fromkeys(
    ("al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent")
    + ("ou", "ism", "ate", "iti", "ous", "ive", "ize"),
    "",
)


@lru_cache(maxsize=100_000)
def porter_stem(word: str) -> str:
    """Return the stem of a lower-case word.

    Source: Porter, "An algorithm for suffix stripping" (1980), with the changes that ``nltk``'s ``PorterStemmer`` makes
    by default (irregular words, "dies" to "die", "y" to "i" after a consonant only); tested against it.

    Example:
        >>> porter_stem("leaning"), porter_stem("hips"), porter_stem("stability")
        ('lean', 'hip', 'stabil')
    """
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= 2:
        return word
    word = _without_tense(_without_plural(word))
    if word.endswith("y") and len(word) > 2 and _kinds(word)[-2] == "c":
        word = word[:-1] + "i"
    return _without_e(_without_last(_replace(_without_derivation(word), _QUALITIES, 1)))


def _without_plural(word: str) -> str:
    if word.endswith("ies"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("sses"):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _without_tense(word: str) -> str:
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    ending = next((ending for ending in ("ed", "ing") if word.endswith(ending)), None)
    stem = word[: -len(ending)] if ending else ""
    if "v" not in _kinds(stem):
        return word
    if stem.endswith(("at", "bl", "iz")):
        return stem + "e"
    if stem[-2:-1] == stem[-1] and _kinds(stem)[-1] == "c":
        return stem if stem[-1] in "lsz" else stem[:-1]
    return stem + "e" if _measure(stem) == 1 and _ends_short(stem) else stem


def _without_derivation(word: str) -> str:
    if word.endswith("alli"):
        # "radically" loses its ending and is looked at again.
        return _without_derivation(word[:-2]) if _measure(word[:-4]) > 0 else word
    if word.endswith("logi"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    return _replace(word, _DERIVED, 1)


def _without_last(word: str) -> str:
    if word.endswith("ion"):
        return _replace(word, {"ion": ""}, 2, lambda stem: stem[-1] in "st")
    return _replace(word, _LAST, 2)


def _without_e(word: str) -> str:
    if word.endswith("e"):
        measure = _measure(word[:-1])
        if measure > 1 or measure == 1 and not _ends_short(word[:-1]):
            word = word[:-1]
    return word[:-1] if word.endswith("ll") and _measure(word[:-1]) > 1 else word


def _replace(word: str, endings: dict[str, str], least: int, fits: Callable[[str], bool] = lambda stem: True) -> str:
    """Exchange the first ending that the word has, if what stands before it has at least that measure."""
    ending = next((ending for ending in endings if word.endswith(ending)), None)
    if ending is None:
        return word
    stem = word[: -len(ending)]
    return stem + endings[ending] if _measure(stem) >= least and fits(stem) else word


def _kinds(word: str) -> str:
    """Return ``c`` for each consonant and ``v`` for each vowel; a y after a consonant is a vowel."""
    kinds = ""
    for letter in word:
        is_vowel = letter in "aeiou" or letter == "y" and kinds.endswith("c")
        kinds += "v" if is_vowel else "c"
    return kinds


def _measure(word: str) -> int:
    """Return how often consonants follow vowels: about the number of syllables."""
    return _kinds(word).count("vc")


def _ends_short(word: str) -> bool:
    """Whether the word ends as "hop" does, or is as short as "us": then an e was dropped."""
    kinds = _kinds(word)
    return kinds[-3:] == "cvc" and word[-1] not in "wxy" or kinds == "vc"
