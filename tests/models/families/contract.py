"""What every family has to do, as tests. A family's own test file subclasses ``FamilyContract``:

    class TestSmolVLM(FamilyContract):
        name = "smolvlm"
        make_folder = staticmethod(make_tiny_folder)

and gets all of them, on a tiny random checkpoint of the real classes.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.inference.conftest import make_config, write_qved
from tests.media.writing import write_clip
from tests.models.prompts import ask, converse, frames_of, make_frames, remark

from vidtune.adapters import AdapterConfig, attach_adapter, save_adapter
from vidtune.core.durable import RecordLog
from vidtune.core.errors import ModelMismatch
from vidtune.core.rundir import RunDirectory
from vidtune.data import Turn
from vidtune.inference import GenerationConfig, Request, _packed_linear, generate, load_for_inference, predict_dataset
from vidtune.inference._grouped_attention import find_shared_heads, grouped_attention
from vidtune.inference._packed_linear import packed_linears
from vidtune.media import FrameSet
from vidtune.models import (
    FEATURES,
    IGNORED_LABEL,
    BatchInputs,
    LoadedModel,
    encode_pixels,
    families,
    features_from_tensors,
    features_to_tensors,
    join_features,
    load_model,
    replace_pixels,
    takes_media_features,
)
from vidtune.models.embedders.vision_tower import VisionTowerEmbedder

QUESTION = "Which exercise is this, and what should be corrected?"
ANSWER = "squats - the knees move inwards"
NUM_NEW = 6
SYSTEM = "You look at exercises and say, briefly and kindly, which mistakes are made and how they are corrected."


class FamilyContract:
    """Tests that hold for every family. Attributes say in what one may differ."""

    name: ClassVar[str]
    """Of the family."""

    make_folder: ClassVar[Callable[..., Path]]
    """``make_folder(path, seed=0)`` writes a tiny checkpoint, model and processor, and returns its folder."""

    clip_shapes: ClassVar[tuple[tuple[int, int, int], ...]] = ((4, 56, 84), (5, 70, 56), (1, 120, 100), (8, 56, 56))
    """(frames, height, width) of the clips that are tried."""

    has_system_turn: ClassVar[bool] = True
    """Whether its chat template knows system turns."""

    linears_left_alone: ClassVar[str] = r"lm_head"
    """Pattern of linear layers that no tower's targets hit."""

    embeds_frames: ClassVar[bool] = True
    """Whether its model makes features of frames apart from a prompt."""

    shares_clips: ClassVar[bool] = True
    """Whether questions about one clip can go on from one reading of it: not with layers that attend to a window."""

    text_key: ClassVar[str] = ""
    """A weight to take away in the test of missing keys, as the file names it; "" takes the last one."""

    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """A tiny checkpoint; do not write into it."""
        return cls.make_folder(tmp_path_factory.mktemp(cls.name) / "tiny")

    @pytest.fixture(scope="class")
    @classmethod
    def loaded(cls, folder: Path) -> LoadedModel:
        """The tiny checkpoint, loaded; do not change it."""
        return load_model(folder, device="cpu")

    # What the library itself makes of a conversation

    def reference_media(self, frames: FrameSet) -> dict[str, Any]:
        """Return what a user of the library would pass for a clip, written without our own hooks."""
        if families.get(self.name).frame_policy.frames_as == "images":
            return {"images": list(frames.frames_thwc)}
        metadata = {
            "total_num_frames": len(frames.indices),
            "fps": frames.fps,
            "duration": frames.duration_s,
            "frames_indices": list(frames.indices),
        }
        return {
            "videos": [frames.frames_thwc],
            "videos_kwargs": {"do_sample_frames": False, "video_metadata": [metadata]},
        }

    def reference(
        self, loaded: LoadedModel, turns: tuple[Turn, ...], frames: FrameSet | None, *, for_generation: bool
    ) -> dict[str, torch.Tensor]:
        """Return what the library's processor makes of a conversation."""
        processor = loaded.processor
        family: Any = loaded.family
        messages = [{"role": turn.role, "content": family.text_content(turn.role, turn.text)} for turn in turns]
        media = {} if frames is None else self.reference_media(frames)
        if frames is not None:
            first = next(message for message in messages if message["role"] == "user")
            question = next(turn.text for turn in turns if turn.role == "user")
            first["content"] = [*family.media_content(frames), {"type": "text", "text": question}]
        text = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=for_generation)
        text = self.corrected(text)
        bos = processor.tokenizer.bos_token
        encoded = processor(
            text=[text],
            return_tensors="pt",
            text_kwargs={"add_special_tokens": not (bos and text.startswith(bos))},
            **media,
        )
        return {name: value for name, value in encoded.items() if isinstance(value, torch.Tensor)}

    def reference_with_words(self, loaded: LoadedModel, parts: list[FrameSet | str]) -> dict[str, torch.Tensor]:
        """Return what the library's processor makes of a turn whose content is runs of frames and texts."""
        family: Any = loaded.family
        content: list[Any] = []
        media: dict[str, Any] = {}
        for part in parts:
            if isinstance(part, str):
                content.append({"type": "text", "text": part})
                continue
            content += family.media_content(part)
            given = self.reference_media(part)
            for name in ("images", "videos"):
                media.setdefault(name, []).extend(given.get(name, []))
            if "videos_kwargs" in given:
                known = media.setdefault("videos_kwargs", {**given["videos_kwargs"], "video_metadata": []})
                known["video_metadata"] += given["videos_kwargs"]["video_metadata"]
        text = loaded.processor.apply_chat_template(
            [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
        )
        bos = loaded.processor.tokenizer.bos_token
        encoded = loaded.processor(
            text=[text],
            return_tensors="pt",
            text_kwargs={"add_special_tokens": not (bos and text.startswith(bos))},
            **{name: value for name, value in media.items() if value},
        )
        return {name: value for name, value in encoded.items() if isinstance(value, torch.Tensor)}

    def corrected(self, rendered: str) -> str:
        """Return what the chat template should have written; override where it is not the same in training."""
        return rendered

    # Loading

    def test_a_folder_is_opened_by_this_family(self, loaded: LoadedModel, folder: Path):
        assert loaded.family is families.get(self.name)
        assert loaded.family.name == self.name
        assert not loaded.model.training
        assert sum(parameter.numel() for parameter in loaded.model.parameters()) < 5_000_000

    def test_a_missing_and_an_unexpected_weight_are_named(self, folder: Path, tmp_path: Path):
        copy = _copy(folder, tmp_path)
        tensors = load_file(copy / "model.safetensors")
        gone = self.text_key or sorted(tensors)[-1]
        del tensors[gone]
        tensors["stray.weight"] = torch.zeros(2)
        save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})

        with pytest.raises(ModelMismatch, match=r"1 missing .*1 unexpected .*stray\.weight"):
            load_model(copy)

    def test_half_precision_answers(self, folder: Path):
        loaded = load_model(folder, device="cpu", dtype="bfloat16")

        [answer] = generate(
            loaded, [Request(ask(QUESTION), make_frames(4, 56, 84))], GenerationConfig(max_new_tokens=2)
        )

        assert answer.num_new_tokens == 2

    # Prompts and labels

    @pytest.mark.parametrize("index", range(4))
    def test_a_prompt_and_its_logits_are_those_of_the_librarys_processor(
        self, loaded: LoadedModel, index: int, record_property: Any
    ):
        num_frames, height_px, width_px = self.clip_shapes[index]
        frames = make_frames(num_frames, height_px, width_px, seed=index)
        turns = ask(QUESTION)

        batch = loaded.family.encode_prompts(loaded.processor, [(turns, frames)])

        expected = self.reference(loaded, turns, frames, for_generation=True)
        _assert_same(batch, expected)
        with torch.no_grad():
            given, wanted = (loaded.model(**inputs, use_cache=False).logits for inputs in (batch, expected))
        difference = float((given - wanted).abs().max())
        record_property("max_abs_logit_difference", difference)
        assert difference < 1e-5

    @pytest.mark.parametrize("has_clip", [True, False])
    def test_a_conversation_is_what_the_library_makes_of_it(self, loaded: LoadedModel, has_clip: bool):
        turns = converse(QUESTION, ANSWER, "And the back?", "keep it straight")
        if self.has_system_turn:
            turns = (Turn("system", "Be brief."), *turns)
        frames = make_frames(4, 56, 84) if has_clip else None

        batch = loaded.family.encode_training(loaded.processor, [(turns, frames)])

        _assert_same(batch, self.reference(loaded, turns, frames, for_generation=False))

    @pytest.mark.parametrize("has_clip", [True, False])
    def test_white_space_behind_a_question_stays_or_goes_as_the_template_says(
        self, loaded: LoadedModel, has_clip: bool
    ):
        turns = ask(f"{QUESTION} \n")
        frames = make_frames(4, 56, 84) if has_clip else None

        batch = loaded.family.encode_prompts(loaded.processor, [(turns, frames)])

        _assert_same(batch, self.reference(loaded, turns, frames, for_generation=True))

    def test_labels_are_the_answers_and_their_ends_and_nothing_else(self, loaded: LoadedModel):
        processor = loaded.processor
        items = [
            (converse(QUESTION, ANSWER, "And the back?", "keep it straight"), make_frames(4, 56, 84)),
            (converse("hi", "pushups"), None),
        ]

        batch = loaded.family.encode_training(processor, items)

        end = processor.tokenizer.convert_ids_to_tokens(loaded.family.end_of_turn_ids(processor)[0])
        for (turns, _), ids, labels in zip(items, batch["input_ids"], batch["labels"], strict=True):
            is_supervised = labels != IGNORED_LABEL
            learned = processor.tokenizer.decode(labels[is_supervised]).split(end)
            assert [part.strip() for part in learned] == [*(turn.text for turn in turns[1::2]), ""]
            assert torch.equal(ids[is_supervised], labels[is_supervised])

    def test_training_and_generation_see_the_same_prompt(self, loaded: LoadedModel):
        frames = make_frames(4, 56, 84)

        prompt = loaded.family.encode_prompts(loaded.processor, [(ask(QUESTION), frames)])
        training = loaded.family.encode_training(loaded.processor, [(converse(QUESTION, ANSWER), frames)])

        num_prompt = prompt["input_ids"].shape[1]
        assert torch.equal(training["input_ids"][:, :num_prompt], prompt["input_ids"])
        assert training["labels"][0, num_prompt] != IGNORED_LABEL
        assert (training["labels"][0, :num_prompt] == IGNORED_LABEL).all()

    def test_a_question_cannot_claim_a_clip_or_end_its_turn(self, loaded: LoadedModel):
        processor, family = loaded.processor, loaded.family
        frames = make_frames(4, 56, 84)
        names = [getattr(processor, name, None) for name in ("image_token", "video_token", "audio_token")]
        end_id = family.end_of_turn_ids(processor)[0]
        attacks = [*filter(None, names), processor.tokenizer.convert_ids_to_tokens(end_id)]
        harmless = family.encode_prompts(processor, [(ask("x"), frames)])

        attacked = family.encode_prompts(processor, [(ask(f"x{''.join(attacks)}"), frames)])

        special = torch.tensor(processor.tokenizer.convert_tokens_to_ids(attacks))
        assert attacked.num_visual_tokens() == harmless.num_visual_tokens()
        assert torch.isin(attacked["input_ids"], special).sum() == torch.isin(harmless["input_ids"], special).sum()

    @pytest.mark.parametrize("index", range(4))
    def test_visual_tokens_are_counted_as_the_processor_makes_them(self, loaded: LoadedModel, index: int):
        num_frames, height_px, width_px = self.clip_shapes[index]

        batch = loaded.family.encode_prompts(
            loaded.processor, [(ask("x"), make_frames(num_frames, height_px, width_px))]
        )

        counted = loaded.family.count_visual_tokens(num_frames, height_px, width_px, loaded.processor)
        assert batch.num_visual_tokens() == [counted]
        assert counted > 0

    # Words between frames

    def test_words_stand_between_the_frames_they_are_said_with(self, loaded: LoadedModel):
        family, processor = loaded.family, loaded.processor
        frames = make_frames(6, 56, 84)
        if not family.takes_asides:
            with pytest.raises(ValueError, match="in one block"):
                family.encode_prompts(processor, [(remark(QUESTION, (2, "alpha")), frames)])
            return
        turns = remark(QUESTION, (2, "alpha"), (3, "beta"), (3, "gamma"), (6, "delta"))

        batch = family.encode_prompts(processor, [(turns, frames)])

        runs = [frames_of(frames, start, stop) for start, stop in ((0, 2), (2, 3), (3, 6))]
        counted = [family.count_visual_tokens(len(run.frames_thwc), 56, 84, processor) for run in runs]
        assert batch.num_visual_tokens() == [sum(counted)]
        ids = batch["input_ids"][0].tolist()
        token = family.visual_token_id(processor)
        prompt = "".join("#" if one == token else processor.tokenizer.decode([one]) for one in ids)
        before = [prompt[: prompt.index(words)].count("#") for words in ("alpha", "beta", "gamma", "delta")]
        assert before == [counted[0], sum(counted[:2]), sum(counted[:2]), sum(counted)]
        assert prompt.index("delta") < prompt.index(QUESTION.split(",")[0])
        # The frames are those that were chosen, each in its run.
        alone = [family.encode_prompts(processor, [(ask("x"), run)]) for run in runs]
        pixels = [name for name in batch if name.startswith("pixel")]
        assert pixels
        for name in pixels:
            expected = family.join_media(name, [row[name] for row in alone])
            torch.testing.assert_close(batch[name], expected, rtol=0, atol=0, equal_nan=True)

    def test_a_prompt_with_words_between_frames_is_that_of_the_librarys_processor(self, loaded: LoadedModel):
        if not loaded.family.takes_asides:
            pytest.skip(f"{self.name} is shown a clip in one block")
        frames = make_frames(4, 56, 84)

        batch = loaded.family.encode_prompts(loaded.processor, [(remark(QUESTION, (2, "Good morning.")), frames)])

        expected = self.reference_with_words(
            loaded, [frames_of(frames, 0, 2), "Good morning.", frames_of(frames, 2, 4), QUESTION]
        )
        _assert_same(batch, expected)
        with torch.no_grad():
            given, wanted = (loaded.model(**inputs, use_cache=False).logits for inputs in (batch, expected))
        torch.testing.assert_close(given, wanted, rtol=0, atol=1e-5)

    def test_prompts_with_words_between_frames_are_answered_together_as_alone(self, loaded: LoadedModel):
        if not loaded.family.takes_asides:
            pytest.skip(f"{self.name} is shown a clip in one block")
        clips = [make_frames(6, 56, 84, seed=1), make_frames(3, 56, 56, seed=2)]
        requests = [
            Request(remark(QUESTION, (0, "Good morning."), (3, "Now the knees.")), clips[0]),
            Request(remark("What is said?", (0, "Good morning."), (3, "Now the knees.")), clips[0]),
            Request(remark(QUESTION, (5, "Now the knees.")), clips[0]),
            Request(ask(QUESTION), clips[0]),
            Request(remark("hi", (1, "One."), (2, "Two.")), clips[1]),
        ]

        together = [answer.token_ids for answer in generate(loaded, requests, GenerationConfig(max_new_tokens=NUM_NEW))]

        assert together == [self._answer_alone(loaded, request) for request in requests]

    def test_training_sees_the_same_words_between_frames_and_learns_none_of_them(self, loaded: LoadedModel):
        family, processor = loaded.family, loaded.processor
        if not family.takes_asides:
            pytest.skip(f"{self.name} is shown a clip in one block")
        frames = make_frames(4, 56, 84)
        asked = remark(QUESTION, (1, "Good morning."))

        prompt = family.encode_prompts(processor, [(asked, frames)])
        training = family.encode_training(processor, [((*asked, Turn("assistant", ANSWER)), frames)])

        num_prompt = prompt["input_ids"].shape[1]
        assert torch.equal(training["input_ids"][:, :num_prompt], prompt["input_ids"])
        assert (training["labels"][0, :num_prompt] == IGNORED_LABEL).all()
        if takes_media_features(loaded.model):
            features = encode_pixels(loaded.model, training)
            with torch.no_grad():
                wanted = loaded.model(**training, use_cache=False).logits
                given = loaded.model(**replace_pixels(loaded.model, training, features), use_cache=False).logits
            torch.testing.assert_close(given, wanted, rtol=0, atol=1e-4)

    def test_rows_encoded_one_by_one_join_into_the_familys_own_batch(self, loaded: LoadedModel):
        items = [
            (converse(QUESTION, ANSWER), make_frames(4, 56, 84, seed=1)),
            (converse("hi", "pushups"), None),
            (converse("What moves?", "the hips sag"), make_frames(6, 56, 84, seed=2)),
        ]
        whole = loaded.family.encode_training(loaded.processor, items)

        rows = [loaded.family.encode_training(loaded.processor, [item]) for item in items]
        joined = loaded.family.join_training(loaded.processor, rows)

        _assert_same(joined, dict(whole))
        assert joined.num_visual_tokens() == whole.num_visual_tokens()

    def test_prompts_encoded_one_by_one_join_into_the_familys_own_batch(self, loaded: LoadedModel):
        """As the engine does with those that it encodes ahead."""
        clips = [make_frames(*shape, seed=index) for index, shape in enumerate(self.clip_shapes)]
        items = [(ask(QUESTION[: 10 + index]), clip) for index, clip in enumerate([*clips, None])]
        whole = loaded.family.encode_prompts(loaded.processor, items)

        rows = [loaded.family.encode_prompts(loaded.processor, [item]) for item in items]
        joined = loaded.family.join_prompts(loaded.processor, rows)

        _assert_same(joined, dict(whole))
        assert joined.num_visual_tokens() == whole.num_visual_tokens()

    def test_a_question_without_a_clip_is_answered_alone_as_well_as_beside_others(self, loaded: LoadedModel):
        """What the probe of the video asks; a family that cannot would have that condition reported as impossible."""
        config = GenerationConfig(max_new_tokens=NUM_NEW)
        bare = [Request(ask(QUESTION), None, "a"), Request(ask("What?"), None, "b")]

        alone = generate(loaded, bare, config)
        beside = generate(loaded, [*bare, Request(ask(QUESTION), make_frames(4, 56, 84), "c")], config)

        assert [answer.num_visual_tokens for answer in alone] == [0, 0]
        assert [answer.token_ids for answer in alone] == [answer.token_ids for answer in beside[:2]]

    # Features in place of pixels

    def test_features_taken_out_of_a_pass_give_the_logits_of_their_pixels(self, loaded: LoadedModel):
        if not takes_media_features(loaded.model):
            pytest.skip(f"{self.name} has no argument for features")
        clips = [make_frames(*shape, seed=index) for index, shape in enumerate(self.clip_shapes)]
        encode = loaded.family.encode_training
        rows = [dict(encode(loaded.processor, [(converse(QUESTION, ANSWER), frames)])) for frames in [*clips, None]]
        batch = loaded.family.join_training(loaded.processor, rows)

        model = loaded.model
        encoded = [encode_pixels(model, row) for row in rows]
        kept = [features_from_tensors(features_to_tensors(features)) for features in encoded]  # as a file holds them
        given = [replace_pixels(model, row, features) for row, features in zip(rows, kept, strict=True)]
        features = join_features([row.pop(FEATURES) for row in given if FEATURES in row])
        without_pixels = loaded.family.join_training(loaded.processor, given)

        assert features
        assert not [name for name in without_pixels if name.startswith("pixel_")]
        with torch.no_grad():
            from_pixels = loaded.model(**batch, use_cache=False).logits
            from_features = loaded.model(**without_pixels, **{FEATURES: features}, use_cache=False).logits
        # A tower that sees one clip at a time adds up in another order than one that sees the batch.
        torch.testing.assert_close(from_features, from_pixels, rtol=0, atol=1e-4)

    # Answers

    def test_a_batch_answers_token_for_token_as_the_library_does_one_by_one(self, loaded: LoadedModel):
        """Left padding, mixed lengths, mixed frame counts and sizes, and a row without a clip."""
        requests = [
            Request(ask(QUESTION), make_frames(8, 112, 84, seed=1)),
            Request(ask("hi")),
            Request(ask("What colour is the shirt?"), make_frames(3, 56, 56, seed=2)),
            Request(ask("Which exercise is it?"), make_frames(4, 56, 112, seed=3)),
        ]
        config = GenerationConfig(max_new_tokens=NUM_NEW)

        together = [answer.token_ids for answer in generate(loaded, requests, config, batch_size=3)]

        assert together == [self._answer_alone(loaded, request) for request in requests]

    def test_new_tokens_attend_by_groups_of_heads_with_the_same_logits(self, loaded: LoadedModel):
        """Where heads share keys: in rows of equal length, which need no mask."""
        shared = find_shared_heads(loaded.model)
        frames = [make_frames(4, 56, 56, seed=seed) for seed in range(2)]
        prompts = loaded.family.encode_prompts(loaded.processor, [(ask(QUESTION), clip) for clip in frames])
        assert prompts["attention_mask"].all()

        def logits_of_next(configs: list[Any]) -> torch.Tensor:
            with torch.no_grad():
                positions = loaded.model._prepare_position_ids_for_generation(prompts["input_ids"], dict(prompts))
                read = loaded.model(**prompts, position_ids=positions, use_cache=True)
                token = read.logits[:, -1:].argmax(-1)
                mask = torch.ones(2, prompts["attention_mask"].shape[1] + 1, dtype=torch.long)
                with grouped_attention(configs):
                    assert all(config._attn_implementation == "vidtune_grouped" for config in configs)
                    logits: torch.Tensor = loaded.model(
                        input_ids=token,
                        attention_mask=mask,
                        position_ids=positions[..., -1:] + 1,
                        past_key_values=read.past_key_values,
                    ).logits
            return logits

        attentions = [m for m in loaded.model.modules() if getattr(m, "num_key_value_groups", 1) > 1]
        assert {id(module.config) for module in attentions} == {id(config) for config in shared}
        torch.testing.assert_close(logits_of_next(shared), logits_of_next([]), rtol=0, atol=1e-5)
        assert all(config._attn_implementation == "sdpa" for config in shared)

    def test_ordered_weights_give_the_same_logits(self, loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(_packed_linear, "_SMALLEST", 1)
        clips = [make_frames(*shape, seed=index) for index, shape in enumerate(self.clip_shapes)]
        batch = loaded.family.encode_prompts(loaded.processor, [(ask(QUESTION), clip) for clip in clips])
        is_text = batch["attention_mask"].bool()
        plain = _logits(loaded, batch)

        with packed_linears(loaded.model) as num_layers:
            ordered = _logits(loaded, batch)

        assert num_layers == sum(type(module) is torch.nn.Linear for module in loaded.model.modules()) > 0
        torch.testing.assert_close(ordered[is_text], plain[is_text], rtol=0, atol=1e-4)
        assert torch.equal(_logits(loaded, batch)[is_text], plain[is_text])

    def test_questions_about_one_clip_are_answered_as_alone_and_the_clip_is_read_once(self, loaded: LoadedModel):
        """Its pixels go into the model once, and so does what all prompts begin with."""
        system = (Turn("system", SYSTEM),) if self.has_system_turn else ()
        clips = [make_frames(8, 112, 84, seed=1), make_frames(3, 56, 56, seed=2)]
        requests = [
            Request((*system, *ask(question)), clip)
            for clip in clips
            for question in (QUESTION, "hi", "What colour is it?")
        ]
        expected = [self._answer_alone(loaded, request) for request in requests]
        batches: list[tuple[int, bool]] = []
        hook = loaded.model.register_forward_pre_hook(
            lambda module, args, kwargs: batches.append(
                (len(kwargs["input_ids"]), any(name.startswith("pixel") for name in kwargs))
            ),
            with_kwargs=True,
        )

        answers = generate(loaded, requests, GenerationConfig(max_new_tokens=NUM_NEW))
        hook.remove()

        assert [answer.token_ids for answer in answers] == expected
        assert [answer.num_prompt_tokens for answer in answers] == [self._num_tokens(loaded, one) for one in requests]
        with_pixels = [num_rows for num_rows, has_pixels in batches if has_pixels]
        assert with_pixels == ([2] if self.shares_clips else [6])

    def _num_tokens(self, loaded: LoadedModel, request: Request) -> int:
        batch = loaded.family.encode_prompts(loaded.processor, [(request.turns, request.frames)])
        return int(batch["attention_mask"].sum())

    def _answer_alone(self, loaded: LoadedModel, request: Request) -> tuple[int, ...]:
        batch = loaded.family.encode_prompts(loaded.processor, [(request.turns, request.frames)])
        stop_ids = list(loaded.family.end_of_turn_ids(loaded.processor))
        output = loaded.model.generate(
            **batch, max_new_tokens=NUM_NEW, do_sample=False, eos_token_id=stop_ids, pad_token_id=stop_ids[0]
        )
        return tuple(output[0, batch["input_ids"].shape[1] :].tolist())

    def test_the_clip_changes_the_answer(self, loaded: LoadedModel):
        logits = [
            _logits(
                loaded, loaded.family.encode_prompts(loaded.processor, [(ask("x"), make_frames(4, 56, 84, seed=seed))])
            )
            for seed in (1, 2)
        ]

        assert (logits[0] - logits[1]).abs().max() > 1e-3

    # Towers

    def test_its_vision_tower_embeds_frames(self, loaded: LoadedModel):
        frames_thwc = make_frames(3, 56, 84).frames_thwc
        if not self.embeds_frames:
            with pytest.raises(ModelMismatch, match="cannot embed frames"):
                VisionTowerEmbedder(loaded)
            return

        features_td = VisionTowerEmbedder(loaded).embed_frames(frames_thwc)

        assert features_td.shape[0] == 3
        assert np.isfinite(features_td).all()
        assert np.abs(features_td[0] - features_td[1]).max() > 1e-4

    def test_every_parameter_belongs_to_a_tower(self, loaded: LoadedModel):
        found = {loaded.family.modality_of(name) for name, _ in loaded.model.named_parameters()}

        assert found <= set(loaded.family.modalities)
        assert {"vision", "projector", "language"} <= found

    def test_targets_are_the_linear_layers_of_their_tower_and_no_others(self, loaded: LoadedModel):
        linears = {name for name, module in loaded.model.named_modules() if isinstance(module, torch.nn.Linear)}
        every = [name for name, _ in loaded.model.named_modules()]
        hit = {
            modality: {name for name in every if re.fullmatch(loaded.family.linear_targets(modality), name)}
            for modality in ("vision", "projector", "language", "audio")
        }

        left_alone = {name for name in linears if re.fullmatch(self.linears_left_alone, name)}
        assert set.union(*hit.values()) == linears - left_alone
        assert hit["vision"]
        assert hit["language"]
        for modality, names in hit.items():
            assert {loaded.family.modality_of(name) for name in names} <= {modality}

    @pytest.mark.parametrize("modality", ["vision", "language"])
    def test_a_lora_step_changes_its_tower_only(self, folder: Path, modality: str):
        loaded = load_model(folder, device="cpu")
        before = {name: value.detach().clone() for name, value in loaded.model.named_parameters()}
        model = _tune(loaded, modality)

        changed = set()
        for name, value in model.named_parameters():
            if "lora_" in name:
                if "lora_B" in name and value.detach().abs().max() > 0:
                    changed.add(loaded.family.modality_of(name))
            else:
                bare = name.removeprefix("base_model.model.").replace(".base_layer", "")
                assert torch.equal(value, before[bare]), f"{bare} has changed"

        assert changed == {modality}

    # Saving

    def test_a_saved_model_gives_the_same_logits(self, loaded: LoadedModel, tmp_path: Path):
        loaded.model.save_pretrained(tmp_path)
        loaded.processor.save_pretrained(tmp_path)

        again = load_model(tmp_path, device="cpu")

        inputs = [
            one.family.encode_prompts(one.processor, [(ask(QUESTION), make_frames(4, 56, 84))])
            for one in (loaded, again)
        ]
        _assert_same(inputs[1], dict(inputs[0]))
        assert torch.equal(_logits(again, inputs[1]), _logits(loaded, inputs[0]))

    def test_a_saved_adapter_gives_the_same_logits(self, folder: Path, tmp_path: Path):
        loaded = load_model(folder, device="cpu")
        plain = _logits(loaded, self._batch(loaded))
        model = _tune(loaded, "vision", "language").eval()
        with torch.no_grad():
            tuned = model(**self._batch(loaded), use_cache=False).logits
        save_adapter(model, tmp_path / "adapter")

        again = load_for_inference(tmp_path / "adapter", device="cpu")

        assert (tuned - plain).abs().max() > 1e-3
        torch.testing.assert_close(_logits(again, self._batch(again)), tuned, rtol=1e-4, atol=2e-4)

    def _batch(self, loaded: LoadedModel) -> BatchInputs:
        return loaded.family.encode_prompts(loaded.processor, [(ask(QUESTION), make_frames(4, 56, 84))])

    # The whole way

    def test_predict_answers_about_real_videos(self, folder: Path, tmp_path: Path):
        for index in range(2):
            write_clip(tmp_path / "clips" / f"{index}.mp4", num_frames=12, width=84, height=56, seed=index)
        data = write_qved(tmp_path / "test.json", ["0.mp4", "1.mp4"])
        config = make_config(folder, data, tmp_path / "clips")

        summary = predict_dataset(config, RunDirectory(tmp_path / "run"))

        records = RecordLog(RunDirectory(tmp_path / "run").predictions).read()
        assert (summary.num_ok, summary.num_errors) == (2, 0), [record.get("error") for record in records]
        assert all(record["num_visual_tokens"] > 0 for record in records)


def _assert_same(batch: BatchInputs, expected: dict[str, torch.Tensor]) -> None:
    """Compare all tensors; types of tokens may be left out where the model does not want them."""
    missing = set(expected) - set(batch) - {"mm_token_type_ids", "token_type_ids"}
    assert not missing
    for name in set(batch) - {"labels"}:
        torch.testing.assert_close(
            batch[name], expected[name], rtol=0, atol=1e-6, equal_nan=True, msg=lambda text, n=name: f"{n}: {text}"
        )


def _logits(loaded: LoadedModel, batch: BatchInputs) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = loaded.model(**batch, use_cache=False).logits
    return logits


def _tune(loaded: LoadedModel, *modalities: str) -> Any:
    """Return the model after a LoRA step large enough to be seen."""
    config = AdapterConfig(kind="lora", rank=4, alpha=8, dropout=0.0, modalities=modalities)
    targets = {modality: loaded.family.linear_targets(modality) for modality in ("vision", "projector", "language")}
    torch.manual_seed(0)
    model = attach_adapter(loaded.model, config, targets, modality_of=loaded.family.modality_of)
    batch = loaded.family.encode_training(
        loaded.processor,
        [
            (converse(QUESTION, ANSWER), make_frames(4, 56, 84)),
            (converse("What moves?", "the hips sag"), make_frames(2, 56, 84)),
        ],
    )
    optimizer = torch.optim.AdamW([value for value in model.parameters() if value.requires_grad], lr=1e-2)
    model.train()
    for _ in range(2):
        model(**batch, use_cache=False).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model


def _copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))
