"""A run that is kept on a server, brought to the machine on which it is to go on."""

import hashlib
import json
from contextlib import closing

import msgspec
import pytest

from mlgym_core.errors import RunError, StoreError
from mlgym_core.events.codes import LOCKED
from mlgym_core.events.files import remove_folder, write_atomically
from mlgym_core.events.folder import EventStorage
from mlgym_core.events.log import LogWriter
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.spool import Spool
from mlgym_core.events.types import (
    AttemptStarted,
    CheckpointDeleted,
    CheckpointSaved,
    ExperimentConfig,
    JobStatus,
    LogLines,
    Resource,
    RunStarted,
)
from mlgym_core.publish.adopting import ALIVE, REFUSED, adopt
from mlgym_core.publish.carrier import Carrier
from mlgym_core.publish.ledger import read_ledger
from mlgym_core.publish.store import BROKEN, UNREACHABLE

CONFIG = "a: 1 # ü\n"
PATIENCE_S = 30


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class Machine:
    """A machine with an outbox, on which attempts of a run publish."""

    def __init__(self, path, run_id):
        self.storage = EventStorage(path)
        self.folder = self.storage.outbox.run(run_id)

    def publish(self, *payloads):
        with closing(Spool(self.folder)) as spool:
            for payload in payloads:
                spool.publish(payload)

    def start(self):
        write_atomically(self.folder.config_path("grid_search_config.yml"), CONFIG)
        source = {"grid_search_config.yml": sha256(CONFIG.encode())}
        more = {"config_hash": "0", "entry_command": [], "num_experiments": 2, "environment": {}}
        configs = [
            ExperimentConfig(grid_search_id="r", experiment_id=each, job_id=each, config={}) for each in range(2)
        ]
        self.publish(RunStarted(grid_search_id="r", source=source, **more), *configs)

    def attempt(self, experiment_id, number, *payloads):
        self.publish(attempt_started(experiment_id, number), *payloads)

    def checkpoint(self, experiment_id, epoch, kind=CheckpointSaved, batch=None):
        content = model(experiment_id, epoch)
        place = self.folder.checkpoint_path if batch is None else self.folder.step_path
        if kind is CheckpointSaved:
            write_atomically(place(experiment_id, epoch) / "model.safetensors", content)
        resource = Resource(name="model.safetensors", size_bytes=len(content), sha256=sha256(content))
        about = {"step": epoch, "batch": batch, "resources": [resource], "weights_sha256": "0", "kept_as": ["last"]}
        return kind(grid_search_id="r", experiment_id=experiment_id, epoch=epoch, **about)

    def send(self, url, *, is_kept=False):
        carrier = Carrier(self.folder, [url], url, None, is_kept=is_kept)
        assert carrier.drain(PATIENCE_S) == 0
        carrier.close()

    def adopt(self, url, **options):
        return adopt(self.storage, self.folder.run_id, [url], url, None, **{"patience_s": PATIENCE_S, **options})


def model(experiment_id, epoch):
    return f"experiment {experiment_id}, epoch {epoch} ".encode() * 1000


def done(experiment_id):
    return JobStatus(grid_search_id="r", experiment_id=experiment_id, job_id="j", status="DONE")


def attempt_started(experiment_id, number):
    about = {"device": "cpu", "host": "h", "pid": 1, "threads": 1, "versions": {}}
    return AttemptStarted(grid_search_id="r", experiment_id=experiment_id, attempt=number, **about)


@pytest.fixture
def machine(tmp_path):
    return lambda name="here": Machine(tmp_path / name, "r")


@pytest.fixture
def begun(machine, board):
    """A run on the server, of which one experiment is done and one has a checkpoint, and nothing waits anywhere."""
    first = machine("gone")
    first.start()
    saved = [first.checkpoint(1, 1), first.checkpoint(1, 2), first.checkpoint(1, 1, CheckpointDeleted)]
    first.attempt(1, 1, *saved)
    first.attempt(0, 1, first.checkpoint(0, 1), done(0))
    first.send(board.url)
    return first


def log(run):
    return run.log_path.read_bytes()


def checkpoints(run):
    return {(each, epoch) for each in run.experiments() for epoch in run.checkpoint_epochs(each)}


def test_another_machine_gets_the_log_the_configuration_and_what_it_may_go_on_from(machine, board, begun):
    run = machine().adopt(board.url)

    assert log(run) == log(board.storage.run("r"))
    assert run.config_path("grid_search_config.yml").read_text() == CONFIG
    assert checkpoints(run) == {(1, 2)}
    assert run.resource_path(1, 2, "model.safetensors").read_bytes() == model(1, 2)
    assert not list(run.path.glob(".*"))


def test_a_checkpoint_from_within_an_epoch_is_brought_beside_those_of_ends(machine, board, begun):
    there = machine("there")
    there.adopt(board.url)
    there.attempt(1, 2, there.checkpoint(1, 3, batch=4))
    there.send(board.url)
    run = machine().adopt(board.url)
    assert run.checkpoint_steps(1) == [3]
    assert run.checkpoint_epochs(1) == [2]
    assert (run.step_path(1, 3) / "model.safetensors").read_bytes() == model(1, 3)


def test_what_was_told_as_deleted_and_lies_there_still_is_deleted(machine, board, begun):
    there = machine("there")
    there.adopt(board.url)
    there.attempt(1, 2, there.checkpoint(1, 3, batch=4), there.checkpoint(1, 3, CheckpointDeleted, batch=4))
    there.send(board.url)
    run = board.storage.run("r")
    left = [run.checkpoint_path(1, 1) / "model.safetensors", run.step_path(1, 3) / "model.safetensors"]
    for path in left:
        write_atomically(path, "its publisher was killed before it had this deleted")
    before = log(run)

    machine().adopt(board.url)

    assert not any(path.exists() for path in left)
    assert checkpoints(run) == {(0, 1), (1, 2)}
    assert log(run) == before


def test_what_has_finished_is_brought_where_it_is_to_be_extended(machine, board, begun):
    assert checkpoints(machine().adopt(board.url, with_finished=True)) == {(0, 1), (1, 2)}


def test_the_newest_run_of_a_server_is_found_as_last(machine, board, begun):
    assert adopt(machine().storage, "last", [board.url], board.url, None).run_id == "r"


def test_a_run_goes_on_from_there_and_nothing_is_sent_twice(machine, board, begun):
    before = LogReader(board.storage.run("r")).poll()
    here = machine()
    run = here.adopt(board.url)
    assert read_ledger(run).files == {board.url: len(before)}
    here.attempt(1, 2, here.checkpoint(1, 3), here.checkpoint(1, 2, CheckpointDeleted), done(1))
    here.send(board.url)

    after = LogReader(board.storage.run("r")).poll()
    assert after[: len(before)] == before
    assert [json.loads(line)["event_type"] for line in after[len(before) :]] == [
        *("attempt_started", "checkpoint_saved", "checkpoint_deleted", "job_status")
    ]
    assert checkpoints(board.storage.run("r")) == {(0, 1), (1, 3)}
    assert not run.path.exists()


def test_what_waits_here_is_sent_first_and_files_stay(machine, board):
    here = machine()
    here.start()
    here.send(board.url, is_kept=True)
    here.attempt(1, 1, here.checkpoint(1, 1))
    untold = here.folder.path / "1" / "steps" / "7" / "model.safetensors"
    write_atomically(untold, "newer than what any event told of")

    run = here.adopt(board.url)

    assert log(run) == log(board.storage.run("r"))
    assert b"checkpoint_saved" in log(run)
    assert board.storage.run("r").resource_path(1, 1, "model.safetensors").read_bytes() == model(1, 1)
    assert run.resource_path(1, 1, "model.safetensors").read_bytes() == model(1, 1)
    assert untold.exists()


def test_a_run_that_its_server_never_heard_of_is_sent_there_first(machine, board):
    here = machine()
    here.start()
    run = here.adopt(board.url)
    assert log(run) == log(board.storage.run("r"))


def refused(code, adopting):
    with pytest.raises(RunError) as caught:
        adopting()
    assert caught.value.code == code
    return str(caught.value)


def test_a_run_of_a_server_that_is_away_does_not_go_on(machine, board, begun):
    board.stop()
    here = machine()
    assert board.url in refused(UNREACHABLE, lambda: here.adopt(board.url))
    here.start()
    assert board.url in refused(UNREACHABLE, lambda: here.adopt(board.url))
    assert here.folder.spools()


def test_a_run_that_the_server_does_not_know_does_not_go_on(machine, board):
    assert "there is no run 'r'" in refused(UNREACHABLE, lambda: machine().adopt(board.url))


def test_a_run_that_somebody_publishes_does_not_go_on(machine, board, begun):
    there = machine("there")
    there.attempt(1, 2)
    carrier = Carrier(there.folder, [board.url], board.url, None)
    carrier.drain(PATIENCE_S)
    assert "is under way" in refused(ALIVE, lambda: machine().adopt(board.url, patience_s=0.1))
    carrier.close()
    assert machine().adopt(board.url).exists()


def test_a_run_that_is_carried_from_here_does_not_go_on(machine, board, begun):
    here = machine()
    writer = LogWriter(here.folder)
    with pytest.raises(StoreError) as caught:
        here.adopt(board.url)
    assert caught.value.code == LOCKED
    writer.close()


def test_what_a_stale_attempt_left_here_is_told_of_and_kept(machine, board, begun):
    here, there = machine(), machine("there")
    here.adopt(board.url)
    with closing(Spool(here.folder)) as stale:
        stale.publish(attempt_started(1, 2))
        here.send(board.url, is_kept=True)
        there.adopt(board.url)
        there.attempt(1, 3, there.checkpoint(1, 3))
        there.send(board.url)
        stale.publish(LogLines(grid_search_id="r", stream="stdout", lines=["late"]))
    assert stale.producer in refused(REFUSED, lambda: here.adopt(board.url))
    assert b"late" in log(here.folder)


@pytest.mark.parametrize("name", ["grid_search_config.yml", "1/2/model.safetensors"])
def test_a_file_that_is_not_as_the_log_tells_is_not_gone_on_from(machine, board, begun, name):
    write_atomically(board.storage.run("r").path / name, "other")
    here = machine()
    refused(BROKEN, lambda: here.adopt(board.url))
    assert not here.folder.log_path.exists()


def test_a_damaged_log_is_not_gone_on_from(machine, board, begun):
    path = board.storage.run("r").log_path
    path.write_bytes(path.read_bytes().replace(b'"num_experiments":2', b'"num_experiments":3'))
    refused(BROKEN, lambda: machine().adopt(board.url))


def of_type(run, event_type):
    events = [json.loads(line) for line in LogReader(run).poll()]
    return [each["payload"] for each in events if each["event_type"] == event_type]


@pytest.mark.parametrize("batch", [None, 4])
def test_what_never_came_there_is_told_as_deleted_once_and_the_one_before_is_gone_on_from(
    machine, board, begun, caplog, batch
):
    there = machine("there")
    there.adopt(board.url)
    saved = there.checkpoint(1, 3, batch=batch)
    remove_folder(there.folder.checkpoint_path(1, 3) if batch is None else there.folder.step_path(1, 3))
    there.attempt(1, 2, saved)
    there.send(board.url)
    before = log(board.storage.run("r"))
    here = machine()

    run = here.adopt(board.url)

    assert (checkpoints(run), run.checkpoint_steps(1)) == ({(1, 2)}, [])
    assert log(run).startswith(before)
    [told] = LogReader(run).poll()[len(before.splitlines()) :]
    assert json.loads(told)["payload"] == of_type(run, "checkpoint_saved")[-1]
    assert json.loads(told)["event_type"] == "checkpoint_deleted"
    assert ["never came to the server whole" in record.message for record in caplog.records] == [True]
    here.adopt(board.url)  # which sends it
    machine("third").adopt(board.url)
    assert log(board.storage.run("r")) == log(run)
    assert len(caplog.records) == 1


def test_where_nothing_is_whole_an_experiment_has_nothing_to_go_on_from(machine, board, begun):
    remove_folder(board.storage.run("r").checkpoint_path(1, 2))
    here = machine()
    assert checkpoints(here.adopt(board.url)) == set()
    assert [each["epoch"] for each in of_type(here.folder, "checkpoint_deleted")] == [1, 2]


class Halved(Machine):
    """A machine whose checkpoints have a second file."""

    def checkpoint(self, experiment_id, epoch, **options):
        saved = super().checkpoint(experiment_id, epoch, **options)
        write_atomically(self.folder.resource_path(experiment_id, epoch, "optimizer.json"), "{}")
        resource = Resource(name="optimizer.json", size_bytes=2, sha256=sha256(b"{}"))
        return msgspec.structs.replace(saved, resources=[*saved.resources, resource])


@pytest.fixture
def halved(tmp_path, machine, board, begun):
    """On the server the newest checkpoint without its second file."""
    there = Halved(tmp_path / "there", "r")
    there.adopt(board.url)
    there.attempt(1, 2, there.checkpoint(1, 3))
    there.send(board.url)
    run = board.storage.run("r")
    run.resource_path(1, 3, "optimizer.json").unlink()
    return run


def test_what_came_there_in_part_is_gone_on_without_and_goes(machine, board, halved):
    here = machine()
    assert checkpoints(here.adopt(board.url)) == {(1, 2)}
    here.send(board.url)
    assert checkpoints(halved) == {(0, 1), (1, 2)}
    assert [each["epoch"] for each in of_type(halved, "checkpoint_deleted")] == [1, 3]


def test_what_came_there_in_part_and_is_not_as_the_log_tells_is_not_gone_on_without(machine, board, halved):
    before = log(halved)
    write_atomically(halved.resource_path(1, 3, "model.safetensors"), "other")
    here = machine()
    refused(BROKEN, lambda: here.adopt(board.url))
    assert not here.folder.log_path.exists()
    assert log(halved) == before


def test_a_configuration_that_is_gone_there_is_not_gone_on_without(machine, board, begun):
    board.storage.run("r").config_path("grid_search_config.yml").unlink()
    refused(UNREACHABLE, lambda: machine().adopt(board.url))
