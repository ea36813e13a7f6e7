"""A run that is kept on a server, brought into the outbox so that it can go on from here.

Owns what has to be here for that, and that nothing goes on where it is not sure how far the run got. Knows not how it
goes on.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from mlgym_core.errors import RunError, StoreError
from mlgym_core.events.appending import append_facts
from mlgym_core.events.checkpoint_files import ToldCheckpoints, folder_of, is_whole
from mlgym_core.events.files import hidden_beside, remove_folder, writing
from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.lock import WriterLock
from mlgym_core.events.names import check_name
from mlgym_core.events.snapshots import open_fold
from mlgym_core.events.types import CheckpointDeleted, CheckpointSaved
from mlgym_core.events.verify import verify_chain
from mlgym_core.publish.carrier import Carrier
from mlgym_core.publish.endpoint import route_of
from mlgym_core.publish.ledger import Ledger, write_ledger
from mlgym_core.publish.store import BROKEN, UNREACHABLE, AbsentError, Store

_LOG = logging.getLogger(__name__)
ALIVE = "MG431"
REFUSED = "MG433"
_PATIENCE_S = 60.0
"""How long a server may take to notice that a publisher is gone whose machine broke down."""
_LOOK_EVERY_S = 0.1
_NUM_TRIED = 100
"""How many of the last deleted checkpoints from within epochs are looked after, of which no server has a list."""


def adopt(
    storage: EventStorage,
    run_id: str,
    servers: Sequence[str],
    rest: str,
    token: str | None,
    *,
    with_finished: bool = False,
    patience_s: float = _PATIENCE_S,
) -> RunFolder:
    """The folder in the outbox of `storage` from which a run of `servers` goes on; `last` is the newest at `rest`.

    What waits of it here is sent first. Then its log there takes the place of the one here, with its configuration and
    the checkpoints of the experiments that have not finished, or of all of them. Files that lie here are kept.

    A checkpoint whose files never came there, or not all, is told as deleted: they were no longer whole when their turn
    came. It may be saved again.

    Raises:
        RunError: a server cannot be reached, does not take what waits here, or has files that are not as the log tells;
            or the run is under way.
        StoreError: another process carries the run from here, or the disk takes no more.
    """
    with closing(Store(rest, token)) as store:
        if run_id == "last":
            run_id = store.find(run_id)[0]
        run = RunFolder(storage.outbox.run(run_id).path.absolute())
        if run.exists():
            store.reach()
            _send(run, servers, rest, token, patience_s)
        _wait_until_left(store, run_id, patience_s)
        lock = WriterLock(run)
        try:
            lost = _bring(store, run, servers, with_finished=with_finished)
        finally:
            lock.release()
    _tell_lost(run, lost)
    return run


def _send(run: RunFolder, servers: Sequence[str], rest: str, token: str | None, patience_s: float) -> None:
    with closing(Carrier(run, servers, rest, token, is_kept=True)) as carrier:
        num_waiting = carrier.drain(patience_s)
        for producer, why in carrier.set_aside.items():
            raise RunError(
                f"a server does not take what {producer} published to run {run.run_id}: {why}",
                code=REFUSED,
                hint=f"what was refused stays in {run.path}: move that folder away to go on without it",
            )
        if num_waiting:
            reasons = "; ".join(f"{url}: {why}" for url, why in carrier.obstacles.items())
            raise RunError(
                f"{num_waiting} events of run {run.run_id} wait here and cannot be sent: {reasons}",
                code=UNREACHABLE,
                hint="a run goes on once its servers have all that waits: start them, then resume it again",
            )


def _wait_until_left(store: Store, run_id: str, patience_s: float) -> None:
    """Returns once nobody publishes to the run; who did so last, and was cut off, is missed only after a while."""
    deadline = time.monotonic() + patience_s
    while store.find(run_id)[1] == "alive":
        if time.monotonic() >= deadline:
            raise RunError(
                f"run {run_id} is under way: a process publishes it to {store.url}",
                code=ALIVE,
                hint="an experiment has one live attempt: wait until that process has ended, or stop it",
            )
        time.sleep(_LOOK_EVERY_S)


def _bring(store: Store, run: RunFolder, servers: Sequence[str], *, with_finished: bool) -> list[CheckpointSaved]:
    """Fetches all beside the run's files and puts it in their place once it is whole, the log last.

    Gives the checkpoints that are neither there nor here.
    """
    fetched = RunFolder(hidden_beside(run.log_path) / run.run_id)
    try:
        num_events = _fetch_log(store, fetched)
        state = open_fold(fetched)[0].state
        for name, sha256 in (state.started.source if state.started else {}).items():
            route = f"grid_searches/{run.run_id}/{name.removesuffix('.yml')}"
            store.fetch(route, fetched.config_path(name), sha256)
        done = {each.experiment_id for each in state.experiments.values() if each.status == "finished"}
        told = ToldCheckpoints(fetched)
        told.read_on()
        # All that are kept: those that an experiment does not go on from it may have to delete.
        wanted = [each for each in told.saved() if with_finished or each.experiment_id not in done]
        _finish_deletions(store, fetched, told.deleted())
        missing = [each for each in wanted if not is_whole(run, each)]
        found = [each for each in missing if _fetch_checkpoint(store, fetched, each)]
        with writing(run.path):
            _put_in_place(fetched, [folder_of(fetched, each) for each in found], run)
        write_ledger(run, _ledger(store, servers, num_events))
        return [each for each in missing if each not in found]
    finally:
        shutil.rmtree(fetched.path.parent, ignore_errors=True)


def _fetch_log(store: Store, fetched: RunFolder) -> int:
    store.fetch_log(fetched.run_id, fetched.log_path)
    try:
        return verify_chain(fetched.log_path).num_lines
    except StoreError as error:
        raise RunError(
            f"the log of run {fetched.run_id} at {store.url} is damaged: {error.message}",
            code=BROKEN,
            hint="`mlgym verify` on the server says what is wrong; restore it there from a copy",
        ) from error


def _finish_deletions(store: Store, run: RunFolder, deleted: Iterable[CheckpointDeleted]) -> None:
    """Deletes what a publisher told of as deleted, and was killed before it did that too."""
    by_experiment: dict[int, list[CheckpointDeleted]] = defaultdict(list)
    for each in deleted:
        by_experiment[each.experiment_id].append(each)
    for experiment_id, told in by_experiment.items():
        there = store.epochs(run.run_id, experiment_id)
        ends = [each for each in told if each.batch is None and each.epoch in there]
        within = [each for each in told if each.batch is not None][-_NUM_TRIED:]
        for each in (*ends, *within):
            store.delete(route_of(run, folder_of(run, each)))


def _fetch_checkpoint(store: Store, fetched: RunFolder, saved: CheckpointSaved) -> bool:
    """Whether all of it is there; what of it is there has to be as the log tells, also where something is not."""
    folder = folder_of(fetched, saved)
    is_there = True
    for resource in saved.resources:
        path = folder / check_name(resource.name, "resource")
        try:
            store.fetch(f"{route_of(fetched, folder)}/{resource.name}", path, resource.sha256)
        except AbsentError:
            is_there = False
    return is_there


def _tell_lost(run: RunFolder, lost: Sequence[CheckpointSaved]) -> None:
    for each in lost:
        _LOG.warning(
            "the checkpoint of experiment %d, epoch %d, step %d never came to the server whole; "
            "what goes on does so from the newest that did, or from its beginning",
            each.experiment_id,
            each.epoch,
            each.step,
        )
    if lost:
        append_facts(run, [CheckpointDeleted(**msgspec.structs.asdict(each)) for each in lost])


def _put_in_place(fetched: RunFolder, fetched_checkpoints: Sequence[Path], run: RunFolder) -> None:
    for folder in fetched_checkpoints:
        final = run.path / folder.relative_to(fetched.path)
        remove_folder(final)
        final.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(final)
    for path in fetched.path.glob("*.yml"):
        path.replace(run.path / path.name)
    remove_folder(run.snapshots_path)
    fetched.log_path.replace(run.log_path)


def _ledger(store: Store, servers: Sequence[str], num_events: int) -> Ledger:
    """What is there needs not be sent; other servers are asked how far they are."""
    there = {url: num_events for url in servers if url.rstrip("/") == store.url}
    return Ledger(servers=there, files={store.url: num_events})
