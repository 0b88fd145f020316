"""What judging can be told."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from vidtune.config import Config


class JudgeConfig(Config):
    """Which judge, by which rubrics, and how it is asked."""

    backend: str = "rules"
    """`rules` (reads words by a lexicon, needs nothing), `local` (a model here) or `endpoint` (a server)."""

    target: str | None = None
    """`local`: a folder, a .gguf file or a hub id. `endpoint`: the address that `/chat/completions` is appended to."""

    model: str | None = None
    """Only `endpoint`: the name of the model there."""

    rubrics: Annotated[tuple[str, ...], Field(min_length=1)] = ("feedback_quality",)
    """Any of `feedback_quality`, `holistic`, `g_eval`, `prometheus`, `pairwise`."""

    max_attempts: Annotated[int, Field(ge=1, le=10)] = 3
    """How often a question is put before its reply counts as unreadable, or its server as away."""

    max_new_tokens: Annotated[int, Field(ge=1, le=8192)] = 512
    """Longest reply, in tokens."""

    timeout_s: Annotated[float, Field(gt=0, le=3600)] = 120.0
    """Only `endpoint`: how long one reply may take."""

    num_parallel: Annotated[int, Field(ge=1, le=64)] = 4
    """Questions put at a time: requests of `endpoint`, rows of `local`."""

    api_key_env: str = "VIDTUNE_JUDGE_KEY"
    """Only `endpoint`: environment variable with the key, where there is one. The key is never written down."""

    device: str = "auto"
    """Only `local`."""

    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Only `local`."""

    num_control_items: Annotated[int, Field(ge=5, le=1000)] = 20
    """Samples whose right answers the controls are made of."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Which samples these are. The judge itself is asked at temperature 0."""

    @model_validator(mode="after")
    def _target_fits_backend(self) -> Self:
        if self.backend == "rules" and self.target is not None:
            raise ValueError(f"target={self.target!r} has no effect with backend='rules': leave it out.")
        if self.backend != "endpoint" and self.model is not None:
            raise ValueError(f"model={self.model!r} has no effect with backend={self.backend!r}: leave it out.")
        return self
