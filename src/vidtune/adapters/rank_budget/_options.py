"""The settings that only ``rank_budget`` has. Importing this imports no torch."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from vidtune.adapters._kind import Modality
from vidtune.config import Config


class RankBounds(Config):
    """How small and how large the ranks of one tower may get."""

    floor: Annotated[int, Field(ge=0)] | None = None
    """Smallest rank. None: the floor of all towers."""

    ceiling: Annotated[int, Field(ge=1)] | None = None
    """Largest rank. None: the ceiling of all towers."""


class RankBudgetOptions(Config):
    """How the parameters of uniform matrices of `rank` are spread over the matrices of all towers."""

    allocation: Literal["scored", "uniform", "random"] = "scored"
    """`scored`: where a calibration says they pay. `uniform` and `random` are the controls at the same budget."""

    score: Literal["fisher", "sensitivity", "explained_variance"] = "fisher"
    """What a direction of a matrix is worth. `fisher`: the trace of its Fisher information. `sensitivity`: what a
    first step down the mean gradient gains. `explained_variance`: its share of the layer's inputs (EVA)."""

    budget_parameters: Annotated[int, Field(ge=1)] | None = None
    """How many numbers all matrices have together. None: as many as with `rank` everywhere."""

    floor: Annotated[int, Field(ge=0)] = 1
    """Smallest rank of a matrix. With 0 a matrix may go without."""

    ceiling: Annotated[int, Field(ge=1)] | None = None
    """Largest rank of a matrix. None: four times `rank`."""

    bounds: dict[Modality, RankBounds] = {}
    """Other floors and ceilings for single towers."""

    modality_weights: dict[Modality, Annotated[float, Field(gt=0)]] | Literal["frame_entropy"] = {}
    """Times the scores of a tower. `frame_entropy`: vision and projector weigh as the share of 8 bits that the
    pixels of the calibration frames carry, language as the share of their largest entropy that the answers have."""

    num_calibration_samples: Annotated[int, Field(ge=1, le=4096)] = 16
    """Training samples that the scores are measured on."""

    reallocate_every_steps: Annotated[int, Field(ge=1)] | None = None
    """Move ranks between matrices every so many steps of training, at the same budget. None: never."""

    reallocate_until_step: Annotated[int, Field(ge=1)] | None = None
    """No ranks move after this step, so that all of them still learn. Set if and only if they move at all."""

    plan: str | None = None
    """A plan made before (YAML), instead of a calibration."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Of the random allocation."""

    base_storage: Literal["plain", "nf4"] = "plain"
    """`nf4`: the base in 4 bit, as `qlora` has it."""

    @model_validator(mode="after")
    def _values_have_an_effect(self) -> Self:
        if (self.reallocate_every_steps is None) != (self.reallocate_until_step is None):
            raise ValueError(
                f"reallocate_every_steps={self.reallocate_every_steps} and "
                f"reallocate_until_step={self.reallocate_until_step}: set both or neither."
            )
        if self.ceiling is not None and self.ceiling < self.floor:
            raise ValueError(f"ceiling={self.ceiling} is below floor={self.floor}.")
        if self.seed and self.allocation != "random":
            raise ValueError(f"seed={self.seed} has no effect with allocation={self.allocation!r}.")
        if self.allocation != "scored":
            self._refuse("score", "modality_weights", because=f"allocation={self.allocation!r}")
        if self.plan is not None:
            self._refuse(
                *("allocation", "score", "budget_parameters", "floor", "ceiling", "bounds", "modality_weights"),
                because="plan",
            )
        return self

    def _refuse(self, *names: str, because: str) -> None:
        for name in names:
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} has no effect with {because}: leave it out.")
