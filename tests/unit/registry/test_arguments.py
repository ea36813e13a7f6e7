import enum
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import pytest
from pydantic import Field, PositiveInt

from mlgym_core.registry import Component
from mlgym_core.registry.arguments import Arguments, annotation_schema, arguments_of, is_plain


class Opaque:
    pass


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Size:
    width: int
    height: int = 1


def arguments(annotation: Any, default: Any = None) -> Arguments:
    def factory(it=default):  # type: ignore[no-untyped-def]
        return it

    factory.__annotations__["it"] = annotation
    return arguments_of(Component.of("model", "it", factory))


@pytest.mark.parametrize(
    ("annotation", "given", "converted", "canonical"),
    [
        (int, 3, 3, 3),
        (float, 3, 3.0, 3.0),
        (float | Opaque, 3, 3.0, 3.0),
        (int | float, 3, 3, 3),
        (bool, True, True, True),
        (tuple[int, float], [1, 2], (1, 2.0), [1, 2.0]),
        (tuple[int, ...], [1, 2], (1, 2), [1, 2]),
        (list[PositiveInt] | PositiveInt, [1], [1], [1]),
        (Path | None, "a/b", Path("a/b"), "a/b"),
        (Colour, "red", Colour.RED, "red"),
        (Literal["a", 1], 1, 1, 1),
        (Size, {"width": 2}, Size(2, 1), {"width": 2, "height": 1}),
        (Mapping[str, float], {"a": 1}, {"a": 1.0}, {"a": 1.0}),
        (Any, {"a": [1, "x"]}, {"a": [1, "x"]}, {"a": [1, "x"]}),
    ],
)
def test_a_value_that_fits_has_a_python_and_a_canonical_form(
    annotation: Any, given: Any, converted: Any, canonical: Any
) -> None:
    schema = arguments(annotation)
    assert schema.convert({"it": given}) == {"it": converted}
    found, faults = schema.check({"it": given})
    assert faults == []
    assert json.dumps(found) == json.dumps({"it": canonical})


@pytest.mark.parametrize(
    ("annotation", "given", "path", "message"),
    [
        (int, "3", "it", 'should be a valid integer, not "3"'),
        (int, 3.0, "it", "should be a valid integer, not 3.0"),
        (int, True, "it", "should be a valid integer, not true"),
        (float, "3", "it", 'should be a valid number, not "3"'),
        (str, 3, "it", "should be a valid string, not 3"),
        (bool, 1, "it", "should be a valid boolean, not 1"),
        (PositiveInt, 0, "it", "should be greater than 0, not 0"),
        (Annotated[float, Field(le=1)], 2, "it", "should be less than or equal to 1, not 2"),
        (tuple[int, int], [1, "x"], "it.1", 'should be a valid integer, not "x"'),
        (Literal["a", "b"], "c", "it", "should be 'a' or 'b', not \"c\""),
        (float | Opaque, "x", "it", 'should be a valid number, not "x"'),
        (Opaque, 3, "it", "should be a component or a reference to one, not 3"),
        (Callable[[int], int], 3, "it", "should be a component or a reference to one, not 3"),
        (int | bool, "x", "it", 'should be a valid integer or a valid boolean, not "x"'),
        (Size, {"width": 1, "heigth": 2}, "it.heigth", "is 2: unexpected keyword argument"),
    ],
)
def test_a_value_that_does_not_fit_is_one_fault_with_its_path(
    annotation: Any, given: Any, path: str, message: str
) -> None:
    _, [fault] = arguments(annotation).check({"it": given})
    assert ".".join(fault.path) == path
    assert fault.message == message


def test_a_long_value_is_cut_in_the_message() -> None:
    _, [fault] = arguments(int).check({"it": "x" * 200})
    assert len(fault.message) < 100


def test_all_arguments_are_judged_together() -> None:
    def factory(a: int, b: float, copy: str, model_x: int = 3) -> None: ...

    schema = arguments_of(Component.of("model", "it", factory))
    _, faults = schema.check({"a": "x", "b": "y", "copy": 3, "model_x": 2})
    assert [fault.path for fault in faults] == [("a",), ("b",), ("copy",)]


@pytest.mark.parametrize(
    ("annotation", "default", "expected"),
    [
        (float, 1, {"it": 1.0}),
        (tuple[int, int], (1, 2), {"it": [1, 2]}),
        (Path, Path("a"), {"it": "a"}),
        (Colour, Colour.RED, {"it": "red"}),
        (int, None, {"it": None}),
        (float, float("inf"), {}),
        (Any, {1, 2}, {}),
        (Opaque, Opaque(), {}),
    ],
)
def test_defaults_are_shown_in_canonical_form_where_json_can_hold_them(
    annotation: Any, default: Any, expected: dict[str, Any]
) -> None:
    found = arguments(annotation, default).defaults
    assert json.dumps(found) == json.dumps(expected)


class Shape(Protocol):
    def area(self) -> float: ...


def test_a_protocol_without_run_time_checks_spoils_no_other_argument() -> None:
    def factory(a: int, shape: Shape | None = None) -> None: ...

    _, [fault] = arguments_of(Component.of("model", "it", factory)).check({"a": "x", "shape": None})
    assert fault.path == ("a",)
    assert not is_plain(Shape)


def test_an_annotation_that_cannot_be_checked_means_anything_and_spoils_no_other() -> None:
    def factory(a: "int", b: Any) -> None: ...

    factory.__annotations__ = {"a": int, "b": 3}
    schema = arguments_of(Component.of("model", "it", factory))
    _, faults = schema.check({"a": "x", "b": [1]})
    assert [fault.path for fault in faults] == [("a",)]


@pytest.mark.parametrize("annotation", [int, dict, Any, Size, Colour, Path, tuple[int, ...], list[Size] | None])
def test_plain_data_is_known(annotation: Any) -> None:
    assert is_plain(annotation)


@pytest.mark.parametrize(
    "annotation",
    [Opaque, Opaque | None, list[Opaque], Mapping[str, Opaque], Callable, Callable[[int], int], Annotated[Opaque, 1]],
)
def test_what_only_a_component_can_be_is_no_plain_data(annotation: Any) -> None:
    assert not is_plain(annotation)


def test_a_schema_leaves_out_what_json_cannot_hold_without_a_warning() -> None:
    assert annotation_schema(float | Opaque, "#/{model}") == {"type": "number"}
    assert annotation_schema(Opaque, "#/{model}") == {}
