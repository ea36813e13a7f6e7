"""From a resolved configuration to components that live: each slot built once, when it is first asked for.

Owns the order of building, the seeding before it and the note that an exception of a component gets. How random
generators are seeded is the caller's to say, so that nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mlgym_core.config.native import NOT_SLOTS
from mlgym_core.errors import BuildError, MLGymError, Place
from mlgym_core.registry.arguments import arguments_of
from mlgym_core.registry.component import Component, Goal, Parameter, reserved_keys
from mlgym_core.registry.references import follow, parse_reference, unescape
from mlgym_core.registry.registry import Registry
from mlgym_core.registry.slots import KIND_OF_SLOT


def build(
    config: dict[str, Any],
    registry: Registry,
    *,
    seed_all: Callable[[int], None],
    folder: str | Path = "",
    places: Mapping[str, Place] | None = None,
) -> Components:
    """The components of a resolved configuration; nothing is built before it is asked for.

    `seed_all` seeds all random generators, and is called right before each component with that component's seed.
    `folder` is where relative paths of the configuration begin, `places` what `resolve` found.
    """
    return Components(config, registry, seed_all=seed_all, folder=Path(folder), places=places or {})


class Components(Mapping[str, Any]):
    """The slots of one experiment; whoever refers to a slot shares what stands in it."""

    def __init__(
        self,
        config: dict[str, Any],
        registry: Registry,
        *,
        seed_all: Callable[[int], None],
        folder: Path,
        places: Mapping[str, Place],
    ) -> None:
        self.config = config
        self._registry = registry
        self._seed_all = seed_all
        self._folder = folder
        self._places = places
        self._slots = [name for name in config if name not in NOT_SLOTS]
        self._built: dict[str, Any] = {}

    def __getitem__(self, slot: str) -> Any:
        """The component, or list of components, of a slot.

        Raises:
            KeyError: there is no such slot.
            BuildError: a reference leads nowhere, or a component is not registered here.
            Exception: whatever the component itself raised, with a note that says where it stands.
        """
        if slot not in self._slots:
            raise KeyError(slot)
        if slot not in self._built:
            self._built[slot] = self._build_slot(slot, self.config[slot])
        return self._built[slot]

    def __iter__(self) -> Iterator[str]:
        return iter(self._slots)

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, slot: object) -> bool:
        return slot in self._slots

    def place(self, path: str) -> Place | None:
        """Where the component at a dotted path stands, `metrics.0` for example, if that is known."""
        return self._places.get(path)

    @property
    def score_goals(self) -> dict[str, Goal]:
        """Which way each score gets better, by its name: metrics, each of whose `parts` is a score, then losses."""
        goals: dict[str, Goal] = {}
        for config, metric in zip(self.config.get("metrics", ()), self.get("metrics", ()), strict=True):
            name = config["name"]
            parts = getattr(metric, "parts", ())
            goals |= dict.fromkeys([f"{name}_{part}" for part in parts] or [name], config["goal"])
        losses = [*([self.config["loss"]] if "loss" in self.config else ()), *self.config.get("losses", ())]
        return goals | dict.fromkeys([each["name"] for each in losses], "min")

    def _build_slot(self, slot: str, config: Any) -> Any:
        kind = KIND_OF_SLOT.get(slot)
        if isinstance(config, list):
            return [self._build_component(each, f"{slot}.{index}", kind) for index, each in enumerate(config)]
        return self._build_component(config, slot, kind)

    def _build_component(self, config: dict[str, Any], path: str, implied: str | None) -> Any:
        kind, name = config.get("kind", implied) or "", config["use"]
        component = self._registry.find(kind, name)
        if component is None:
            raise BuildError(f"{kind} {name!r} is not registered in this process", code="MG304")
        try:
            arguments = self._arguments(component, config, path)
        except MLGymError as error:  # a reference that leads nowhere, or what an inner component has said already
            _say_where(error, component, self._places.get(path))
            raise
        self._seed_all(config["seed"])
        try:
            return component.factory(**arguments)
        except Exception as error:  # the component's own, which goes on as it is
            _say_where(error, component, self._places.get(path))
            raise

    def _arguments(self, component: Component, config: dict[str, Any], path: str) -> dict[str, Any]:
        own = {key: value for key, value in config.items() if key not in reserved_keys(component.kind)}
        defaults = {each.name for each in component.parameters if _is_default(each, component, own)}
        symbolic = {key for key, value in own.items() if key not in defaults and _is_symbolic(value)}
        plain = {key: unescape(value) for key, value in own.items() if key not in symbolic | defaults}
        arguments = {key: self._at_home(value) for key, value in arguments_of(component).convert(plain).items()}
        for parameter in component.parameters:
            if parameter.name in defaults:
                arguments[parameter.name] = parameter.default
        for key in symbolic:
            arguments[key] = self._linked(own[key], f"{path}.{key}", by_name=_is_by_name(component, key))
        return arguments | {key: config[key] for key in component.takes}

    def _linked(self, value: Any, path: str, *, by_name: bool = False) -> Any:
        """A value with the components in it that it names or nests."""
        if reference := parse_reference(value):
            target = self[reference.slot]
            if by_name and not reference.keys:
                return self._by_name(reference.slot, target)
            return follow(target, reference)
        if _is_nested_component(value):
            return self._build_component(value, path, None)
        if isinstance(value, dict):
            return {key: self._linked(each, f"{path}.{key}") for key, each in value.items()}
        if isinstance(value, list):
            return [self._linked(each, f"{path}.{index}") for index, each in enumerate(value)]
        return unescape(value)

    def _by_name(self, slot: str, target: Any) -> dict[str, Any]:
        config = self.config[slot]
        if isinstance(config, list):
            return {each["name"]: built for each, built in zip(config, target, strict=True)}
        return {config["name"]: target}

    def _at_home(self, value: Any) -> Any:
        """The value with its relative paths made to begin at the configuration's folder."""
        if isinstance(value, Path):
            return self._folder / value
        if isinstance(value, list | tuple) and any(isinstance(each, Path) for each in value):
            return type(value)(self._at_home(each) for each in value)
        if isinstance(value, dict):
            return {key: self._at_home(each) for key, each in value.items()}
        return value


def of_component(error: Exception, remark: str = "") -> BuildError:
    """What a component raised, as an error of ours: its type, its words, the notes of `build`, and a `remark`."""
    told = "\n  ".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
    return BuildError(told + remark, code="MG305")


def _say_where(error: Exception, component: Component, place: Place | None) -> None:
    """Lets an error say which component it comes from: ours by their place, any other by a note."""
    if isinstance(error, MLGymError) and place:
        error.place = error.place or place
    else:
        error.add_note(f"while building {component}" + (f" at {place}" if place else ""))


def _is_by_name(component: Component, name: str) -> bool:
    parameter = component.parameter(name)
    return bool(parameter and parameter.slot and parameter.slot.by_name)


def _is_nested_component(value: Any) -> bool:
    return isinstance(value, dict) and "use" in value and "kind" in value


def _is_symbolic(value: Any) -> bool:
    """Whether a reference or a nested component stands in a value."""
    if isinstance(value, dict):
        return _is_nested_component(value) or any(_is_symbolic(each) for each in value.values())
    if isinstance(value, list):
        return any(_is_symbolic(each) for each in value)
    return parse_reference(value) is not None


def _is_default(parameter: Parameter, component: Component, own: Mapping[str, Any]) -> bool:
    """Whether the factory gets the default itself, which may be what no configuration can hold."""
    if parameter.required:
        return False
    if parameter.name not in own:
        return True
    defaults = arguments_of(component).defaults
    if parameter.name not in defaults:
        return False
    value, default = own[parameter.name], defaults[parameter.name]
    return bool(value == default) and type(value) is type(default)
