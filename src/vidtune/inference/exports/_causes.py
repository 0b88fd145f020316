"""Why two models differ, by name. Each check tests one suspicion and says nothing unless it is proved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from vidtune.adapters import bare_model, plain_weight, tuned_weights
from vidtune.inference.exports._certificate import Cause
from vidtune.inference.exports._compare import compare_tensors, first_difference, padding_side
from vidtune.inference.exports._pipeline import Pipeline, Tensors
from vidtune.inference.exports._probes import Probe
from vidtune.inference.exports._trace import BatchTrace, Trace

_SAME = 1e-4
"""Relative distance below which two sets of pixels are the same picture."""

_CONTEXT_TOKENS = 6


@dataclass(frozen=True)
class Evidence:
    """What the checks look at: both sides, and the first question on its way through them."""

    reference: Pipeline
    candidate: Pipeline
    probe: Probe
    reference_trace: Trace
    candidate_trace: Trace
    reference_batch: BatchTrace
    candidate_batch: BatchTrace


def find_causes(evidence: Evidence, *, has_pixel_fault: bool) -> list[Cause]:
    """Return every cause that can be proved, in the order in which they act.

    Args:
        evidence: Both sides.
        has_pixel_fault: Whether the pixels differ, so that it is worth asking how.
    """
    found = [*(_pixel_causes(evidence) if has_pixel_fault else ()), *_prompt_causes(evidence)]
    return [*found, *_padding_causes(evidence), *_dropped_adapters(evidence)]


def _pixel_causes(evidence: Evidence) -> Iterator[Cause]:
    """Show the reference clips that are wrong in a known way, until it gets the candidate's pixels."""
    clip = evidence.probe.frames
    if clip is None:
        return
    wanted, found = evidence.reference_trace.pixels(), evidence.candidate_trace.pixels()
    if wanted.keys() <= found.keys() and any(wanted[name].shape != found[name].shape for name in wanted):
        shapes = ", ".join(
            f"{name} {tuple(found[name].shape)}, reference {tuple(wanted[name].shape)}" for name in wanted
        )
        yield Cause("frame_size", f"clips reach the model in another size or number ({shapes})")
        return
    order = seen_order(evidence.reference, evidence.probe, wanted, found)
    blue_for_red = np.ascontiguousarray(clip.frames_thwc[..., ::-1])
    suspicions = [
        (Cause("frame_order", f"the candidate sees {_describe_order(order)}"), clip.frames_thwc[order]),
        (Cause("channel_order", "the candidate sees blue for red (BGR instead of RGB)"), blue_for_red),
    ]
    for cause, frames_thwc in suspicions:
        pixels = _pixels_of(evidence.reference, evidence.probe, frames_thwc)
        if all(compare_tensors(pixels[key], found[key]).relative < _SAME for key in wanted if key in found):
            yield cause
            return


def seen_order(reference: Pipeline, probe: Probe, wanted: Tensors, found: Tensors) -> list[int]:
    """Return which frame a candidate sees at each place of a clip, as far as its pixels tell.

    How a processor lays out frames is its own affair, so it is asked: a clip that shows one frame at every place gives
    that frame's values wherever they could be. A value of the reference that only one frame could have given belongs
    to that frame's place; what the candidate has there, some other frame gives.

    Args:
        reference: Who is asked.
        probe: With the clip.
        wanted: The reference's pixels of it.
        found: The candidate's, in the same shapes.
    """
    frames_thwc = probe.frames.frames_thwc if probe.frames is not None else np.zeros((0, 1, 1, 3), np.uint8)
    places = list(range(len(frames_thwc)))
    name = max(wanted, key=lambda key: wanted[key].numel() * wanted[key].is_floating_point())
    still = [
        _pixels_of(reference, probe, np.repeat(frames_thwc[[place]], len(places), axis=0))[name] for place in places
    ]
    if any(values.shape != wanted[name].shape for values in still):
        return places
    is_own = torch.stack([torch.isclose(wanted[name].float(), values.float(), atol=_SAME) for values in still])
    order = []
    for place in places:
        telling = is_own[place] & (is_own.sum(0) == 1)
        matches = [torch.isclose(found[name].float()[telling], values.float()[telling], atol=_SAME) for values in still]
        shares = [float(match.float().mean()) if match.numel() else 0.0 for match in matches]
        best = max(shares)
        order.append(place if shares[place] == best else shares.index(best))
    return order


def _describe_order(order: Sequence[int]) -> str:
    if list(order) == sorted(order, reverse=True):
        return "the frames from last to first"
    return f"the frames in the order {', '.join(str(place + 1) for place in order)}"


def _pixels_of(pipeline: Pipeline, probe: Probe, frames_thwc: Any) -> Tensors:
    """Return what ``pipeline`` gives its model of a clip that shows other frames than that of ``probe``."""
    if probe.frames is None:
        return {}
    clip = replace(probe.frames, frames_thwc=np.ascontiguousarray(frames_thwc))
    return {name: value.cpu() for name, value in pipeline.encode([replace(probe, frames=clip)]).items()}


def _prompt_causes(evidence: Evidence) -> Iterator[Cause]:
    wanted, found = evidence.reference_trace.prompt_ids, evidence.candidate_trace.prompt_ids
    place = first_difference(wanted, found)
    if place is None:
        return
    decode = evidence.reference.processor.tokenizer.decode
    start = max(0, place - _CONTEXT_TOKENS)
    templates = [str(side.processor.chat_template) for side in (evidence.reference, evidence.candidate)]
    why = "the chat templates differ" if templates[0] != templates[1] else "though the chat templates are the same"
    texts = [repr(decode(list(ids[start : place + _CONTEXT_TOKENS]))) for ids in (wanted, found)]
    yield Cause(
        "prompt",
        f"token {place + 1} of {len(found)} differs from the reference's {len(wanted)}: {texts[1]} instead of "
        f"{texts[0]}; {why}",
    )


def _padding_causes(evidence: Evidence) -> Iterator[Cause]:
    wanted, found = padding_side(evidence.reference_batch), padding_side(evidence.candidate_batch)
    if "none" not in (wanted, found) and wanted != found:
        yield Cause(
            "padding_side",
            f"a batch is padded on the {found}, the reference pads on the {wanted}: shorter questions of a batch are "
            "answered after padding",
        )


def _dropped_adapters(evidence: Evidence) -> Iterator[Cause]:
    """Compare weights: an export must be nearer to the tuned weight than to the base's."""
    modules = dict(bare_model(evidence.candidate.model).named_modules())
    beside = {tuned.path: tuned.tuned for tuned in tuned_weights(evidence.candidate.model)}
    dropped: dict[str, list[str]] = {}
    counts: dict[str, int] = {}
    for tuned in tuned_weights(evidence.reference.model):
        weight = beside.get(tuned.path)
        if weight is None and tuned.path in modules:
            weight = plain_weight(modules[tuned.path])
        if weight is None or weight.shape != tuned.base.shape or torch.equal(tuned.base, tuned.tuned):
            continue
        modality = evidence.reference.modality_of(f"{tuned.path}.weight")
        counts[modality] = counts.get(modality, 0) + 1
        if (weight - tuned.base).norm() < (weight - tuned.tuned).norm():
            dropped.setdefault(modality, []).append(tuned.path)
    for modality, paths in dropped.items():
        yield Cause(
            "adapter_dropped",
            f"{modality}: {len(paths)} of {counts[modality]} tuned weights are nearer to the untuned base "
            f"({', '.join(paths[:2])}{', …' if len(paths) > 2 else ''})",
        )
