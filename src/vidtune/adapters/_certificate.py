"""Merge with a numeric certificate: how far the merged model's answers are from the tuned model's, measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from vidtune.adapters._lifecycle import merge_adapter


@dataclass(frozen=True)
class MergeCertificate:
    """Logits of the merged model against those of the model with its adapter, on the same batch."""

    max_abs_difference: float
    mean_abs_difference: float
    same_best_token: float
    """Share of positions at which both find the same token most likely."""

    num_tokens: int
    """Positions compared; padding is left out."""

    dtype: str
    """Number format of the merged weights: the difference is rounding, so it depends on it."""

    def to_record(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def certify_merge(model: Any, batch: Mapping[str, Any]) -> tuple[Any, MergeCertificate]:
    """Merge the adapter of ``model`` and measure what that changed.

    Args:
        model: With its adapter on; used up.
        batch: Inputs of the model on its device, as ``family.encode_prompts`` makes them; the more, the better.

    Returns:
        The merged model, and the certificate.
    """
    before = _logits(model, batch)
    merged = merge_adapter(model)
    after = _logits(merged, batch)
    difference = (before - after).abs()
    certificate = MergeCertificate(
        max_abs_difference=float(difference.max()),
        mean_abs_difference=float(difference.mean()),
        same_best_token=float((before.argmax(-1) == after.argmax(-1)).float().mean()),
        num_tokens=len(before),
        dtype=str(next(merged.parameters()).dtype).removeprefix("torch."),
    )
    return merged, certificate


def _logits(model: Any, batch: Mapping[str, Any]) -> Any:
    """Return the logits at every token that is not padding, (tokens, vocabulary), in float32."""
    import torch

    inputs = {name: value for name, value in batch.items() if name != "labels"}
    was_training = model.training
    model.eval()
    with torch.no_grad():
        logits = model(**inputs, use_cache=False).logits
    model.train(was_training)
    return logits[inputs["attention_mask"].bool()].float()
