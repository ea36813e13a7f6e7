"""Which attempts a log tells of as replaced, while it is written, cut and begun anew."""

import shutil
from contextlib import closing

import pytest

from mlgym_core.errors import StoreError
from mlgym_core.events.codec import encode_event
from mlgym_core.events.codes import FENCED
from mlgym_core.events.fencing import Fence
from mlgym_core.events.folder import EventStorage
from mlgym_core.events.log import LogWriter
from mlgym_core.events.types import LogLines


@pytest.fixture
def run(tmp_path):
    return EventStorage(tmp_path).run("r")


def append(writer, producer, *payloads):
    writer.append(producer, writer.last_seq(producer) + 1, [encode_event(payload) for payload in payloads])
    writer.commit()


def is_live(fence, producer, num_events=None):
    try:
        fence.check(producer, num_events)
    except StoreError as error:
        return error.code != FENCED
    return True


def test_nobody_is_stale_where_there_is_no_log(run):
    assert is_live(Fence(run), "a")


def test_an_attempt_is_stale_once_a_newer_one_of_its_experiment_began(run, attempt_started):
    fence = Fence(run)
    with closing(LogWriter(run)) as writer:
        append(writer, "a", attempt_started(0, 1))
        append(writer, "b", attempt_started(1, 1))
        assert is_live(fence, "a")
        append(writer, "c", LogLines(grid_search_id="r", stream="stdout", lines=["\n"]), attempt_started(0, 2))
        assert [is_live(fence, producer) for producer in "abcd"] == [False, True, True, True]
        assert not is_live(Fence(run), "a")


def test_what_is_no_fact_yet_fences_nobody(run, attempt_started):
    with closing(LogWriter(run)) as writer:
        append(writer, "a", attempt_started(0, 1))
        append(writer, "b", attempt_started(0, 2))
    fence = Fence(run)
    assert is_live(fence, "a", num_events=1)
    assert not is_live(fence, "a", num_events=2)


def test_a_log_that_began_anew_is_read_anew(run, attempt_started):
    fence = Fence(run)
    with closing(LogWriter(run)) as writer:
        append(writer, "a", attempt_started(0, 1))
        append(writer, "b", attempt_started(0, 2))
    assert not is_live(fence, "a")
    shutil.rmtree(run.path)
    with closing(LogWriter(run)) as writer:
        append(writer, "a", attempt_started(0, 1))
    assert is_live(fence, "a")
