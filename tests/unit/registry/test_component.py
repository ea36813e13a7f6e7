from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import pytest

from mlgym_core.errors import BuildError
from mlgym_core.registry import Component, Nested, Parameter, Slot

if TYPE_CHECKING:
    from decimal import Decimal


class Widget:
    """Does things. In many ways.

    Args:
        size (int): of the widget,
            in metres. Not more than ten.
        mode: how it is done
    """

    def __init__(self, size: int, mode: str = "fast", *rest: int, partner: Widget | None = None, **more: float) -> None:
        pass


class Scientific:
    """Does things.

    Parameters
    ----------
    size : int, default=3
        Of the thing. Yes.

    mode : str
        How.

    Returns
    -------
    nothing : None
    """

    def __init__(self, size=3, mode="x"):  # type: ignore[no-untyped-def]
        pass


class Quiet(Widget):
    def __init__(self) -> None:
        pass


def make(price: Decimal, count: int) -> Widget:
    return Widget(count)


def of(factory: Callable[..., Any], kind: str = "model", **options: Any) -> Component:
    return Component.of(kind, "it", factory, **options)


def test_a_signature_says_what_may_be_given() -> None:
    component = of(Widget)
    assert [(each.name, each.annotation, each.required, each.default) for each in component.parameters] == [
        ("size", int, True, None),
        ("mode", str, False, "fast"),
        ("partner", Widget | None, False, None),
    ]
    assert component.is_open
    assert component.title == "Widget"
    assert component.source.startswith("test_component.py:")
    assert component.description == "Does things. In many ways."


def test_docstrings_describe_arguments_in_either_style() -> None:
    assert [each.description for each in of(Widget).parameters] == ["of the widget, in metres.", "how it is done", ""]
    assert [each.description for each in of(Scientific).parameters] == ["Of the thing.", "How."]


def test_a_class_without_a_docstring_does_not_borrow_that_of_its_base() -> None:
    assert of(Quiet).description == ""


def test_a_name_that_only_type_checkers_import_means_anything() -> None:
    price, count = of(make).parameters
    assert (price.annotation, count.annotation) == (Any, int)


def test_what_it_makes_is_known_where_the_signature_says_it() -> None:
    assert of(Widget).product is Widget
    assert of(make).product is Widget
    assert of(lambda: 3).product is None


def test_a_signature_may_be_that_of_what_is_wrapped_with_arguments_hidden_and_defaults_changed() -> None:
    component = of(lambda **given: given, signature_of=Widget, hidden=["partner"], defaults={"size": 3})
    assert [(each.name, each.required, each.default) for each in component.parameters] == [
        ("size", False, 3),
        ("mode", False, "fast"),
    ]
    assert component.title == "Widget"
    assert component.module == __name__


def test_a_decorated_function_is_found_where_it_is_written() -> None:
    @functools.wraps(make)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return make(*args, **kwargs)

    assert of(wrapped).source == of(make).source
    assert [each.name for each in of(wrapped).parameters] == ["price", "count"]


def test_a_builtin_without_a_signature_takes_anything() -> None:
    component = of(dict)
    assert (component.parameters, component.is_open) == ((), True)
    assert component.source == "builtins"


def test_reserved_keys_are_told_to_whoever_asks_for_them() -> None:
    def score(name: str, goal: str, seed: int, average: str = "macro") -> None: ...

    assert of(score, "metric").takes == {"name", "goal", "seed"}
    assert [each.name for each in of(score, "metric").parameters] == ["average"]
    assert of(score, "data").takes == {"seed"}
    assert [each.name for each in of(score, "data").parameters] == ["name", "goal", "average"]


def test_an_argument_with_a_reserved_name_that_must_be_given_is_refused() -> None:
    def wrong(use: str) -> None: ...

    def harmless(kind: str = "x") -> None: ...

    with pytest.raises(BuildError, match=r"MG302 model 'it' has an argument 'use'"):
        of(wrong)
    assert of(harmless).parameters == ()


@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[int, Slot("model")],
        Annotated[int | None, Slot("model")],
        Annotated[int, Slot("model")] | None,
        Annotated[int, "other", Slot("model")],
    ],
)
def test_a_slot_is_found_around_a_type_and_inside_a_union(annotation: Any) -> None:
    assert Parameter(name="it", annotation=annotation).slot == Slot("model")
    assert Parameter(name="it", annotation=annotation).nested is None


def test_a_parameter_without_markers_has_none() -> None:
    assert Parameter(name="it", annotation=list[int]).slot is None
    assert Parameter(name="it", annotation=Annotated[list[int], Nested("loss")]).nested == Nested("loss")
