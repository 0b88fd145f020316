"""Training steps against transformers' Trainer and TRL's SFTTrainer, as ratios in one run.

    python benchmarks/training.py                       # 30 million random parameters, a vocabulary of 32k, float32
    python benchmarks/training.py --precision bf16
    python benchmarks/training.py --vocabulary 151936   # the words of Qwen2-VL before a small tower
    python benchmarks/training.py --model like-2b       # work divided between the towers as in Qwen2-VL-2B
    python benchmarks/training.py --model smolvlm       # most of its work in the vision tower
    python benchmarks/training.py --model nano
    python benchmarks/training.py --questions 4 --batch-size 8     # of two clips, whose prompts we read once
    python benchmarks/training.py --mixed-lengths       # clips of 8 to 16 frames

All train the same LoRA (language tower; vision frozen) from the same first weights on the same batches in the same
order, with AdamW, one torch thread, in turn, each time in a process of its own that is forked from one. The peers are
given finished inputs in memory, which their users seldom have: decoding and the processor cost nobody anything here.
What is left is the step:

- ``trainer``: transformers' ``Trainer``;
- ``trainer_as_it_comes``: the same in float32 whatever the others compute in, and with batches drawn at random, not
  sorted by length: what its user gets for the same samples without another setting;
- ``trainer_checkpointing``: ``trainer`` with gradient checkpointing, as it is switched on to save memory;
- ``trl``: TRL's ``SFTTrainer`` with its own defaults, which are gradient checkpointing and token accuracies;
- ``vidtune``: ``vidtune.training.train``. What it does before its first step (decoding, processor, features of the
  frozen tower) is told as ``preparing_s``.

With ``--questions`` every clip is asked about that often, each time in other words, and all of it comes in one batch:
for the peers too, which cannot make use of it.

Losses of all steps are compared, but for those of other batches. Times are of all steps but the first, the best of the
rounds. ``work`` is what the matrix products of one step cost, counted and not timed: the ratio of two is what a step
could gain if nothing else took time. Prints JSON and writes ``benchmarks/results/training.json``, an entry a model,
vocabulary and precision; a peer that is not installed is named there.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import itertools
import json
import math
import os
import platform
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from apart import in_its_own_process
from shapes import VISION_LIKE_2B, make_model_of_30m, make_smolvlm
from torch.utils.flop_counter import FlopCounterMode

from vidtune.adapters import attach_adapter
from vidtune.core.durable import read_json, write_json
from vidtune.core.progress import silent
from vidtune.core.rundir import RunDirectory
from vidtune.data import DataConfig
from vidtune.inference import LastLayer
from vidtune.models import LoadedModel, ensure_torchvision, load_model
from vidtune.packs import packs
from vidtune.training import TrainConfig, read_history, train
from vidtune.training._examples import join_batch
from vidtune.training._loss import full_loss_sum, positions_read, supervised_loss_sum
from vidtune.training._packing import plan_packing
from vidtune.training._prepare import Prepared, prepare
from vidtune.training._shared_prompts import SharedPrompts

RESULT = Path(__file__).parent / "results" / "training.json"
VOCABULARIES = {"nano": 2048, "30m": 32_768, "smolvlm": 32_768, "like-2b": 6144}
MAKERS: dict[str, Callable[[Path, int], Path]] = {
    "30m": make_model_of_30m,
    "smolvlm": make_smolvlm,
    "like-2b": partial(make_model_of_30m, vision=VISION_LIKE_2B),
}


_AS_IT_COMES = "trainer_as_it_comes"

QUESTIONS = (
    "Please evaluate the exercise form shown. What mistakes, if any, are present, and what would you correct?",
    "Which exercise does the person in the video perform, and what should they change about the way they do it?",
    "You are a trainer who watches this clip. Name the exercise and say what you would tell the person about it.",
    "Look at how the movement is carried out: what is it called, and is there anything that ought to be improved?",
)


@dataclass
class Times:
    """When each step of one way ended, and the processor seconds until then."""

    walls_s: list[float] = field(default_factory=list)
    cpus_s: list[float] = field(default_factory=list)
    began_s: float = field(default_factory=time.perf_counter)

    def mark(self) -> None:
        """Note that a step has ended."""
        self.walls_s.append(time.perf_counter())
        self.cpus_s.append(time.process_time())

    def of_steps(self) -> tuple[float, float]:
        """Return wall and processor seconds from the end of the first step to the end of the last."""
        return self.walls_s[-1] - self.walls_s[0], self.cpus_s[-1] - self.cpus_s[0]


Way = Callable[[Times], Sequence[float]]
"""Trains, marks the end of every step, and returns their losses."""


def main() -> None:
    """Measure and write the result."""
    arguments = parse_arguments()
    torch.set_num_threads(1)
    ensure_torchvision()
    with tempfile.TemporaryDirectory() as scratch:
        result = measure(arguments, Path(scratch))
    print(json.dumps(result, indent=2))
    if not arguments.dry_run:
        before = read_json(RESULT) if RESULT.exists() else {}
        write_json(RESULT, {**before, entry_name(arguments): result})


def entry_name(arguments: argparse.Namespace) -> str:
    """Return the name under which a result is kept."""
    usual = arguments.vocabulary == VOCABULARIES[arguments.model]
    words = "" if usual else f" of {arguments.vocabulary} words"
    questions = "" if arguments.questions == 1 else f", {arguments.questions} questions a clip"
    lengths = ", mixed lengths" if arguments.mixed_lengths else ""
    return f"{arguments.model}{words}, {arguments.precision}{questions}{lengths}"


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="30m", choices=VOCABULARIES)
    parser.add_argument("--vocabulary", type=int, help="words of the language tower, another number than usual")
    parser.add_argument("--precision", default="fp32", choices=("fp32", "bf16"))
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument(
        "--questions", type=int, default=1, choices=range(1, len(QUESTIONS) + 1), help="about each clip"
    )
    parser.add_argument("--mixed-lengths", action="store_true", help="clips of 8 to 16 frames, 4 a second")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dry-run", action="store_true", help="print only")
    arguments = parser.parse_args()
    if arguments.vocabulary is not None and arguments.model == "nano":
        parser.error("nano knows its 2,048 words.")
    arguments.vocabulary = arguments.vocabulary or VOCABULARIES[arguments.model]
    return arguments


def measure(arguments: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Run every way several times, turn by turn."""
    config = make_recipe(arguments, scratch)
    # Pixels, not features: what the peers are given.
    with_pixels = config.model_copy(update={"loop": config.loop.model_copy(update={"reuse_features": False})})
    prepared = prepare(with_pixels, RunDirectory(scratch / "peers"), evaluator=None, progress=silent)
    ways: dict[str, Way] = {
        "vidtune": lambda times: train_ours(config, scratch, times),
        "trainer": lambda times: train_with_trainer(config, prepared, scratch, times),
        _AS_IT_COMES: lambda times: train_with_trainer(config, prepared, scratch, times, as_it_comes=True),
        "trainer_checkpointing": lambda times: train_with_trainer(config, prepared, scratch, times, checkpointing=True),
        "trl": lambda times: train_with_trl(config, prepared, scratch, times),
    }
    absent = {}
    try:
        import trl  # noqa: F401
    except Exception as exc:  # a peer that does not load is a fact, not our failure
        del ways["trl"]
        absent["trl"] = " ".join(f"{type(exc).__name__}: {exc}".split())[:200]
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    losses: dict[str, Sequence[float]] = {}
    preparing_s: dict[str, float] = {}
    for _ in range(arguments.rounds):
        for name, way in ways.items():
            losses[name], times = in_its_own_process(partial(_timed, way))
            seconds[name].append(times.of_steps())
            preparing_s[name] = round(times.walls_s[0] - times.began_s, 2)
    return {
        **about(arguments),
        "absent": absent,
        "num_trainable": sum(p.numel() for p in prepared.loaded.model.parameters() if p.requires_grad),
        "tokens_a_sample": sorted(example.num_tokens for example in prepared.train.examples),
        "preparing_s": preparing_s["vidtune"],
        "seconds": {
            name: {"wall": [round(wall, 3) for wall, _ in rows], "cpu": [round(cpu, 3) for _, cpu in rows]}
            for name, rows in seconds.items()
        },
        "times_faster_than": {
            name: {
                kind: round(min(row[place] for row in rows) / min(row[place] for row in seconds["vidtune"]), 2)
                for place, kind in enumerate(("wall", "cpu"))
            }
            for name, rows in seconds.items()
            if name != "vidtune"
        },
        "largest_difference_of_losses": {
            name: max(abs(a - b) for a, b in zip(found, losses["vidtune"], strict=True))
            for name, found in losses.items()
            if name not in ("vidtune", _AS_IT_COMES)
        },
        "work": count_work(config, prepared, scratch),
        "losses": list(losses["vidtune"]),
    }


def _timed(way: Way) -> tuple[Sequence[float], Times]:
    times = Times()
    return way(times), times


def count_work(config: TrainConfig, with_pixels: Prepared, scratch: Path) -> dict[str, Any]:
    """Return the floating point operations of one step's matrix products, and how many times more the peers do."""
    ours = prepare(config, RunDirectory(scratch / "work"), evaluator=None, progress=silent)
    indices = ours.schedule.step(1).indices
    operations = {}
    for name, prepared, loss_of in (("vidtune", ours, supervised_loss_sum), ("trainer", with_pixels, full_loss_sum)):
        model = prepared.loaded.model.train()
        batch = join_batch(prepared.loaded, [prepared.train.row(index, 0) for index in indices])
        is_read = positions_read(batch["labels"]) if name == "vidtune" else torch.ones_like(batch["labels"]).bool()
        with ExitStack() as stack:
            if name == "vidtune" and config.loop.share_prompts:
                shared = SharedPrompts(model)
                packing = plan_packing([prepared.train.row(index, 0) for index in indices], shared.width)
                if packing is not None:
                    stack.enter_context(shared.packed(packing))
                    is_read = packing.places_read(is_read)
            stack.enter_context(LastLayer(model).reading(is_read))
            counter = stack.enter_context(FlopCounterMode(display=False))
            loss_of(model, batch).backward()
        operations[name] = counter.get_total_flops()
    return {
        "gflop_a_step": {name: round(count / 1e9, 2) for name, count in operations.items()},
        "trainer_does_times_more": round(operations["trainer"] / operations["vidtune"], 2),
    }


def make_recipe(arguments: argparse.Namespace, scratch: Path) -> TrainConfig:
    """Return a recipe on clips of the physio pack, made on the spot."""
    maker = MAKERS.get(arguments.model)
    source = arguments.model if maker is None else str(maker(scratch / arguments.model, arguments.vocabulary))
    physio = packs.get("physio")
    num_samples = max(1, arguments.steps // 2) * arguments.batch_size  # whole batches: the peers cut none short
    physio.synthesize(scratch / "pack", physio.config_class(num_clips=max(140, 2 * num_samples)), silent)
    path = scratch / "pack" / "qved_train.json"
    if arguments.questions > 1:
        path = ask_more(path, arguments.questions)
    data = DataConfig(path=path, videos=scratch / "pack", limit=num_samples)
    return TrainConfig.model_validate(
        {
            "model": {"source": source, "device": "cpu", "dtype": "float32"},
            "data": data,
            "sampling": {"kind": "fps", "fps": 4.0, "num_frames": 16} if arguments.mixed_lengths else {},
            "adapter": {"kind": "lora", "rank": 16, "alpha": 32, "dropout": 0.0, "modalities": ["language"]},
            "optim": {"learning_rate": 2e-4, "schedule": "constant", "weight_decay": 0.0, "max_grad_norm": 1.0},
            "loop": {
                "max_steps": arguments.steps,
                "batch_size": arguments.batch_size,
                "precision": arguments.precision,
                "num_threads": 1,
                "share_prompts": arguments.questions > 1,
            },
        }
    )


def ask_more(path: Path, num_questions: int) -> Path:
    """Write the samples of a file with so many questions about each clip, and return where."""
    samples = []
    for sample, question in itertools.product(json.loads(path.read_text()), QUESTIONS[:num_questions]):
        answer = sample["conversations"][1]
        samples.append({**sample, "conversations": [{"from": "human", "value": question}, answer]})
    more = path.with_name("more_questions.json")
    more.write_text(json.dumps(samples))
    return more


def train_ours(config: TrainConfig, scratch: Path, times: Times) -> list[float]:
    """Train with vidtune."""

    def mark(stage: str, done: int, *_: object) -> None:
        if stage == "train":
            times.mark()

    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        run = RunDirectory(Path(folder) / "run")
        train(config, run, progress=mark)
        return [float(record["loss"]) for record in read_history(run.training_log).steps]


def peer_parts(
    config: TrainConfig, prepared: Prepared, *, own_order: bool
) -> tuple[LoadedModel, Any, list[Mapping[str, Any]]]:
    """Return the model, its LoRA as ours begins with, and the rows of all steps: in our order, or at random."""
    base = load_model(config.model.source, device="cpu", dtype="float32")
    torch.manual_seed(config.seed)
    family = base.family
    model = attach_adapter(
        base.model,
        config.adapter,
        {modality: family.linear_targets(modality) for modality in family.modalities},
        modality_of=family.modality_of,
        batches=[],
    )
    steps = [prepared.schedule.step(number) for number in range(1, prepared.schedule.num_steps + 1)]
    if not own_order:
        return base, model, [prepared.train.row(index, step.epoch) for step in steps for index in step.indices]
    num_samples = len(prepared.train.examples)
    num_epochs = math.ceil(len(steps) * config.loop.batch_size / num_samples)
    shuffled = [(index, epoch) for epoch in range(num_epochs) for index in torch.randperm(num_samples).tolist()]
    return base, model, [prepared.train.row(index, epoch) for index, epoch in shuffled]


def trainer_settings(config: TrainConfig, scratch: Path, *, checkpointing: bool, bf16: bool) -> dict[str, Any]:
    """Return what both peers are told."""
    return {
        "output_dir": str(scratch / "trainer"),
        "per_device_train_batch_size": config.loop.batch_size,
        "max_steps": config.loop.max_steps,
        "learning_rate": config.optim.learning_rate,
        "lr_scheduler_type": "constant",
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "bf16": bf16,
        "use_cpu": True,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "no",
        "report_to": [],
        "remove_unused_columns": False,
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        "gradient_checkpointing": checkpointing,
        "gradient_checkpointing_kwargs": {"use_reentrant": False} if checkpointing else None,
    }


def run_peer(
    trainer_class: type,
    settings: Any,
    config: TrainConfig,
    prepared: Prepared,
    times: Times,
    *,
    own_order: bool = False,
) -> list[float]:
    """Train with a peer, on our batches in our order unless it has an order of its own."""
    from datasets import Dataset
    from datasets.table import InMemoryTable
    from torch.utils.data import SequentialSampler
    from transformers import TrainerCallback

    base, model, rows = peer_parts(config, prepared, own_order=own_order)

    class Marks(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *_: Any, **__: Any) -> None:
            times.mark()

    class InOrder(trainer_class):  # type: ignore[misc]
        def _get_train_sampler(self, *_: Any) -> Any:
            return SequentialSampler(places)

    table = InMemoryTable.from_pydict({"place": list(range(len(rows)))})
    places = Dataset(table, fingerprint="places")  # hashing a table fails beside some versions of dill
    trainer = InOrder(
        model=model,
        args=settings,
        train_dataset=places,
        data_collator=lambda chosen: join_batch(base, [rows[entry["place"]] for entry in chosen]),
        processing_class=base.processor,
        callbacks=[Marks()],
    )
    trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def train_with_trainer(
    config: TrainConfig,
    prepared: Prepared,
    scratch: Path,
    times: Times,
    *,
    checkpointing: bool = False,
    as_it_comes: bool = False,
) -> list[float]:
    """Train with transformers' Trainer."""
    from transformers import Trainer, TrainingArguments

    bf16 = config.loop.precision == "bf16" and not as_it_comes
    settings = TrainingArguments(**trainer_settings(config, scratch, checkpointing=checkpointing, bf16=bf16))
    return run_peer(Trainer, settings, config, prepared, times, own_order=as_it_comes)


def train_with_trl(config: TrainConfig, prepared: Prepared, scratch: Path, times: Times) -> list[float]:
    """Train with TRL's SFTTrainer."""
    from trl import SFTConfig, SFTTrainer

    settings = SFTConfig(
        **trainer_settings(config, scratch, checkpointing=True, bf16=config.loop.precision == "bf16"),
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
    )
    return run_peer(SFTTrainer, settings, config, prepared, times)


def about(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what ran, and on what."""
    packages = {}
    for name in ("torch", "transformers", "peft", "trl"):
        try:
            packages[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            packages[name] = "not installed"
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    return {
        "settings": {name: value for name, value in vars(arguments).items() if name != "dry_run"},
        "machine": {
            "cpu": model.partition(":")[2].strip(),
            "num_cores": os.cpu_count(),
            "load_before": round(os.getloadavg()[0], 2),
            "python": platform.python_version(),
            "packages": packages,
        },
    }


if __name__ == "__main__":
    main()
