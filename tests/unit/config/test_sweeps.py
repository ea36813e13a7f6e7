import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgym_core.config.nodes import Mapping, from_plain, to_plain
from mlgym_core.config.sweeps import expand
from mlgym_core.config.yaml_reader import load_yaml
from mlgym_core.errors import ConfigError, Place


def points(text: str, limit: int = 10_000) -> list[Any]:
    return [to_plain(each.tree) for each in expand(load_yaml(text, "gs.yml"), limit)]


def faults(text: str, limit: int = 10_000) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        points(text, limit)
    return [str(each) for each in raised.value.diagnostics]


def test_the_reference_grid_has_its_nine_experiments_in_order() -> None:
    text = """
p_1: 1
p_2: {sweep: [2, 3, 4]}
p_3: {sweep: [{p_3.1: XYZ}, {p_3.1: {sweep: [6, 7]}}]}
p_4: [12, 13]
"""
    expected = [
        {"p_1": 1, "p_2": p_2, "p_3": {"p_3.1": inner}, "p_4": [12, 13]} for p_2 in (2, 3, 4) for inner in ("XYZ", 6, 7)
    ]
    assert points(text) == expected


def test_a_tree_without_sweeps_is_one_point() -> None:
    assert points("a: [1, 2]\nb: {c: []}") == [{"a": [1, 2], "b": {"c": []}}]


def test_the_first_sweep_of_the_file_varies_slowest_wherever_it_stands() -> None:
    found = points("z: [0, {sweep: [1, 2]}]\na: {b: {sweep: [x, y]}}")
    assert [(each["z"][1], each["a"]["b"]) for each in found] == [(1, "x"), (1, "y"), (2, "x"), (2, "y")]


def test_a_sweep_may_choose_whole_subtrees_that_hold_sweeps() -> None:
    text = "optimizer: {choice: [{use: adam, lr: {sweep: [1, 2]}}, {use: sgd}]}"
    assert [each["optimizer"] for each in points(text)] == [
        {"use": "adam", "lr": 1},
        {"use": "adam", "lr": 2},
        {"use": "sgd"},
    ]


def test_an_anchored_sweep_varies_at_each_place_by_itself() -> None:
    assert len(points("a: &s {sweep: [1, 2]}\nb: *s")) == 4


@pytest.mark.parametrize(
    ("sweep", "values"),
    [
        ("{range: [0, 3]}", [0, 1, 2]),
        ("{range: [1, 10, 4]}", [1, 5, 9]),
        ("{range: [3, 0, -1]}", [3, 2, 1]),
        ("{range: [0, 1, 0.25]}", [0.0, 0.25, 0.5, 0.75]),
        ("{range: [0.1, 0.5, 0.1]}", [0.1, 0.2, 0.3, 0.4]),
        ("{range: {start: 2, stop: 4}}", [2, 3]),
        ("{logspace: [1e-4, 1e-1, 4]}", [1e-4, 1e-3, 1e-2, 1e-1]),
        ("{logspace: {start: 8, stop: 1, num: 4}}", [8.0, 4.0, 2.0, 1.0]),
        ("{logspace: [0.5, 9, 1]}", [0.5]),
    ],
)
def test_ranges_give_the_values_that_one_would_write(sweep: str, values: list[float]) -> None:
    found = [each["a"] for each in points(f"a: {sweep}")]
    assert found == values
    assert [type(each) for each in found] == [type(each) for each in values]


def test_choices_say_what_was_chosen_at_each_path() -> None:
    text = "b: {sweep: [1, 2]}\nmodel: {choice: [mlp, {use: conv, hidden: {sweep: [3, 4]}}]}"
    found = [each.choices for each in expand(load_yaml(text, "gs.yml"), 10)]
    assert found[0] == {"b": 1, "model": "mlp"}
    assert found[2] == {"b": 1, "model": "conv(hidden=4)", "model.hidden": 4}


def test_what_no_sweep_touches_is_shared_by_the_points() -> None:
    first, second = expand(load_yaml("a: {sweep: [1, 2]}\nb: {c: [1, 2, 3]}", "gs.yml"), 10)
    assert first.tree["b"] is second.tree["b"]


class TestZip:
    def test_zipped_sweeps_are_walked_together_where_the_first_of_them_stands(self) -> None:
        text = "run: {zip: [b, a.x]}\na: {x: {sweep: [1, 2]}}\nc: {sweep: [7, 8]}\nb: {sweep: [3, 4]}"
        found = [(each["a"]["x"], each["c"], each["b"]) for each in points(text)]
        assert found == [(1, 7, 3), (1, 8, 3), (2, 7, 4), (2, 8, 4)]

    def test_several_groups_form_a_product(self) -> None:
        text = "run: {zip: [[a, b], [c, d]]}\n" + "\n".join(f"{name}: {{sweep: [1, 2]}}" for name in "acbd")
        found = [(each["a"], each["b"], each["c"], each["d"]) for each in points(text)]
        assert found == [(1, 1, 1, 1), (1, 1, 2, 2), (2, 2, 1, 1), (2, 2, 2, 2)]

    def test_an_item_of_a_zipped_sweep_may_hold_sweeps(self) -> None:
        text = "run: {zip: [a, b]}\na: {sweep: [1, 2]}\nb: {choice: [{c: {sweep: [5, 6]}}, 9]}"
        assert [(each["a"], each["b"]) for each in points(text)] == [(1, {"c": 5}), (1, {"c": 6}), (2, 9)]

    @pytest.mark.parametrize(
        ("text", "fault"),
        [
            ("run: {zip: [a, b]}\na: {sweep: [1]}\nb: {sweep: [1, 2]}", "gs.yml:1:12: MG222 sweeps that are zipped"),
            ("run: {zip: [aa, b]}\na: {sweep: [1]}\nb: {sweep: [1]}", "gs.yml:1:13: MG222 `zip` names 'aa'"),
            ("run: {zip: [a, b]}\na: 1\nb: {sweep: [1]}", "gs.yml:1:13: MG222 `zip` names 'a', where no sweep"),
            ("run: {zip: [a]}\na: {sweep: [1]}", "gs.yml:1:12: MG222 `zip` takes"),
            ("run: {zip: a}\na: {sweep: [1]}", "gs.yml:1:12: MG222 `zip` takes"),
            ("run: {zip: [[a, b], [b, a]]}\na: {sweep: [1]}\nb: {sweep: [1]}", "gs.yml:1:21: MG222 `zip` names 'b' tw"),
        ],
    )
    def test_what_cannot_be_zipped_is_an_error(self, text: str, fault: str) -> None:
        assert faults(text)[0].startswith(fault)


class TestBadSweeps:
    def test_all_of_them_are_told_at_once(self) -> None:
        text = """
a: {sweep: []}
b: {sweep: 3}
c: {range: [0, 5, 0]}
d: {range: [5, 0]}
e: {range: {start: 1, stopp: 3}}
f: {logspace: [-1, 2, 3]}
g: {logspace: [1, 2, 2.5]}
h: {range: [a, 3]}
i: {choice: []}
"""
        found = faults(text)
        assert [each.partition(" MG220 ")[0] for each in found] == [f"gs.yml:{line}:{column}:" for line, column in [
            (2, 12), (3, 12), (4, 12), (5, 12), (6, 12), (7, 15), (8, 15), (9, 12), (10, 13)
        ]]  # fmt: skip
        assert "no value to choose from" in found[0]
        assert "did you mean 'stop'?" in found[4]

    def test_a_grid_of_a_million_says_how_many_and_which_option_allows_it(self) -> None:
        text = "a: {range: [0, 1000]}\nb: {range: [0, 1000]}"
        [fault] = faults(text)
        assert "MG221 the grid has 1,000,000 experiments, but at most 10,000 are allowed" in fault
        assert "--max_experiments" in fault

    def test_one_sweep_over_the_limit_says_so_before_it_is_made(self) -> None:
        [fault] = faults("a: {range: [0, 1000000000000000]}")
        assert fault.startswith("gs.yml:1:12: MG221 `range`: it alone makes 1,000,000,000,000,000 experiments")
        assert "--max_experiments" in fault

    def test_the_limit_itself_is_allowed(self) -> None:
        assert len(points("a: {range: [0, 12]}", limit=12)) == 12
        assert faults("a: {range: [0, 3]}\nb: {range: [0, 5]}", limit=14)


LEAVES = st.integers(0, 9) | st.sampled_from(["x", "y"])


def trees(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return (
        st.lists(children, max_size=3)
        | st.dictionaries(st.sampled_from("abcd"), children, max_size=3)
        | st.lists(children, min_size=1, max_size=3).map(lambda items: {"sweep": items})
    )


def alternatives(value: Any) -> list[Any]:
    """All that a plain value stands for, by the definition: every child's alternatives, the first child slowest."""
    if isinstance(value, dict) and list(value) == ["sweep"]:
        return [found for item in value["sweep"] for found in alternatives(item)]
    if isinstance(value, dict):
        return [dict(zip(value, each, strict=True)) for each in itertools.product(*map(alternatives, value.values()))]
    if isinstance(value, list):
        return [list(each) for each in itertools.product(*map(alternatives, value))]
    return [value]


@given(st.dictionaries(st.sampled_from("pqr"), st.recursive(LEAVES, trees, max_leaves=8), min_size=2, max_size=3))
def test_a_grid_is_the_product_of_what_its_parts_stand_for(plain: dict[str, Any]) -> None:
    expected = alternatives(plain)
    tree = from_plain(plain, Place(file="gs.yml", line=1, column=1))
    assert isinstance(tree, Mapping)
    assert [to_plain(each.tree) for each in expand(tree, 100_000)] == expected
    if len(expected) > 1:
        with pytest.raises(ConfigError, match=f"MG221 the grid has {len(expected):,} experiments"):
            expand(tree, len(expected) - 1)


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(-7, 7).filter(bool))
def test_whole_ranges_are_those_of_python(start: int, stop: int, step: int) -> None:
    expected = list(range(start, stop, step))
    text = f"a: {{range: [{start}, {stop}, {step}]}}"
    if expected:
        assert [each["a"] for each in points(text)] == expected
    else:
        assert "no value" in faults(text)[0]


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 20))
def test_a_logspace_begins_and_ends_where_it_says_with_equal_ratios(start: float, stop: float, num: int) -> None:
    values = [each["a"] for each in points(f"a: {{logspace: [{start!r}, {stop!r}, {num}]}}")]
    assert (values[0], values[-1], len(values)) == (start, stop, num)
    ratio = (stop / start) ** (1 / (num - 1))
    for before, after in itertools.pairwise(values):
        assert math.isclose(after / before, ratio, rel_tol=1e-9)
