"""Make ``reference_scores.json``: captions and short texts with the scores that the reference programs give them.

Run ``python tests/metrics/make_reference_scores.py`` where ``pycocoevalcap`` 1.2 (with Java) and ``sacrebleu`` 2.6.0
are importable. The sentences are written here; the programs only score them.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.meteor.meteor import Meteor
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer
from sacrebleu.metrics import CHRF

CLIPS = [
    ["A man is slicing a loaf of bread.", "Somebody cuts bread on a board.", "The man cuts the bread with a knife!"],
    ["Two dogs run across the snow.", "Dogs are running in snow.", "two brown dogs chase each other (in the snow)"],
    ["A woman doesn't stop singing on stage.", "A singer performs; the crowd claps.", "a woman sings"],
    ["Kids play football in the park.", "Children kick a ball around, laughing.", "kids are playing soccer"],
    ["A car's wheel is being changed.", "Someone changes a tire", "The mechanic can't remove the wheel."],
    ["A cat sits on a keyboard and looks at the screen.", "a cat - sitting on a laptop", "A kitten types."],
    ["The t-shirt is red and the man's hat is blue.", "a man wears a red t-shirt", "red shirt, blue hat"],
    ["Someone pours 2.5 cups of milk into a bowl.", "milk is poured", "Pouring milk into a bowl: slowly."],
]
NUM_PREDICTIONS = 6


def main() -> None:
    rng = random.Random(7)
    vocabulary = [word for captions in CLIPS for caption in captions for word in caption.split()]
    rounds = []
    for number in range(NUM_PREDICTIONS):
        predictions = []
        for captions in CLIPS:
            words = rng.choice(captions).split()
            changed = [rng.choice(vocabulary) if rng.random() < 0.08 * number else word for word in words]
            predictions.append(
                " ".join(changed[: rng.randrange(2, len(changed) + 1)]) if number % 2 else " ".join(changed)
            )
        rounds.append(_score(predictions))
    texts = sorted(
        {text for captions in CLIPS for text in captions} | {text for one in rounds for text in one["predictions"]}
    )
    tokens = PTBTokenizer().tokenize({index: [{"caption": text}] for index, text in enumerate(texts)})
    found = {"clips": CLIPS, "rounds": rounds, "words": {text: tokens[index][0] for index, text in enumerate(texts)}}
    Path(__file__).with_name("reference_scores.json").write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n")


def _score(predictions: list[str]) -> dict[str, object]:
    tokenizer = PTBTokenizer()
    truths = tokenizer.tokenize(
        {index: [{"caption": text} for text in captions] for index, captions in enumerate(CLIPS)}
    )
    said = tokenizer.tokenize({index: [{"caption": text}] for index, text in enumerate(predictions)})
    scores: dict[str, object] = {"predictions": predictions}
    bleu, bleus = Bleu(4).compute_score(truths, said, verbose=0)
    scores["bleu"], scores["bleu_each"] = bleu, bleus
    for name, scorer in (("cider_d", Cider()), ("rouge_l", Rouge()), ("meteor", Meteor())):
        total, each = scorer.compute_score(truths, said)
        scores[name], scores[f"{name}_each"] = float(total), [float(value) for value in each]
    chrf = CHRF()
    turned = [list(column) for column in zip(*CLIPS, strict=True)]
    scores["chrf"] = chrf.corpus_score(predictions, turned).score
    scores["chrf_each"] = [
        chrf.sentence_score(text, captions).score for text, captions in zip(predictions, CLIPS, strict=True)
    ]
    return scores


if __name__ == "__main__":
    main()
