"""Events of connections on their way into a log."""

import asyncio

import pytest

from ml_board.socket.inlet import Inlet
from mlgym_core.errors import StoreError
from mlgym_core.events.codec import encode_event, read_stamp
from mlgym_core.events.lock import liveness
from mlgym_core.events.log import LogReader, LogWriter
from mlgym_core.events.types import RunEnded


def line(number=0):
    return encode_event(RunEnded(grid_search_id="r", reason="finished", counts={"finished": number}))


class Served:
    """An inlet, and what it told of its log."""

    def __init__(self, folder):
        self.folder = folder
        self.committed = {}
        self.told = []
        self.inlet = Inlet(folder, self.committed, lambda: self.told.append(dict(self.committed)))

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
        outcomes = [served.inlet.submit("a", line(number), None) for number in range(50)]
        outcomes += [served.inlet.submit("b", line(number), None) for number in range(2)]
        assert await asyncio.gather(*outcomes) == list(range(52))
        await served.until_given_up()

    asyncio.run(publish())
    assert served.stamps() == [("v1-a", seq) for seq in range(1, 51)] + [("v1-b", 1), ("v1-b", 2)]


def test_what_came_during_a_commit_is_committed_together(served):
    async def publish():
        first = served.inlet.submit("a", line(), None)
        await asyncio.sleep(0)
        rest = [served.inlet.submit("a", line(), None) for _ in range(100)]
        await asyncio.gather(first, *rest)
        await served.until_given_up()

    asyncio.run(publish())
    assert [each.get("r") for each in served.told] == [1, 101]


def test_a_stamped_event_that_is_there_is_not_stored_again(served):
    async def publish():
        stamps = [("p", 1), ("p", 2), ("p", 1), ("p", 2), ("p", 3)]
        outcomes = await asyncio.gather(*[served.inlet.submit("a", line(), stamp) for stamp in stamps])
        assert outcomes == [0, 1, None, None, 2]
        await served.until_given_up()

    asyncio.run(publish())
    assert served.stamps() == [("p", 1), ("p", 2), ("p", 3)]


def test_a_gap_refuses_the_event_alone(served):
    async def publish():
        stamps = [("p", 1), ("p", 3), ("q", 1)]
        first, gap, other = await asyncio.gather(*[served.inlet.submit("a", line(), stamp) for stamp in stamps])
        assert (first, other) == (0, 1)
        assert isinstance(gap, StoreError)
        assert gap.code == "MG406"
        await served.until_given_up()

    asyncio.run(publish())
    assert served.stamps() == [("p", 1), ("q", 1)]


def test_the_log_is_held_while_somebody_publishes(served):
    async def publish():
        await served.inlet.submit("a", line(), None)
        await served.inlet.submit("b", line(), None)
        served.inlet.leave("a")
        await asyncio.sleep(0)
        assert liveness(served.folder) == "alive"
        assert served.committed == {"r": 2}
        served.inlet.leave("b")
        await served.until_given_up()
        assert liveness(served.folder) == "lost"
        assert served.committed == {}
        assert await served.inlet.submit("c", line(), None) == 2
        await served.until_given_up()

    asyncio.run(publish())


def test_what_a_connection_sent_before_it_left_is_stored(served):
    async def publish():
        outcomes = [served.inlet.submit("a", line(), None) for _ in range(3)]
        served.inlet.leave("a")
        assert await asyncio.gather(*outcomes) == [0, 1, 2]
        await served.until_given_up()

    asyncio.run(publish())
    assert liveness(served.folder) == "lost"


def test_a_run_that_another_writes_is_refused_until_it_is_free(served):
    async def publish():
        writer = LogWriter(served.folder)
        refusal = await served.inlet.submit("a", line(), None)
        assert isinstance(refusal, StoreError)
        assert refusal.code == "MG404"
        writer.close()
        assert await served.inlet.submit("a", line(), None) == 0
        await served.until_given_up()

    asyncio.run(publish())


def test_a_full_disk_refuses_and_a_later_commit_goes_on(served, monkeypatch):
    async def publish():
        assert await served.inlet.submit("a", line(), None) == 0
        with monkeypatch.context() as patch:
            patch.setattr("mlgym_core.events.log.os.write", full)
            refusal = await served.inlet.submit("a", line(), None)
        assert isinstance(refusal, StoreError)
        assert refusal.code == "MG403"
        assert await served.inlet.submit("a", line(), None) == 1
        await served.until_given_up()

    def full(*_):
        raise OSError(28, "No space left on device")

    asyncio.run(publish())
    assert served.stamps() == [("v1-a", 1), ("v1-a", 2)]
