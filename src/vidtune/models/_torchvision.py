"""Let torchvision be imported beside a CPU build of torch.

The registry's torchvision is built for CUDA. Beside a CPU torch its compiled operators cannot be loaded, and
``import torchvision`` then dies because two of them (``nms`` and ``qnms``) are given Python-side rules without
having been declared. transformers' video processors import torchvision, though all they use of it is
``transforms.v2.functional``, which is plain torch. Declaring the two operators (without an implementation) is enough.
"""

from __future__ import annotations

import importlib
from typing import Any

_OPERATORS = ("nms", "qnms")
_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"

_declared: list[Any] = []
"""Keeps the library alive: torch forgets the operators with the object that declared them."""


def ensure_torchvision() -> None:
    """Import torchvision, declaring its missing operators first where only that makes it importable.

    Call it before anything imports a video processor of transformers. It does nothing where torchvision is
    healthy, and a second call does nothing.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError as exc:
        import torch

        if torch.version.cuda is not None or "torchvision::nms" not in str(exc):
            raise
        library: Any = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        for operator in _OPERATORS:
            library.define(operator + _SIGNATURE)
        _declared.append(library)
        importlib.import_module("torchvision")
