"""The supervision audit: what exactly is learned from each sample, shown and checked before the first step.

A wrong label mask trains without complaint: the loss falls, and the model has learned to repeat the question or never
to stop. The audit does not trust the code that made the labels: it decodes them and compares with the turns.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch

from vidtune.core.errors import SupervisionInvalid
from vidtune.training._examples import Example
from vidtune.training._loss import IGNORED_LABEL

_MAX_SHOWN_FINDINGS = 20
_NUM_SHOWN_EXAMPLES = 4
_GREEN, _GREY, _BLUE, _RESET = "\x1b[32m", "\x1b[90m", "\x1b[34m", "\x1b[0m"


@dataclass(frozen=True)
class SupervisionAudit:
    """What the audit found."""

    num_samples: int
    num_tokens: int
    num_supervised: int
    num_media: int
    text: str
    """For people: counts and some samples with what is learned marked."""

    coloured_text: str
    """The same for a terminal, with what is learned in green and what stands for pixels in blue."""

    def to_record(self) -> dict[str, int]:
        """Return the counts."""
        return {
            "num_samples": self.num_samples,
            "num_tokens": self.num_tokens,
            "num_supervised": self.num_supervised,
            "num_media": self.num_media,
        }


@dataclass(frozen=True)
class Vocabulary:
    """What the audit needs of a processor."""

    tokenizer: Any
    end_of_turn_ids: tuple[int, ...]
    media_ids: frozenset[int]

    @classmethod
    def of(cls, processor: Any, end_of_turn_ids: tuple[int, ...]) -> Vocabulary:
        """Collect the media tokens that ``processor`` names (image, video, audio placeholders)."""
        names = ("image_token_id", "video_token_id", "audio_token_id")
        ids = [getattr(holder, name, None) for holder in (processor, processor.tokenizer) for name in names]
        return cls(processor.tokenizer, end_of_turn_ids, frozenset(i for i in ids if isinstance(i, int)))

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ``ids``, special tokens included."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))


def audit_supervision(examples: Sequence[Example], vocabulary: Vocabulary) -> SupervisionAudit:
    """Check every example and describe some of them.

    Raises:
        SupervisionInvalid: If any sample has no supervised token, learns a prompt or media token, or an answer that
            is cut or does not end its turn; the first twenty are named.
    """
    findings = [
        f"{example.sample.sample_id}: {problem}"
        for example in examples
        for problem in find_supervision_problems(example, vocabulary)
    ]
    if findings:
        shown = "\n  ".join(findings[:_MAX_SHOWN_FINDINGS])
        more = f"\n  ... and {len(findings) - _MAX_SHOWN_FINDINGS} more" if len(findings) > _MAX_SHOWN_FINDINGS else ""
        raise SupervisionInvalid(
            f"{len(findings)} finding(s) in {len(examples)} samples say that the wrong tokens would be learned:"
            f"\n  {shown}{more}\n",
            "Mend these samples, or the family's encode_training if they are right.",
        )
    num_tokens = sum(example.num_tokens for example in examples)
    num_supervised = sum(int((example.labels != IGNORED_LABEL).sum()) for example in examples)
    num_media = sum(int(_is_media(example, vocabulary).sum()) for example in examples)
    counts = (
        f"{len(examples):,} samples, {num_tokens:,} tokens: {num_supervised:,} supervised "
        f"({num_supervised / num_tokens:.1%}), {num_media:,} stand for pixels or sound."
    )
    legend = "Between « and » is what the model learns to write; everything else it only reads."
    texts = []
    for colour in (False, True):
        blocks = [render_example(example, vocabulary, colour=colour) for example in _some(examples)]
        texts.append("\n\n".join([counts, legend, *blocks]) + "\n")
    return SupervisionAudit(len(examples), num_tokens, num_supervised, num_media, *texts)


def find_supervision_problems(example: Example, vocabulary: Vocabulary) -> list[str]:
    """Return, in sentences, what is wrong with the labels of one example; usually nothing."""
    is_supervised = example.labels != IGNORED_LABEL
    if not bool(is_supervised.any()):
        return ["no token is supervised, expected its answer; nothing would be learned."]
    problems = []
    moved = int((example.labels[is_supervised] != example.input_ids[is_supervised]).sum())
    if moved:
        problems.append(f"{moved} labels are not the token they stand at; labels must not be shifted.")
    is_media = _is_media(example, vocabulary)
    if bool(is_media[0]) or bool(is_media[-1]):
        # Every prompt has words or marks around its clip.
        problems.append("the sample begins or ends among the tokens of its clip: it was cut there.")
    num_media = int((is_media & is_supervised).sum())
    if num_media:
        problems.append(f"{num_media} media tokens are supervised, expected none.")
    return problems or _compare_with_turns(example, vocabulary)


def render_example(example: Example, vocabulary: Vocabulary, *, colour: bool = False) -> str:
    """Return the decoded example with what is learned between « and », and in green when ``colour`` is set."""
    parts = []
    media = _is_media(example, vocabulary).tolist()
    supervised = (example.labels != IGNORED_LABEL).tolist()
    tokens = zip(example.input_ids.tolist(), media, supervised, strict=True)
    for (is_media, is_supervised), run in groupby(tokens, key=lambda token: token[1:]):
        ids = [token[0] for token in run]
        text = f"[{len(ids)} media tokens]" if is_media else vocabulary.decode(ids)
        text = f"«{text}»" if is_supervised else text
        if colour:
            text = (_BLUE if is_media else _GREEN if is_supervised else _GREY) + text + _RESET
        parts.append(text)
    return f"--- {example.sample.sample_id}, {example.num_tokens} tokens\n{''.join(parts)}"


def _compare_with_turns(example: Example, vocabulary: Vocabulary) -> list[str]:
    answers = [turn.text for turn in example.sample.turns if turn.role == "assistant"]
    segments = _supervised_segments(example)
    if len(segments) != len(answers):
        return [f"{len(segments)} stretches are supervised, expected one for each of {len(answers)} answers."]
    problems = []
    for number, (segment, answer) in enumerate(zip(segments, answers, strict=True), start=1):
        is_ended = segment[-1] in vocabulary.end_of_turn_ids
        learned = _normal(vocabulary.decode(segment[:-1] if is_ended else segment))
        wanted = _normal(answer)
        if learned != wanted and wanted.startswith(learned):
            problems.append(f"answer {number} is cut: {learned[-40:]!r} is where it ends, expected {wanted[-40:]!r}.")
        elif learned != wanted and learned != _normal(_round_trip(answer, vocabulary)):
            problems.append(f"answer {number} would be learned as {learned[:80]!r}, expected {wanted[:80]!r}.")
        elif not is_ended:
            problems.append(f"answer {number} does not end its turn; the model would never learn to stop.")
    return problems


def _supervised_segments(example: Example) -> list[list[int]]:
    pairs = zip(example.input_ids.tolist(), (example.labels != IGNORED_LABEL).tolist(), strict=True)
    return [
        [token for token, _ in run] for is_supervised, run in groupby(pairs, key=lambda pair: pair[1]) if is_supervised
    ]


def _is_media(example: Example, vocabulary: Vocabulary) -> torch.Tensor:
    return torch.isin(example.input_ids, torch.tensor(sorted(vocabulary.media_ids), dtype=example.input_ids.dtype))


def _round_trip(text: str, vocabulary: Vocabulary) -> str:
    """What is left of a text in this vocabulary: some tokenizers lower case or drop what they do not know."""
    return vocabulary.decode(vocabulary.tokenizer(text, add_special_tokens=False)["input_ids"])


def _normal(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _some(examples: Sequence[Example]) -> list[Example]:
    """The first few, and the longest, which is where cuts happen."""
    longest = max(examples, key=lambda example: example.num_tokens)
    shown = list(examples[:_NUM_SHOWN_EXAMPLES])
    return shown if longest in shown else [*shown, longest]
