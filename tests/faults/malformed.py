"""Malformed events, batches, greetings and joins: each is refused, nothing breaks, and the good ones between arrive.

hypothesis makes them: JSON of any shape, events that are almost good, bytes, lines within lines.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bad_input import RUN_ID, calls
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from ledger import audit
from rig import Report, Trial, run_script, serving
from wire import BrokenError, Connection, publishing

PER_EXAMPLE = 10


class Pest:
    """A client that sends what it should not, and connects again where it is hung up on."""

    def __init__(self, url: str, report: Report) -> None:
        self._url = url
        self._report = report
        self._connection = Connection(url)

    def send(self, event: str, data: Any) -> None:
        """Whatever it is, it has to be answered, or the connection to be ended."""
        self._report.count("malformed calls")
        self._report.count(f"malformed calls: {event}")
        try:
            self._connection.call(event, data)
        except BrokenError as error:
            self._report.count("connections ended by the server")
            self._report.fault(
                "calls without an answer", not self._connection.is_broken, f"{event} {data!r:.300}: {error}"
            )
            self.close()
            self._connection = Connection(self._url)

    def close(self) -> None:
        """Hangs up."""
        self._connection.close()


def play(trial: Trial) -> None:
    """Malformed calls on one connection, good batches on another, which shall notice nothing."""
    num_examples = trial.sized(100, 1_000)
    with serving(trial) as server:
        pest = Pest(server.url, trial.report)
        with publishing(server.url, RUN_ID, "good") as good:
            good.hello()
            seqs = iter(range(1, 10 * num_examples))

            @settings(max_examples=num_examples, database=None, deadline=None, suppress_health_check=list(HealthCheck))
            @seed(trial.rng.randrange(2**31))
            @given(st.lists(calls, min_size=PER_EXAMPLE, max_size=PER_EXAMPLE))
            def disturb(example: list[tuple[str, Any]]) -> None:
                for event, data in example:
                    pest.send(event, data)
                seq = next(seqs)
                answer = good.batch([seq])
                trial.report.count("good events between")
                trial.report.fault("good events refused", answer.get("last_seq") != seq, str(answer))

            disturb()
        pest.close()
    look(trial, server.storage)  # and nobody writes meanwhile


def look(trial: Trial, storage: Path) -> None:
    """Every log that there is now is sound, and nothing lies beside the storage."""
    for path in storage.rglob("event_storage.log"):
        is_ours = path.parent.name == RUN_ID
        ledger = audit(path, {"good": trial.report.counts["good events between"]} if is_ours else {}, trial.report)
        trial.report.count("lines stored", ledger.num_lines)
    beside = set(storage.parent.iterdir()) - {storage, storage.parent / "server.err"}
    trial.report.fault("things beside the storage", len(beside), str(beside))


if __name__ == "__main__":
    run_script(play)
