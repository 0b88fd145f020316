"""What an evaluation can be told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from vidtune.config import Config


class EvaluateConfig(Config):
    """How predictions are scored."""

    with_bert: bool = True
    """Also compute BERT similarity, which needs a small language model and most of the time."""

    reference: Path | None = None
    """Annotations that the model was trained on: the source of the blind prior and of the known wordings.
    None finds them from the run's recipe, or next to the evaluated data, or falls back to the evaluated answers."""

    aliases: dict[str, str] = {}
    """Further names of exercises, e.g. `press-ups: pushups`."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Of every interval."""

    num_resamples: Annotated[int, Field(ge=200, le=100_000)] = 5000
    """Bootstrap resamples behind an interval."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Of the bootstrap and of the permutation tests."""
