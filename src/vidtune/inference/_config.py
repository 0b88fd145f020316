"""What a prediction recipe can say. Importing this imports no torch."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from vidtune.adapters.quantizers import quantizers
from vidtune.config import CacheConfig, Config
from vidtune.data import DataConfig
from vidtune.media import ReadLimits, SamplingConfig

PINNED_SOURCE = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}")
"""A hub id that cannot change under its name: with a whole commit behind it."""


class ModelConfig(Config):
    """Which model, and where it runs."""

    source: str = "nano"
    """`nano`, a hub id `owner/name[@revision]`, or a folder: of a model, of an adapter, or of a training run."""

    device: str = "auto"
    """`auto` (CUDA, then MPS, then CPU), `cpu`, `cuda`, `cuda:N` or `mps`."""

    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Number format of the weights. `auto`: bfloat16 on CUDA, float32 elsewhere."""

    max_pixels: Annotated[int, Field(ge=1)] | None = None
    """Cap on the pixels of one frame as the model sees it; fewer are fewer tokens. None: the checkpoint's own."""

    attn_implementation: Literal["auto", "sdpa", "flash", "eager"] = "auto"
    """What computes attention. `auto`: flash attention where it is installed and can be used (CUDA, 16 bit), else
    torch's sdpa; in training on a CPU, texts of up to 512 tokens attend by plain products, whose backward pass is
    faster there. `eager`: plain products everywhere."""

    device_map: Literal["auto", "balanced", "sequential"] | dict[str, int | str] | None = None
    """Spread one model over several devices, as accelerate does. None: all of it on `device`."""

    remote_code: bool = False
    """Run Python code that comes with the checkpoint. Only from a hub id with a pinned commit of 40 digits."""

    @model_validator(mode="after")
    def _remote_code_is_pinned(self) -> Self:
        if self.remote_code and PINNED_SOURCE.fullmatch(self.source) is None:
            raise ValueError(
                f"remote_code is true and source is {self.source!r}: code is only run from a pinned commit, "
                "owner/name@<40 hexadecimal digits>."
            )
        return self

    @model_validator(mode="after")
    def _one_way_to_place_it(self) -> Self:
        if self.device_map is not None and self.device != "auto":
            raise ValueError(f"device={self.device!r} has no effect with device_map={self.device_map!r}: choose.")
        return self


class GenerationConfig(Config):
    """How an answer is written."""

    max_new_tokens: Annotated[int, Field(ge=1, le=32768)] = 64
    """Longest answer in tokens, the end token included."""

    do_sample: bool = False
    """Draw tokens at random; otherwise always take the most probable one (greedy)."""

    temperature: Annotated[float, Field(gt=0, le=10)] | None = None
    """Only with do_sample. Below 1 the probable tokens become more so. None: 0.1, as the QVED pipeline documents."""

    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    """Only with do_sample. Draw from the fewest tokens that together have this probability. None: 0.9, likewise."""

    seed: Annotated[int, Field(ge=0)] | None = None
    """Only with do_sample. What is drawn depends on the seed and the sample, not on the batch. None: 0."""

    repetition_penalty: Annotated[float, Field(gt=0, le=10)] = 1.0
    """Above 1, tokens that the prompt or the answer has already become less probable, as in transformers (CTRL,
    arXiv:1909.05858). The checkpoint's own setting is not used: Qwen2.5-VL, for one, comes with 1.05."""

    @model_validator(mode="after")
    def _sampling_settings_have_an_effect(self) -> Self:
        settings = {"temperature": self.temperature, "top_p": self.top_p, "seed": self.seed}
        idle = [name for name, value in settings.items() if value is not None]
        if idle and not self.do_sample:
            raise ValueError(
                f"{', '.join(idle)} has no effect while do_sample is false: set do_sample, or leave it out."
            )
        return self


class PredictConfig(Config):
    """One prediction run, complete: the recipe from which it can be repeated."""

    model: ModelConfig = ModelConfig()
    """The model that answers."""

    data: DataConfig
    """What it is asked."""

    sampling: SamplingConfig = SamplingConfig()
    """Which frames of a clip it sees."""

    generation: GenerationConfig = GenerationConfig()
    """How it answers."""

    limits: ReadLimits = ReadLimits()
    """What one clip may cost."""

    max_side_px: Annotated[int, Field(ge=16)] | None = None
    """Scale frames down on reading so that the longer side has at most this. None: the model's processor decides."""

    augment: str | None = None
    """Change the pictures of every clip before the model sees them, for test-time augmentation: one corruption, e.g.
    `mirror` (left and right change places in the words too) or `brightness:1`. None: as they are."""

    frame_cache: CacheConfig = CacheConfig()
    """Whether decoded frames are kept on disk for the next run."""

    quantization: str = "none"
    """How the base model is stored: `none`, `nf4` (4 bits), `int8`, or with torchao `int8-weight-only`, `int8-dynamic`,
    `int4` (CUDA). A QLoRA adapter brings its own."""

    batch_size: Annotated[int, Field(ge=1, le=1024)] = 32
    """Clips answered together. Halved by itself while memory is short."""

    num_readers: Annotated[int, Field(ge=1, le=64)] = 1
    """Threads that decode clips ahead of the model."""

    num_threads: Annotated[int, Field(ge=1, le=256)] | None = None
    """CPU threads of torch. None, on a CPU: one for each core that no reader needs; more slow each other down."""

    save_strips: bool = True
    """Keep one small picture a clip of exactly the frames that the model saw."""

    retry: Literal["none", "temporary", "all"] = "none"
    """Which error records of an earlier attempt are asked again: `temporary` are out of memory and timeouts."""

    condition: str | None = None
    """Show or play something else than the clips, to learn whether the model looks and listens: `blank`, `shuffled`,
    `reversed`, `wrong_video`, `single_frame`, `text_only`, `silence` or `shuffled_sound`. None: the clips as they
    are."""

    @field_validator("condition")
    @classmethod
    def _condition_is_known(cls, value: str | None) -> str | None:
        from vidtune.inference._condition import probe_conditions

        if value is not None and value not in probe_conditions.names():
            raise ValueError(f"no such condition; known: {', '.join(probe_conditions.names())}")
        return value

    @field_validator("quantization")
    @classmethod
    def _quantization_is_known(cls, value: str) -> str:
        known = ["none", *(name for name in quantizers.names() if not quantizers.get(name).needs_calibration)]
        if value not in known:
            raise ValueError(f"no such quantization; known: {', '.join(known)}")
        return value
