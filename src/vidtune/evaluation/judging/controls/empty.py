"""An empty answer must get the worst score."""

from vidtune.evaluation.judging._control import EMPTY, GOLD_OR_EMPTY
from vidtune.evaluation.judging.controls._mean import Expected, MeanControl

CONTROL = MeanControl(
    "empty",
    "Empty answer",
    Expected(EMPTY, 1.5, True, "an empty answer gets {value} points on average"),
    Expected(GOLD_OR_EMPTY, 0.9, False, "the right answer against an empty one wins by {value} on average (1: always)"),
)
