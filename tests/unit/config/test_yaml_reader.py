from pathlib import Path

import pytest

from mlgym_core.config.nodes import Mapping, Scalar, to_plain
from mlgym_core.config.yaml_reader import MAX_DEPTH, load_yaml, parse_value, read_yaml
from mlgym_core.errors import ConfigError, Place


def read(text: str) -> object:
    return to_plain(load_yaml(text, "gs.yml"))


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load_yaml(text, "gs.yml")
    return [str(each).partition("\n")[0] for each in raised.value.diagnostics]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5),
        ("1.0e-5", 1e-5),
        ("-.5", -0.5),
        ("3.", 3.0),
        ("3", 3),
        ("010", 10),
        ("0x1f", 31),
        ("0o17", 15),
        ("1_000", "1_000"),
        ("on", "on"),
        ("yes", "yes"),
        ("off", "off"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("null", None),
        ('"1"', "1"),
        ("2024-01-01", "2024-01-01"),
        ("!!str 3", "3"),
        ("!!float 3", 3.0),
        ("$data.train", "$data.train"),
    ],
)
def test_a_word_means_what_yaml_1_2_says(text: str, value: object) -> None:
    found = load_yaml(f"it: {text}", "gs.yml")["it"]
    assert isinstance(found, Scalar)
    assert found.value == value
    assert type(found.value) is type(value)


def test_every_node_and_key_knows_its_place() -> None:
    tree = load_yaml("model:\n  use: mlp\n  sizes: [64,\n    10]\n", "gs.yml")
    model = tree["model"]
    assert isinstance(model, Mapping)
    assert str(tree.key_place("model")) == "gs.yml:1:1"
    assert str(model.key_place("sizes")) == "gs.yml:3:3"
    assert str(model["use"].place) == "gs.yml:2:8"
    sizes = model["sizes"]
    assert [str(each.place) for each in sizes.items] == ["gs.yml:3:11", "gs.yml:4:5"]  # type: ignore[union-attr]


def test_an_alias_stands_for_what_its_anchor_holds_and_keeps_that_place() -> None:
    tree = load_yaml("a: &here {x: 1}\nb: *here\n", "gs.yml")
    assert to_plain(tree["b"]) == {"x": 1}
    assert tree["b"].place.line == 1


def test_merged_keys_come_first_and_give_way_to_own_ones_and_to_earlier_ones() -> None:
    merged = read("a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {z: 3, <<: [*a, *b], w: 3}\n")["c"]  # type: ignore[index]
    assert merged == {"x": 1, "y": 1, "z": 3, "w": 3}
    assert list(merged) == ["x", "y", "z", "w"]


def test_a_quoted_merge_key_is_an_ordinary_key() -> None:
    assert read('a: {"<<": 1}') == {"a": {"<<": 1}}


def test_a_bomb_of_aliases_is_one_error() -> None:
    lines = ["a: &a [" + "x," * 9 + "x]"]
    for name, before in zip("bcdefghi", "abcdefgh", strict=True):
        lines.append(f"{name}: &{name} [" + ",".join([f"*{before}"] * 10) + "]")
    assert len("\n".join(lines)) < 450
    assert faults("\n".join(lines)) == [
        "gs.yml:6:8: MG213 with its aliases expanded, the configuration has more than 200,000 values"
    ]


def test_depth_is_bounded() -> None:
    assert read("a: " + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1))
    assert faults("a: " + "[" * 100_000) == ["gs.yml:1:67: MG213 the configuration is nested deeper than 64 levels"]


def test_all_faults_are_told_at_once_in_the_order_of_the_file() -> None:
    text = "a: 1\na: 2\nb: {c: 1, c: 2}\nd: .inf\ne: !secret 3\nf: 99999999999999999999\ng: 1e999\n[h]: 1\n"
    assert faults(text) == [
        "gs.yml:2:1: MG212 the key 'a' stands twice: first in line 1 (column 1)",
        "gs.yml:3:11: MG212 the key 'c' stands twice: first in line 3 (column 5)",
        "gs.yml:4:4: MG213 .inf is not a finite number, and a configuration holds no other",
        "gs.yml:5:4: MG213 the tag !secret is not understood",
        "gs.yml:6:4: MG213 99999999999999999999 is beyond 64 bits",
        "gs.yml:7:4: MG213 1e999 is beyond the range of a float",
        "gs.yml:8:1: MG213 a key must be a word, not a list, a mapping or an alias",
    ]


@pytest.mark.parametrize(
    ("text", "place", "code"),
    [
        ("a: 'x", "gs.yml:1:6", "MG211"),
        ("a: b: c", "gs.yml:1:5", "MG211"),
        ("a:\n\t- x", "gs.yml:2:1", "MG211"),
        ("a: \x00", "gs.yml:1:4", "MG211"),
        ("a: *b", "gs.yml:1:4", "MG211"),
        ("a: &a [*a]", "gs.yml:1:8", "MG213"),
        ("", "gs.yml:1:1", "MG213"),
        ("# nothing\n", "gs.yml:1:1", "MG213"),
        ("- 1", "gs.yml:1:1", "MG213"),
        ("a: 1\n---\nb: 1", "gs.yml:2:1", "MG213"),
        ("a: !!int x", "gs.yml:1:4", "MG213"),
        ("a: {<<: 3}", "gs.yml:1:9", "MG213"),
        ("a: !!python/object:os.system x", "gs.yml:1:4", "MG213"),
    ],
)
def test_what_is_no_configuration_is_one_error_with_its_place(text: str, place: str, code: str) -> None:
    [fault] = faults(text)
    assert fault.startswith(f"{place}: {code} ")


def test_a_file_is_read_with_its_path_as_name_and_without_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "gs.yml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert str(read_yaml(path).key_place("a")) == f"{path}:1:1"


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"MG214 cannot read .*No such file"):
        read_yaml(tmp_path / "absent.yml")
    (tmp_path / "binary.yml").write_bytes(b"a: \xff\xfe")
    with pytest.raises(ConfigError, match=r"MG214 cannot read .*not UTF-8"):
        read_yaml(tmp_path / "binary.yml")


def test_a_value_from_elsewhere_is_yaml_and_stands_where_it_is_told() -> None:
    place = Place(file="--set a", line=0, column=0)
    node = parse_value("{x: [1e-3, on]}", place)
    assert to_plain(node) == {"x": [1e-3, "on"]}
    assert node["x"].items[0].place == place  # type: ignore[index,union-attr]
    assert to_plain(parse_value("", place)) == ""
    with pytest.raises(ConfigError, match=r"^--set a: MG211"):
        parse_value("[1", place)
