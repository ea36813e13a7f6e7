"""What is told of a service's health, and to whom."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ml_board.access.auth import ALL_RIGHTS, Auth, Token
from ml_board.rest.app import create_rest
from ml_board.runs.views import RunViews
from ml_board.settings import Settings
from ml_board.telemetry import MAX_ALARMS, Telemetry

BEARER = {"Authorization": "Bearer a-secret-of-some-length"}


@pytest.fixture
def telemetry():
    return Telemetry()


@pytest.fixture
def ask(storage, telemetry):
    """A client of the service, which has tokens or none."""
    storage.path.mkdir()

    def begin(*tokens):
        settings = Settings(event_storage_path=storage.path)
        return create_rest(settings, RunViews(storage.path), Auth(tokens), telemetry).test_client()

    return begin


@pytest.fixture
def locked(ask):
    return ask(Token(secret="a-secret-of-some-length", name="tester", rights=ALL_RIGHTS))


def test_a_service_that_is_well_says_so_and_what_it_is(ask):
    answer = ask().get("/healthz")
    assert answer.status_code == 200
    told = answer.json
    assert told.pop("version")
    assert told == {"status": "ok", "protocols": [1, 2], "writable": True, "alarms": []}


def test_alarms_are_told_and_counted(ask, telemetry):
    telemetry.alarm("conflict", "some-run", "other content")
    answer = ask().get("/healthz")
    assert (answer.status_code, answer.json["status"]) == (200, "degraded")
    (alarm,) = answer.json["alarms"]
    assert (alarm["reason"], alarm["run_id"], alarm["message"]) == ("conflict", "some-run", "other content")
    for number in range(MAX_ALARMS):
        telemetry.alarm("damage", "some-run", str(number))
    assert [each.message for each in telemetry.latest_alarms()][:: MAX_ALARMS - 1] == ["0", str(MAX_ALARMS - 1)]
    assert telemetry.registry.get_sample_value("mlgym_alarms_total", {"reason": "damage"}) == MAX_ALARMS


def test_a_storage_that_takes_nothing_is_told(ask, storage):
    client = ask()
    storage.path.rmdir()
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json["status"], answer.json["writable"]) == (503, "degraded", False)


def test_strangers_hear_whether_it_is_well_and_nothing_else(locked, telemetry):
    telemetry.alarm("conflict", "some-run", "other content")
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        assert locked.get("/healthz", headers=headers).json == {"status": "degraded"}
        assert locked.get("/metrics", headers=headers).status_code == 401
    assert locked.get("/healthz", headers=BEARER).json["alarms"]
    assert locked.get("/metrics", headers=BEARER).status_code == 200


def test_metrics_are_as_prometheus_reads_them(ask, telemetry):
    telemetry.events.inc(7)
    telemetry.sync_seconds.observe(0.01)
    answer = ask().get("/metrics")
    assert answer.mimetype == "text/plain"
    found = {each.name: each for each in text_string_to_metric_families(answer.text)}
    assert {
        "mlgym_events", "mlgym_event_bytes", "mlgym_subscribers", "mlgym_lag_events", "mlgym_sync_seconds",
    } <= found.keys()  # fmt: skip
    assert [each.value for each in found["mlgym_events"].samples if each.name == "mlgym_events_total"] == [7]
