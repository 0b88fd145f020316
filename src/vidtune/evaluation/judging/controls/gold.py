"""The ground truth, judged against itself, must get the best score; of two equal answers neither may win."""

from vidtune.evaluation.judging._control import GOLD, GOLD_TWICE
from vidtune.evaluation.judging.controls._mean import Expected, MeanControl

CONTROL = MeanControl(
    "gold",
    "Ground truth against itself",
    Expected(GOLD, 4.5, False, "the ground truth gets {value} points on average"),
    Expected(GOLD_TWICE, 0.2, True, "of two equal answers one wins in a share of {value}", measure=abs),
)
