"""Ranks where they pay: score every matrix on a few samples, spend a budget of parameters on the best directions.

Importing this imports no torch. ``_scores`` measures, ``_allocate`` spends, ``_plan`` is the file, ``_planning`` puts
the three together, ``_reallocate`` moves ranks in training.
"""

from vidtune.adapters.rank_budget._allocate import Allocation, Candidate, random_ranks, uniform_ranks, water_fill
from vidtune.adapters.rank_budget._heatmap import draw_plan
from vidtune.adapters.rank_budget._options import RankBounds, RankBudgetOptions
from vidtune.adapters.rank_budget._plan import PLAN_FILE, PlannedMatrix, RankPlan, read_plan, write_plan
from vidtune.adapters.rank_budget._planning import make_plan
from vidtune.adapters.rank_budget._reallocate import fit_ranks, move_ranks
from vidtune.adapters.rank_budget._scores import MatrixScore, score_matrices
from vidtune.adapters.rank_budget._sketch import SecondMoment
from vidtune.adapters.rank_budget._weights import entropy_weights

__all__ = [
    "PLAN_FILE",
    "Allocation",
    "Candidate",
    "MatrixScore",
    "PlannedMatrix",
    "RankBounds",
    "RankBudgetOptions",
    "RankPlan",
    "SecondMoment",
    "draw_plan",
    "entropy_weights",
    "fit_ranks",
    "make_plan",
    "move_ranks",
    "random_ranks",
    "read_plan",
    "score_matrices",
    "uniform_ranks",
    "water_fill",
    "write_plan",
]
