"""Samples without a reference answer: fine to be asked about, and nothing to learn from or to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from vidtune.core.errors import DataInvalid

_MAX_NAMED = 5


class _HasAnswer(Protocol):
    """A sample, or a prediction of one."""

    @property
    def sample_id(self) -> str: ...

    @property
    def answer(self) -> str: ...


def require_answers(samples: Sequence[_HasAnswer], source: Path | str, *, purpose: str) -> None:
    """Check that every sample has a reference answer.

    Args:
        samples: Samples, or predictions of samples.
        source: The file they are from, for the message.
        purpose: What cannot be done without, as in "nothing can be learned from them".

    Raises:
        DataInvalid: In one line that names the first of them and counts the others.
    """
    missing = [sample.sample_id for sample in samples if not sample.answer.strip()]
    if not missing:
        return
    more = f" and {len(missing) - _MAX_NAMED} more" if len(missing) > _MAX_NAMED else ""
    raise DataInvalid(
        f"{source}: {len(missing)} of {len(samples)} samples have no reference answer, so {purpose}: "
        f"{', '.join(missing[:_MAX_NAMED])}{more}.",
        "Add their answers to the data, or leave these samples out (data.exclude); `vidtune predict` needs no answers.",
    )
