"""When files are brought and deleted, as a log grows and a server acknowledges it."""

import hashlib
import time

import pytest

from mlgym_core.events.files import write_atomically
from mlgym_core.events.folder import EventStorage
from mlgym_core.events.log import LogWriter
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.merge import Merger
from mlgym_core.events.spool import Spool
from mlgym_core.events.types import AttemptStarted, CheckpointDeleted, CheckpointSaved, LogLines, Resource
from mlgym_core.publish.endpoint import Endpoint
from mlgym_core.publish.uploads import Uploads

PATIENCE_S = 60
SAVED, DELETED = ("POST", "/checkpoints/r/0/1"), ("DELETE", "/checkpoints/r/0/1")


class Walked:
    """A log, the uploads that walk along it, and how many of its events a server is said to have."""

    def __init__(self, folder, url, position=0):
        self.folder = folder
        self.num_told = 0
        self.set_aside = set()
        self.num_ready = []
        write_atomically(folder.resource_path(0, 1, "model.safetensors"), "model")
        self._spool = Spool(folder)
        self.producer = self._spool.producer
        self._writer = LogWriter(folder)
        self._merger = Merger(self._writer, folder)
        self.uploads = Uploads(
            folder,
            Endpoint(folder, url, None),
            position,
            num_events=lambda: self._writer.num_events,
            num_told=lambda: self.num_told,
            set_aside=lambda: self.set_aside,
            advanced=lambda: self.num_ready.append(self.uploads.position),
        )
        self.uploads.start()

    def publish(self, *kinds):
        for kind in kinds:
            if kind is AttemptStarted:
                self._spool.publish(
                    AttemptStarted(
                        grid_search_id="r",
                        experiment_id=0,
                        attempt=1,
                        device="cpu",
                        host="h",
                        pid=1,
                        threads=1,
                        versions={},
                    )
                )
                continue
            if kind is LogLines:
                self._spool.publish(
                    LogLines(grid_search_id="r", stream="stdout", lines=['\n{"event_type":"run_started"}'])
                )
                continue
            resources = [Resource(name="model.safetensors", size_bytes=5, sha256=hashlib.sha256(b"model").hexdigest())]
            self._spool.publish(
                kind(
                    grid_search_id="r", experiment_id=0, epoch=1, step=1,
                    resources=resources, weights_sha256="0", kept_as=[],
                )
            )  # fmt: skip
        self._merger.merge_rest()
        self.uploads.notify()

    def until(self, condition):
        assert self.uploads.wait_until(condition, time.monotonic() + PATIENCE_S)

    def close(self):
        self.uploads.close(PATIENCE_S)
        self._spool.close()
        self._writer.close()


@pytest.fixture
def walk(tmp_path, answering):
    begun = []

    def begin(**options):
        begun.append(Walked(EventStorage(tmp_path).run("r"), answering.url, **options))
        return begun[-1]

    yield begin
    for each in begun:
        each.close()


def asked(answering):
    return [(method, path) for method, path, _ in answering.requests]


def test_events_are_ready_once_their_files_are_there(walk, answering):
    answering.status = 503
    walked = walk()
    walked.publish(LogLines, LogLines, CheckpointSaved, LogLines)
    walked.until(lambda: walked.uploads.position == 2)
    answering.status = 200
    walked.uploads.hurry()
    walked.until(lambda: walked.uploads.position == 4)
    assert asked(answering)[-1] == SAVED
    walked.close()  # who asks for the position may see it before `advanced` is called
    assert walked.num_ready == [2, 4]
    assert len(LogReader(walked.folder).poll()) == 4


def test_a_checkpoint_is_deleted_once_the_event_that_says_so_is_acknowledged(walk, answering):
    walked = walk()
    walked.publish(CheckpointSaved, CheckpointDeleted, LogLines)
    walked.until(lambda: walked.uploads.position == 3)
    assert walked.uploads.settled == 1
    assert asked(answering) == [SAVED]
    walked.num_told = 1
    assert not walked.uploads.wait_for(2, time.monotonic() + 0.3)
    walked.num_told = 2
    assert walked.uploads.wait_for(3, time.monotonic() + PATIENCE_S)
    assert asked(answering) == [SAVED, DELETED]


def test_a_checkpoint_that_is_saved_anew_waits_until_the_one_before_is_deleted(walk, answering):
    walked = walk()
    walked.publish(CheckpointSaved, CheckpointDeleted, CheckpointSaved)
    walked.until(lambda: walked.uploads.position == 2)
    assert not walked.uploads.wait_for(3, time.monotonic() + 0.3)
    assert asked(answering) == [SAVED]
    walked.num_told = 2
    assert walked.uploads.wait_for(3, time.monotonic() + PATIENCE_S)
    assert asked(answering) == [SAVED, DELETED, SAVED]


def test_a_checkpoint_waits_until_the_server_knows_of_its_attempt(walk, answering):
    walked = walk()
    walked.publish(LogLines, AttemptStarted, CheckpointSaved)
    walked.until(lambda: walked.uploads.position == 2)
    walked.num_told = 1
    assert not walked.uploads.wait_for(3, time.monotonic() + 0.3)
    assert SAVED not in asked(answering)
    walked.num_told = 2
    assert walked.uploads.wait_for(3, time.monotonic() + PATIENCE_S)
    assert asked(answering) == [SAVED]


def test_a_stale_attempt_brings_and_deletes_nothing_once_it_is_known_to_be_one(walk, answering):
    walked = walk()
    walked.publish(CheckpointSaved, CheckpointDeleted, AttemptStarted, CheckpointSaved)
    walked.until(lambda: walked.uploads.position == 3)
    walked.set_aside.add(walked.producer)
    walked.num_told = 4
    assert walked.uploads.wait_for(4, time.monotonic() + PATIENCE_S)
    assert asked(answering) == [SAVED]


def test_what_an_earlier_process_brought_is_not_brought_again(walk, answering):
    walked = walk(position=1)
    walked.publish(CheckpointSaved, LogLines)
    walked.until(lambda: walked.uploads.position == 2)
    assert asked(answering) == []


def test_a_server_that_lost_its_files_gets_them_again(walk, answering):
    walked = walk()
    walked.publish(LogLines, CheckpointSaved)
    walked.until(lambda: walked.uploads.position == 2)
    walked.uploads.go_back(0)
    walked.until(lambda: walked.uploads.position == 2)
    assert asked(answering) == [SAVED, SAVED]


def test_files_of_events_that_the_server_does_not_take_are_not_brought(walk, answering):
    walked = walk()
    walked.set_aside.add(walked.producer)
    walked.publish(CheckpointSaved, LogLines)
    walked.until(lambda: walked.uploads.position == 2)
    assert asked(answering) == []


def test_an_endpoint_that_lets_nobody_in_is_not_asked_on_and_on(walk, answering, caplog):
    answering.status = 401
    walked = walk()
    walked.publish(CheckpointSaved)
    while not caplog.records:
        time.sleep(0.01)
    time.sleep(0.3)
    assert len(answering.requests) == 1
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    answering.status = 200
    walked.uploads.hurry()
    walked.until(lambda: walked.uploads.position == 1)
