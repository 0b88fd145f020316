"""What only training can run into."""

from __future__ import annotations

from vidtune.core.errors import BadData, BadUsage, TryAgain


class LossNotFinite(BadData):
    """The loss or a gradient became NaN or infinite; the samples of that step are named."""

    code = "loss_not_finite"


class TooManyDropped(BadData):
    """More samples than allowed cannot be used."""

    code = "too_many_dropped"


class ModelCollapsed(BadData):
    """The model answers everything alike, or has no gradient left, and the recipe says to stop then."""

    code = "model_collapsed"


class TrainingHung(TryAgain):
    """Nothing happened for longer than the recipe allows."""

    code = "training_hung"


class NotSharded(BadUsage):
    """The model was to be laid out over several processes, and is not."""

    code = "not_sharded"
