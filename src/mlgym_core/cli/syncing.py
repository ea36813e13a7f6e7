"""`mlgym sync`: what runs could not send to their servers while they ran, and copies of runs that are kept here.

Owns the choice of runs and servers, and what is told; the carrier does the work.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from mlgym_core.cli.reporting import TextLog
from mlgym_core.cli.storage import open_storage
from mlgym_core.cli.terminal import print_json
from mlgym_core.config.nodes import to_plain
from mlgym_core.config.run_config import read_run_config
from mlgym_core.errors import RunError, StoreError
from mlgym_core.events.codes import LOCKED, NOT_FOUND
from mlgym_core.events.folder import RUN_CONFIG, EventStorage, RunFolder
from mlgym_core.publish.carrier import Carrier
from mlgym_core.publish.leftovers import end_if_lost, has_leftovers, merge_leftovers, refused_spools
from mlgym_core.publish.shipment import Shipment, ship_copy
from mlgym_core.publish.token import read_token


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What became of a run: events that still wait, and why, and events of spools that came into its log.

    `refused` are files of spools that its log did not take.
    """

    run: RunFolder
    num_waiting: int = 0
    num_merged: int = 0
    sent_to: Sequence[str] = ()
    set_aside: Mapping[str, str] = field(default_factory=dict)
    obstacles: Mapping[str, str] = field(default_factory=dict)
    refused: Sequence[str] = ()

    @property
    def is_done(self) -> bool:
        """Whether nothing waits any more."""
        return self.num_waiting == 0 and not self.refused

    @property
    def document(self) -> dict[str, Any]:
        """This as JSON."""
        return {
            "run_id": self.run.run_id,
            "num_waiting": self.num_waiting,
            "num_merged": self.num_merged,
            "set_aside": dict(self.set_aside),
            "refused": list(self.refused),
        }

    def lines(self) -> Iterator[str]:
        """This in words."""
        head = f"run {self.run.run_id}: "
        if self.num_merged:
            yield f"{head}{self.num_merged} events of spools that were left behind are in its log now"
        if self.sent_to and self.num_waiting == 0:
            yield f"{head}all is sent"
        elif self.sent_to:
            yield f"{head}{self.num_waiting} events still wait"
        for url, why in self.obstacles.items():
            yield f"  {url}: {why}"
        for producer, why in self.set_aside.items():
            yield f"  the rest of {producer} was refused and stays in {self.run.path}: {why}"
        for name in self.refused:
            yield f"  {name} does not follow on what its log has, or is of an attempt that was replaced: it stays there"


def sync(options: argparse.Namespace, _log: TextLog) -> int:
    """Sends what waits; fails where something still does afterwards."""
    synced = list(_sync_each(options))
    if options.json:
        print_json([each.document for each in synced])
    elif not synced:
        print("nothing waits to be sent")
    for line in [line for each in synced for line in each.lines()]:
        if not options.json:
            print(line)
    return 0 if all(each.is_done for each in synced) else 1


def _sync_each(options: argparse.Namespace) -> Iterator[Synced]:
    storage = open_storage(options)
    if options.spool is not None:
        run = _find(storage, options.spool)
        yield _sync_staged(run, options) if _is_staged(run) else _sync_kept(run, options)
        return
    for run in storage.outbox.runs():
        with _unless_alive(run):
            yield _sync_staged(run, options)
    for run in storage.runs():
        if has_leftovers(run) and (num_merged := merge_leftovers(run)):
            yield Synced(run=run, num_merged=num_merged)


def _find(storage: EventStorage, name: str) -> RunFolder:
    """The run of an id, of which one that waits goes before one that is kept, or the one at a path."""
    if Path(name).name == name:
        waits = storage.outbox.run(name).exists() or (name == "last" and storage.outbox.runs())
        return (storage.outbox if waits else storage).open(name)
    path = Path(name).resolve()
    if path.suffix == ".jsonl":  # a spool itself
        path = path.parent.parent
    run = EventStorage(path.parent).run(path.name)
    if not run.exists():
        raise StoreError(f"{path} is no run", code=NOT_FOUND, hint="name the folder that holds its log")
    return run


def _is_staged(run: RunFolder) -> bool:
    """Whether a run waits for servers, so that it is removed once they have it; all others are kept."""
    return run.path.parent == EventStorage(run.path.parent.parent).outbox.path


def _sync_staged(run: RunFolder, options: argparse.Namespace) -> Synced:
    servers, rest = _destination(run, options.server)
    if not servers:
        raise RunError(f"run {run.run_id} names no server to send to", code="MG109", hint="name one with --server URL")
    with closing(Carrier(run, servers, rest, read_token(os.environ))) as carrier:
        carrier.carry_once()
        end_if_lost(run)
        with _display(run, options) as report:
            num_waiting = carrier.drain(options.timeout, report)
        return _told(run, num_waiting, servers, carrier)


def _sync_kept(run: RunFolder, options: argparse.Namespace) -> Synced:
    """Brings in what was left behind; sends a copy where a server is named here and now."""
    num_merged = merge_leftovers(run) if has_leftovers(run) else 0
    servers = options.server or os.environ.get("MLGYM_SERVER", "").split()
    if not servers and num_merged:
        return Synced(run=run, num_merged=num_merged)
    if not servers:
        hint = "it is kept here and waits for no server; --server URL sends a copy"
        raise RunError(f"run {run.run_id} names no server to send to", code="MG109", hint=hint)
    with closing(ship_copy(run, servers, servers[0], read_token(os.environ))) as shipment:
        with _display(run, options) as report:
            num_waiting = shipment.drain(options.timeout, report)
        return _told(run, num_waiting, servers, shipment, num_merged)


def _told(
    run: RunFolder, num_waiting: int, servers: Sequence[str], sender: Carrier | Shipment, num_merged: int = 0
) -> Synced:
    return Synced(
        run=run,
        num_waiting=num_waiting,
        num_merged=num_merged,
        sent_to=servers,
        set_aside=dict(sender.set_aside),
        obstacles=dict(sender.obstacles),
        refused=refused_spools(run),
    )


def _destination(run: RunFolder, named: Sequence[str] | None) -> tuple[Sequence[str], str | None]:
    """The servers to send to, and the REST endpoint for files."""
    path = run.config_path(RUN_CONFIG)
    settings: dict[str, Any] = to_plain(read_run_config(path).settings) if path.exists() else {}
    servers = named or os.environ.get("MLGYM_SERVER", "").split()
    if servers:
        return servers, servers[0]
    urls = settings.get("servers") or ()
    return urls, settings.get("gs_rest_api_endpoint") or next(iter(urls), None)


@contextmanager
def _unless_alive(run: RunFolder) -> Iterator[None]:
    """Passes over a run that its own process carries at this moment."""
    try:
        yield
    except StoreError as error:
        if error.code != LOCKED:
            raise
        print(f"run {run.run_id} is under way and sends by itself", file=sys.stderr)


@contextmanager
def _display(run: RunFolder, options: argparse.Namespace) -> Iterator[Callable[[int], None]]:
    """Shows on a terminal how many events wait, while it is entered."""
    console = Console(stderr=True)
    if options.json or not console.is_terminal or console.is_dumb_terminal:
        yield lambda _: None
        return
    with console.status(f"run {run.run_id}: asking its servers") as status:
        yield lambda num_waiting: status.update(f"run {run.run_id}: {num_waiting} events wait")
