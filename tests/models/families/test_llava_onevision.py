from __future__ import annotations

from tests.models.families.contract import FamilyContract
from tests.models.families.tiny_llava_onevision import make_tiny_folder


class TestLlavaOnevision(FamilyContract):
    name = "llava_onevision"
    make_folder = staticmethod(make_tiny_folder)

    def corrected(self, rendered: str) -> str:
        """The real template opens an answer with a space more when the answer is there."""
        return rendered.replace("<|im_start|>assistant \n", "<|im_start|>assistant\n")
