"""Reads a log as the contract describes it and counts what is wrong with it.

A second reading, written from the contract alone: it uses nothing of the project.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rig import Report


@dataclass(slots=True, kw_only=True)
class Ledger:
    """What stands in a log: the last number of each producer, and the counts of what must not be."""

    num_lines: int = 0
    head: str = "0" * 64
    last_seqs: dict[str, int] = field(default_factory=dict)
    num_seen: dict[str, int] = field(default_factory=dict)
    twice: int = 0
    disordered: int = 0
    unchained: int = 0
    unreadable: int = 0
    numbered: frozenset[str] = frozenset()
    """The producers whose events say their number as their epoch."""
    altered: int = 0
    """Events of theirs that say another one."""

    def read(self, line: bytes) -> None:
        """Takes in one line, without its newline."""
        prev, self.head = self.head, hashlib.sha256(line).hexdigest()
        self.num_lines += 1
        try:
            event = json.loads(line)
            producer, seq, chained = event["x"]["producer"], event["x"]["seq"], event["x"]["prev"]
        except (ValueError, KeyError, TypeError):
            self.unreadable += 1
            return
        self.unchained += chained != prev
        last = self.last_seqs.get(producer, 0)
        self.twice += seq <= last
        self.disordered += seq > last + 1
        self.last_seqs[producer] = max(seq, last)
        self.num_seen[producer] = self.num_seen.get(producer, 0) + (seq > last)
        if producer in self.numbered:
            self.altered += event["payload"]["epoch"] != seq

    def num_lost(self, expected: Mapping[str, int]) -> int:
        """How many of the events 1 to n of each producer are not there."""
        return sum(max(0, number - self.num_seen.get(producer, 0)) for producer, number in expected.items())


def read_ledger(path: Path, numbered: Iterable[str] = ()) -> Ledger:
    """The ledger of the log at `path`; what follows on the last newline is no line."""
    ledger = Ledger(numbered=frozenset(numbered))
    whole = path.read_bytes()
    for line in whole[: whole.rfind(b"\n") + 1].split(b"\n")[:-1]:
        ledger.read(line)
    return ledger


def audit(path: Path, expected: Mapping[str, int], report: Report) -> Ledger:
    """Enters into `report` what is wrong with a log that should hold `expected` events of each producer."""
    ledger = read_ledger(path, expected)
    report.fault("lost", ledger.num_lost(expected))
    report.fault("twice", ledger.twice)
    report.fault("out of order", ledger.disordered)
    report.fault("broken links of the chain", ledger.unchained)
    report.fault("lines that do not parse", ledger.unreadable)
    report.fault("altered", ledger.altered)
    return ledger


class LineCount:
    """How many whole lines a growing log has; each look reads only what is new."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._number = 0

    def __call__(self) -> int:
        """The number by now."""
        if not self._path.exists():
            return 0
        with self._path.open("rb") as file:
            file.seek(self._offset)
            new = file.read()
        self._offset += new.rfind(b"\n") + 1
        self._number += new.count(b"\n")
        return self._number
