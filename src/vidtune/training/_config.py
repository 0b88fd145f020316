"""What a training recipe can say. Importing this imports no torch."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from vidtune.adapters import AdapterConfig, adapter_kinds
from vidtune.config import CacheConfig, Config
from vidtune.core.errors import BadUsage
from vidtune.data import DataConfig
from vidtune.inference import ModelConfig
from vidtune.media import SamplingConfig
from vidtune.training._learning_config import LossConfig, OptimConfig
from vidtune.training._watch_config import TrackingConfig, WatchdogConfig

Grouping = Literal["label", "subject"]
Share = Annotated[float, Field(ge=0, le=1)]


class LimitsConfig(Config):
    """What may be left out of the data, and what preparing it may cost."""

    max_dropped_share: Share = 0.05
    """More samples than this share that cannot be used end the run with an error."""

    max_tokens: Annotated[int, Field(ge=16)] | None = None
    """Samples longer than this, media tokens included, are dropped and listed. None: only the model's own limit."""

    memory_mib: Annotated[int, Field(ge=0)] = 4096
    """Memory for decoded clips and prepared inputs. Samples beyond it are read again in every epoch."""

    feature_cache: CacheConfig = CacheConfig()
    """Whether features of a frozen vision tower are kept on disk, for the next run and for what exceeds the memory.
    They tell what the videos show."""


class LoopConfig(Config):
    """How long, in what portions and how precisely."""

    epochs: Annotated[int, Field(ge=1)] | None = None
    """Passes over the training samples. Give this or max_steps."""

    max_steps: Annotated[int, Field(ge=1)] | None = None
    """Optimizer steps. Give this or epochs."""

    batch_size: Annotated[int, Field(ge=1, le=4096)] = 8
    """Samples in one forward pass."""

    accumulation: Annotated[int, Field(ge=1, le=4096)] = 1
    """Forward passes in one optimizer step. The loss is averaged over all their supervised tokens."""

    precision: Literal["auto", "fp32", "tf32", "bf16", "fp16"] = "auto"
    """`bf16`: autocast over fp32 weights. `fp16`: the same with a scaled loss, for GPUs without bf16. `tf32`: fp32 with
    shorter products, on CUDA. `auto`: bf16 where the device computes it natively, else fp32."""

    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, about a third more time."""

    group_by_length: bool = True
    """Put samples of similar length into one batch, so that less is computed on padding."""

    share_prompts: bool = False
    """Put questions about one clip into one forward pass and read what their prompts begin with alike, the clip
    included, once for all of them. The loss is the same; a batch holds fewer clips. Refused where it would change what
    is learned: with dropout, with changed pixels, and for models and adapters that tell tokens apart by their place."""

    balance_by: Grouping | None = None
    """Let every label, or every subject, come up equally often: rare ones repeat, of frequent ones some are left out in
    an epoch. None: every sample once."""

    reuse_features: bool | None = None
    """Compute what a frozen vision tower makes of a clip once and keep it within limits.memory_mib, instead of in every
    epoch. None: wherever neither the pixels nor the tower or projector change. True where they do is an error."""

    num_threads: Annotated[int, Field(ge=1, le=256)] | None = None
    """CPU threads of torch. None: torch's own choice. Runs are repeated to the last bit with 1 thread in fp32."""

    sharding: Literal["none", "fsdp2", "zero2", "zero3"] = "none"
    """What several processes hold. `none`: each the whole model. `fsdp2`: each a part of all weights, gradients and
    moments, by torch. `zero2`, `zero3`: by DeepSpeed (extra `deepspeed`); 2 leaves the weights whole."""

    log_every_steps: Annotated[int, Field(ge=1)] = 1
    """Every how many steps the log keeps a line."""

    tracking: TrackingConfig = TrackingConfig()
    """Where curves are shown."""

    watchdog: WatchdogConfig = WatchdogConfig()
    """What is done about a run that learns nothing or stands still."""

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.epochs is None) == (self.max_steps is None):
            raise ValueError(f"epochs={self.epochs} and max_steps={self.max_steps}: set exactly one of them.")
        return self


class EvaluationConfig(Config):
    """When the model is measured during training, on what, and what follows from it."""

    every_steps: Annotated[int, Field(ge=1)] | None = None
    """Measure every so many steps. None, with every_epochs None too: only at the end."""

    every_epochs: Annotated[int, Field(ge=1)] | None = None
    """Measure at the end of every so many epochs."""

    limit: Annotated[int, Field(ge=1)] | None = 64
    """How many of the held-out samples, chosen once by the seed. None: all."""

    generate: bool = True
    """Let the model answer and score its answers; otherwise only the loss on the true answers."""

    max_new_tokens: Annotated[int, Field(ge=1, le=4096)] = 64
    """Longest answer when measuring."""

    metric: str = "loss"
    """The measure that decides which weights are best: `loss`, or one of the generated metrics."""

    greater_is_better: bool | None = None
    """Direction of the metric. None: less is better for `loss`, more for everything else."""

    patience: Annotated[int, Field(ge=1)] | None = None
    """Stop after this many measurements without a better one. None: never."""

    keep_best: bool = True
    """The run's result is the best weights measured; otherwise the last ones."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.every_steps is not None and self.every_epochs is not None:
            raise ValueError("every_steps and every_epochs are both set: set one of them.")
        if self.patience is not None and self.every_steps is None and self.every_epochs is None:
            raise ValueError(
                f"patience={self.patience} has no effect with one measurement: set every_steps or _epochs."
            )
        if self.metric != "loss" and not self.generate:
            raise ValueError(f"metric={self.metric!r} needs answers: set generate to true, or metric to 'loss'.")
        return self

    @property
    def is_greater_better(self) -> bool:
        """Whether a larger value of the metric is the better one."""
        return self.metric != "loss" if self.greater_is_better is None else self.greater_is_better


class AugmentationConfig(Config):
    """Random changes of the pixels while training. All off by default; one draw for a whole clip."""

    versions: Annotated[int, Field(ge=1, le=1000)] | None = None
    """How many versions of each clip there are, the unchanged one first, taken in turn from epoch to epoch. They are
    prepared once and kept, with the features that a frozen tower makes of them. None: a new one in every epoch."""

    brightness: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Largest shift of brightness, as a share of full scale."""

    contrast: Annotated[float, Field(ge=0, le=0.9)] = 0.0
    """Largest relative change of contrast around the clip's mean."""

    crop: Annotated[float, Field(ge=0, le=0.3)] = 0.0
    """Largest share cut from each side before scaling back to the clip's size."""

    flip: Share = 0.0
    """How often a clip is mirrored. The words left and right change places in question and answer."""

    corruptions: tuple[str, ...] = ()
    """Damages that may happen to a clip, one at a time, as `vidtune data degrade --corrupt` names them: `jpeg:1-3`,
    `noise:2`, `frame_drop:1-2`."""

    corruption_share: Share | None = None
    """How often a clip is damaged, with one line of `corruptions` as likely as another. None: half of the time."""

    @field_validator("corruptions")
    @classmethod
    def _corruptions_are_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        # The room of damages loads OpenCV; a recipe without any should not.
        from vidtune.media.corruption import read_corruptions

        for spec in value:
            try:
                read_corruptions(spec)
            except BadUsage as exc:
                raise ValueError(str(exc)) from exc
        return value

    @model_validator(mode="after")
    def _share_has_an_effect(self) -> Self:
        if self.corruption_share is not None and not self.corruptions:
            raise ValueError(f"corruption_share={self.corruption_share} has no effect without corruptions: name some.")
        return self

    @property
    def effective_corruption_share(self) -> float:
        """How often a clip is damaged."""
        if not self.corruptions:
            return 0.0
        return 0.5 if self.corruption_share is None else self.corruption_share

    @property
    def is_active(self) -> bool:
        """Whether any change is switched on."""
        return any((self.brightness, self.contrast, self.crop, self.flip, self.effective_corruption_share))


class SaveConfig(Config):
    """How often a run can be taken up again, and at what cost on disk."""

    every_steps: Annotated[int, Field(ge=1)] | None = None
    """Write a checkpoint every so many steps. None: at the end of each epoch."""

    keep: Annotated[int, Field(ge=1, le=100)] = 2
    """How many checkpoints stay. Two or more: a damaged newest one costs only the steps between."""


class TrainConfig(Config):
    """One training run, complete: the recipe from which it can be repeated."""

    model: ModelConfig = ModelConfig()
    """The base model that is adapted."""

    data: DataConfig
    """Samples whose answers are learned."""

    eval_data: DataConfig | None = None
    """Held-out samples that it is measured on while it learns; never learned from."""

    limits: LimitsConfig = LimitsConfig()
    """What may be left out of the data, and what preparing it may cost."""

    sampling: SamplingConfig = SamplingConfig()
    """Which frames of a clip it sees."""

    max_side_px: Annotated[int, Field(ge=16)] | None = None
    """Scale frames down on reading so that the longer side has at most this. None: the model's processor decides."""

    frame_cache: CacheConfig = CacheConfig()
    """Whether decoded frames are kept on disk for the next run. They show what the videos show."""

    adapter: AdapterConfig = AdapterConfig()
    """Which weights change."""

    optim: OptimConfig = OptimConfig()
    """How they change."""

    loss: LossConfig = LossConfig()
    """What a wrong token costs."""

    loop: LoopConfig = LoopConfig(epochs=3)
    """For how long."""

    evaluation: EvaluationConfig | None = None
    """How it is measured on the way, on eval_data. None: not at all."""

    augmentation: AugmentationConfig = AugmentationConfig()
    """Random changes of the pixels."""

    save: SaveConfig = SaveConfig()
    """Checkpoints."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Order of samples, adapter initialisation, dropout and augmentation follow from it."""

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        reached = {*self.adapter.modalities, *self.adapter.modules_to_train}
        for modality, multiplier in (
            ("vision", self.optim.vision_lr_multiplier),
            ("projector", self.optim.projector_lr_multiplier),
            ("audio", self.optim.audio_lr_multiplier),
        ):
            if multiplier != 1.0 and modality not in reached:
                raise ValueError(
                    f"optim.{modality}_lr_multiplier={multiplier} has no effect: adapter.modalities is "
                    f"{sorted(reached)}. Add {modality!r} there or leave the multiplier at 1."
                )
        for name, term in self.loss.terms.items():
            if term.features == "input" and not reached & {"vision", "projector"}:
                raise ValueError(
                    f"loss.terms.{name}.features='input' has no effect: neither vision nor projector is trained. "
                    "Add one to adapter.modalities, or take 'output'."
                )
        against = [
            *["adapter.dropout, one draw for all questions of a clip"]
            * ("dropout" in adapter_kinds.get(self.adapter.kind).uses and self.adapter.dropout > 0),
            *["augmentation, which changes the clip for each of its questions"] * self.augmentation.is_active,
            *["loss.terms, which look at the frames of every sample"] * bool(self.loss.terms),
        ]
        if self.loop.share_prompts and against:
            raise ValueError(f"loop.share_prompts does not go with {', nor with '.join(against)}.")
        if self.eval_data is None and self.evaluation is not None:
            raise ValueError("evaluation is set but eval_data is not: name held-out samples, or drop evaluation.")
        if self.eval_data is not None and self.evaluation is None:
            raise ValueError("eval_data is set but evaluation is null: say how to measure, or drop eval_data.")
        return self
