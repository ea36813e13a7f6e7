"""Version 1 of the socket, MLgym's: an event a message, acknowledged with nothing.

Owns how many are on their way at once. Servers that know no version 2 are spoken to like this.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import msgspec

from mlgym_core.events.log_reader import LogReader
from mlgym_core.publish.background import Background
from mlgym_core.publish.batches import ACKNOWLEDGEMENT_S
from mlgym_core.publish.connection import BrokenError, Connection, wait_for
from mlgym_core.publish.progress import Progress

WINDOW = 256
"""How many events may be on their way at once."""
_CHUNK_BYTES = 2**18
_LOOK_EVERY_S = 0.1


def send_singly(
    connection: Connection, progress: Progress, background: Background, num_ready: Callable[[], int]
) -> None:
    """Sends what lies behind `progress`, up to the event `num_ready`, until `background` is closed.

    Raises:
        BrokenError: the connection broke, or the server knows version 2 after all and was only slow to say so.
        StoreError: the log cannot be read.
    """
    reader = LogReader(progress.run, progress.position)
    sent: deque[tuple[bytes, Future[Any]]] = deque()

    def settle(num_left: int) -> None:
        while len(sent) > num_left:
            line, asked = sent[0]
            answer = wait_for(asked, ACKNOWLEDGEMENT_S)
            if isinstance(answer, dict):  # MLgym's say nothing
                raise BrokenError(f"it speaks version 2: {answer!r:.200}")
            sent.popleft()
            with background.changed:
                progress.advance(line)
                background.changed.notify_all()

    while not background.closed:
        lines = reader.poll_slice(_CHUNK_BYTES, num_ready()).data.splitlines(keepends=True)
        for line in lines:
            settle(WINDOW - 1)
            sent.append((line, connection.ask("mlgym_event", msgspec.json.decode(line))))
        if not lines:
            settle(0)
            background.pause(_LOOK_EVERY_S)
