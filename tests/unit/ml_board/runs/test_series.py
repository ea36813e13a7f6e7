"""Series for charts: nothing is lost whole, and no peak is lost in buckets."""

import json
from array import array
from math import isfinite, isnan, nan

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_board.runs.series import encode_binary, reduce, series_page
from mlgym_core.events.projections.columns import Points


def points(xs, values):
    return Points(xs=array("i", xs), values=array("d", values))


def decode_binary(data):
    """What a reader does that has only the words of `encode_binary`."""
    assert data[:4] == b"MLS1"
    header_bytes = int.from_bytes(data[4:8], "little")
    begin = 8 + header_bytes
    assert begin % 8 == 0
    header = json.loads(data[8:begin])
    for each in header["series"]:
        start, size = begin + each["start"], each["num_points"]
        names = ["min", "max", "last"] if each["bucketed"] else ["values"]
        each["epochs"] = np.frombuffer(data, "<i4", size, start).tolist()
        for place, name in enumerate(names, 1):
            each[name] = np.frombuffer(data, "<f4", size, start + 4 * size * place).tolist()
        end = start + 4 * size * (len(names) + 1)
    assert not header["series"] or end == len(data)
    return header


SERIES = st.lists(st.tuples(st.integers(0, 2**31 - 1), st.floats(width=32, allow_infinity=False)), max_size=60)


@given(given=SERIES, num_buckets=st.integers(1, 20))
def test_buckets_hold_the_least_the_greatest_and_the_last_of_all_points(given, num_buckets):
    by_x = dict(sorted(given))
    reduced = reduce(points(by_x, by_x.values()), num_buckets)
    if len(by_x) <= num_buckets:
        assert not reduced.is_bucketed
        np.testing.assert_array_equal(reduced.columns["values"], np.array(list(by_x.values())))
        return
    ends = reduced.xs.tolist()
    assert len(ends) <= num_buckets
    assert ends == sorted(set(ends))
    assert ends[-1] == max(by_x)
    start = -1
    for place, end in enumerate(ends):
        inside = [value for x, value in by_x.items() if start < x <= end]
        known = [value for value in inside if not isnan(value)]
        found = {name: float(column[place]) for name, column in reduced.columns.items()}
        assert found["last"] == inside[-1] or isnan(found["last"]) == isnan(inside[-1])
        assert (found["min"], found["max"]) == (min(known), max(known)) if known else isnan(found["min"])
        start = end


@pytest.mark.parametrize("num_buckets", [None, 2])
def test_the_binary_form_holds_what_json_holds(num_buckets):
    chosen = [
        (0, "val/f1", points(range(5), [0.5, nan, 0.25, 1e300, -0.5])),
        (7, "train/größe", points([3], [2.0])),
        (8, "val/f1", points([], [])),
    ]
    page = json.loads(msgspec.json.encode(series_page(12, chosen, num_buckets)))
    found = decode_binary(encode_binary(12, chosen, num_buckets))
    assert found["offset"] == page["offset"] == 12
    for binary, plain in zip(found["series"], page["series"], strict=True):
        del binary["start"]
        assert binary.keys() == plain.keys()
        for name, value in plain.items():
            if isinstance(value, list):
                drawn = [each if isfinite(each) else None for each in binary[name]]
                with np.errstate(over="ignore"):
                    narrow = np.array([nan if each is None else each for each in value], np.float32).tolist()
                assert drawn == [each if isfinite(each) else None for each in narrow]
            else:
                assert binary[name] == value


def test_a_whole_series_in_json_is_as_precise_as_it_was_published():
    page = series_page(1, [(0, "val/f1", points([0], [0.1]))], None)
    assert page.series[0].values == [0.1]
