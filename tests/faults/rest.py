"""Calls made from the server's own OpenAPI document by schemathesis, valid and not: no crash, no answer of 5xx."""

from __future__ import annotations

import contextlib

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from ledger import audit
from requests.adapters import HTTPAdapter
from rig import PATIENCE_S, Trial, run_script, serving
from schemathesis import GenerationMode
from urllib3.util import Retry
from wire import publishing

RUN_ID = "2026-01-02--03-04-05"


def play(trial: Trial) -> None:
    """As many calls of each operation, half of them such as its schema forbids."""
    num_calls = trial.sized(400, 10_000)
    with serving(trial) as server:
        with publishing(server.url, RUN_ID, "a") as publisher:
            publisher.hello()
            publisher.batch(range(1, 101))
        schema = schemathesis.openapi.from_url(f"{server.url}/api/openapi.json")
        operations = [each.ok() for each in schema.get_all_operations()]
        trial.report.count("operations", len(operations))
        while trial.report.counts.get("calls", 0) < num_calls:  # few operations have that many different calls
            for operation in operations:
                call_often(trial, operation, GenerationMode.POSITIVE, num_calls // (2 * len(operations)) + 1)
                with contextlib.suppress(Unsatisfiable):  # any call of an operation that takes nothing is right
                    call_often(trial, operation, GenerationMode.NEGATIVE, num_calls // (2 * len(operations)) + 1)
        health = requests.get(f"{server.url}/healthz", timeout=PATIENCE_S)
        trial.report.fault("answers of 5xx", health.status_code >= 500, health.text)
        if server.log_path(RUN_ID).exists():  # unless one of the calls has deleted the run, as it may
            audit(server.log_path(RUN_ID), {"a": 100}, trial.report)


def call_often(trial: Trial, operation: schemathesis.APIOperation, mode: GenerationMode, number: int) -> None:
    """Different calls of one operation."""
    session = requests.Session()
    session.mount("http://", HTTPAdapter(max_retries=Retry(2, allowed_methods=None)))  # it may have idled for too long

    @settings(
        max_examples=number,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @seed(trial.rng.randrange(2**31))
    @given(operation.as_strategy(generation_mode=mode))
    def call(case: schemathesis.Case) -> None:
        answer = case.call(session=session, timeout=PATIENCE_S)
        trial.report.count("calls")
        trial.report.count(f"answers of {answer.status_code // 100}xx")
        where = f"{case.method} {case.formatted_path} {case.query} {case.body!r:.300}: {answer.text[:300]}"
        trial.report.fault("answers of 5xx", answer.status_code >= 500, where)

    call()
    session.close()


if __name__ == "__main__":
    run_script(play)
