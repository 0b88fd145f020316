"""A plan of ranks: which matrix gets how many, why, and in the form in which PEFT takes it.

The file is YAML. Its part ``peft`` holds arguments of ``peft.LoraConfig``, so that the plan works without vidtune.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from vidtune.core.durable import write_atomic
from vidtune.core.errors import ModelMismatch

PLAN_FILE = "rank_plan.yaml"

_SCHEMA = 1


@dataclass(frozen=True)
class PlannedMatrix:
    """One matrix of a plan."""

    path: str
    modality: str
    num_in: int
    num_out: int
    rank: int
    """0: it goes without an adapter."""

    score: float
    """What all of its ranks are worth together."""

    @property
    def num_parameters(self) -> int:
        """Numbers that its two small matrices have."""
        return self.rank * (self.num_in + self.num_out)


@dataclass(frozen=True)
class RankPlan:
    """Ranks for all matrices of a model."""

    matrices: tuple[PlannedMatrix, ...]
    rank: int
    """The uniform rank that the budget stands for."""

    alpha: float
    """Of a matrix of that rank; others have theirs in proportion, so that all are scaled by ``alpha / rank``."""

    budget_parameters: int
    allocation: str
    score: str | None = None
    modality_weights: tuple[tuple[str, float], ...] = ()
    share_of_bound: float | None = None
    """Value of the ranks over what no allocation can exceed; None where nothing was scored."""

    @property
    def num_parameters(self) -> int:
        """Numbers that all small matrices have."""
        return sum(matrix.num_parameters for matrix in self.matrices)

    def peft_settings(self) -> dict[str, Any]:
        """Return arguments for ``peft.LoraConfig``: targets, and for each a rank and an alpha.

        Every pattern is anchored at both ends: PEFT would else take a name for each that ends with it.
        """
        adapted = [matrix for matrix in self.matrices if matrix.rank > 0]
        names = "|".join(re.escape(matrix.path) for matrix in adapted)
        patterns = {f"^{re.escape(matrix.path)}": matrix.rank for matrix in adapted}
        return {
            "r": self.rank,
            "lora_alpha": self.alpha,
            "target_modules": f"(?:{names})",
            "rank_pattern": patterns,
            "alpha_pattern": {pattern: rank * self.alpha / self.rank for pattern, rank in patterns.items()},
        }

    def with_ranks(self, ranks: Mapping[str, int]) -> RankPlan:
        """Return the plan after ranks moved."""
        matrices = tuple(
            PlannedMatrix(**{**asdict(matrix), "rank": ranks.get(matrix.path, matrix.rank)}) for matrix in self.matrices
        )
        return RankPlan(**{**vars(self), "matrices": matrices, "share_of_bound": None})

    def by_modality(self) -> dict[str, dict[str, float]]:
        """Return the number of matrices, mean rank and parameters of each tower."""
        rows: dict[str, dict[str, float]] = {}
        for modality in dict.fromkeys(matrix.modality for matrix in self.matrices):
            of_tower = [matrix for matrix in self.matrices if matrix.modality == modality]
            rows[modality] = {
                "num_matrices": len(of_tower),
                "mean_rank": round(sum(matrix.rank for matrix in of_tower) / len(of_tower), 2),
                "num_parameters": sum(matrix.num_parameters for matrix in of_tower),
            }
        return rows


def write_plan(plan: RankPlan, path: Path) -> None:
    """Write a plan as YAML."""
    values = {
        "schema": _SCHEMA,
        "allocation": plan.allocation,
        "score": plan.score,
        "modality_weights": dict(plan.modality_weights),
        "budget_parameters": plan.budget_parameters,
        "num_parameters": plan.num_parameters,
        "share_of_bound": plan.share_of_bound,
        "modalities": plan.by_modality(),
        "matrices": {
            matrix.path: {
                "modality": matrix.modality,
                "sides": [matrix.num_in, matrix.num_out],
                "rank": matrix.rank,
                "score": float(f"{matrix.score:.6g}"),
            }
            for matrix in plan.matrices
        },
        "peft": plan.peft_settings(),
    }
    write_atomic(path, yaml.safe_dump(values, sort_keys=False, width=120, default_flow_style=None))


def read_plan(path: Path) -> RankPlan:
    """Read what ``write_plan`` wrote. The ranks of ``matrices`` count; ``peft`` repeats them for others.

    Raises:
        ModelMismatch: If it is missing, or is no plan.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        if values["schema"] != _SCHEMA:
            raise ModelMismatch(
                f"{path} has schema {values['schema']}, this vidtune reads {_SCHEMA}.", "Use the vidtune that wrote it."
            )
        matrices = tuple(
            PlannedMatrix(
                *(name, str(row["modality"]), int(row["sides"][0]), int(row["sides"][1])),
                *(int(row["rank"]), float(row["score"])),
            )
            for name, row in values["matrices"].items()
        )
        return RankPlan(
            matrices,
            rank=int(values["peft"]["r"]),
            alpha=float(values["peft"]["lora_alpha"]),
            budget_parameters=int(values["budget_parameters"]),
            allocation=str(values["allocation"]),
            score=values["score"],
            modality_weights=tuple((name, float(weight)) for name, weight in values["modality_weights"].items()),
            share_of_bound=values["share_of_bound"],
        )
    except FileNotFoundError as exc:
        raise ModelMismatch(f"the plan {path} does not exist.", "Check the path, or leave options.plan out.") from exc
    except (yaml.YAMLError, UnicodeDecodeError, OSError, KeyError, TypeError, ValueError, AttributeError) as exc:
        reason = " ".join(str(exc).split())[:200]
        raise ModelMismatch(f"{path} is no rank plan: {type(exc).__name__} {reason}.", "Make the plan again.") from exc


def check_plan(plan: RankPlan, sides: Mapping[str, tuple[int, int]], path: Path) -> None:
    """Check that a plan is of a model with these matrices.

    Raises:
        ModelMismatch: If a matrix is missing or of another shape.
    """
    for matrix in plan.matrices:
        if sides.get(matrix.path) != (matrix.num_in, matrix.num_out):
            found = sides.get(matrix.path)
            raise ModelMismatch(
                f"the plan {path} has {matrix.path} of {matrix.num_in} to {matrix.num_out}, "
                f"the model has {'none in its tuned towers' if found is None else f'{found[0]} to {found[1]}'}.",
                "Make the plan on this base, with the same modalities.",
            )
