"""One thread, and readable failures from the shared contract."""

from __future__ import annotations

import pytest
import torch

pytest.register_assert_rewrite("tests.models.families.contract")

torch.set_num_threads(1)
