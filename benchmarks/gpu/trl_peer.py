"""The loss as TRL's SFTTrainer computes it, in its own code. The only file here that imports trl."""

from __future__ import annotations

import tempfile
from typing import Any

import torch

from vidtune.models import LoadedModel


class TrlLoss:
    """A trainer that is asked for the loss of one batch at a time.

    Args:
        loaded: The model that the batches are for; the trainer is given it with its adapter at the first call.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self._trainer: Any = None

    def __call__(self, model: Any, batch: dict[str, Any]) -> torch.Tensor:
        """Return the loss of ``batch``."""
        if self._trainer is None:
            self._trainer = self._make_trainer(model)
        loss: torch.Tensor = self._trainer.compute_loss(model, dict(batch))
        return loss

    def _make_trainer(self, model: Any) -> Any:
        from datasets import Dataset
        from datasets.table import InMemoryTable
        from trl import SFTConfig, SFTTrainer

        on_gpu = self._loaded.device.type == "cuda"
        settings = SFTConfig(
            output_dir=tempfile.mkdtemp(prefix="trl-"),
            max_steps=1,
            per_device_train_batch_size=1,
            gradient_checkpointing=True,
            gradient_checkpointing_kwargs={"use_reentrant": False},
            bf16=on_gpu,
            use_cpu=not on_gpu,
            report_to="none",
            remove_unused_columns=False,
            dataset_kwargs={"skip_prepare_dataset": True},
            max_length=None,
        )
        # It wants a data set, and is never asked to read it.
        rows = Dataset(InMemoryTable.from_pydict({"input_ids": [[0]], "labels": [[0]]}), fingerprint="one-row")
        return SFTTrainer(
            model=model,
            args=settings,
            train_dataset=rows,
            data_collator=lambda found: found,
            processing_class=self._loaded.processor,
        )
