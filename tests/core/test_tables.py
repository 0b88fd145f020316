import csv
import io

import pytest

from vidtune.core.tables import encode_csv


@pytest.mark.parametrize(
    "payload", ["=1+1", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=HYPERLINK("http://x")']
)
def test_no_cell_is_ever_a_formula(payload):
    text = encode_csv([payload], [{payload: payload}])

    for row in csv.reader(io.StringIO(text, newline="")):
        assert row[0].startswith("'")


def test_numbers_stay_numbers_and_what_is_missing_is_empty():
    text = encode_csv(["a", "b", "c", "d"], [{"a": -0.5, "b": None, "c": True, "d": ["x", "y"]}])

    assert text == 'a,b,c,d\n-0.5,,True,"x, y"\n'
