"""Who answers to which name: components by kind, and providers that know whole libraries of them.

Owns names only. A child registry sees all that its parent has and changes nothing there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from mlgym_core.errors import BuildError
from mlgym_core.registry.component import Component, Goal

_Factory = TypeVar("_Factory", bound=Callable[..., Any])


class Provider(Protocol):
    """A library of components of one kind, such as all optimizers of torch."""

    def names(self) -> Sequence[str]:
        """Every name, for lists and for did-you-mean."""
        ...

    def find(self, name: str) -> Component | None:
        """The component of that name; more spellings may be answered than are listed."""
        ...


class Registry:
    """Components by kind and name; registered ones go before provided ones, own ones before those of the parent."""

    def __init__(self, parent: Registry | None = None) -> None:
        self._parent = parent
        self._components: dict[tuple[str, str], Component] = {}
        self._providers: dict[str, list[Provider]] = {}
        self._provided: dict[tuple[str, str], Component] = {}
        self._defaults: dict[str, str] = {}

    def child(self) -> Registry:
        """A registry on top of this one, for what only one run or one test should know."""
        return Registry(self)

    def register(self, kind: str, name: str, *, goal: Goal | None = None) -> Callable[[_Factory], _Factory]:
        """A decorator that makes a class or function a component and leaves it as it is.

        Raises:
            BuildError: another factory has that name already.
        """

        def decorate(factory: _Factory) -> _Factory:
            self.add(Component.of(kind, name, factory, goal=goal))
            return factory

        return decorate

    def add(self, component: Component) -> None:
        """Take a ready-made component; the same factory again, as after a module was reloaded, replaces the old.

        Raises:
            BuildError: another factory has that name already.
        """
        key = (component.kind, component.name)
        known = self._components.get(key)
        if known is not None and _identity(known) != _identity(component):
            raise BuildError(
                f"{component.kind} {component.name!r} is registered twice: "
                f"by {known.title} ({known.source}) and by {component.title} ({component.source})",
                code="MG301",
                hint="give one of them another name",
            )
        self._components[key] = component

    def provide(self, kind: str, provider: Provider) -> None:
        """Let `provider` answer for names of `kind` that nobody registered."""
        self._providers.setdefault(kind, []).append(provider)

    def set_default(self, kind: str, name: str) -> None:
        """Make `name` the component of `kind` where a configuration names none."""
        self._defaults[kind] = name

    def default(self, kind: str) -> str | None:
        """The name that stands for `kind` where a configuration names none."""
        return self._defaults.get(kind) or (self._parent.default(kind) if self._parent else None)

    def find(self, kind: str, name: str) -> Component | None:
        """The component of that kind and name."""
        return self._components.get((kind, name)) or self._find_provided(kind, name) or self._find_above(kind, name)

    def names(self, kind: str) -> list[str]:
        """All names of a kind, sorted."""
        own = {name for own_kind, name in self._components if own_kind == kind}
        provided = {name for provider in self._providers.get(kind, ()) for name in provider.names()}
        above = set(self._parent.names(kind)) if self._parent else set()
        return sorted(own | provided | above)

    def kinds(self) -> list[str]:
        """All kinds that have a component, sorted."""
        own = {kind for kind, _ in self._components} | set(self._providers)
        return sorted(own | set(self._parent.kinds() if self._parent else ()))

    def registered(self) -> list[Component]:
        """The components that were registered one by one, in that order, those of the parent first."""
        return [*(self._parent.registered() if self._parent else ()), *self._components.values()]

    def _find_provided(self, kind: str, name: str) -> Component | None:
        key = (kind, name)
        if key not in self._provided:
            answers = (provider.find(name) for provider in self._providers.get(kind, ()))
            found = next((each for each in answers if each is not None), None)
            if found is None:
                return None
            self._provided[key] = found
        return self._provided[key]

    def _find_above(self, kind: str, name: str) -> Component | None:
        return self._parent.find(kind, name) if self._parent else None


def _identity(component: Component) -> tuple[str, str]:
    factory = component.factory
    return component.module, getattr(factory, "__qualname__", repr(factory))


default_registry = Registry()
"""What `@register` fills; built-in components, plug-ins and `imports:` come together here."""

register = default_registry.register
