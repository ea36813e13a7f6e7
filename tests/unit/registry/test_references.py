from types import SimpleNamespace

import pytest

from mlgym_core.errors import BuildError
from mlgym_core.registry.references import Reference, follow, parse_reference, unescape


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("$model", Reference(slot="model")),
        ("$data.train", Reference(slot="data", keys=("train",))),
        ("$a_b.c-d.0", Reference(slot="a_b", keys=("c-d", "0"))),
    ],
)
def test_a_reference_names_a_slot_and_a_part_of_it(text: str, reference: Reference) -> None:
    assert parse_reference(text) == reference
    assert str(reference) == text


@pytest.mark.parametrize("value", ["model", "$", "$1", "$$model", "$a b", "$a.", "x$a", 3, None, ["$a"]])
def test_other_values_are_none(value: object) -> None:
    assert parse_reference(value) is None


def test_a_doubled_dollar_is_one_dollar_at_any_depth() -> None:
    assert unescape({"a": ["$$x", "y$$", 1], "b": "$$$"}) == {"a": ["$x", "y$$", 1], "b": "$$"}


def test_a_part_is_an_item_a_position_or_a_public_attribute() -> None:
    target = {"a": [SimpleNamespace(b=3)], "items": 7}
    assert follow(target, Reference(slot="data", keys=("a", "0", "b"))) == 3
    assert follow(target, Reference(slot="data", keys=("items",))) == 7
    assert follow(target, Reference(slot="data")) is target


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (("trian",), r"MG303 \$data.trian: \$data has no 'trian'; did you mean 'train'\?\n  it has: train, test"),
        (("train", "2"), r"\$data.train has no '2'\n  it has: 0, 1"),
        (("test", "x"), r"\$data.test has no 'x'$"),
        (("test", "__class__"), r"\$data.test has no '__class__'"),
        (("keys",), r"\$data has no 'keys'"),
    ],
)
def test_a_part_that_is_not_there_is_told_with_what_is(keys: tuple[str, ...], message: str) -> None:
    with pytest.raises(BuildError, match=message):
        follow({"train": [1, 2], "test": 3}, Reference(slot="data", keys=keys))
