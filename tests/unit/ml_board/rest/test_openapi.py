"""The document of the routes, beside the routes themselves."""

import jsonschema
import pytest

from ml_board.access.auth import ALL_RIGHTS, Auth, Token
from ml_board.rest.openapi import describe, documented
from ml_board.rest.operations import HEADERS, OPERATIONS, PATH, QUERY

LOCKED = Auth([Token(secret="a-secret-of-some-length", name="tester", rights=ALL_RIGHTS)])


def test_each_route_is_described_and_nothing_else(client):
    assert {(method, rule) for method, rule, _ in documented(client.application)} == OPERATIONS.keys()


def test_the_document_is_served_and_names_all_paths(client):
    document = client.get("/api/openapi.json").json
    assert document == describe(client.application, Auth())
    assert sum(len(methods) for methods in document["paths"].values()) == len(OPERATIONS)
    assert "/checkpoints/{run_id}/{experiment_id}/{epoch}/{resource}" in document["paths"]


def test_each_reference_leads_somewhere_and_each_schema_is_one(client):
    document = describe(client.application, Auth())

    def references(value):
        if isinstance(value, dict):
            yield from [value["$ref"]] if "$ref" in value else []
            for each in value.values():
                yield from references(each)
        elif isinstance(value, list):
            for each in value:
                yield from references(each)

    names = {reference.removeprefix("#/components/schemas/") for reference in references(document)}
    assert names <= document["components"]["schemas"].keys()
    for schema in [*document["components"]["schemas"].values(), *PATH.values(), *QUERY.values(), *HEADERS.values()]:
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/api/runs", "/api/runs"),
        ("/api/runs/{run}", "/api/runs/{run_id}"),
        ("/api/runs/{run}/experiments/0", "/api/runs/{run_id}/experiments/{experiment_id}"),
        ("/api/runs/{run}/series", "/api/runs/{run_id}/series"),
        ("/grid_searches/{run}/experiments", "/grid_searches/{run_id}/experiments"),
        ("/checkpoint_list/{run}/0", "/checkpoint_list/{run_id}/{experiment_id}"),
        ("/model-card/{run}/0", "/model-card/{run_id}/{experiment_id}"),
        ("/api/session", "/api/session"),
        ("/healthz", "/healthz"),
    ],
)
def test_answers_are_as_the_document_says(client, recording, path, rule):
    recording.publish(recording.result(0, 0, 0.5))
    document = describe(client.application, Auth())
    answer = client.get(path.format(run=recording.run_id))
    content = document["paths"][rule]["get"]["responses"]["200"]["content"]
    assert answer.status_code == 200
    schema = content[answer.mimetype]["schema"] | {"components": document["components"]}
    jsonschema.validate(answer.json, schema)


def test_an_error_is_as_the_document_says(client):
    document = describe(client.application, Auth())
    jsonschema.validate(client.get("/api/runs/nowhere").json, document["components"]["schemas"]["Error"])


def test_rights_are_told_and_asked_for_where_a_token_is_set(client):
    paths = describe(client.application, LOCKED)["paths"]
    assert paths["/api/runs"]["get"]["security"] == [{"token": []}]
    assert "security" not in paths["/healthz"]["get"]
    assert "right to write" in paths["/grid_searches/{run_id}/{config_name}"]["put"]["description"]
    assert "security" not in describe(client.application, Auth())["paths"]["/api/runs"]["get"]
