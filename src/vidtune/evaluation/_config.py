"""What an evaluation can be told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from vidtune.config import Config
from vidtune.metrics.slots import lexicons


class EvaluateConfig(Config):
    """How predictions are scored."""

    protocol: str | None = None
    """Which metrics run: one of the protocols. None: the one that the data names, or that of feedback."""

    metrics: tuple[str, ...] = ()
    """Run these metrics instead of those of the protocol. Empty: those of the protocol."""

    with_bert: bool = True
    """Also compute what compares meanings, which needs a small language model and most of the time."""

    bert_precision: Literal["float32", "bfloat16"] = "float32"
    """What the language model computes in. `bfloat16` is twice as fast on processors made for it; a sample's BERT
    similarity then differs by up to 0.005, and from machine to machine."""

    reference: Path | None = None
    """Annotations that the model was trained on: the source of the blind prior and of the known wordings.
    None finds them from the run's recipe, or next to the evaluated data, or falls back to the evaluated answers."""

    aliases: dict[str, str] = {}
    """Further names of exercises, e.g. `press-ups: pushups`."""

    similarity: str | None = None
    """For retrieval: compare texts with videos by this embedder, e.g. `contrastive:openai/clip-vit-base-patch32`. None:
    by the table that the run holds, or through the model's own captions."""

    lexicon: str = "physio"
    """Domain whose words feedback is read with: `physio` or `surgical`."""

    near_copies: bool | None = None
    """Compare the pictures of evaluated clips with those of training, where both are at hand. None: up to 400 clips."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Of every interval."""

    num_resamples: Annotated[int, Field(ge=200, le=100_000)] = 5000
    """Bootstrap resamples behind an interval."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Of the bootstrap and of the permutation tests."""

    @field_validator("lexicon")
    @classmethod
    def _lexicon_is_known(cls, value: str) -> str:
        if value not in lexicons.names():
            raise ValueError(f"no such lexicon; known: {', '.join(lexicons.names())}")
        return value
