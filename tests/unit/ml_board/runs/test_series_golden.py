"""The bytes that the front end's own tests read are what the series route sends."""

from array import array
from math import inf, nan
from pathlib import Path

import pytest

from ml_board.runs.series import encode_binary
from mlgym_core.events.projections.columns import Points

GOLDEN = Path(__file__).parents[3] / "golden/series"
CHOSEN = [
    (0, "val/f1", Points(xs=array("i", [0, 1, 2]), values=array("d", [0.5, nan, 0.75]))),
    (11, "val/größe", Points(xs=array("i", range(10)), values=array("d", [1, -4, 2, 3, 8, nan, 6, 5, 4, inf]))),
    (12, "loss", Points(xs=array("i"), values=array("d"))),
]


@pytest.mark.parametrize(("name", "num_buckets"), [("whole", None), ("buckets", 4)])
def test_the_golden_bytes_are_those_of_today(name, num_buckets):
    assert (GOLDEN / f"{name}.bin").read_bytes() == encode_binary(42, CHOSEN, num_buckets)
