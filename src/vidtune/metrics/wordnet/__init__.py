"""English words from WordNet 3.0: synonyms and kinds of things, in compact tables with the scripts that made them."""

from vidtune.metrics.wordnet._nouns import noun_similarity
from vidtune.metrics.wordnet._synonyms import synonyms_of

__all__ = ["noun_similarity", "synonyms_of"]
