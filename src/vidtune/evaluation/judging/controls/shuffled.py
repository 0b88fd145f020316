"""The answer of another sample must get a bad score."""

from vidtune.evaluation.judging._control import GOLD_OR_WRONG, WRONG
from vidtune.evaluation.judging.controls._mean import Expected, MeanControl

CONTROL = MeanControl(
    "shuffled",
    "Answer of another sample",
    Expected(WRONG, 2.0, True, "the answer of another sample gets {value} points on average"),
    Expected(GOLD_OR_WRONG, 0.8, False, "the right answer against a wrong one wins by {value} on average (1: always)"),
)
