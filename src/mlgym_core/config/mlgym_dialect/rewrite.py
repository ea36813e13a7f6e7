"""What may stand anywhere in a component in MLgym's words, in its native form: sweeps, injectables, dollar signs.

Knows nothing of component types. After it, a sweep is a mapping whose only key is `sweep`, as in the native dialect.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mlgym_core.config.mlgym_dialect.faults import MALFORMED, Faults
from mlgym_core.config.nodes import Mapping, Node, Scalar, Sequence
from mlgym_core.config.sweep_values import is_sweep


def rewrite(node: Node, faults: Faults) -> Node:
    """`node` with `sweep: absolute` as a native sweep and `injectable: {id}` as a nested component."""
    if isinstance(node, Scalar):
        return _escape(node)
    if isinstance(node, Sequence):
        return replace(node, items=tuple(rewrite(item, faults) for item in node.items))
    inner = replace(node, entries={key: rewrite(value, faults) for key, value in node.entries.items()})
    if "sweep" in inner and set(inner.entries) != {"sweep"}:
        return _absolute_sweep(inner, faults)
    if "injectable" in inner:
        return _injectable(inner, faults)
    return inner


def _escape(scalar: Scalar) -> Scalar:
    """A leading dollar sign doubled: one alone would begin a reference, which MLgym does not have."""
    is_text = isinstance(scalar.value, str) and scalar.value.startswith("$")
    return replace(scalar, value=f"${scalar.value}") if is_text else scalar


def _absolute_sweep(node: Mapping, faults: Faults) -> Mapping:
    form = node["sweep"]
    values = node.get("values")
    if not (isinstance(form, Scalar) and form.value == "absolute" and values is not None):
        wanted = "{sweep: absolute, values: [...]}, or {sweep: [...]} as in the native dialect"
        faults.add(MALFORMED, f"a sweep must be {wanted}", node.place)
        return replace(node, entries={"sweep": Sequence(items=(), place=node.place)})
    for key in node.entries.keys() - {"sweep", "values"}:
        faults.unknown("a sweep", key, ("sweep", "values"), node.key_place(key))
    return Mapping(entries={"sweep": values}, key_places={"sweep": node.key_place("sweep")}, place=node.place)


def _injectable(node: Mapping, faults: Faults) -> Node:
    injectable = node["injectable"]
    name = injectable.get("id") if isinstance(injectable, Mapping) else None
    if len(node.entries) != 1 or name is None:
        faults.malformed("an injectable", "{injectable: {id: NAME}} and nothing beside it", node)
        return Scalar(value=None, place=node.place)
    kind = Scalar(value="injectable", place=node.key_place("injectable"))
    return Mapping(entries={"kind": kind, "use": name}, key_places={}, place=node.place)


def over(node: Node, lower: Callable[[Node], Node]) -> Node:
    """`lower(node)`; where `node` lists alternatives, the same list with each of them lowered."""
    if is_sweep(node):
        (key,) = node.entries
        values = node[key]
        if key in ("sweep", "choice") and isinstance(values, Sequence):
            items = tuple(over(item, lower) for item in values.items)
            return replace(node, entries={key: replace(values, items=items)})
    return lower(node)
