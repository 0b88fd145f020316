from __future__ import annotations

import pytest
import torch

from vidtune.models import ensure_torchvision


def test_transforms_can_be_used_beside_a_cpu_torch():
    ensure_torchvision()
    ensure_torchvision()
    from torchvision.transforms.v2 import functional

    assert functional.resize(torch.zeros(3, 8, 8), [4, 4]).shape == (3, 4, 4)


def test_another_failure_of_torchvision_is_not_hidden(monkeypatch: pytest.MonkeyPatch):
    from vidtune.models import _torchvision

    def fail(name: str) -> None:
        raise RuntimeError("something else is broken")

    monkeypatch.setattr(_torchvision.importlib, "import_module", fail)

    with pytest.raises(RuntimeError, match="something else is broken"):
        _torchvision.ensure_torchvision()
