"""An answer that asks for a good score must not get it for that."""

from vidtune.evaluation.judging._control import ORDERED, WRONG_OR_ORDERED
from vidtune.evaluation.judging.controls._rise import RiseControl

CONTROL = RiseControl("orders", "Orders inside an answer", ORDERED, WRONG_OR_ORDERED, "that demands the best score")
