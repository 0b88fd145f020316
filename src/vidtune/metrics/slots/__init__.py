"""Feedback taken apart: which exercise, body part, error, direction, side, how bad, and what to do about it."""

from vidtune.metrics.slots._lexicon import Lexicon, lexicons
from vidtune.metrics.slots._read import read_feedback
from vidtune.metrics.slots._score import SlotScores, score_feedback
from vidtune.metrics.slots._slots import Advice, FeedbackSlots

__all__ = ["Advice", "FeedbackSlots", "Lexicon", "SlotScores", "lexicons", "read_feedback", "score_feedback"]
