"""Make ``nltk_wup.json``: Wu-Palmer similarities of nouns that nltk gives with the full WordNet 3.0.

Run ``python tests/metrics/make_nltk_wup.py`` where Debian's ``wordnet-base`` is installed.
"""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path

from full_wordnet import open_full_wordnet

COMMON = (
    "dog cat cup mug table chair man woman boys child ball car bread knife snow music guitar knees back men".split()
)
NUM_PAIRS = 400


def main() -> None:
    rng = random.Random(3)
    with tempfile.TemporaryDirectory() as folder:
        wordnet = open_full_wordnet(Path(folder))
        lemmas = sorted(name for name in set(wordnet.all_lemma_names(pos="n")) if "_" not in name)
        pairs = [(a, b) for a in COMMON for b in COMMON]
        pairs += [(rng.choice(COMMON), rng.choice(lemmas)) for _ in range(NUM_PAIRS)]
        pairs += [tuple(rng.sample(lemmas, 2)) for _ in range(NUM_PAIRS)]
        found = []
        for first, second in pairs:
            senses, others = wordnet.synsets(first, pos="n"), wordnet.synsets(second, pos="n")
            values = [one.wup_similarity(other) or 0.0 for one in senses for other in others]
            found.append([first, second, max(values) if values else None])
    Path(__file__).with_name("nltk_wup.json").write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
