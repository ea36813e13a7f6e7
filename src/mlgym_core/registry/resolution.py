"""From a native tree without sweeps to a resolved configuration, or to everything that is wrong with it.

Pure: no component is built. A resolved configuration is plain data, has all defaults filled in and values in canonical
form, and says all that `build` needs. Resolving it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlgym_core.config.native import NOT_SLOTS, imported_modules
from mlgym_core.config.nodes import Mapping, Node, Scalar, to_plain
from mlgym_core.config.nodes import Sequence as ListNode
from mlgym_core.config.settings import result_settings
from mlgym_core.config.sweeps import Point
from mlgym_core.errors import ConfigError, Diagnostic, Place
from mlgym_core.registry.component_resolution import Context, resolve_component
from mlgym_core.registry.links import Links
from mlgym_core.registry.registry import Registry
from mlgym_core.registry.slots import KIND_OF_SLOT, LIST_SLOTS, SLOTS_WITH_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A resolved configuration, what is wrong with it, and where each component stands, by its dotted path."""

    config: dict[str, Any]
    diagnostics: tuple[Diagnostic, ...] = ()
    places: dict[str, Place] = field(default_factory=dict)


def resolve(tree: Mapping, registry: Registry) -> Resolved:
    """The resolved configuration of one point; worth something only where it has no diagnostics."""
    run, diagnostics = result_settings(tree)
    slots = _slots(tree, registry)
    links = Links({name: tree.key_place(name) for name in slots})
    context = Context(registry=registry, links=links, default_seed=run["seed"], diagnostics=diagnostics)
    components = {name: _resolve_slot(name, node, tree, context) for name, node in slots.items()}
    diagnostics += links.faults(tree.place)
    diagnostics += _repeated_names(components, context.places)
    config: dict[str, Any] = {"imports": list(imported_modules(tree)), "run": run}
    if model_info := tree.get("model_info"):
        config["model_info"] = to_plain(model_info)
    return Resolved(config=config | components, diagnostics=tuple(diagnostics), places=context.places)


def resolve_points(points: Iterable[Point], registry: Registry) -> list[Resolved]:
    """All points of a grid, resolved.

    Raises:
        ConfigError: something is wrong with one of them; each fault once.
    """
    resolved = [resolve(point.tree, registry) for point in points]
    diagnostics = [each for one in resolved for each in one.diagnostics]
    if diagnostics:
        raise ConfigError(diagnostics)
    return resolved


def _slots(tree: Mapping, registry: Registry) -> dict[str, Node]:
    """The slots that are filled, in the order of the file, then those that are there by default."""
    given = {name: node for name, node in tree.entries.items() if name not in NOT_SLOTS and not _is_null(node)}
    defaults = {name: registry.default(KIND_OF_SLOT[name]) for name in SLOTS_WITH_DEFAULT}
    added = {name: Scalar(value=default, place=tree.place) for name, default in defaults.items() if default}
    return given | {name: node for name, node in added.items() if name not in given}


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None


def _resolve_slot(name: str, node: Node, tree: Mapping, context: Context) -> Any:
    implied = KIND_OF_SLOT.get(name)
    is_list = name in LIST_SLOTS or (implied is None and isinstance(node, ListNode))
    if not is_list and not isinstance(node, ListNode):
        return resolve_component(node, (name,), context, implied=implied, place=tree.key_place(name))
    if not is_list:
        message = f"slot {name!r} holds one component, not a list"
        context.diagnostics.append(Diagnostic(code="MG210", message=message, place=node.place))
        return []
    items = node.items if isinstance(node, ListNode) else (node,)
    return [resolve_component(item, (name, str(index)), context, implied=implied) for index, item in enumerate(items)]


def _repeated_names(components: dict[str, Any], places: dict[str, Place]) -> Iterable[Diagnostic]:
    """Scores are told apart by name, so no two metrics or losses may share one."""
    seen: dict[str, str] = {}
    for slot in ("metrics", "loss", "losses"):
        found = components.get(slot) or []
        for index, each in enumerate(found if isinstance(found, Sequence) else [found]):
            path = f"{slot}.{index}" if isinstance(found, Sequence) else slot
            name = each.get("name")
            if name in seen:
                message = f"two scores are named {name!r}: `{seen[name]}` and `{path}`"
                hint = "give one of them another `name:`"
                yield Diagnostic(code="MG215", message=message, place=places.get(path), hint=hint)
            elif name is not None:
                seen[name] = path
