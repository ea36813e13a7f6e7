"""A component: something that a configuration can name, and what its signature says about its arguments.

Owns the reading of signatures and docstrings. It knows nothing of YAML, of other components or of torch.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, TypeAlias

from mlgym_core.errors import BuildError
from mlgym_core.registry.docstrings import parameter_descriptions, summary
from mlgym_core.registry.markers import Nested, Slot, find_marker

Goal: TypeAlias = Literal["max", "min"]

_RESERVED = frozenset({"use", "kind", "seed"})
_RESERVED_OF_KIND = {"metric": frozenset({"name", "goal"}), "loss": frozenset({"name"})}


def reserved_keys(kind: str) -> frozenset[str]:
    """The keys of a component of `kind` that are not its own arguments."""
    return _RESERVED | _RESERVED_OF_KIND.get(kind, frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One argument that a configuration may give; `annotation` is `Any` where the signature has none."""

    name: str
    annotation: Any = Any
    required: bool = True
    default: Any = None
    description: str = ""

    @property
    def slot(self) -> Slot | None:
        """The slot that fills it where no value is given."""
        return find_marker(self.annotation, Slot)

    @property
    def nested(self) -> Nested | None:
        """The kind of the components that are its value."""
        return find_marker(self.annotation, Nested)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Component:
    """A factory under a name, with its arguments.

    `takes` are the reserved keys (seed, name, goal) that the factory wants to be told. `is_open` says that it takes
    any other argument too. `goal` is the better direction of a metric.
    """

    kind: str
    name: str
    factory: Callable[..., Any]
    parameters: tuple[Parameter, ...] = ()
    takes: frozenset[str] = frozenset()
    is_open: bool = False
    goal: Goal | None = None
    description: str = ""
    defined_by: Callable[..., Any] = field(repr=False)

    @classmethod
    def of(
        cls,
        kind: str,
        name: str,
        factory: Callable[..., Any],
        *,
        signature_of: Callable[..., Any] | None = None,
        hidden: Collection[str] = (),
        defaults: Mapping[str, Any] | None = None,
        goal: Goal | None = None,
    ) -> Component:
        """The component that `factory` makes.

        `signature_of` is the callable whose signature and docstring count, where the factory only wraps it; `hidden`
        are arguments that a configuration may not give; `defaults` stand in for those of the signature.

        Raises:
            BuildError: a required argument has a name that is reserved in a configuration.
        """
        source = signature_of or factory
        reserved = reserved_keys(kind)
        parameters, is_open = _read_parameters(source, defaults or {}, frozenset(hidden))
        for parameter in parameters:
            if parameter.name in ("use", "kind") and parameter.required:
                raise BuildError(
                    f"{kind} {name!r} has an argument {parameter.name!r}, which is a reserved word of configurations",
                    code="MG302",
                    hint="give the argument another name",
                )
        return cls(
            kind=kind,
            name=name,
            factory=factory,
            parameters=tuple(each for each in parameters if each.name not in reserved),
            takes=frozenset(each.name for each in parameters) & (reserved - {"use", "kind"}),
            is_open=is_open,
            goal=goal,
            description=summary(source),
            defined_by=source,
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r}"

    def parameter(self, name: str) -> Parameter | None:
        """The argument of that name, if there is one."""
        return next((each for each in self.parameters if each.name == name), None)

    @property
    def title(self) -> str:
        """The name that the factory has in Python."""
        return getattr(self.defined_by, "__name__", type(self.defined_by).__name__)

    @property
    def module(self) -> str:
        """The module that defines the factory."""
        return getattr(self.factory, "__module__", None) or type(self.factory).__module__

    @property
    def source(self) -> str:
        """Where it is defined, as `conv_net.py:6`; the module's name where there is no file."""
        try:
            source = inspect.unwrap(self.defined_by)
            path, line = inspect.getsourcefile(source), inspect.getsourcelines(source)[1]
        except (TypeError, OSError):
            path, line = None, 0
        return f"{Path(path).name}:{line}" if path else str(getattr(self.defined_by, "__module__", self.module))

    @property
    def product(self) -> type | None:
        """The class of what the factory makes, where the signature says it."""
        if inspect.isclass(self.factory):
            return self.factory
        made = _read_annotations(self.factory, ("return",)).get("return")
        return made if inspect.isclass(made) else None


def _read_parameters(
    source: Callable[..., Any], defaults: Mapping[str, Any], hidden: frozenset[str]
) -> tuple[list[Parameter], bool]:
    try:
        signature = inspect.signature(source)
    except ValueError:  # some builtins have none
        return [], True
    by_keyword = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    named = [each for each in signature.parameters.values() if each.kind in by_keyword and each.name not in hidden]
    is_open = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in signature.parameters.values())
    annotations = _read_annotations(source, [each.name for each in named])
    descriptions = parameter_descriptions(source)
    parameters = [
        Parameter(
            name=each.name,
            annotation=annotations.get(each.name, Any),
            required=each.default is inspect.Parameter.empty and each.name not in defaults,
            default=defaults.get(each.name, None if each.default is inspect.Parameter.empty else each.default),
            description=descriptions.get(each.name, ""),
        )
        for each in named
    ]
    return parameters, is_open


def _read_annotations(source: Callable[..., Any], names: Collection[str]) -> dict[str, Any]:
    """Annotations as types; a name that only type checkers import counts as `Any`."""
    function: Any = inspect.unwrap(source.__init__ if inspect.isclass(source) else source)
    known = {source.__name__: source} if inspect.isclass(source) else {}  # not yet in its module while decorated
    raw = {name: each for name, each in getattr(function, "__annotations__", {}).items() if name in names}
    return {name: _evaluate(each, getattr(function, "__globals__", {}), known) for name, each in raw.items()}


def _evaluate(annotation: Any, namespace: Mapping[str, Any], known: dict[str, Any]) -> Any:
    lone = SimpleNamespace(__annotations__={"it": annotation})
    while True:
        try:
            return typing.get_type_hints(lone, dict(namespace), known, include_extras=True)["it"]
        except NameError as error:
            known[str(error.name)] = Any
        except (TypeError, AttributeError, SyntaxError):
            return Any
