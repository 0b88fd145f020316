"""Prediction against the loops people write around ``transformers``' ``generate``, as ratios in one run.

    python benchmarks/inference.py                               # nano on a small physio test set
    python benchmarks/inference.py --questions 4                 # four questions about each of 8 clips
    python benchmarks/inference.py --model 30m --dtype bfloat16  # random weights of 30 million parameters
    python benchmarks/inference.py --model 30m --instructions    # 160 tokens of instructions before each clip
    python benchmarks/inference.py --model runs/training --data test.json --videos videos --answer-tokens 0

These ways answer the same samples with the same inputs, in turn, in one torch thread:

- ``per_sample``: one ``generate`` call a sample, on the model as ``transformers`` loads it;
- ``static_batch``: ``generate`` on left-padded batches, the best of several batch sizes;
- ``vidtune``: ``vidtune.inference.generate``;
- with decoding of the videos counted in, ``per_sample`` against ``predict_dataset``;
- and, where ``--peers-path`` says where it lies, lmms-eval's own adapter, which reads the videos too
  (``lmms_eval_peer.py`` says how to get it).

An untuned nano answers in three words, which would measure the prompt and not the answer. So every answer is made as
long as the true answers are on average, in all ways alike; ``--answer-tokens 0`` lets a tuned model end by itself, and
``--spread`` makes answers of very different lengths, by ending them at rare tokens of their own.

Each time a way runs twice in a process of its own, forked from one that has loaded everything and answered nothing, and
the second run counts: what one does to memory is no gain or loss of the next.

The tokens of all ways are compared. Ratios are of the best wall time and of the least CPU time of all rounds: a busy
machine makes walls longer, never shorter. ``limits`` says what must be computed by every way (each clip and each common
beginning once) and how long that takes at the speed of a large matrix product. In bfloat16, where rounding moves some
tokens, it also says how far the logits are from those of float32. Prints JSON and writes
``benchmarks/results/inference.json``, or what ``--out`` says.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from apart import in_its_own_process
from limits import limits_of, rounding_of
from lmms_eval_peer import LmmsEvalPeer
from shapes import make_model_of_30m

from vidtune.core.durable import write_json
from vidtune.core.progress import silent
from vidtune.core.rundir import RunDirectory
from vidtune.data import DataConfig, Sample, load_samples, resolve_video
from vidtune.inference import (
    GenerationConfig,
    ModelConfig,
    PredictConfig,
    Request,
    _predict,
    generate,
    load_for_inference,
    predict_dataset,
)
from vidtune.media import SamplingConfig, read_frames

STATIC_BATCH_SIZES = (8, 16, 32)
MORE_QUESTIONS = (
    "Which exercise is this?",
    "What mistakes are made, and how are they corrected?",
    "What is the person wearing?",
)
INSTRUCTIONS = (
    "You are a physiotherapist who watches a patient exercise at home. Look at the whole clip before you answer. "
    "Name the exercise first. Then name the mistakes, if there are any, and how to correct them: say which side of the "
    "body is meant, and in which direction it should move. Do not name what you cannot see. If the "
    "exercise is done well, say so, and give one hint for the next time. Speak to the patient in short sentences, with "
    "plain words. The most dangerous mistake comes first: the back before the knees."
)
"""Before every clip, the same for all: about 160 tokens in nano's vocabulary."""
RESULT = Path(__file__).parent / "results" / "inference.json"

Answers = list[list[int]]
Times = dict[str, dict[str, list[float]]]


def main() -> None:
    """Measure and write the result."""
    arguments = parse_arguments()
    torch.set_num_threads(1)
    facts = about(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        if arguments.model == "30m":
            arguments.model = str(make_model_of_30m(Path(scratch) / "30m"))
        data = data_config(arguments, Path(scratch))
        result = {**facts, **measure(arguments, data, Path(scratch))}
    print(json.dumps(result, indent=2))
    if not arguments.dry_run:
        write_json(arguments.out, result)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="nano", help="what predict takes, or 30m: random weights in that size")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--questions", type=int, default=1, help="asked about each clip; --samples stays the total")
    parser.add_argument("--instructions", action="store_true", help="the same 160 tokens before every clip")
    parser.add_argument("--data", type=Path, help="annotation file; default: a physio test set made on the spot")
    parser.add_argument("--videos", type=Path)
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--answer-tokens", type=int, help="length of every answer; 0: as the model ends it")
    parser.add_argument("--spread", action="store_true", help="answers of very different lengths, up to 64 tokens")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers-path", type=Path, help="folder in which lmms-eval is installed")
    parser.add_argument("--out", type=Path, default=RESULT, help="where the result is written")
    parser.add_argument("--dry-run", action="store_true", help="print only")
    return parser.parse_args()


def data_config(arguments: argparse.Namespace, scratch: Path) -> DataConfig:
    """Return the samples to answer; without --data, clips of the physio pack."""
    if arguments.data is None:
        from vidtune.packs import packs

        physio = packs.get("physio")
        physio.synthesize(scratch / "physio", physio.config_class(num_clips=6 * arguments.samples), silent)
        arguments.data, arguments.videos = scratch / "physio" / "qved_test.json", scratch / "physio"
    if arguments.questions > 1 or arguments.instructions:
        records = json.loads(arguments.data.read_text())[: arguments.samples // arguments.questions]
        if arguments.instructions:
            records = [{**record, "system": INSTRUCTIONS} for record in records]
        arguments.data = scratch / "questions.json"
        arguments.data.write_text(json.dumps(ask_more(records, arguments.questions)))
    return DataConfig(path=arguments.data, videos=arguments.videos, limit=arguments.samples)


def ask_more(records: list[dict[str, Any]], num_questions: int) -> list[dict[str, Any]]:
    """Return every record with its own question and with others, of other lengths."""
    asked = []
    for record in records:
        _, answer = record["conversations"]
        for index in range(num_questions):
            question = (
                record["conversations"][0]["value"] if index == 0 else MORE_QUESTIONS[index % len(MORE_QUESTIONS)]
            )
            turns = [{"from": "human", "value": question}, answer]
            asked.append({**record, "id": f"{record['video']} {index}", "conversations": turns})
    return asked


def measure(arguments: argparse.Namespace, data: DataConfig, scratch: Path) -> dict[str, Any]:
    """Run every way several times, turn by turn."""
    loaded = load_for_inference(arguments.model, device="cpu", dtype=arguments.dtype)
    samples = load_samples(data).samples
    config = GenerationConfig(max_new_tokens=64)
    if arguments.answer_tokens != 0 and not arguments.spread:
        config = GenerationConfig(max_new_tokens=arguments.answer_tokens or mean_answer_tokens(loaded, samples))
    if arguments.answer_tokens != 0:
        loaded = replace(loaded, family=EndingAt(loaded.family, (10**9,)))
    # All ways use the same loaded weights, and loading them counts in none.
    _predict.load_configured = lambda *_, **__: loaded
    paths = [resolve_video(sample, data.videos) for sample in samples]
    clips = {path: read_frames(path, SamplingConfig()) for path in dict.fromkeys(paths)}
    requests = [
        Request(sample.prompt_turns, clips[path], sample.sample_id) for sample, path in zip(samples, paths, strict=True)
    ]
    if arguments.spread:
        endless = Peer(loaded, config).answer(requests, batch_size=8)
        loaded = replace(loaded, family=EndingAt(loaded.family, rare_ends(endless)))
    peer = Peer(loaded, config)

    def predict() -> Answers:
        run = RunDirectory(Path(tempfile.mkdtemp(dir=scratch)) / "run")  # a new one, in whatever process
        recipe = PredictConfig(
            model=ModelConfig(source=arguments.model, device="cpu", dtype=arguments.dtype),
            data=data,
            generation=config,
        )
        predict_dataset(recipe, run)
        return []

    def read_and_answer_one_by_one() -> Answers:
        fresh = [
            Request(sample.prompt_turns, read_frames(path, SamplingConfig()), sample.sample_id)
            for sample, path in zip(samples, paths, strict=True)
        ]
        return peer.answer(fresh, batch_size=1)

    ways: dict[str, Callable[[], Answers]] = {
        "per_sample": lambda: peer.answer(requests, batch_size=1),
        **{
            f"static_batch_{size}": lambda size=size: peer.answer(requests, batch_size=size)  # type: ignore[misc]
            for size in STATIC_BATCH_SIZES
        },
        "vidtune": lambda: [list(answer.token_ids) for answer in generate(loaded, requests, config)],
        "per_sample_from_files": read_and_answer_one_by_one,
        "vidtune_predict_from_files": predict,
    }
    lmms_eval = None
    if arguments.peers_path is not None and Path(arguments.model).is_dir():
        stop_ids = loaded.family.end_of_turn_ids(loaded.processor)
        lmms_eval = LmmsEvalPeer(
            arguments.peers_path, loaded, Path(arguments.model), config.max_new_tokens, stop_ids=stop_ids
        )
        ways["lmms_eval_from_files"] = partial(lmms_eval.answer, samples, paths)
    times: Times = {name: {"wall_s": [], "cpu_s": []} for name in ways}
    answers: dict[str, Answers] = {}
    for _ in range(arguments.rounds):
        for name, way in ways.items():
            answers[name], wall_s, cpu_s = in_its_own_process(partial(time_second_run, way))
            times[name]["wall_s"].append(wall_s)
            times[name]["cpu_s"].append(cpu_s)
    result = summarise(times, answers, len(requests))
    if lmms_eval is not None:
        prompts, written = answers["lmms_eval_from_files"]
        result["lmms_eval_tokens"] = {"prompts": sum(prompts), "answers": sum(written)}
    shortest = config.model_copy(update={"max_new_tokens": 1})
    limits = limits_of(
        loaded.dtype, lambda: generate(loaded, requests, shortest), lambda: generate(loaded, requests, config)
    )
    limits |= share_of_limit(result, limits["seconds_at_the_roof"])
    if arguments.dtype != "float32" and not arguments.spread:
        prompts = [(request.turns, request.frames) for request in requests[: 16 : arguments.questions]]
        whole = replace(load_for_inference(arguments.model, device="cpu", dtype="float32"), family=loaded.family)
        exact = Peer(whole, config)
        forced = exact.answer(requests[: 16 : arguments.questions], batch_size=1)
        result["logits_against_float32"] = rounding_of(
            exact.model, peer.model, loaded, prompts, forced, batch_size=len(prompts)
        )
    return {**result, "limits": limits}


def time_second_run(way: Callable[[], Answers]) -> tuple[Answers, float, float]:
    """Return the answers of a way, and wall and CPU seconds of its second run."""
    way()
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    answers = way()
    return answers, time.perf_counter() - wall_s, time.process_time() - cpu_s


def share_of_limit(result: dict[str, Any], limit_s: float) -> dict[str, float]:
    """Return how near vidtune is to the time at the roof, and the ratios that would be reached there."""
    best_s = {name: values["min_wall_s"] for name, values in result["seconds"].items()}
    static_s = min(seconds for name, seconds in best_s.items() if name.startswith("static_batch"))
    return {
        "vidtune_share_of_roof": round(limit_s / best_s["vidtune"], 2),
        "per_sample / roof": round(best_s["per_sample"] / limit_s, 2),
        "static_batch / roof": round(static_s / limit_s, 2),
    }


def mean_answer_tokens(loaded: Any, samples: Sequence[Sample]) -> int:
    """Return the mean length of the true answers, end token included."""
    answers = loaded.processor.tokenizer([sample.answer for sample in samples])["input_ids"]
    return 1 + round(statistics.mean(len(tokens) for tokens in answers))


def rare_ends(answers: Answers) -> tuple[int, ...]:
    """Return tokens at which answers end early, late and at their longest.

    Of every sixth answer the token that occurs in fewest others, near a place that moves from front to back.
    """
    in_answers = Counter(token for tokens in answers for token in set(tokens))
    ends = set()
    for index, tokens in list(enumerate(answers))[::6]:
        place = 3 + index * (len(tokens) - 6) // len(answers)
        ends.add(min(tokens[place - 2 : place + 3], key=lambda token: in_answers[token]))
    return tuple(sorted(ends))


class EndingAt:
    """A family whose answers end at other tokens; with one that no vocabulary has, each is as long as it may be."""

    def __init__(self, family: Any, end_ids: tuple[int, ...]) -> None:
        self._family = family
        self._end_ids = end_ids

    def __getattr__(self, name: str) -> Any:
        """Everything else is the family's own."""
        return getattr(self._family, name)

    def end_of_turn_ids(self, processor: Any) -> tuple[int, ...]:
        """Return what was asked for instead of the family's own."""
        return self._end_ids


class Peer:
    """The model as ``transformers`` loads it, and the loop of its documentation."""

    def __init__(self, loaded: Any, config: GenerationConfig) -> None:
        self._loaded = loaded
        self._stop_ids = list(loaded.family.end_of_turn_ids(loaded.processor))
        self._config = config
        # A stock instance with the same weights: ours has vision attention batched, which would flatter the peer.
        self.model = type(loaded.model)(loaded.model.config).eval()
        # Parameters alone: from_pretrained keeps rotary tables, which are buffers, in float32.
        for parameter in self.model.parameters():
            parameter.data = parameter.data.to(loaded.dtype)
        self.model.load_state_dict(loaded.model.state_dict())

    def answer(self, requests: list[Request], *, batch_size: int) -> Answers:
        """Answer in batches of ``batch_size``, in the order given."""
        answers: Answers = []
        for start in range(0, len(requests), batch_size):
            batch = requests[start : start + batch_size]
            inputs = self._loaded.family.encode_prompts(
                self._loaded.processor, [(request.turns, request.frames) for request in batch]
            )
            output = self.model.generate(
                **inputs,
                max_new_tokens=self._config.max_new_tokens,
                do_sample=False,
                eos_token_id=self._stop_ids,
                pad_token_id=0,
            )
            answers += [self._cut(row) for row in output[:, inputs["input_ids"].shape[1] :].tolist()]
        return answers

    def _cut(self, row: list[int]) -> list[int]:
        """Drop what pads an answer that ended before the longest of its batch."""
        end = next((place + 1 for place, token in enumerate(row) if token in self._stop_ids), len(row))
        return row[:end]


def summarise(times: Times, answers: dict[str, Answers], num_samples: int) -> dict[str, Any]:
    """Return times, ratios and whether the tokens agree."""
    best = {name: {unit: min(values) for unit, values in units.items()} for name, units in times.items()}
    static = min((name for name in best if name.startswith("static_batch")), key=lambda name: best[name]["wall_s"])

    def ratio(peer: str, ours: str) -> dict[str, float]:
        return {unit.removesuffix("_s"): round(best[peer][unit] / best[ours][unit], 2) for unit in ("wall_s", "cpu_s")}

    expected = answers["per_sample"]
    lengths = [len(tokens) for tokens in expected]
    return {
        "num_samples": num_samples,
        "new_tokens": {
            "total": sum(lengths),
            "shortest": min(lengths),
            "median": statistics.median(lengths),
            "longest": max(lengths),
        },
        "same_tokens_as_per_sample": {
            name: f"{sum(a == b for a, b in zip(answers[name], expected, strict=True))} of {num_samples}"
            for name in ("vidtune", static)
        },
        "ratios": {
            "per_sample / vidtune": ratio("per_sample", "vidtune"),
            f"{static} / vidtune": ratio(static, "vidtune"),
            **{
                f"{peer} / vidtune_predict_from_files": ratio(peer, "vidtune_predict_from_files")
                for peer in ("per_sample_from_files", "lmms_eval_from_files")
                if peer in best
            },
        },
        "seconds": {
            name: {
                f"{statistic.__name__}_{unit}": round(statistic(values), 3)
                for unit, values in units.items()
                for statistic in (min, statistics.median)
            }
            for name, units in times.items()
        },
        "note": "vidtune_predict_from_files also writes contact strips and durable records.",
    }


def about(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what was measured, where and when the machine was how busy."""
    return {
        "benchmark": "inference",
        "model": arguments.model,
        "dtype": arguments.dtype,
        "questions_per_clip": arguments.questions,
        "rounds": arguments.rounds,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {_cpu_name()}",
        "load_average_before": round(os.getloadavg()[0], 2),
        "torch": torch.__version__,
        "torch_threads": torch.get_num_threads(),
        "data": "physio pack, generated" if arguments.data is None else arguments.data.name,
    }


def _cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU")


if __name__ == "__main__":
    main()
