"""Several runs over the same samples made into one: by vote, by probability, by confidence, by minimum risk."""

from vidtune.evaluation.ensembles._combine import EnsembleSummary, ensemble_runs
from vidtune.evaluation.ensembles._config import EnsembleConfig
from vidtune.evaluation.ensembles._rule import Candidate, Decision, EnsembleRule, ensemble_rules

__all__ = [
    "Candidate",
    "Decision",
    "EnsembleConfig",
    "EnsembleRule",
    "EnsembleSummary",
    "ensemble_rules",
    "ensemble_runs",
]
