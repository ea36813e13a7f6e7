"""The OpenAPI document of the REST routes, made from the routes that are there and the table of what they take.

Owns the form of the document. Knows no run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import msgspec
from flask import Blueprint, Flask, Response, current_app

from ml_board.access.auth import Auth
from ml_board.rest.answers import json_answer
from ml_board.rest.guard import PUBLIC, needed_right
from ml_board.rest.operations import HEADERS, JSON, OPERATIONS, PATH, QUERY, Answers, Operation, Schema

ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "hint"],
            "properties": {
                "code": {"type": "string", "pattern": "^MG[0-9]{3}$"},
                "message": {"type": "string"},
                "hint": {"type": ["string", "null"]},
            },
        }
    },
}
_COMMON = (400, 401, 403, 411, 413, 429)
"""With what status any request may be refused."""
_REF = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"<(\w+)>")


def create_openapi(auth: Auth) -> Blueprint:
    """Route `/api/openapi.json`."""
    openapi = Blueprint("openapi", __name__)

    @openapi.get("/api/openapi.json")
    def show() -> Response:
        return json_answer(describe(current_app, auth))

    return openapi


def documented(app: Flask) -> Iterator[tuple[str, str, str]]:
    """Method, rule and endpoint of each route of `app` that is for programs."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint.partition(".")[0] not in PUBLIC:
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield method, rule.rule, rule.endpoint


def describe(app: Flask, auth: Auth) -> Schema:
    """The document of all routes of `app`, as a service with the tokens of `auth` serves them."""
    types = list({kind: None for each in OPERATIONS.values() for kind in _types(each)})
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    schema_of = dict(zip(types, schemas, strict=True))
    paths: dict[str, Schema] = {}
    for method, rule, endpoint in documented(app):
        entry = _operation(OPERATIONS[method, rule], method, rule, schema_of)
        if not auth.is_open and endpoint not in PUBLIC:
            entry["security"] = [{"token": []}]
        paths.setdefault(_PARAMETER.sub(r"{\1}", rule), {})[method.lower()] = entry
    return {
        "openapi": "3.1.0",
        "info": {"title": "MLboard", "version": version("mlgym-core")},
        "paths": paths,
        "components": {
            "schemas": {**components, "Error": ERROR},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _types(operation: Operation) -> Iterator[Any]:
    for answers in (operation.answers, operation.body or {}):
        yield from (kind for kind in answers.values() if kind is not None)


def _operation(operation: Operation, method: str, rule: str, schema_of: dict[Any, Schema]) -> Schema:
    refusals = sorted({*_COMMON, *operation.statuses})
    entry: Schema = {
        "summary": operation.summary,
        "description": f"Needs the right to {needed_right(method, rule)}.",
        "parameters": [
            *(_parameter(name, "path", operation.path.get(name, PATH[name])) for name in _PARAMETER.findall(rule)),
            *(_parameter(name, "query", QUERY[name]) for name in operation.query),
            *(_parameter(name, "header", HEADERS[name]) for name in operation.headers),
        ],
        "responses": {
            "200": {"description": "Done", "content": _content(operation.answers, schema_of)},
            **{str(status): _refusal(status) for status in refusals},
        },
    }
    if operation.body:
        entry["requestBody"] = {"required": True, "content": _content(operation.body, schema_of)}
    if operation.multipart:
        entry["requestBody"] = {"required": True, "content": {"multipart/form-data": _form(operation.multipart)}}
    return entry


def _parameter(name: str, place: str, schema: Schema) -> Schema:
    described = {"name": name, "in": place, "required": place == "path", "schema": schema}
    return described | {"explode": True} if schema.get("type") == "array" else described


def _content(answers: Answers, schema_of: dict[Any, Schema]) -> Schema:
    return {kind: {"schema": schema_of[type_]} if type_ is not None else {} for kind, type_ in answers.items()}


def _form(field: str) -> Schema:
    file = {"type": "string", "format": "binary"}
    return {"schema": {"type": "object", "required": [field], "properties": {field: file}}}


def _refusal(status: int) -> Schema:
    described: Schema = {"description": HTTPStatus(status).phrase}
    if status >= HTTPStatus.BAD_REQUEST:
        described["content"] = {JSON: {"schema": {"$ref": _REF.format(name="Error")}}}
    return described
