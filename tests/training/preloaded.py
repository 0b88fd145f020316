"""What a training imports, for the process that others are forked from: it takes five times as long as the training."""

from importlib import import_module

from vidtune.models import ensure_torchvision

ensure_torchvision()
for name in ("peft", "torch.utils.tensorboard", "transformers.models.qwen2_vl.modeling_qwen2_vl"):
    import_module(name)
for name in ("tests.training.child", "tests.training.mixed_child"):
    import_module(name)
