"""What a rubric is, and the table of rubrics. Adding one is adding one file to the folder ``rubrics``."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Literal, Protocol

from vidtune.core.registry import Registry, parts_in_folder
from vidtune.evaluation.judging._item import JudgeItem, Reply, Scores

if TYPE_CHECKING:
    from vidtune.data import Turn

LOW, HIGH = 1.0, 5.0
"""The ends of the scale of every rubric of single answers."""


class Rubric(Protocol):
    """A way to judge: what the judge is told, and how its reply is read."""

    @property
    def name(self) -> str:
        """Its file's name."""

    @property
    def label(self) -> str:
        """Name for people."""

    @property
    def kind(self) -> Literal["single", "pair"]:
        """Whether one answer is judged or two are compared."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of its scores; the last is the one that controls look at."""

    @property
    def wants_logprobs(self) -> bool:
        """Whether probabilities of the score tokens are used where the back end tells them."""

    @property
    def form(self) -> str:
        """The form of the reply in one sentence: what a judge is told whose reply could not be read."""

    def turns(self, item: JudgeItem) -> tuple[Turn, ...]:
        """Return what the judge is told."""

    def read(self, reply: Reply) -> Scores | None:
        """Return the scores of a reply; None where they cannot be told, which is never taken for any number."""


_folder = importlib.import_module("vidtune.evaluation.judging.rubrics")
judge_rubrics: Registry[Rubric] = Registry(
    "judge_rubric", parts_in_folder(_folder.__name__, _folder.__path__, "RUBRIC")
)
"""All rubrics by name; packages add theirs through the entry-point group ``vidtune.judge_rubric``."""
