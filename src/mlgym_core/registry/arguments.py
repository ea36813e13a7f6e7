"""Values against a signature: strictly as JSON has them, all faults at once.

A list may stand for a tuple and an int for a float, but "3" is no number and 1.0 no int. Owns the pydantic model of a
component's arguments; it knows neither places nor references.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, NotRequired, TypeAlias, get_args, get_origin

from pydantic import (
    ConfigDict,
    PydanticInvalidForJsonSchema,
    PydanticSchemaGenerationError,
    PydanticUserError,
    TypeAdapter,
)
from pydantic import ValidationError as PydanticValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import ErrorDetails, PydanticSerializationError, SchemaError, to_jsonable_python
from typing_extensions import TypedDict

from mlgym_core.registry.component import Component

Path: TypeAlias = tuple[str, ...]

_CONFIG = ConfigDict(arbitrary_types_allowed=True)
_NOT_CHECKABLE = (PydanticSchemaGenerationError, PydanticUserError, SchemaError, TypeError, NameError)
"""What pydantic raises for an annotation that it cannot check, such as a protocol that is none at run time."""
_WISH = "Input should be "
_INSTANCES = {"is-instance", "is-subclass", "callable"}
_INSTANCE_ERRORS = {"is_instance_of", "needs_python_object", "is_subclass_of", "callable_type"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgumentFault:
    """A value that does not fit; `path` leads to it from the component."""

    path: Path
    message: str


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of one component as a schema."""

    adapter: TypeAdapter[dict[str, Any]]
    defaults: Mapping[str, Any]
    """Plain defaults by name; one that JSON cannot hold is left to the factory."""

    def check(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], list[ArgumentFault]]:
        """The values in canonical plain form, and what is wrong with them."""
        try:
            checked = self.convert(values)
        except PydanticValidationError as error:
            return dict(values), _faults(error.errors(include_url=False, include_context=False), values)
        return _plain(self.adapter, checked, values), []

    def convert(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The Python values that the factory takes, such as tuples, paths and enums.

        Raises:
            pydantic.ValidationError: a value does not fit.
        """
        return self.adapter.validate_json(json.dumps(values), strict=True)


@lru_cache(maxsize=1024)
def arguments_of(component: Component) -> Arguments:
    """The schema of a component's arguments; an annotation that pydantic cannot check counts as `Any`."""
    adapter = _adapter(component)
    defaults = {
        each.name: plain
        for each in component.parameters
        if not each.required and (plain := _plain_default(each.default)) is not _NOTHING
    }
    arguments = Arguments(adapter, {})
    fitting = {name: arguments.check({name: value})[0][name] for name, value in defaults.items()}
    return Arguments(adapter, fitting)


def checkable(annotation: Any) -> Any:
    """The annotation, or `Any` where pydantic cannot check it."""
    try:
        _type_adapter(annotation)
    except _NOT_CHECKABLE:
        return Any
    return annotation


class _QuietGenerator(GenerateJsonSchema):
    """Leaves out members of a union that JSON cannot hold, such as tensors, without a warning."""

    # pydantic declares it so that it cannot be a ClassVar.
    ignored_warning_kinds: set[JsonSchemaWarningKind] = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012


def annotation_schema(annotation: Any, ref_template: str) -> dict[str, Any]:
    """The JSON schema of what an annotation takes; empty, which means anything, where it cannot be said."""
    try:
        return _type_adapter(annotation).json_schema(ref_template=ref_template, schema_generator=_QuietGenerator)
    except (*_NOT_CHECKABLE, PydanticInvalidForJsonSchema):
        return {}


def is_plain(annotation: Any) -> bool:
    """Whether a type is plain data: scalars, containers and models of them, or anything at all."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return is_plain(get_args(annotation)[0])
    if origin is Literal:
        return True
    if origin is not None:
        return origin is not Callable and all(is_plain(each) for each in get_args(annotation))
    if not isinstance(annotation, type):
        return annotation is not Callable
    return checkable(annotation) is annotation and _type_adapter(annotation).core_schema["type"] not in _INSTANCES


def _type_adapter(annotation: Any) -> TypeAdapter[Any]:
    try:
        return _quietly(annotation, _CONFIG)
    except PydanticUserError as error:
        if error.code != "type-adapter-config-unused":
            raise
        return _quietly(annotation, None)


def _quietly(annotation: Any, config: ConfigDict | None) -> TypeAdapter[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # an annotation that is no type means anything
        return TypeAdapter(annotation, config=config)


def _adapter(component: Component) -> TypeAdapter[dict[str, Any]]:
    annotations = {each.name: each.annotation for each in component.parameters}
    try:
        return _typed_dict(annotations, is_open=component.is_open)
    except _NOT_CHECKABLE:
        checked = {name: checkable(each) for name, each in annotations.items()}
        return _typed_dict(checked, is_open=component.is_open)


def _typed_dict(annotations: Mapping[str, Any], *, is_open: bool) -> TypeAdapter[dict[str, Any]]:
    # A typed dict and no model: any word may be the name of an argument, and nothing is filled in.
    fields = {name: NotRequired[annotation] for name, annotation in annotations.items()}
    make: Any = TypedDict  # called as a function, which type checkers cannot follow
    model = make("Arguments", fields)
    # What is said here of extra keys holds for dataclasses among the annotations too.
    model.__pydantic_config__ = ConfigDict(arbitrary_types_allowed=True, extra="allow" if is_open else "forbid")
    return _quietly(model, None)


def _plain(adapter: TypeAdapter[dict[str, Any]], checked: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        plain = adapter.dump_python(checked, mode="json", warnings=False)
    except PydanticSerializationError:
        return dict(given)
    return {name: plain[name] for name in given}


_NOTHING = object()


def _plain_default(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        return _NOTHING  # has no order, so it would make no stable hash
    try:
        plain = to_jsonable_python(value)
    except PydanticSerializationError:
        return _NOTHING
    return plain if _is_finite(plain) else _NOTHING


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(_is_finite(item) for item in value.values())
    return not isinstance(value, list) or all(_is_finite(item) for item in value)


def _faults(errors: list[ErrorDetails], values: Mapping[str, Any]) -> list[ArgumentFault]:
    """One fault for each value, though every member of a union has complained of it."""
    by_path: dict[Path, list[ErrorDetails]] = {}
    for error in errors:
        path, _ = _locate(error["loc"], values)
        by_path.setdefault(path, []).append(error)
    faults = []
    for path, complaints in by_path.items():
        telling = [each["msg"] for each in complaints if each["type"] not in _INSTANCE_ERRORS]
        message = _message(telling or [f"{_WISH}a component or a reference to one"], _locate(path, values)[1])
        faults.append(ArgumentFault(path=path, message=message))
    return faults


def _message(complaints: list[str], value: Any) -> str:
    wishes = dict.fromkeys(each.removeprefix(_WISH) for each in complaints if each.startswith(_WISH))
    if wishes:
        return f"should be {' or '.join(wishes)}, not {_shown(value)}"
    others = dict.fromkeys(each[0].lower() + each[1:] for each in complaints)
    return f"is {_shown(value)}: {' or '.join(others)}"


def _locate(location: tuple[int | str, ...], values: Any) -> tuple[Path, Any]:
    """Where in the values an error is; parts of its location that name members of a union are passed over."""
    path: list[str] = []
    for part in location:
        if isinstance(values, Mapping) and part in values:
            values = values[part]
        elif isinstance(values, list) and str(part).isdecimal() and int(part) < len(values):
            values = values[int(part)]
        else:
            continue
        path.append(str(part))
    return tuple(path), values


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:59]}…"
