import pickle

import pytest

from mlgym_core.config.nodes import Mapping, from_plain, to_plain
from mlgym_core.config.sweeps import expand
from mlgym_core.config.yaml_reader import load_yaml
from mlgym_core.errors import Place

HERE = Place(file="config", line=0, column=0)


def test_a_plain_value_comes_back_as_it_was() -> None:
    value = {"a": [1, 2.5, None, True, "x"], "b": {"c": []}}
    assert to_plain(from_plain(value, HERE)) == value


def test_what_yaml_could_not_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="object has no place"):
        from_plain({"a": object()}, HERE)


def test_a_changed_mapping_leaves_the_old_one_as_it_was() -> None:
    tree = load_yaml("a: 1\nb: 2", "gs.yml")
    changed = tree.with_entry("a", tree["b"]).without("b")
    assert to_plain(changed) == {"a": 2}
    assert to_plain(tree) == {"a": 1, "b": 2}
    assert changed.key_place("a").line == 1


def test_trees_and_points_cross_to_other_processes() -> None:
    [point] = expand(load_yaml("a: [1, {b: c}]", "gs.yml"), 1)
    again = pickle.loads(pickle.dumps(point))
    assert again == point
    assert isinstance(again.tree, Mapping)
