"""The Python API of the QVED pipeline: ``load_model`` and ``get_video_inference``.

Frames are held in memory only; ``frames_dir`` and ``video_identifier`` of its first versions are gone.

Example:
    >>> model, processor = load_model("nano")
    >>> answer, metrics = get_video_inference(
    ...     model=model, processor=processor, video_path="squat.mp4", prompt="Which exercise is this?"
    ... )
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple, TypedDict
from weakref import WeakKeyDictionary

from vidtune.data import Turn
from vidtune.inference._config import GenerationConfig
from vidtune.inference._generate import generate
from vidtune.inference._loading import load_for_inference
from vidtune.inference._request import Request
from vidtune.media import SamplingConfig, read_frames
from vidtune.models import LoadedModel, ModelIdentity, find_family

_loaded: WeakKeyDictionary[Any, LoadedModel] = WeakKeyDictionary()


class ModelAndProcessor(NamedTuple):
    """What ``load_model`` returns; unpacks as ``model, processor``."""

    model: Any
    """The transformers model, on its device, in eval mode."""

    processor: Any
    """Its transformers processor."""


class InferenceMetrics(TypedDict):
    """What one answer took. The first three have the names of the QVED pipeline."""

    generated_tokens: int
    """New tokens, the end token included; the prompt never counts."""

    generation_time: float
    """Seconds in the model."""

    tokens_per_second: float
    read_time: float
    """Seconds for decoding the frames."""

    preprocess_time: float
    """Seconds from frames to tensors."""

    num_frames: int
    frame_indices: list[int]
    frame_times_s: list[float]
    coverage: float
    prompt_tokens: int
    visual_tokens: int
    mean_logprob: float
    """The model's confidence: mean natural-log probability of the new tokens."""

    finish_reason: str
    """``"stop"``, or ``"length"`` when the answer was cut at ``max_new_tokens``."""


def load_model(name: str | Path = "nano", *, device: str = "auto", dtype: str = "auto") -> ModelAndProcessor:
    """Load a model once, for any number of questions.

    Args:
        name: ``"nano"``, a hub id, or a folder of a model, an adapter or a training run.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:N"`` or ``"mps"``.
        dtype: ``"auto"``, ``"float32"``, ``"bfloat16"`` or ``"float16"``.

    Raises:
        ModelUnavailable: If there is no such model.
        ModelMismatch: If it is of no known family.
    """
    loaded = load_for_inference(name, device=device, dtype=dtype)
    _loaded[loaded.model] = loaded
    return ModelAndProcessor(loaded.model, loaded.processor)


def get_video_inference(
    *,
    model: Any,
    processor: Any,
    video_path: str | Path,
    prompt: str,
    max_new_tokens: int = 256,
    num_frames: int = 8,
    do_sample: bool = False,
    temperature: float | None = None,
    top_p: float | None = None,
) -> tuple[str, InferenceMetrics]:
    """Ask one question about one video.

    Args:
        model: From ``load_model``, or any transformers model of a known family.
        processor: Its processor.
        video_path: The video file.
        prompt: The question.
        max_new_tokens: Longest answer, the end token included.
        num_frames: Frames that the model sees, spread evenly over the clip.
        do_sample: Draw tokens at random. The QVED document says so, its code is greedy; greedy is the default here.
        temperature: With ``do_sample``; default 0.1.
        top_p: With ``do_sample``; default 0.9.

    Returns:
        The answer, and what it took.

    Raises:
        VideoMissing, VideoUnreadable, VideoEmpty, VideoTooLarge, VideoTimeout: If the video cannot be read.
        OutOfMemory: If the clip does not fit.
    """
    began_s = time.perf_counter()
    frames = read_frames(video_path, SamplingConfig(num_frames=num_frames))
    read_s = time.perf_counter() - began_s
    config = GenerationConfig(max_new_tokens=max_new_tokens, do_sample=do_sample, temperature=temperature, top_p=top_p)
    request = Request(turns=(Turn("user", prompt),), frames=frames, key=str(video_path))
    [answer] = generate(_as_loaded(model, processor), [request], config)
    return answer.text, InferenceMetrics(
        generated_tokens=answer.num_new_tokens,
        generation_time=answer.generate_s,
        tokens_per_second=answer.num_new_tokens / answer.generate_s,
        read_time=read_s,
        preprocess_time=answer.preprocess_s,
        num_frames=frames.num_delivered,
        frame_indices=list(frames.indices),
        frame_times_s=list(frames.times_s),
        coverage=frames.coverage,
        prompt_tokens=answer.num_prompt_tokens,
        visual_tokens=answer.num_visual_tokens,
        mean_logprob=answer.mean_logprob,
        finish_reason=answer.finish_reason,
    )


def _as_loaded(model: Any, processor: Any) -> LoadedModel:
    """Return what belongs to ``model``; for one that was loaded elsewhere, found by its type."""
    if model in _loaded and _loaded[model].processor is processor:
        return _loaded[model]
    family = find_family(model.config.model_type, "the model in memory")
    parameter = next(model.parameters())
    identity = ModelIdentity("in memory", config_sha256="", weights_sample_sha256="")
    return LoadedModel(model, processor, family, "in memory", parameter.device, parameter.dtype, identity)
