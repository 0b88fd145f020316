"""Judges of answers: rubrics, back ends, controls that show what a judge is worth, and agreement with experts."""

from vidtune.evaluation.judging._backend import Backend, JudgeRefuses, JudgeUnavailable, OpenJudge, judge_backends
from vidtune.evaluation.judging._config import JudgeConfig
from vidtune.evaluation.judging._control import Control, ControlCase, ControlSample, Finding, Observed, judge_controls
from vidtune.evaluation.judging._experts import ExpertRatings, read_experts
from vidtune.evaluation.judging._item import Ask, JudgeItem, Refusal, Reply, TokenChoice
from vidtune.evaluation.judging._judge import Judging, judge_predictions
from vidtune.evaluation.judging._rubric import Rubric, judge_rubrics

__all__ = [
    "Ask",
    "Backend",
    "Control",
    "ControlCase",
    "ControlSample",
    "ExpertRatings",
    "Finding",
    "JudgeConfig",
    "JudgeItem",
    "JudgeRefuses",
    "JudgeUnavailable",
    "Judging",
    "Observed",
    "OpenJudge",
    "Refusal",
    "Reply",
    "Rubric",
    "TokenChoice",
    "judge_backends",
    "judge_controls",
    "judge_predictions",
    "judge_rubrics",
    "read_experts",
]
