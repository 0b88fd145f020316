"""The embedded model: it fits, it loads by its name, its files are what the card says, and it looks at the video."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from vidtune.core.hashing import sha256_file

FOLDER = Path(__file__).parents[2] / "src" / "vidtune" / "models" / "nano"
WEIGHTS = FOLDER / "weights"
ASKED = ("top", "trousers", "wall", "floor", "posture", "still")


@dataclass(frozen=True)
class Spoken:
    role: str
    text: str
    asides: tuple[()] = ()


@dataclass(frozen=True)
class Seen:
    frames_thwc: np.ndarray
    sound: None = None


@pytest.fixture(scope="module")
def nano():
    from vidtune.models import load_model

    return load_model("nano", device="cpu", dtype="float32")


def draw_held_out(num_clips):
    """Clips of people and seeds that training never saw, with one question of each kind asked."""
    from vidtune.packs.generic import ask, frame_times, plan_clip, render_clip

    clips = []
    for index in range(num_clips):
        plan = plan_clip((20261121, index))
        rendered, truth = render_clip(plan, frame_times(plan.duration_s, 8), 224)
        pairs = [pair for pair in ask(truth, np.random.default_rng(index), 40) if pair.kind in ASKED]
        clips.append((rendered.frames_thwc, pairs))
    return clips


def answers_of(nano, shown, held_out):
    """Return (kind, expected, said) for every question, with ``shown[i]`` in place of clip i."""
    import torch

    asked = [(frames, pair) for frames, (_, pairs) in zip(shown, held_out, strict=True) for pair in pairs]
    tokenizer = nano.processor.tokenizer
    stop = list(nano.family.end_of_turn_ids(nano.processor))
    found = []
    for at in range(0, len(asked), 24):
        part = asked[at : at + 24]
        items = [((Spoken("user", pair.question),), Seen(frames)) for frames, pair in part]
        batch = nano.family.encode_prompts(nano.processor, items)
        with torch.no_grad():
            out = nano.model.generate(**batch, max_new_tokens=8, do_sample=False, eos_token_id=stop)
        said = tokenizer.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
        found += [(pair.kind, pair.answer, text.strip()) for (_, pair), text in zip(part, said, strict=True)]
    return found


def share_right(answers):
    return sum(expected == said for _, expected, said in answers) / len(answers)


def test_the_weights_fit_in_the_package_and_are_of_the_real_architecture():
    config = json.loads((WEIGHTS / "config.json").read_text())

    assert (WEIGHTS / "model.safetensors").stat().st_size <= 32 * 1024**2
    assert config["architectures"] == ["Qwen2VLForConditionalGeneration"]


def test_the_card_names_the_hash_of_the_weights():
    card = (FOLDER / "MODEL_CARD.md").read_text(encoding="utf-8")

    assert sha256_file(WEIGHTS / "model.safetensors") in card


def test_the_tokenizer_gives_back_any_text_and_splits_unseen_sentences_little(nano):
    tokenizer = nano.processor.tokenizer
    sentence = "Keep your back flat, lower the hips slowly and do not let the knees drift inwards."

    assert tokenizer.decode(tokenizer("Zürich 42 €, ok?")["input_ids"]) == "Zürich 42 €, ok?"
    assert len(tokenizer(sentence)["input_ids"]) <= 1.4 * len(re.findall(r"\w+|[^\w\s]", sentence))


def test_eight_frames_of_any_square_size_are_64_tokens(nano):
    for side in (112, 224, 480):
        frames = np.zeros((8, side, side, 3), np.uint8)
        batch = nano.family.encode_prompts(nano.processor, [((Spoken("user", "What moves?"),), Seen(frames))])

        assert batch.num_visual_tokens() == [64]


@pytest.mark.parametrize("num_clips", [8, pytest.param(24, marks=pytest.mark.slow)])
def test_it_answers_from_the_video_and_not_without_it(nano, num_clips):
    held_out = draw_held_out(num_clips)
    clips = [frames for frames, _ in held_out]
    grey = [np.full_like(frames, 127) for frames in clips]
    shuffled = clips[1:] + clips[:1]

    seen = answers_of(nano, clips, held_out)
    blind = answers_of(nano, grey, held_out)
    wrong = answers_of(nano, shuffled, held_out)
    by_kind: dict[str, Counter[str]] = {}
    for kind, expected, _ in seen:
        by_kind.setdefault(kind, Counter())[expected] += 1
    best_guess = sum(max(counter.values()) for counter in by_kind.values()) / len(seen)

    assert share_right(seen) > best_guess + 0.30
    assert share_right(seen) > share_right(blind) + 0.35
    assert share_right(seen) > share_right(wrong) + 0.35
