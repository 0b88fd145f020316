"""METEOR: how well the words of two texts can be aligned, counting stems and synonyms as matches."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache

from vidtune.metrics.porter import porter_stem
from vidtune.metrics.wordnet import synonyms_of

_SENTENCE_END = re.compile(r"""(?<=[.!?])(["')\]]*)\s+(?=["'(\[]*[A-Z0-9])""")
_WORD = (
    r"(?:[A-Za-z0-9/()%-]|(?<=[A-Za-z0-9])[.](?=[A-Za-z0-9]))+(?:(?<=[A-Za-z])'(?:[smdt]|ll|re|ve)(?![A-Za-z0-9/(%-]))?"
)
_MAYBE_QUOTED = rf"""\(?["']?{_WORD}(?:,?["'])?\)?"""
_PLAIN = re.compile(rf"""{_MAYBE_QUOTED}(?:[,;:]? {_MAYBE_QUOTED})*[.!?]?["']?""")
_OPENING_QUOTE = re.compile(r'(?:^|(?<=[ (]))"')
_OPENING_SINGLE = re.compile(r"(?<![A-Za-z0-9])'(?=[A-Za-z0-9])")
_CLOSING_SINGLE = re.compile(r"(?<=[^' ])'(?= )")
_SPLIT_BY_NLTK = re.compile(
    # Two quotation marks, a contraction before one, what looks like a contraction after one; then words of two words.
    r"""["']{2}|[A-Za-z]'[A-Za-z]+['"]|(?<![A-Za-z0-9])'(?:[smtdn]|ll|re|ve|tis|twas)(?![A-Za-z0-9])"""
    r"|--|\b(?:cannot|gimme|gonna|gotta|lemme|wanna|d'ye|more'n)\b",
    re.IGNORECASE,
)
_PUNCTUATION = re.compile(r"""([(),!?;:%]|[.](?=["']?$))""")
_CONTRACTION = re.compile(r"(?<=[^' ])('[smd]|'ll|'re|'ve|n't)(?= )")
_RECALL_WEIGHT, _CHUNK_POWER, _CHUNK_WEIGHT = 0.9, 3.0, 0.5


def meteor(prediction: str, reference: str) -> float:
    """Return the METEOR score of ``prediction`` against one ``reference``.

    Words are matched exactly, then by Porter stem, then by WordNet synonym; the harmonic mean of
    precision and recall leans to recall, and scattered matches are penalised. Source: Lavie and
    Agarwal, "Meteor: An Automatic Metric for MT Evaluation with High Levels of Correlation with Human
    Judgments" (2007), in the form of ``nltk.translate.meteor_score.single_meteor_score`` with its default
    weights and the full WordNet 3.0, against which it is tested.

    Returns:
        0.0 to 1.0. One exact word scores 0.5, as in nltk: a single match counts as a whole chunk.

    Example:
        >>> round(meteor("squats - knees cave in", "squats - knees collapse in"), 4)
        0.75
    """
    return meteor_of_words(meteor_words(prediction), meteor_words(reference))


def meteor_of_words(predicted: Sequence[str], expected: Sequence[str]) -> float:
    """Return METEOR of two texts that are split into words already."""
    matches = _align([word.lower() for word in predicted], [word.lower() for word in expected])
    if not matches:
        return 0.0
    num_matches = len(matches)
    precision, recall = num_matches / len(predicted), num_matches / len(expected)
    mean = (precision * recall) / (_RECALL_WEIGHT * precision + (1 - _RECALL_WEIGHT) * recall)
    fragmentation = _count_chunks(matches) / num_matches
    penalty: float = _CHUNK_WEIGHT * fragmentation**_CHUNK_POWER
    return (1 - penalty) * mean


@lru_cache(maxsize=50_000)
def meteor_words(text: str) -> tuple[str, ...]:
    """Split ``text`` as nltk's ``word_tokenize`` does.

    Sentences are found by a rule (a full stop, exclamation or question mark, a space, then a capital
    or a digit) instead of the Punkt model, which is a download. The two differ only at abbreviations
    before a capital ("e.g. The").
    """
    words: list[str] = []
    for sentence in _SENTENCE_END.sub(r"\1\n", text).split("\n"):
        words += _split_sentence(sentence)
    return tuple(words)


def _split_sentence(sentence: str) -> list[str]:
    # nltk runs some thirty substitutions over every sentence; in one of plain words most have nothing to do.
    if not _PLAIN.fullmatch(sentence) or _SPLIT_BY_NLTK.search(sentence):
        return _tokenizer()(sentence)
    opened = _OPENING_QUOTE.sub("`` ", sentence) if '"' in sentence else sentence
    if "'" not in sentence:
        return _PUNCTUATION.sub(r" \1 ", opened).replace('"', " '' ").split()
    apart = _PUNCTUATION.sub(r" \1 ", _OPENING_SINGLE.sub("' ", opened)).replace('"', " '' ") + " "
    return _CONTRACTION.sub(r" \1", _CLOSING_SINGLE.sub(" '", apart)).split()


def _align(predicted: list[str], expected: list[str]) -> list[tuple[int, int]]:
    """Return matched positions, ordered by position in ``predicted``; each word is used once."""
    if predicted == expected:
        return [(index, index) for index in range(len(predicted))]
    left, right = dict(enumerate(predicted)), dict(enumerate(expected))
    matches = _match_equal(left, right)
    left = {index: porter_stem(word) for index, word in left.items()}
    right = {index: porter_stem(word) for index, word in right.items()}
    matches += _match_equal(left, right)
    # nltk looks for synonyms of what stemming left, not of the words themselves; so do we, to be equal.
    matches += _match_synonyms(left, right)
    return sorted(matches)


def _match_equal(left: dict[int, str], right: dict[int, str]) -> list[tuple[int, int]]:
    """Take equal words out of ``left`` and ``right`` and return their positions.

    From the last word to the first, each with the last free word that it may match, as nltk does.
    """
    positions = _positions(right)
    pairs = []
    for index in reversed(list(left)):
        free = positions.get(left[index])
        if free:
            pairs.append((index, free.pop()))
            del left[index], right[pairs[-1][1]]
    return pairs


def _match_synonyms(left: dict[int, str], right: dict[int, str]) -> list[tuple[int, int]]:
    """Return positions of words that share a synset, in the same order."""
    positions = _positions(right)
    pairs = []
    for index in reversed(list(left)):
        synonyms = synonyms_of(left[index])
        free = [found for word, found in positions.items() if found and (word in synonyms or word == left[index])]
        if free:
            pairs.append((index, max(free, key=lambda found: found[-1]).pop()))
    return pairs


def _positions(words: dict[int, str]) -> dict[str, list[int]]:
    positions: dict[str, list[int]] = {}
    for index, word in words.items():
        positions.setdefault(word, []).append(index)
    return positions


def _count_chunks(matches: list[tuple[int, int]]) -> int:
    neighbours = zip(matches, matches[1:], strict=False)
    return 1 + sum(after != (before[0] + 1, before[1] + 1) for before, after in neighbours)


@cache
def _tokenizer() -> Callable[[str], list[str]]:
    # Imported on first use: nltk takes a second, and few texts hold what needs it, such as typographic quotation marks.
    from nltk.tokenize import NLTKWordTokenizer

    tokenize: Callable[[str], list[str]] = NLTKWordTokenizer().tokenize
    return tokenize
