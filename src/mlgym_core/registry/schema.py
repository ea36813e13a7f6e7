"""The native dialect as a JSON schema, with every registered component: what an editor completes and checks.

Owns the translation of signatures to JSON schema (draft 2020-12). Any value may be a sweep or a reference there too.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from mlgym_core.config.settings import SHAPING_RESULTS, settings_schema
from mlgym_core.registry.arguments import annotation_schema, arguments_of
from mlgym_core.registry.component import Component, Parameter, reserved_keys
from mlgym_core.registry.registry import Registry
from mlgym_core.registry.slots import KIND_OF_SLOT, LIST_SLOTS

Schema: TypeAlias = dict[str, Any]

_REF = "#/$defs/"
_NULL = {"type": "null"}
_REFERENCE = {"type": "string", "pattern": r"^\$[A-Za-z_]", "description": "a reference: $slot or $slot.key"}
_NUMBERS = {"anyOf": [{"type": "array", "minItems": 2, "maxItems": 3}, {"type": "object"}]}
_LIST = {"type": "array", "minItems": 1}
_SWEEPS = {"sweep": _LIST, "choice": _LIST, "range": _NUMBERS, "logspace": _NUMBERS}
_SWEEP = {
    "description": "values to choose from",
    "type": "object",
    "properties": _SWEEPS,
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
}
_RESERVED: dict[str, Schema] = {
    "use": {},
    "kind": {"type": "string"},
    "seed": {"type": "integer", "minimum": 0, "description": "seeds all random generators before this is built"},
    "name": {"type": "string", "description": "the name of the score"},
    "goal": {"enum": ["max", "min"], "description": "which way the score gets better"},
}


def json_schema(registry: Registry) -> Schema:
    """The schema of a configuration in which everything that `registry` knows may be used."""
    kinds = sorted({*registry.kinds(), *KIND_OF_SLOT.values()})
    definitions: Schema = {"reference": _REFERENCE, "sweep": _SWEEP, "component": _of_any_kind(kinds)}
    for kind in kinds:
        definitions[kind] = _kind(kind, registry)
        for name in registry.names(kind):
            component = registry.find(kind, name)
            if component is not None:
                definitions[_key(kind, name)] = _component(component, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A grid search in the native dialect",
        "type": "object",
        "properties": {
            "imports": {"type": "array", "items": {"type": "string"}, "description": "modules beside this file"},
            "run": _run(),
            "model_info": {"type": ["object", "null"], "description": "anything about the model, kept as it is"},
            **{slot: _slot(slot, kind) for slot, kind in KIND_OF_SLOT.items()},
        },
        "additionalProperties": {"anyOf": [_ref("component"), {"type": "array", "items": _ref("component")}, _NULL]},
        "$defs": definitions,
    }


def _ref(name: str) -> Schema:
    return {"$ref": _REF + name}


def _key(kind: str, name: str) -> str:
    return f"{kind}.{name}"


def _run() -> Schema:
    settings = settings_schema()
    properties = {
        name: _sweepable(each, is_argument=False) if name in SHAPING_RESULTS else each
        for name, each in settings.items()
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _slot(slot: str, kind: str) -> Schema:
    accepted = [_ref(kind), _ref("component"), _NULL]
    if slot in LIST_SLOTS:
        accepted.append({"type": "array", "items": {"anyOf": [_ref(kind), _ref("component")]}})
    return {"anyOf": accepted}


def _of_any_kind(kinds: list[str]) -> Schema:
    """A component that says its kind, whatever the slot it stands in."""
    cases = [_case("kind", kind, _ref(kind)) for kind in kinds]
    return {"type": "object", "properties": {"kind": {"enum": kinds}}, "required": ["kind"], "allOf": cases}


def _case(key: str, value: str, then: Schema) -> Schema:
    return {"if": {"properties": {key: {"const": value}}, "required": [key]}, "then": then}


def _kind(kind: str, registry: Registry) -> Schema:
    names = registry.names(kind)
    default = registry.default(kind)
    cases = [_case("use", name, _ref(_key(kind, name))) for name in names]
    if default in names:
        cases.append({"if": {"not": {"required": ["use"]}}, "then": _ref(_key(kind, default))})
    mapping: Schema = {
        "type": "object",
        "properties": {"use": {"anyOf": [{"enum": names}, _ref("sweep")]}},
        "required": [] if default else ["use"],
        "allOf": cases or [{}],
        "not": {"anyOf": [{"required": [key]} for key in _SWEEPS]},
    }
    return {"anyOf": [{"enum": names}, _ref("sweep"), mapping]}


def _component(component: Component, definitions: Schema) -> Schema:
    defaults = arguments_of(component).defaults
    properties = {key: _RESERVED[key] for key in sorted(reserved_keys(component.kind))}
    for parameter in component.parameters:
        schema = _parameter(parameter, definitions)
        if parameter.description:
            schema["description"] = parameter.description
        if not parameter.required and parameter.name in defaults:
            schema["default"] = defaults[parameter.name]
        properties[parameter.name] = schema
    return {
        "type": "object",
        "description": component.description,
        "properties": properties,
        "required": [each.name for each in component.parameters if each.required and not each.slot],
        "additionalProperties": component.is_open,
    }


def _parameter(parameter: Parameter, definitions: Schema) -> Schema:
    kind = parameter.nested.kind if parameter.nested else None
    if parameter.slot:
        kind = KIND_OF_SLOT.get(parameter.slot.name)
    if kind:
        several = [{"type": "array"}, {"type": "object", "not": {"required": ["use"]}}]
        return {"anyOf": [_ref("reference"), _ref(kind), _NULL, *several]}
    schema = annotation_schema(parameter.annotation, _REF + "{model}")
    for name, definition in schema.pop("$defs", {}).items():
        definitions.setdefault(name, _inside(definition))
    return _sweepable(schema, is_argument=True)


def _sweepable(schema: Schema, *, is_argument: bool) -> Schema:
    """A schema that lets a sweep, and in an argument a reference, stand for the value or any part of it."""
    if not schema:
        return {}
    others = [_ref("reference"), _ref("sweep")] if is_argument else [_ref("sweep")]
    return {"anyOf": [_inside(schema), *others]}


def _inside(schema: Schema) -> Schema:
    found = dict(schema)
    for key in ("items", "additionalProperties"):
        if isinstance(found.get(key), dict):
            found[key] = _sweepable(found[key], is_argument=True)
    for key in ("anyOf", "oneOf", "prefixItems"):
        if key in found:
            change = _inside if key != "prefixItems" else lambda each: _sweepable(each, is_argument=True)
            found[key] = [change(each) for each in found[key]]
    if "properties" in found:
        found["properties"] = {name: _sweepable(each, is_argument=True) for name, each in found["properties"].items()}
    return found
