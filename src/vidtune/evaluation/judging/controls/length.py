"""Empty words must not make an answer better."""

from vidtune.evaluation.judging._control import PADDED, WRONG_OR_PADDED
from vidtune.evaluation.judging.controls._rise import RiseControl

CONTROL = RiseControl("length", "Length", PADDED, WRONG_OR_PADDED, "made longer by words that say nothing")
