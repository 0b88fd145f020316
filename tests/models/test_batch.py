from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vidtune.models._batch import pad_rows


@given(rows=st.lists(st.lists(st.integers(1, 99), max_size=9), min_size=1, max_size=5), left=st.booleans())
def test_padding_keeps_every_row_at_its_side(rows: list[list[int]], left: bool):
    longest = max(len(row) for row in rows)

    padded = pad_rows(rows, 0, left=left).tolist()

    fill = [[0] * (longest - len(row)) for row in rows]
    assert padded == [blank + row if left else row + blank for row, blank in zip(rows, fill, strict=True)]
