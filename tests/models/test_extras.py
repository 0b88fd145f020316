from __future__ import annotations

import pytest

from vidtune.core.errors import ModelUnavailable
from vidtune.models._extras import require_package


def test_a_package_that_is_there_is_no_trouble():
    require_package("json", family="smolvlm", purpose="nothing")


def test_a_missing_package_is_named_with_the_extra_that_brings_it():
    with pytest.raises(ModelUnavailable, match=r"smolvlm needs the package no_such_package for its prompt") as caught:
        require_package("no_such_package", family="smolvlm", purpose="its prompt")

    assert "vidtune[families]" in caught.value.remedy
