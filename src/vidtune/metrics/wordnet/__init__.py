"""Synonyms of English words from WordNet 3.0: a compact table, its licence, and the script that made it."""

from vidtune.metrics.wordnet._synonyms import synonyms_of

__all__ = ["synonyms_of"]
