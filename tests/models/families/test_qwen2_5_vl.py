from __future__ import annotations

from tests.models.families.contract import FamilyContract
from tests.models.families.tiny_qwen2_5_vl import make_tiny_folder


class TestQwen25VL(FamilyContract):
    name = "qwen2_5_vl"
    make_folder = staticmethod(make_tiny_folder)
