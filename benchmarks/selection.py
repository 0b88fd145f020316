"""How much of the evidence each selector finds in generated long videos, and how long choosing takes.

Three parts, each can be left out:

- ``evidence``: the longvideo pack (events at known times, questions that name them). For every selector and budget:
  the share of evidence points within 1, 3 and 10 s of a chosen frame, the share of questions of which all points are,
  coverage, and the seconds that choosing takes once the first pass is read. ``uniform`` is the baseline; differences
  are paired by question, intervals are clustered by video. These are results on a pack. Relevance comes from the
  descriptor, which knows names of colours: where a question names none, ``topk``, ``aks`` and ``bolt`` refuse and the
  frames of ``uniform`` are counted for them.
- ``speed``: 512 of 4,096 random vectors of 768 features: greedy log-determinant beside the Woodbury update in double
  precision, beside inverting the matrix anew at each step and beside the incremental Cholesky without blocks; the
  others beside their plain loops. All take turns in one process on one thread.
- ``growth``: the same choice from 1,024 to 16,384 candidates.

Run ``python benchmarks/selection.py [evidence] [speed] [growth] [--videos N] [--pack FOLDER] [--out FILE]``; the
result is written to ``benchmarks/results/selection.json``, parts that were not run are kept.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vidtune.config import build_config
from vidtune.core.errors import BadUsage
from vidtune.media import ClipView, SamplingConfig, probe_video, selectors
from vidtune.media._frameset import measure_coverage
from vidtune.media.selection.dpp import greedy_log_det
from vidtune.media.selection.farthest import farthest_points
from vidtune.media.selection.maxvol import max_volume
from vidtune.media.selection.medoids import k_medoids
from vidtune.media.selection.representative import representative_points
from vidtune.metrics import mean_interval, paired_difference
from vidtune.packs import packs
from vidtune.packs.longvideo import LongvideoConfig

RESULT = Path(__file__).parent / "results" / "selection.json"
BUDGETS = (8, 16, 32, 64)
WINDOWS_S = (1.0, 3.0, 10.0)
RATE_HZ = 2.0
LEFT_OUT = ("fps", "quantization")
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "hybrid, coverage 0.25": ("hybrid", {"coverage_share": 0.25}),
    "hybrid, coverage 0.75": ("hybrid", {"coverage_share": 0.75}),
    "hybrid, no query": ("hybrid", {"temper": 0.0}),
    "dpp, no query": ("dpp", {"temper": 0.0}),
    "equicontour, 32 components": ("equicontour", {"rank": 32}),
    "scene, content": ("scene", {"detector": "content"}),
    "motion, packets": ("motion", {"measure": "packets"}),
    "motion, flow": ("motion", {"measure": "flow"}),
}
NUM_REPEATS = 5


@dataclass
class Asked:
    """One question of one video, and how a selector served it."""

    video: str
    recalls: dict[float, float]
    coverage: float
    seconds: float


def make_pack(folder: Path, num_videos: int) -> None:
    """Write the videos that all selectors are tried on."""
    config = LongvideoConfig(num_videos=num_videos, min_duration_s=300, max_duration_s=1800, seed=17, workers=1)
    packs.get("longvideo").synthesize(folder, config)


def measure_evidence(folder: Path) -> dict[str, Any]:
    """Return the figures of every selector and variant at every budget."""
    truth = json.loads((folder / "truth.json").read_text())
    entries = {name: (name, {}) for name in selectors.names() if name not in LEFT_OUT} | VARIANTS
    asked: dict[tuple[str, int], list[Asked]] = {}
    first_pass_s = []
    for video in truth["videos"]:
        path = folder / video["video"]
        info = probe_video(path)
        view = ClipView.of_source(path, info)
        began = time.perf_counter()
        view.scan(RATE_HZ)
        first_pass_s.append((time.perf_counter() - began) / info.duration_s * 60)
        view.features("descriptor", RATE_HZ)
        for name, (kind, options) in entries.items():
            for budget in BUDGETS:
                serve(asked.setdefault((name, budget), []), view, kind, options, budget, video)
        print(video["video_id"], round(info.duration_s), "s", flush=True)
    rows = [
        summarize(name, budget, asked[name, budget], asked["uniform", budget]) for name in entries for budget in BUDGETS
    ]
    return {
        "num_videos": len(truth["videos"]),
        "num_questions": sum(len(video["questions"]) for video in truth["videos"]),
        "minutes": round(sum(video["duration_s"] for video in truth["videos"]) / 60, 1),
        "first_pass_s_per_minute": round(statistics.median(first_pass_s), 3),
        "rate_hz": RATE_HZ,
        "rows": rows,
    }


def serve(
    found: list[Asked], view: ClipView, kind: str, options: dict[str, Any], budget: int, video: dict[str, Any]
) -> None:
    """Choose frames for every question of a video and note how far the evidence is from them."""
    selector = selectors.get(kind)
    if "rate_hz" in selector.options_class.model_fields:
        options = {"rate_hz": RATE_HZ, **options}
    sampling = build_config(
        SamplingConfig, {"kind": kind, "num_frames": budget, "options": options}, source="benchmark"
    )
    goes_by_query = kind in ("topk", "aks", "bolt") or "temper" in selector.options_class.model_fields
    chosen: tuple[np.ndarray, float] | None = None
    for question in video["questions"]:
        view.query = question["query"]
        if chosen is None or goes_by_query:
            began = time.perf_counter()
            try:
                selection = selector.select(view, sampling)
            except BadUsage:
                selection = selectors.get("uniform").select(view, SamplingConfig(num_frames=budget))
            chosen = (np.array(selection.times_s), time.perf_counter() - began)
        times_s, seconds = chosen
        distances_s = [float(np.abs(times_s - item["middle_s"]).min()) for item in question["evidence"]]
        spans_s = [(float(time_s), float(time_s)) for time_s in times_s]
        found.append(
            Asked(
                video=video["video_id"],
                recalls={window: float(np.mean([d <= window for d in distances_s])) for window in WINDOWS_S},
                coverage=measure_coverage(spans_s, view.info.duration_s),
                seconds=seconds,
            )
        )


def summarize(name: str, budget: int, found: list[Asked], baseline: list[Asked]) -> dict[str, Any]:
    """Return one row of the table."""
    videos = [item.video for item in found]
    row: dict[str, Any] = {"selector": name, "budget": budget}
    for window in WINDOWS_S:
        recalls = [item.recalls[window] for item in found]
        interval = mean_interval(recalls, videos, num_resamples=2000)
        pair = paired_difference([item.recalls[window] for item in baseline], recalls, videos, num_resamples=2000)
        row[f"recall@{window:g}s"] = round(100 * statistics.fmean(recalls), 1)
        row[f"interval@{window:g}s"] = _points(interval.low, interval.high)
        row[f"all_hit@{window:g}s"] = round(100 * statistics.fmean(value == 1.0 for value in recalls), 1)
        row[f"gain@{window:g}s"] = round(100 * pair.difference, 1)
        row[f"gain_interval@{window:g}s"] = _points(pair.interval.low, pair.interval.high)
        row[f"p@{window:g}s"] = None if pair.p_value is None else round(pair.p_value, 5)
    row["coverage"] = round(statistics.fmean(item.coverage for item in found), 3)
    row["select_ms"] = round(1000 * statistics.median(item.seconds for item in found), 2)
    return row


def _points(low: float | None, high: float | None) -> list[float] | None:
    return None if low is None or high is None else [round(100 * low, 1), round(100 * high, 1)]


def woodbury(features_td: np.ndarray, num: int, ridge: float) -> list[int]:
    """Greedy log-determinant by the inverse of the d x d matrix, updated in double precision after each choice."""
    features = features_td.astype(np.float64)
    inverse = np.eye(features.shape[1]) / ridge
    chosen: list[int] = []
    for _ in range(num):
        gains = np.einsum("td,td->t", features @ inverse, features)
        gains[chosen] = -np.inf
        chosen.append(int(np.argmax(gains)))
        along = inverse @ features[chosen[-1]]
        inverse -= np.outer(along, along) / (1 + features[chosen[-1]] @ along)
    return chosen


def woodbury_scores(features_td: np.ndarray, num: int, ridge: float) -> list[int]:
    """The same with every candidate's score updated instead of recomputed: the fairest double-precision peer."""
    features = features_td.astype(np.float64)
    inverse = np.eye(features.shape[1]) / ridge
    gains = np.einsum("td,td->t", features, features) / ridge
    chosen: list[int] = []
    for _ in range(num):
        gains[chosen] = -np.inf
        chosen.append(int(np.argmax(gains)))
        along = inverse @ features[chosen[-1]]
        scale = 1 / (1 + features[chosen[-1]] @ along)
        gains -= scale * (features @ along) ** 2
        inverse -= scale * np.outer(along, along)
    return chosen


def reinvert(features_td: np.ndarray, num: int, ridge: float) -> list[int]:
    """Greedy log-determinant by inverting the d x d matrix anew at each step."""
    features = features_td.astype(np.float64)
    matrix = ridge * np.eye(features.shape[1])
    chosen: list[int] = []
    for _ in range(num):
        gains = np.einsum("td,td->t", features @ np.linalg.inv(matrix), features)
        gains[chosen] = -np.inf
        chosen.append(int(np.argmax(gains)))
        matrix += np.outer(features[chosen[-1]], features[chosen[-1]])
    return chosen


def plain_cholesky(features_td: np.ndarray, num: int, ridge: float) -> list[int]:
    """Incremental Cholesky as published, one candidate's column at a time, fp32."""
    gains = np.einsum("td,td->t", features_td, features_td) + np.float32(ridge)
    rows = np.zeros((num, len(features_td)), np.float32)
    chosen: list[int] = []
    for step in range(num):
        best = int(np.argmax(gains))
        chosen.append(best)
        column = features_td @ features_td[best] - rows[:step, best] @ rows[:step]
        rows[step] = column / np.sqrt(gains[best])
        gains -= rows[step] ** 2
        gains[best] = -np.inf
    return chosen


def plain_farthest(features_td: np.ndarray, num: int) -> list[int]:
    """Farthest points with one pass over all candidates a step."""
    squares = np.einsum("td,td->t", features_td, features_td)
    chosen = [int(np.argmin(squares - 2 * features_td @ features_td.mean(axis=0)))]
    nearest = np.full(len(features_td), np.inf, np.float32)
    while len(chosen) < num:
        nearest = np.minimum(nearest, squares + squares[chosen[-1]] - 2 * features_td @ features_td[chosen[-1]])
        nearest[chosen] = -1
        chosen.append(int(np.argmax(nearest)))
    return chosen


def unit_rows(num: int, dim: int, seed: int = 0) -> np.ndarray:
    """Return random directions."""
    rows = np.random.default_rng(seed).normal(size=(num, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def race(entries: dict[str, Callable[[], Sequence[int]]], repeats: dict[str, int]) -> dict[str, dict[str, float]]:
    """Time the entries in turns; return the best wall and CPU seconds of each and whether all chose the same."""
    walls: dict[str, list[float]] = {name: [] for name in entries}
    cpus: dict[str, list[float]] = {name: [] for name in entries}
    first: dict[str, list[int]] = {}
    for round_number in range(max(repeats.values())):
        for name, run in entries.items():
            if round_number >= repeats[name]:
                continue
            began, began_cpu = time.perf_counter(), time.process_time()
            first[name] = list(run())
            cpus[name].append(time.process_time() - began_cpu)
            walls[name].append(time.perf_counter() - began)
    ours = first["ours"]
    return {
        name: {
            "best_wall_s": round(min(walls[name]), 4),
            "best_cpu_s": round(min(cpus[name]), 4),
            "ratio_to_ours": round(min(walls[name]) / min(walls["ours"]), 2),
            "same_frames_in_the_same_order": first[name] == ours,
        }
        for name in entries
    }


def measure_speed() -> dict[str, Any]:
    """Return the times of 512 from 4,096 at 768 features."""
    # Not of length 1: all gains would be equal at first, and rounding would decide what each rule begins with.
    features = (np.random.default_rng(0).normal(size=(4096, 768)) / np.sqrt(768)).astype(np.float32)
    ridge, num = 0.01, 512
    greedy = race(
        {
            "ours": lambda: greedy_log_det(features, num, ridge=ridge),
            "plain incremental Cholesky, fp32": lambda: plain_cholesky(features, num, ridge),
            "Woodbury fp64, scores updated": lambda: woodbury_scores(features, num, ridge),
            "Woodbury fp64, scores recomputed": lambda: woodbury(features, num, ridge),
            "inverted anew at each step, fp64, 16 of 512 steps": lambda: reinvert(features, 16, ridge),
        },
        {
            "ours": NUM_REPEATS,
            "plain incremental Cholesky, fp32": NUM_REPEATS,
            "Woodbury fp64, scores updated": NUM_REPEATS,
            "Woodbury fp64, scores recomputed": 1,
            "inverted anew at each step, fp64, 16 of 512 steps": 1,
        },
    )
    whole = greedy["inverted anew at each step, fp64, 16 of 512 steps"]
    whole["ratio_to_ours"] = round(whole["ratio_to_ours"] * num / 16, 1)
    whole["same_frames_in_the_same_order"] = reinvert(features, 16, ridge) == greedy_log_det(features, 16, ridge=ridge)
    farthest = race(
        {"ours": lambda: farthest_points(features, num), "plain loop": lambda: plain_farthest(features, num)},
        {"ours": NUM_REPEATS, "plain loop": NUM_REPEATS},
    )
    return {"greedy_log_det": greedy, "farthest": farthest}


def measure_growth() -> dict[str, Any]:
    """Return how the time to choose 64 grows with the number of candidates (256 features, clustered like a video)."""
    runs: dict[str, Callable[[np.ndarray], object]] = {
        "dpp": lambda rows: greedy_log_det(rows, 64),
        "farthest": lambda rows: farthest_points(rows, 64),
        "maxvol": lambda rows: max_volume(rows, 64),
        "medoids": lambda rows: k_medoids(rows, 64),
        "representative": lambda rows: representative_points(rows, 64),
    }
    sizes = (1024, 4096, 16384)
    table: dict[str, Any] = {}
    for name, run in runs.items():
        times_s = {}
        for size in sizes:
            centres = unit_rows(size // 32, 256, seed=1)
            rows = np.repeat(centres, 32, axis=0) + 0.3 * unit_rows(size, 256, seed=2)
            times_s[size] = min(_seconds(lambda run=run, rows=rows: run(rows)) for _ in range(3))
        exponent = np.log(times_s[sizes[-1]] / times_s[sizes[0]]) / np.log(sizes[-1] / sizes[0])
        rounded = {f"{size}_s": round(value, 4) for size, value in times_s.items()}
        table[name] = {**rounded, "exponent": round(exponent, 2)}
    return table


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def table_of(evidence: dict[str, Any]) -> str:
    """Return the evidence table as text."""
    head = f"{'selector':28}{'K':>4}" + "".join(f"{f'recall@{w:g}s':>12}{'gain':>7}" for w in WINDOWS_S)
    lines = [head + f"{'all@1s':>8}{'cover':>7}{'ms':>8}"]
    for row in evidence["rows"]:
        cells = "".join(f"{row[f'recall@{w:g}s']:>12.1f}{row[f'gain@{w:g}s']:>+7.1f}" for w in WINDOWS_S)
        lines.append(
            f"{row['selector']:28}{row['budget']:>4}{cells}{row['all_hit@1s']:>8.1f}{row['coverage']:>7.2f}"
            f"{row['select_ms']:>8.1f}"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the parts that were asked for and write what they gave."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help="evidence, speed, growth; all by default")
    parser.add_argument("--videos", type=int, default=24)
    parser.add_argument("--pack", type=Path, help="keep the generated videos here")
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - {"evidence", "speed", "growth"}
    if unknown:
        parser.error(f"unknown part {', '.join(sorted(unknown))}; known: evidence, speed, growth")
    parts = arguments.parts or ["evidence", "speed", "growth"]
    cv2.setNumThreads(1)
    result = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    result["machine"] = {"cpus": os.cpu_count(), "platform": platform.platform(), "numpy": np.__version__}
    if "speed" in parts:
        result["speed"] = measure_speed()
        print(json.dumps(result["speed"], indent=2))
    if "growth" in parts:
        result["growth"] = measure_growth()
        print(json.dumps(result["growth"], indent=2))
    if "evidence" in parts:
        with tempfile.TemporaryDirectory() as scratch:
            folder = arguments.pack or Path(scratch)
            make_pack(folder, arguments.videos)
            result["evidence"] = measure_evidence(folder)
        print(table_of(result["evidence"]))
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
