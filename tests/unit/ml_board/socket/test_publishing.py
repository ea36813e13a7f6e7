"""What a connection publishes, where the disk does not take it."""

import asyncio
import errno
import functools
import os

import pytest
import socketio

from ml_board.runs.views import RunViews
from ml_board.socket.clients import Clients
from ml_board.socket.publishing import Publishing
from ml_board.socket.rooms import Rooms
from ml_board.telemetry import Telemetry
from mlgym_core.events.codec import read_stamp
from mlgym_core.events.log import LogWriter
from mlgym_core.events.log_reader import LogReader


def lines(first, last):
    return b"\n".join(
        b'{"event_type":"note","creation_ts":1,"payload":{"grid_search_id":"r","text":"%d"}}' % seq
        for seq in range(first, last + 1)
    )


class Disk:
    """A disk that takes what is written until it fails."""

    error = None

    def write(self, fd, data):
        if self.error:
            raise OSError(self.error, os.strerror(self.error))
        return os.write(fd, data)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_what_the_disk_did_not_take_is_sent_again_under_the_same_numbers(storage, error):
    disk = Disk()
    open_log = functools.partial(LogWriter, write=disk.write)
    rooms = Rooms(RunViews(storage.path), Clients(socketio.AsyncServer(async_mode="asgi")), Telemetry(), open_log)

    async def publish():
        publishing = Publishing("c", rooms)
        await publishing.hello({"v": 2, "producer": "p", "grid_search_id": "r"})
        assert (await publishing.batch(lines(1, 5)))["last_seq"] == 5
        disk.error = error
        for _ in range(3):
            answer = await publishing.batch(lines(6, 9))
            assert (answer["err"], answer["retry_after"]) == ("storage_full", 1.0)
            assert answer.get("last_seq", 5) == 5
        disk.error = None
        assert (await publishing.batch(lines(6, 9)))["last_seq"] == 9
        publishing.end()
        await rooms.close()

    asyncio.run(publish())
    stamps = [read_stamp(line) for line in LogReader(storage.run("r")).poll()]
    assert [(stamp.producer, stamp.seq) for stamp in stamps] == [("p", seq) for seq in range(1, 10)]
