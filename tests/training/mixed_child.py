"""A training on texts, images, videos and, where the family hears, sound, in one process or as one of several.

Readers of annotation files know clips only, so the other rows of a batch are made here, by the model's own processor.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tests.models.prompts import converse, make_frames

from vidtune.adapters import AdapterConfig, attach_adapter
from vidtune.core.progress import silent
from vidtune.core.rundir import RunDirectory
from vidtune.data import DataConfig, Sample
from vidtune.media import Sound
from vidtune.models import load_model
from vidtune.training import LoopConfig, OptimConfig, TrainConfig
from vidtune.training._checkpoint import CheckpointFolder, TrainState
from vidtune.training._examples import ExampleStore
from vidtune.training._journal import Journal
from vidtune.training._loop import Loop, LoopParts
from vidtune.training._order import Schedule
from vidtune.training._watchdog import HangWatch
from vidtune.training._world import join_world

ANSWER = "squats - the knees move inwards"
NUM_LEARNED = 6
KINDS = ("text", "video", "text", "image", "text", "text", "video", "text", "image")
"""With batches of one, several rounds of a step have processes with and without pixels."""
SOUNDS = ("audio", "heard", "text")
"""More for a family that hears: speech, and a clip with its sound as samples with sound are encoded."""
SEED = 6
"""Of the order: step 2 has texts alone, and with SOUNDS step 3 has none, after the towers have moments."""


def main(model: str, run_path: str, sharding: str) -> None:
    run = RunDirectory(Path(run_path))
    run.path.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    with join_world() as world:
        loaded = load_model(model, device="cpu", dtype="float32")
        kinds = KINDS + SOUNDS if "audio" in loaded.family.modalities else KINDS
        rows = {f"{kind} {number}": make_row(loaded, kind, number) for number, kind in enumerate(kinds)}
        store = ExampleStore(
            lambda sample: make_frames(2),
            lambda turns, frames: rows[turns[0].text],
            budget_bytes=2**30,
            augmentation=None,
            seed=0,
        )
        store.prepare([Sample(name, "", converse(name, ANSWER)) for name in rows], max_tokens=None, stage="read")
        config = TrainConfig(
            data=DataConfig(path=Path("none.json"), videos=Path()),
            adapter=AdapterConfig(rank=4, alpha=8, dropout=0.0, modalities=loaded.family.modalities),
            # The epsilon: gradients of rounding alone move nothing. The decay: it moves what has a gradient of zeros.
            optim=OptimConfig(learning_rate=1e-2, epsilon=1e-4, weight_decay=0.1),
            loop=LoopConfig(max_steps=4, batch_size=1, accumulation=4, precision="fp32", sharding=sharding),
        )
        torch.manual_seed(0)
        targets = {modality: loaded.family.linear_targets(modality) for modality in loaded.family.modalities}
        attach_adapter(loaded.model, config.adapter, targets, modality_of=loaded.family.modality_of)
        schedule = Schedule(
            [example.num_tokens for example in store.examples],
            batch_size=1,
            accumulation=4,
            epochs=None,
            max_steps=4,
            group_by_length=False,
            seed=SEED,
        )
        journal = Journal(run, lambda step, values: None) if world.is_main else None
        parts = LoopParts(
            loaded=loaded,
            train=store,
            held_out=None,
            schedule=schedule,
            precision="fp32",
            weights=None,
            checkpoints=CheckpointFolder(run.checkpoints, keep=1),
            journal=journal,
            evaluator=None,
            write_result=lambda folder: None,
            look_inside=dict,
            result_bytes=0,
            progress=silent,
            note=print,
            hang_watch=HangWatch(None, run.path / "hang.txt"),
            world=world,
        )
        loop = Loop(config, parts, TrainState(0, ""))
        if journal is None:
            loop.run()
            return
        with journal:
            loop.run()


def make_row(loaded, kind, number):
    if kind == "video":
        turns = converse(f"Which exercise is this? {number}", ANSWER)
        return dict(loaded.family.encode_training(loaded.processor, [(turns, make_frames(4, seed=number))]))
    if kind == "heard":
        waveform = np.random.default_rng(number).standard_normal(8000).astype(np.float32)
        sound = Sound(waveform, 16_000, 0.0, 0.5, "0" * 64)
        frames = replace(make_frames(2, seed=number), sound=sound)
        turns = converse("Which exercise is this?", ANSWER)
        return dict(loaded.family.encode_training(loaded.processor, [(turns, frames)]))
    if kind == "text":
        return dict(loaded.family.encode_training(loaded.processor, [(converse("You are a user. " * 3, ANSWER), None)]))
    rng = np.random.default_rng(number)
    content = {"type": kind}
    media = {}
    if kind == "image":
        media["images"] = [Image.fromarray(rng.integers(0, 256, (56, 56, 3), dtype=np.uint8))]
    else:
        media["audio"] = [rng.standard_normal(6000).astype(np.float32)]
    messages = [
        {"role": "user", "content": [content, {"type": "text", "text": "What is this?"}]},
        {"role": "assistant", "content": [{"type": "text", "text": ANSWER}]},
    ]
    text = loaded.processor.apply_chat_template(messages)
    row = dict(loaded.processor(text=[text], return_tensors="pt", **media))
    row["labels"] = row["input_ids"].clone()
    row["labels"][:, :-NUM_LEARNED] = -100
    return row
