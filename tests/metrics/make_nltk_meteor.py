"""Make ``nltk_meteor.json``: synonyms and METEOR scores that nltk gives with the full WordNet 3.0.

Run ``python tests/metrics/make_nltk_meteor.py`` where Debian's ``wordnet-base`` is installed. Before it
writes, every word that nltk knows, and inflections of each, are looked up both ways.
"""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path

from full_wordnet import open_full_wordnet
from nltk.translate.meteor_score import single_meteor_score

from vidtune.metrics.wordnet import synonyms_of

NUM_WORDS, NUM_PAIRS = 1500, 300
SUFFIXES = ("", "s", "es", "ed", "ing", "er", "est", "men", "ies", "ves")
SENTENCES = """
squats - Knees are caving inwards , push them out over your toes .
squats - The knees collapse inward ; drive them outwards .
pushups - Lower your chest closer to the floor and keep your back straight .
pushups - User is not going low enough , bend the elbows further .
high plank - The hips are sagging , squeeze your glutes and tighten the core .
high plank - Hips drop toward the ground ; contract your buttocks .
lunges - Take a bigger step and keep the trunk upright .
toe touch - User is reaching smoothly with both hands .
tricep stretch ( right arm ) - User is holding the stretch .
heel lift - Raise your heels higher and descend slowly .
The movement is too fast , slow down and control the descent .
Good job , the exercise is performed correctly with full range .
""".split("\n")


def meteor_relevant(wordnet: object, word: str) -> list[str]:
    """Return what nltk's METEOR takes from WordNet for ``word``, less names that cannot match lower case."""
    names = {lemma.name() for synset in wordnet.synsets(word) for lemma in synset.lemmas()}
    return sorted(name for name in names if "_" not in name and name == name.lower())


def main() -> None:
    rng = random.Random(20)
    with tempfile.TemporaryDirectory() as folder:
        wordnet = open_full_wordnet(Path(folder))
        lemmas = sorted(set(wordnet.all_lemma_names()))
        irregular = sorted({form for forms in wordnet._exception_map.values() for form in forms})
        forms = [*lemmas, *irregular, *(lemma + suffix for lemma in rng.sample(lemmas, 8000) for suffix in SUFFIXES)]
        wrong = [form for form in forms if meteor_relevant(wordnet, form) != sorted(synonyms_of(form))]
        print(f"{len(forms):,} forms looked up, {len(wrong)} differ {wrong[:5]}")
        assert not wrong
        words = sorted({*rng.sample(lemmas, NUM_WORDS), *rng.sample(irregular, 200), "squats", "knees", "inwards"})
        vocabulary = [word for sentence in SENTENCES for word in sentence.split()] + rng.sample(lemmas, 200)
        pairs = []
        for _ in range(NUM_PAIRS):
            reference = rng.choice(SENTENCES[1:-1]).split()
            prediction = rng.choice(SENTENCES[1:-1]).split()
            if rng.random() < 0.5:
                prediction = [rng.choice(vocabulary) if rng.random() < 0.4 else word for word in reference]
                rng.shuffle(prediction) if rng.random() < 0.3 else None
            score = single_meteor_score(reference, prediction, wordnet=wordnet)
            pairs.append({"prediction": prediction, "reference": reference, "meteor": score})
        golden = {"synonyms": {word: meteor_relevant(wordnet, word) for word in words}, "pairs": pairs}
    Path(__file__).with_name("nltk_meteor.json").write_text(json.dumps(golden, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
