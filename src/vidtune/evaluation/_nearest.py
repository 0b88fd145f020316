"""The answers of the nearest training samples: what memory of the training data gets without looking at the video.

Axis letters: ``n`` texts that are looked for, ``t`` training questions, ``w`` words.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vidtune.data import clip_families
from vidtune.evaluation._predictions import Prediction

_WORD = re.compile(r"\w+")
_AT_ONCE = 256
_TIE = 1e-9


def nearest_answers(samples: Sequence[Prediction], training: Sequence[Prediction]) -> list[str]:
    """Return for each sample the answer of the training sample that is nearest to it.

    Nearest by question first: of the same type where the data names types, else by the words (cosine of counts weighted
    by rarity). Of those that ask alike, those about the same clip or an altered copy of it, the nearest in time; else
    those about the same person; else all. Where several are as near, the commonest of their answers.

    Args:
        samples: Those to answer.
        training: Samples with answers, at least one.
    """
    known = [sample for sample in training if sample.answer.strip()] or list(training)
    families = clip_families(sample.video for sample in (*samples, *known))
    alike = _asking_alike({_question(sample) for sample in samples}, known)
    pools: dict[tuple[str, str], _Pool] = {}
    answers = []
    for sample in samples:
        question = _question(sample)
        if question not in pools:
            pools[question] = _Pool(alike[question], families)
        answers.append(pools[question].answer_to(sample))
    return answers


class _Pool:
    """Training samples that ask alike, by clip and by person."""

    def __init__(self, members: Sequence[Prediction], families: Mapping[str, str]) -> None:
        self._families = families
        self._all = _commonest(members)
        self._of_clip: dict[str, list[Prediction]] = {}
        self._of_person: dict[str, list[Prediction]] = {}
        for member in members:
            if member.video:
                self._of_clip.setdefault(families[member.video], []).append(member)
            if member.subject is not None:
                self._of_person.setdefault(member.subject, []).append(member)

    def answer_to(self, sample: Prediction) -> str:
        same_clip = self._of_clip.get(self._families[sample.video], []) if sample.video else []
        moment = _moment(sample)
        timed = [
            (abs(at - moment), one) for one in same_clip if moment is not None and (at := _moment(one)) is not None
        ]
        if timed:
            least = min(distance for distance, _ in timed)
            return _commonest([one for distance, one in timed if distance == least])
        near = same_clip or self._of_person.get(sample.subject or "", [])
        return _commonest(near) if near else self._all


def _asking_alike(
    wanted: set[tuple[str, str]], known: Sequence[Prediction]
) -> dict[tuple[str, str], Sequence[Prediction]]:
    """Return for each question the training samples that ask the most alike."""
    by_question: dict[tuple[str, str], list[Prediction]] = {}
    by_type: dict[str, list[Prediction]] = {}
    for sample in known:
        by_question.setdefault(_question(sample), []).append(sample)
        by_type.setdefault(_question(sample)[0], []).append(sample)
    found: dict[tuple[str, str], Sequence[Prediction]] = {}
    for question in wanted:
        if question[0] in by_type and question[0]:
            found[question] = by_type[question[0]]
        elif question in by_question:
            found[question] = by_question[question]
    unknown, questions = sorted(wanted - found.keys()), list(by_question)
    places = _most_alike([words for _, words in unknown], [words for _, words in questions])
    for question, nearest in zip(unknown, places, strict=True):
        found[question] = [one for place in nearest for one in by_question[questions[place]]]
    return found


def _most_alike(texts_n: Sequence[str], questions_t: Sequence[str]) -> list[list[int]]:
    """Return for each text the places of the questions whose words are the most alike; all where none is shared."""
    if not texts_n:
        return []
    counts_t = [Counter(_WORD.findall(words)) for words in questions_t]
    frequency = Counter(word for counts in counts_t for word in counts)
    weights = {word: math.log(1 + len(counts_t) / count) for word, count in frequency.items()}
    training_tw = _unit_rows(counts_t, weights)
    places = []
    for start in range(0, len(texts_n), _AT_ONCE):
        part = [Counter(_WORD.findall(text)) for text in texts_n[start : start + _AT_ONCE]]
        likeness_nt = (_unit_rows(part, weights) @ training_tw.T).toarray()
        places += [np.nonzero(row >= row.max() - _TIE)[0].tolist() for row in likeness_nt]
    return places


def _unit_rows(counts: Sequence[Counter[str]], weights: Mapping[str, float]) -> Any:
    """Return texts as rows of length 1 over words, sparse; a text of unknown words is a row of zeros."""
    from scipy import sparse

    column = {word: place for place, word in enumerate(weights)}
    rows, columns, values = [], [], []
    for number, words in enumerate(counts):
        known = {word: count * weights[word] for word, count in words.items() if word in weights}
        length = math.sqrt(math.fsum(value * value for value in known.values()))
        rows += [number] * len(known)
        columns += [column[word] for word in known]
        values += [value / length for value in known.values()]
    return sparse.csr_array((values, (rows, columns)), shape=(len(counts), max(1, len(column))), dtype=np.float64)


def _commonest(samples: Sequence[Prediction]) -> str:
    return Counter(sample.answer for sample in samples).most_common(1)[0][0]


def _question(sample: Prediction) -> tuple[str, str]:
    """Return the type of a question, "" where the data names none, and its words."""
    return str(sample.meta.get("question_type") or ""), " ".join(sample.question.lower().split())


def _moment(sample: Prediction) -> float | None:
    """Return when in its recording a sample is, in whatever the data counts by; None where it does not say."""
    official = sample.meta.get("official")
    for known in (sample.meta, official if isinstance(official, Mapping) else {}):
        numbers = known.get("frame_numbers")
        middle = numbers[len(numbers) // 2] if isinstance(numbers, list) and numbers else None
        for value in (middle, known.get("start_s")):
            if isinstance(value, int | float) and not isinstance(value, bool):
                return float(value)
    return None
