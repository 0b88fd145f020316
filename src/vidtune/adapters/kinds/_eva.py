"""EVA (Paischer et al. 2024, arXiv 2410.07170), by PEFT: first matrices from the inputs of the layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def start_from_inputs(tuned: Any, batches: Iterable[Mapping[str, torch.Tensor]]) -> None:
    """Set every first matrix to the main directions of its layer's inputs, and spread the ranks by what they explain.

    Args:
        tuned: A PEFT model whose matrices were initialized with ``eva``.
        batches: Training batches on the model's device; they are gone through until the directions settle.
    """
    from peft.tuners.lora.eva import initialize_lora_eva_weights

    was_training = tuned.training
    tuned.eval()
    plain = [{name: value for name, value in batch.items() if name != "labels"} for batch in batches]
    initialize_lora_eva_weights(
        tuned,
        plain,
        prepare_model_inputs_fn=_mask_of,
        prepare_layer_inputs_fn=_rows_of,
        gather_distributed_inputs=False,
        show_progress_bar=False,
    )
    tuned.train(was_training)


def _mask_of(inputs: Mapping[str, Any], peft_config: Any) -> Any:
    """Return which tokens (B, T) are no padding."""
    return inputs["attention_mask"].bool()


def _rows_of(layer_input: Any, mask_bt: Any, layer_name: str) -> Any:
    """Return the inputs of a layer as rows (N, D). Only text layers see (B, T, D); there, padding is left out."""
    if isinstance(layer_input, tuple):
        layer_input = layer_input[0]
    if layer_input.ndim == 3 and layer_input.shape[:2] == mask_bt.shape:
        return layer_input[mask_bt.to(layer_input.device)]
    return layer_input.flatten(0, -2)
