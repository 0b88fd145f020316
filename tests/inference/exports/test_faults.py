"""Faults planted in an export, one at a time: each is caught at its stage and called by its name."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from vidtune.inference.exports import Certificate, CertificateFailed, Pipeline, Probe, open_plain
from vidtune.inference.exports._pipeline import Plain, Tensors
from vidtune.inference.exports._trace import trace_one

Compare = Callable[[Path | Pipeline], Certificate]


def names(certificate: Certificate) -> list[str]:
    return [cause.name for cause in certificate.causes]


def test_an_honest_merge_passes_at_every_stage(compare: Compare, honest: Path) -> None:
    certificate = compare(honest)

    assert certificate.has_passed, certificate.to_text()
    assert certificate.first_divergent_stage is None
    assert [row.name for row in certificate.stages] == [
        "pixels",
        "vision patch_embed",
        "vision layer 1 of 2",
        "vision layer 2 of 2",
        "projector merger",
        "prompt ids",
        "prompt ids in a batch",
        "language embed_tokens",
        "language layer 1 of 2",
        "language layer 2 of 2",
        "language norm",
        "logits",
        "greedy tokens",
    ]
    assert (certificate.num_same_answers, certificate.same_best_token) == (3, 1.0)


def test_an_adapter_opened_by_plain_peft_passes_at_every_stage(compare: Compare, adapter: Path) -> None:
    plain = open_plain(adapter, device="cpu", dtype="float32")
    plain.processor.tokenizer.padding_side = "left"  # the tiny base was saved without, and batches are asked

    certificate = compare(plain)

    assert certificate.has_passed, certificate.to_text()
    assert type(plain.model).__name__.startswith("Peft")


@pytest.mark.parametrize(("tower", "stage"), [("vision", "vision layer 1 of 2"), ("language", "language layer 1 of 2")])
def test_a_dropped_lora_is_named_with_its_tower(
    compare: Compare, copy: Path, base: Path, tower: str, stage: str
) -> None:
    untuned, weights = (load_file(folder / "model.safetensors") for folder in (base, copy))
    mark = {"vision": "visual.blocks", "language": "language_model.layers"}[tower]
    for name in weights:
        if mark in name or (tower == "language" and ".layers." in name and "visual" not in name):
            weights[name] = untuned[name]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})

    certificate = compare(copy)

    assert certificate.first_divergent_stage == stage, certificate.to_text()
    assert names(certificate) == ["adapter_dropped"]
    assert certificate.causes[0].detail.startswith(f"{tower}: ")


def test_the_wrong_padding_side_is_named(compare: Compare, copy: Path) -> None:
    settings = json.loads((copy / "tokenizer_config.json").read_text())
    (copy / "tokenizer_config.json").write_text(json.dumps({**settings, "padding_side": "right"}))

    certificate = compare(copy)

    assert certificate.first_divergent_stage == "prompt ids in a batch", certificate.to_text()
    assert names(certificate) == ["padding_side"]
    assert "on the right" in certificate.causes[0].detail


def test_another_prompt_is_named_with_the_place_where_it_begins(compare: Compare, copy: Path) -> None:
    template = (copy / "chat_template.jinja").read_text()
    (copy / "chat_template.jinja").write_text(template.replace("You are a helpful assistant.", "You are terse."))

    certificate = compare(copy)

    assert certificate.first_divergent_stage == "prompt ids", certificate.to_text()
    assert names(certificate) == ["prompt"]
    assert "the chat templates differ" in certificate.causes[0].detail
    assert "terse" in certificate.causes[0].detail


class _Showing(Plain):
    """A pipeline that shows every clip in a wrong way."""

    def encode(self, probes: Sequence[Probe]) -> Tensors:
        return super().encode([replace(probe, frames=self.spoil(probe)) for probe in probes])

    def spoil(self, probe: Probe) -> object:
        raise NotImplementedError


class _Backwards(_Showing):
    def spoil(self, probe: Probe) -> object:
        return replace(probe.frames, frames_thwc=np.ascontiguousarray(probe.frames.frames_thwc[::-1]))


class _Swapped(_Showing):
    def spoil(self, probe: Probe) -> object:
        frames_thwc = probe.frames.frames_thwc.copy()
        frames_thwc[[1, 4]] = frames_thwc[[4, 1]]
        return replace(probe.frames, frames_thwc=frames_thwc)


class _Moved(_Showing):
    def spoil(self, probe: Probe) -> object:
        return replace(probe.frames, frames_thwc=np.roll(probe.frames.frames_thwc, -2, axis=0))


class _Blue(_Showing):
    def spoil(self, probe: Probe) -> object:
        return replace(probe.frames, frames_thwc=np.ascontiguousarray(probe.frames.frames_thwc[..., ::-1]))


class _Fewer(_Showing):
    def spoil(self, probe: Probe) -> object:
        return replace(probe.frames, frames_thwc=probe.frames.frames_thwc[:4])


@pytest.mark.parametrize(
    ("kind", "cause", "detail"),
    [
        (_Backwards, "frame_order", "from last to first"),
        (_Swapped, "frame_order", "in the order 1, 5, 3, 4, 2, 6"),
        (_Moved, "frame_order", "in the order 3, 4, 5, 6, 1, 2"),
        (_Blue, "channel_order", "BGR"),
        (_Fewer, "frame_size", "pixel_values_videos"),
    ],
)
def test_clips_shown_wrongly_are_named(
    compare: Compare, honest: Path, kind: type[Plain], cause: str, detail: str
) -> None:
    plain = open_plain(honest, device="cpu", dtype="float32")

    certificate = compare(kind(plain.model, plain.processor, plain.family, plain.name))

    assert certificate.first_divergent_stage == "pixels", certificate.to_text()
    assert names(certificate)[0] == cause
    assert detail in certificate.causes[0].detail


def test_one_damaged_layer_is_found_at_its_stage(compare: Compare, honest: Path) -> None:
    plain = open_plain(honest, device="cpu", dtype="float32")
    with torch.no_grad():
        plain.model.model.language_model.layers[1].mlp.up_proj.weight[0] += 1.0

    certificate = compare(plain)

    assert certificate.first_divergent_stage == "language layer 2 of 2", certificate.to_text()
    assert names(certificate) == []
    with pytest.raises(CertificateFailed, match="first at language layer 2 of 2 .no cause found by name"):
        certificate.require("Mend it.")


def test_numbers_that_are_none_are_no_pass(compare: Compare, honest: Path) -> None:
    plain = open_plain(honest, device="cpu", dtype="float32")
    with torch.no_grad():
        plain.model.model.visual.merger.mlp[2].bias[0] = float("nan")

    certificate = compare(plain)

    assert certificate.first_divergent_stage == "projector merger"
    json.dumps(certificate.to_record(), allow_nan=False)
    assert "not finite" in certificate.to_text()


def test_an_answer_that_holds_a_mark_for_pixels_is_read_up_to_it(
    honest: Path, probes: list[Probe], tmp_path: Path
) -> None:
    plain = open_plain(honest, device="cpu", dtype="float32")

    trace = trace_one(plain, probes[0], [5, 6, plain.model.config.video_token_id, 7], tmp_path / "trace")

    assert len(trace.logits_lv()) == 1 + 2
