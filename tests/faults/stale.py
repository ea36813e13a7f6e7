"""Stale attempts that go on publishing after a newer one of their experiment began: each is fenced, before and after a
restart of the server, and nothing of what they send from then on is stored, neither events nor files."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path

import requests
from ledger import audit
from rig import PATIENCE_S, Server, Trial, run_script, serving
from wire import Answer, Publisher, event_line

RUN_ID = "2026-01-02--03-04-05"
NUM_EXPERIMENTS = 5


class Attempt:
    """A process that trains an experiment: a producer of its own, on a connection that stays for as long as it can."""

    def __init__(self, server: Server, experiment_id: int, number: int) -> None:
        self.producer = f"experiment-{experiment_id}-attempt-{number}"
        self.acknowledged = 0
        self._checkpoint = f"{server.url}/checkpoints/{RUN_ID}/{experiment_id}/1"
        self._publisher = Publisher(server.url, RUN_ID, self.producer)
        self._publisher.hello()
        payload = {"grid_search_id": RUN_ID, "experiment_id": experiment_id, "epoch": 1, "attempt": number}
        rest = {"device": "cpu", "host": "here", "pid": number, "resumed_from": None, "threads": 1, "versions": {}}
        start = {"event_type": "attempt_started", "creation_ts": number, "payload": payload | rest}
        self._send(json.dumps(start, separators=(",", ":")).encode(), 1)

    def publish(self, number: int) -> Answer:
        """The next events, and what the server says of them."""
        seqs = range(self.acknowledged + 1, self.acknowledged + number + 1)
        return self._send(b"\n".join(event_line(RUN_ID, seq) for seq in seqs), seqs[-1])

    def upload(self) -> int:
        """The status that a checkpoint is answered with, which all attempts of the experiment save under one name."""
        files = {"checkpoint_file": ("model", self.producer.encode())}
        sent = {"MLgym-Producer": self.producer}
        return requests.post(self._checkpoint, files=files, headers=sent, timeout=PATIENCE_S).status_code

    def remove(self) -> int:
        """The status that the deletion of the checkpoint is answered with."""
        sent = {"MLgym-Producer": self.producer}
        return requests.delete(self._checkpoint, headers=sent, timeout=PATIENCE_S).status_code

    def reconnect(self, server: Server) -> None:
        """A connection to the server that was started again."""
        self._publisher.close()
        self._publisher = Publisher(server.url, RUN_ID, self.producer)
        self._publisher.hello()

    def close(self) -> None:
        """Hangs up."""
        self._publisher.close()

    def _send(self, lines: bytes, last: int) -> Answer:
        answer = self._publisher.call("batch", lines)
        if answer.get("last_seq") == last and "err" not in answer:
            self.acknowledged = last
        return answer


def play(trial: Trial) -> None:
    """Attempt after attempt, while all those before try to go on."""
    num_rounds = trial.sized(10, 100)
    with serving(trial) as server:
        attempts: list[list[Attempt]] = [[] for _ in range(NUM_EXPERIMENTS)]
        for number in range(1, num_rounds + 1):
            experiment_id = trial.rng.randrange(NUM_EXPERIMENTS)
            attempts[experiment_id].append(Attempt(server, experiment_id, number))
            go_on(trial, attempts)
            if number % 5 == 0:
                server.kill()
                server.start()
                trial.report.count("kills of the server")
                for attempt in chain(*attempts):
                    attempt.reconnect(server)
                go_on(trial, attempts)
                send_files(trial, server.storage, attempts)
        everyone = list(chain(*attempts))
        for attempt in everyone:
            attempt.close()
        expected = {attempt.producer: attempt.acknowledged for attempt in everyone}
        ledger = audit(server.log_path(RUN_ID), expected, trial.report)
        trial.report.fault("stored of stale attempts", ledger.num_lines - sum(expected.values()))


def go_on(trial: Trial, attempts: list[list[Attempt]]) -> None:
    """All publish; only the newest of each experiment may."""
    for of_one in attempts:
        for attempt in of_one:
            answer = attempt.publish(trial.rng.randint(1, 20))
            if attempt is of_one[-1]:
                trial.report.count("batches of live attempts")
                trial.report.fault("live attempts refused", "err" in answer, f"{attempt.producer}: {answer}")
            else:
                trial.report.count("batches of stale attempts")
                is_taken = answer.get("err") != "fenced"
                trial.report.fault("stale attempts taken", is_taken, f"{attempt.producer}: {answer}")


def send_files(trial: Trial, storage: Path, attempts: list[list[Attempt]]) -> None:
    """All save a checkpoint, the live one first; what lies there is what the live one sent."""
    for of_one in filter(None, attempts):
        *stale, live = of_one
        status = live.upload()
        trial.report.fault("live attempts refused", status != 200, f"a file of {live.producer}: {status}")
        for attempt in stale:
            for status in (attempt.upload(), attempt.remove()):
                trial.report.count("files of stale attempts")
                trial.report.fault("stale attempts taken", status != 409, f"a file of {attempt.producer}: {status}")
        experiment_id = live.producer.split("-")[1]
        stored = (storage / RUN_ID / experiment_id / "1" / "model").read_bytes()
        trial.report.fault("files of the live attempt overwritten", stored != live.producer.encode(), str(stored))


if __name__ == "__main__":
    run_script(play)
