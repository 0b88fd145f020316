"""The four dimensions by G-Eval: steps of thought first, scores weighted by the judge's own probabilities.

Source: Liu et al., "G-Eval: NLG Evaluation using GPT-4 with Better Human Alignment" (2023).
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from vidtune.data import Turn
from vidtune.evaluation.judging._item import JudgeItem, Reply, Scores
from vidtune.evaluation.judging._reading import read_scores, weighted_scores
from vidtune.evaluation.judging.rubrics._shown import case, conversation
from vidtune.evaluation.judging.rubrics.feedback_quality import CRITERIA, DIMENSIONS

_STEPS = """Evaluation steps:
1. List what the ground truth finds: exercise, body part, error, direction, correction.
2. List what the prediction finds, and compare item by item. Opposite directions are errors, however alike the words.
3. For each dimension, decide how much of what matters is right, wrong, or left out.
4. Give the scores."""
_FORM = (
    'Think in at most five short lines, then end with one line of JSON: {"clinical_accuracy": n, "actionability": n, '
    '"root_cause": n, "completeness": n} with each n a whole number from 1 to 5.'
)


@dataclass(frozen=True)
class GEval:
    """See the module. Where the judge tells no probabilities, the scores are those it writes."""

    name: str = "g_eval"
    label: str = "Quality of feedback, probability-weighted (1-5)"
    kind: Literal["single", "pair"] = "single"
    fields: tuple[str, ...] = (*DIMENSIONS, "overall")
    wants_logprobs: bool = True
    form: str = _FORM

    def turns(self, item: JudgeItem) -> tuple[Turn, ...]:
        """Return criteria, steps and the case."""
        return conversation(
            "You are an experienced physiotherapist who judges written feedback on exercises, strictly and fairly.",
            f"{CRITERIA}\n\n{_STEPS}\n\n{case(item)}\n\n{_FORM}",
        )

    def read(self, reply: Reply) -> Scores | None:
        """Return the weighted dimensions and their mean; None unless all four are scores."""
        said = read_scores(reply.text, DIMENSIONS)
        if said is None:
            return None
        scores = weighted_scores(reply, said) or said
        return {**scores, "overall": fmean(scores.values())}


RUBRIC = GEval()
