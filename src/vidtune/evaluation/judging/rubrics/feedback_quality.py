"""Clinical accuracy, actionability, root cause and completeness of feedback, 1 to 5 each: RQ5 of the QVED suite."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from vidtune.data import Turn
from vidtune.evaluation.judging._item import JudgeItem, Reply, Scores
from vidtune.evaluation.judging._reading import read_scores
from vidtune.evaluation.judging.rubrics._shown import case, conversation

DIMENSIONS = ("clinical_accuracy", "actionability", "root_cause", "completeness")

CRITERIA = """Rate on 1-5 scale:
1. Clinical Accuracy (clinical_accuracy): Is the feedback physiologically correct, as the ground truth is?
2. Actionability (actionability): Is it specific (e.g., "keep knees aligned") vs. generic (e.g., "improve form")?
3. Root Cause (root_cause): Does it address why (e.g., "tight hip flexors causing lean") vs. just what?
4. Completeness (completeness): Does it cover all errors present?

The ground truth itself deserves 5 in every dimension. Feedback on another exercise or another error, or none at all,
deserves 1. Length earns nothing."""

_FORM = (
    'Output JSON and nothing else: {"clinical_accuracy": n, "actionability": n, "root_cause": n, "completeness": n, '
    '"overall": mean} with each n a whole number from 1 to 5.'
)


@dataclass(frozen=True)
class FeedbackQuality:
    """See the module. ``overall`` is the mean of the four dimensions, whatever the judge makes of it."""

    name: str = "feedback_quality"
    label: str = "Quality of feedback (1-5)"
    kind: Literal["single", "pair"] = "single"
    fields: tuple[str, ...] = (*DIMENSIONS, "overall")
    wants_logprobs: bool = False
    form: str = _FORM

    def turns(self, item: JudgeItem) -> tuple[Turn, ...]:
        """Return the prompt of RQ5.2.1."""
        return conversation(
            "You are an experienced physiotherapist who judges written feedback on exercises, strictly and fairly.",
            f"Given:\n\n{case(item)}\n\n{CRITERIA}\n\n{_FORM}",
        )

    def read(self, reply: Reply) -> Scores | None:
        """Return the four dimensions and their mean; None unless all four are scores."""
        scores = read_scores(reply.text, DIMENSIONS)
        return None if scores is None else {**scores, "overall": fmean(scores.values())}


RUBRIC = FeedbackQuality()
