"""What is said of one step: the curves of the log, and the note beside the progress bar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from vidtune.core.errors import OutOfMemory
from vidtune.inference import is_out_of_memory
from vidtune.training._errors import LossNotFinite, ModelCollapsed
from vidtune.training._journal import memory_mib


def step_curves(
    *,
    loss: float,
    learning_rate: float,
    grad_norm: float | None,
    num_samples: int,
    num_tokens: int,
    seconds: float,
    device_type: str,
) -> dict[str, float]:
    """Return the values of the curves of a step, as ``group/name``; without a gradient norm if it was left out."""
    return {
        "train/loss": loss,
        "train/learning_rate": learning_rate,
        **({} if grad_norm is None else {"train/grad_norm": grad_norm}),
        "speed/samples_per_s": num_samples / seconds,
        "speed/tokens_per_s": num_tokens / seconds,
        "memory/mib": memory_mib(device_type),
    }


def step_note(curves: dict[str, float], seconds_left: float) -> str:
    """Return what is shown of a step while it is the last one: loss, speed, memory, time left.

    Example:
        >>> curves = {"train/loss": 1.25, "speed/samples_per_s": 8.0, "speed/tokens_per_s": 720.0, "memory/mib": 512.0}
        >>> step_note(curves, 65.0)
        'loss 1.250, 8 samples/s, 720 tokens/s, 512 MiB, 1:05 left'
    """
    left_s = round(seconds_left)
    return (
        f"loss {curves['train/loss']:.3f}, {curves['speed/samples_per_s']:.0f} samples/s, "
        f"{curves['speed/tokens_per_s']:,.0f} tokens/s, {curves['memory/mib']:,.0f} MiB, "
        f"{left_s // 60}:{left_s % 60:02d} left"
    )


def not_finite(
    step: int, loss: float, grad_norm: float, sample_ids: Sequence[str], culprits: Sequence[str]
) -> LossNotFinite:
    """Return the error of a step that is not a number; ``culprits`` are the samples that alone already are not."""
    which = "each alone already of" if culprits else "of a step with"
    return LossNotFinite(
        f"step {step} has loss {loss} and gradient norm {grad_norm}, {which} the sample(s) "
        f"{', '.join(culprits or sample_ids)}.",
        "Look at these clips, lower optim.learning_rate, or set loop.precision to fp32; "
        "the last checkpoint before this step is whole.",
    )


@contextmanager
def naming_lack_of_memory(step: int, sample_ids: Sequence[str]) -> Iterator[None]:
    """Translate what devices raise when the memory for a step does not suffice.

    Raises:
        OutOfMemory: Naming the step, its samples, and settings that learn the same in less.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as exc:
        if not is_out_of_memory(exc):
            raise
        raise OutOfMemory(
            f"step {step} with the sample(s) {', '.join(sample_ids)} does not fit into memory: "
            f"{' '.join(str(exc).split())[:120]}.",
            "Halve loop.batch_size and double loop.accumulation (the same is learned), or set "
            "loop.gradient_checkpointing; a new run is needed for it.",
        ) from exc


def collapsed(text: str) -> ModelCollapsed:
    """Return the error that ends a run whose model has collapsed, as ``text`` says."""
    return ModelCollapsed(
        f"{text} (loop.watchdog.on_collapse is 'stop')",
        "Lower optim.learning_rate, or look at the data; with 'warn', in a new run, it goes on.",
    )
