"""Events of connections on their way into a log."""

import asyncio
import errno
import os

import pytest

from ml_board.socket.inlet import Inlet
from ml_board.socket.jobs import SingleEvent
from ml_board.telemetry import Telemetry
from mlgym_core.errors import StoreError
from mlgym_core.events.codec import encode_event, encode_foreign, read_stamp
from mlgym_core.events.lock import liveness
from mlgym_core.events.log import LogWriter
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.spool import Spool
from mlgym_core.events.types import RunEnded


def line(number=0):
    return encode_event(RunEnded(grid_search_id="r", reason="finished", counts={"finished": number}))


class Served:
    """An inlet, and what it told of its log."""

    def __init__(self, folder):
        self.folder = folder
        self.committed = {}
        self.told = []
        self.telemetry = Telemetry()
        self.write = os.write
        self.sync = os.fsync
        self.inlet = Inlet(folder, self.committed, self.tell, self.telemetry, self.open_log)

    def tell(self):
        self.told.append(dict(self.committed))

    def open_log(self, folder):
        return LogWriter(folder, sync=lambda fd: self.sync(fd), write=lambda fd, data: self.write(fd, data))

    def submit(self, connection, line, stamp):
        producer, seq = stamp or (f"v1-{connection}", None)
        return self.inlet.submit(connection, SingleEvent(line=line, producer=producer, seq=seq))

    def counted(self, name):
        return self.telemetry.registry.get_sample_value(name)

    def stamps(self):
        found = [read_stamp(each) for each in LogReader(self.folder).poll()]
        return [(each.producer, each.seq) for each in found]

    async def until_given_up(self):
        await self.inlet.close()


@pytest.fixture
def served(storage):
    return Served(storage.run("r"))


def test_events_of_a_connection_are_stored_in_their_order(served):
    async def publish():
        outcomes = [served.submit("a", line(number), None) for number in range(50)]
        outcomes += [served.submit("b", line(number), None) for number in range(2)]
        assert await asyncio.gather(*outcomes) == list(range(52))
        await served.until_given_up()

    asyncio.run(publish())
    assert served.stamps() == [("v1-a", seq) for seq in range(1, 51)] + [("v1-b", 1), ("v1-b", 2)]


def test_what_came_during_a_commit_is_committed_together(served):
    async def publish():
        first = served.submit("a", line(), None)
        await asyncio.sleep(0)
        rest = [served.submit("a", line(), None) for _ in range(100)]
        await asyncio.gather(first, *rest)
        await served.until_given_up()

    asyncio.run(publish())
    assert [each.get("r") for each in served.told] == [1, 101]


def test_a_stamped_event_that_is_there_is_not_stored_again(served):
    async def publish():
        lines = [line(number) for number in range(4)]
        outcomes = await asyncio.gather(*[served.submit("a", lines[seq], ("p", seq)) for seq in (1, 2, 1, 2, 3)])
        assert outcomes == [0, 1, None, None, 2]
        await served.until_given_up()

    asyncio.run(publish())
    assert served.stamps() == [("p", 1), ("p", 2), ("p", 3)]


def test_a_gap_refuses_the_event_alone(served):
    async def publish():
        stamps = [("p", 1), ("p", 3), ("q", 1)]
        first, gap, other = await asyncio.gather(*[served.submit("a", line(), stamp) for stamp in stamps])
        assert (first, other) == (0, 1)
        assert isinstance(gap, StoreError)
        assert gap.code == "MG406"
        await served.until_given_up()

    asyncio.run(publish())
    assert served.stamps() == [("p", 1), ("q", 1)]


def test_the_log_is_held_while_somebody_publishes(served):
    async def publish():
        await served.submit("a", line(), None)
        await served.submit("b", line(), None)
        served.inlet.leave("a")
        await asyncio.sleep(0)
        assert liveness(served.folder) == "alive"
        assert served.committed == {"r": 2}
        served.inlet.leave("b")
        await served.until_given_up()
        assert liveness(served.folder) == "lost"
        assert served.committed == {}
        assert await served.submit("c", line(), None) == 2
        await served.until_given_up()

    asyncio.run(publish())


def test_what_a_connection_sent_before_it_left_is_stored(served):
    async def publish():
        outcomes = [served.submit("a", line(), None) for _ in range(3)]
        served.inlet.leave("a")
        assert await asyncio.gather(*outcomes) == [0, 1, 2]
        await served.until_given_up()

    asyncio.run(publish())
    assert liveness(served.folder) == "lost"


def test_a_run_that_another_writes_is_refused_until_it_is_free(served):
    async def publish():
        writer = LogWriter(served.folder)
        refusal = await served.submit("a", line(), None)
        assert isinstance(refusal, StoreError)
        assert refusal.code == "MG404"
        writer.close()
        assert await served.submit("a", line(), None) == 0
        await served.until_given_up()

    asyncio.run(publish())


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def failing(*_):
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_full_disk_refuses_and_a_later_commit_goes_on(served):
    async def publish():
        assert await served.submit("a", line(), None) == 0
        served.write = full
        refusals = [await served.submit("a", line(), None) for _ in range(3)]
        assert [each.code for each in refusals] == ["MG415"] * 3
        assert served.committed == {"r": 1}
        assert len(LogReader(served.folder).poll()) == 1
        assert [each.reason for each in served.telemetry.latest_alarms()] == ["storage"]
        served.write = os.write
        assert await served.submit("a", line(), None) == 1
        await served.until_given_up()

    asyncio.run(publish())
    assert served.stamps() == [("v1-a", 1), ("v1-a", 2)]


def test_after_a_failed_sync_the_log_is_opened_anew(served):
    async def publish():
        assert await served.submit("a", line(), None) == 0
        served.sync = failing
        refusal = await served.submit("a", line(), None)
        assert refusal.code == "MG403"
        assert served.committed == {}
        served.sync = os.fsync
        assert await served.submit("a", line(), None) == 1
        await served.until_given_up()

    asyncio.run(publish())
    assert served.stamps() == [("v1-a", 1), ("v1-a", 2)]


def test_a_damaged_log_is_told_of_once_and_not_read_again_each_time(served):
    lines = [encode_foreign({"event_type": "t", "creation_ts": 1, "payload": {"grid_search_id": "r"}})[1]] * 2
    writer = LogWriter(served.folder)
    writer.append("p", 1, lines)
    writer.commit()
    writer.close()
    log = served.folder.log_path
    log.write_bytes(log.read_bytes().replace(b'"t"', b'"u"', 1))
    damaged = log.read_bytes()

    async def publish():
        refusals = [await served.submit("a", line(), None) for _ in range(3)]
        assert [each.code for each in refusals] == ["MG405"] * 3
        await served.until_given_up()

    asyncio.run(publish())
    assert [each.reason for each in served.telemetry.latest_alarms()] == ["damaged"]
    assert log.read_bytes() == damaged


def test_other_content_under_a_known_number_is_refused_with_an_alarm(served):
    async def publish():
        first = line(1)
        assert await served.submit("a", first, ("p", 1)) == 0
        assert await served.submit("a", first, ("p", 1)) is None
        refusal = await served.submit("a", line(2), ("p", 1))
        assert refusal.code == "MG413"
        await served.until_given_up()

    asyncio.run(publish())
    assert [each.reason for each in served.telemetry.latest_alarms()] == ["conflict"]
    assert (served.counted("mlgym_events_total"), served.counted("mlgym_duplicates_total")) == (1, 1)


def test_what_is_spooled_beside_a_held_log_is_merged_into_it(served):
    async def publish():
        await served.submit("a", line(), None)
        spool = Spool(served.folder)
        spool.publish(RunEnded(grid_search_id="r", reason="finished", counts={}))
        spool.close()
        while len(served.told) < 2:
            await asyncio.sleep(0.01)
        await served.until_given_up()
        assert served.stamps() == [("v1-a", 1), (spool.producer, 1)]
        assert not spool.path.exists()

    asyncio.run(publish())


def test_a_fault_of_the_server_itself_is_answered_and_the_log_goes_on(served, caplog):
    class Broken(SingleEvent):
        def append(self, writer):
            writer.append("half", 1, [self.line])
            raise RuntimeError("a bug")

    async def publish():
        assert await served.submit("a", line(), None) == 0
        broken = served.inlet.submit("a", Broken(line=line(), producer="p", seq=1))
        other = served.submit("b", line(), None)
        for refusal in (await broken, await other):
            assert refusal.code == "MG403"
            assert "a bug" in refusal.message
        assert await served.submit("b", line(), None) == 1
        await served.until_given_up()

    asyncio.run(publish())
    assert served.stamps() == [("v1-a", 1), ("v1-b", 1)]
    assert "a turn of the log of run r failed" in caplog.text
