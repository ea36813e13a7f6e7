"""Packets on the socket's wire: lines of a log go out as they stand in the file.

Owns the JSON of Socket.IO packets and their size. Knows no event.
"""

from __future__ import annotations

import json
from typing import Any

import orjson
import socketio.packet

MAX_MESSAGE_BYTES = 16_000_000
"""What one message to this server may have."""
MAX_PACKETS_PER_POST = 10_000
"""How many packets a publisher without websocket may send at once; engineio's 16 are less than MLgym's sends."""


class _WireJson:
    """What python-socketio asks of a JSON module; an `orjson.Fragment` goes out as it is."""

    @staticmethod
    def dumps(data: Any, **_: Any) -> str:
        return orjson.dumps(data).decode()

    @staticmethod
    def loads(text: str) -> Any:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return json.loads(text)  # MLgym's publisher writes a score that is no number as NaN


class TextPacket(socketio.packet.Packet):  # type: ignore[misc]
    """A packet without attachments, so that nothing nested in it is searched through for bytes."""

    uses_binary_events = False
    json = _WireJson
