"""What a back end is, and the table of back ends. Adding one is adding one file to the folder ``backends``."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from vidtune.core.errors import BadData, TryAgain
from vidtune.core.registry import Registry, parts_in_folder
from vidtune.evaluation._scorer import ScoringContext
from vidtune.evaluation.judging._config import JudgeConfig
from vidtune.evaluation.judging._item import Ask, Refusal, Reply


class JudgeUnavailable(TryAgain):
    """The judge does not answer; what it has said so far is on disk."""

    code = "judge_unavailable"


class JudgeRefuses(BadData):
    """The judge answers, and takes none of the questions."""

    code = "judge_refuses"


class OpenJudge(Protocol):
    """A judge that can be asked."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """What its replies depend on, as JSON values without secrets: part of what a reply is remembered by."""

    @property
    def sends_to(self) -> str | None:
        """Where texts go when it is asked; None where they stay in this process."""

    @property
    def batch_size(self) -> int:
        """How many questions are best put at a time; their replies are written to disk together."""

    def ask(self, asks: Sequence[Ask]) -> Iterator[tuple[int, Reply | Refusal]]:
        """Put questions; yield their places with the replies, as these come.

        Raises:
            JudgeUnavailable: If the judge does not answer.
        """

    def close(self) -> None:
        """Let go of what it holds."""


class Backend(Protocol):
    """A kind of judge."""

    @property
    def takes_target(self) -> bool:
        """Whether ``--judge NAME:TARGET`` must name a model or an address."""

    def open(self, config: JudgeConfig, context: ScoringContext) -> OpenJudge:
        """Return the judge; what it needs is checked before anything is asked.

        Args:
            config: Which judge, and how it is asked.
            context: What metrics know of the data.
        """


_folder = importlib.import_module("vidtune.evaluation.judging.backends")
judge_backends: Registry[Backend] = Registry(
    "judge_backend", parts_in_folder(_folder.__name__, _folder.__path__, "BACKEND")
)
"""All back ends by name; packages add theirs through the entry-point group ``vidtune.judge_backend``."""
