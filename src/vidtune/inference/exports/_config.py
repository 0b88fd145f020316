"""What a certificate measures and what it allows. Importing this imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vidtune.config import Config
from vidtune.data import DataConfig
from vidtune.media import SamplingConfig

Distance = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Tolerance(Config):
    """How far a candidate may be from its reference. What is passed is said in the certificate."""

    stage_relative: Distance
    """Of every stage from pixels to the last layer: root mean square of the difference over that of the reference."""

    max_logit_difference: Distance
    """Largest difference of any logit."""

    mean_logit_difference: Distance
    """Mean difference of the logits."""

    min_same_best_token: Share
    """Share of the places of an answer at which both must find the same token most likely."""

    min_same_answers: Share
    """Share of greedy answers that must be the same, token for token."""


class ToleranceChange(Config):
    """What is allowed otherwise than the defaults say; None keeps the default."""

    stage_relative: Distance | None = None
    """See ``Tolerance``."""

    max_logit_difference: Distance | None = None
    """See ``Tolerance``."""

    mean_logit_difference: Distance | None = None
    """See ``Tolerance``."""

    min_same_best_token: Share | None = None
    """See ``Tolerance``."""

    min_same_answers: Share | None = None
    """See ``Tolerance``."""


class CertifyConfig(Config):
    """What both sides are asked."""

    data: DataConfig | None = None
    """Samples to ask about. None: clips of the physio pack, drawn for the purpose."""

    sampling: SamplingConfig = SamplingConfig()
    """Which frames of a clip both sides see."""

    num_samples: Annotated[int, Field(ge=1, le=1000)] = 8
    """How many samples are compared."""

    max_new_tokens: Annotated[int, Field(ge=1, le=4096)] = 32
    """Longest greedy answer."""

    max_side_px: Annotated[int, Field(ge=16)] | None = None
    """Scale frames down on reading so that the longer side has at most this."""

    tolerance: ToleranceChange = ToleranceChange()
    """What is allowed. Unless set: what suits the way the candidate is stored."""


def _tolerance(
    stage_relative: float, max_logit: float, mean_logit: float, same_best_token: float, same_answers: float
) -> Tolerance:
    return Tolerance(
        stage_relative=stage_relative,
        max_logit_difference=max_logit,
        mean_logit_difference=mean_logit,
        min_same_best_token=same_best_token,
        min_same_answers=same_answers,
    )


# float32 is rounding in another order of sums. The others are about three times what nano loses on drawn clips (the
# figures are in docs/certificates.md); larger models lose less.
_TOLERANCES = {
    "float32": _tolerance(1e-3, 1e-2, 1e-3, 1.0, 1.0),
    "float16": _tolerance(5e-3, 0.2, 0.01, 0.98, 0.75),
    "bfloat16": _tolerance(0.03, 1.0, 0.05, 0.95, 0.5),
    "int8": _tolerance(0.06, 2.0, 0.06, 0.95, 0.5),
    "int8-weight-only": _tolerance(0.05, 2.0, 0.05, 0.95, 0.5),
    "int8-dynamic": _tolerance(0.08, 4.0, 0.1, 0.9, 0.5),
    "int8-static": _tolerance(0.15, 4.0, 0.2, 0.85, 0.1),
    # Not rounding but one gate in place of many; how far that is depends on how far training moved them.
    "plain-lora": _tolerance(0.4, 10.0, 0.5, 0.75, 0.0),
    "nf4": _tolerance(0.4, 10.0, 0.5, 0.75, 0.0),
    "int4": _tolerance(0.4, 10.0, 0.5, 0.75, 0.0),
}


def tolerance_for(stored_as: str, change: ToleranceChange) -> Tolerance:
    """Return what is allowed of weights stored as ``stored_as`` (a dtype or a quantization)."""
    default = _TOLERANCES.get(stored_as, _TOLERANCES["float32"])
    return default.model_copy(update=change.model_dump(exclude_none=True))
