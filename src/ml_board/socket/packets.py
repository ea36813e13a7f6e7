"""Packets on the socket's wire: lines of a log go out as they stand in the file, and come in as they were sent.

Owns the JSON of Socket.IO packets, their attachments and their bounds. Knows no event.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import orjson
import socketio.packet

MAX_MESSAGE_BYTES = 16_000_000
"""What one message to this server may have."""
MAX_PACKETS_PER_POST = 10_000
"""How many packets a publisher without websocket may send at once; engineio's 16 are less than MLgym's sends."""
MAX_ATTACHMENTS = 4
"""The resources of a checkpoint, which MLgym's publisher sends at once; a batch is one attachment."""
_MAX_DEPTH = 3
"""How deep in mappings they may lie: in `payload`, `checkpoint_streams`, by name."""
_OF_THE_LIBRARY = frozenset({"connect", "disconnect"})
"""Names under which python-socketio would call handlers of its own as if they had been sent."""


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


class WirePacket(socketio.packet.Packet):  # type: ignore[misc]  # the library has no types
    """A packet whose attachments are sent as arguments, or values of one; nothing deeper is searched for bytes."""

    json = _WireJson

    def decode(self, encoded_packet: str) -> int:
        """How many attachments follow. Raises ValueError for what no client of the protocol sends."""
        try:
            num_attachments = int(super().decode(encoded_packet))
        except (TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"this is no packet: {error}") from error
        if num_attachments > MAX_ATTACHMENTS:
            raise ValueError(f"a packet of {num_attachments} attachments; {MAX_ATTACHMENTS} are allowed")
        if self.packet_type in (socketio.packet.EVENT, socketio.packet.BINARY_EVENT):
            name = self.data[0] if isinstance(self.data, list) and self.data else None
            if not isinstance(name, str) or name in _OF_THE_LIBRARY:
                raise ValueError(f"{name!r:.50} is no name of an event")
        elif self.packet_type in (socketio.packet.ACK, socketio.packet.BINARY_ACK) and not isinstance(self.data, list):
            raise ValueError("an acknowledgement without its arguments")
        return num_attachments

    @classmethod
    def data_is_binary(cls, data: Any) -> bool:
        """Whether `data`, the arguments of an event, holds attachments."""
        return any(isinstance(each, bytes) for each in _near(data))

    @classmethod
    def reconstruct_binary(cls, data: Any, attachments: list[bytes]) -> Any:
        """The arguments, with `attachments` in their places. Raises ValueError where there is no such place."""
        return [_attachment(each, attachments) for each in data]

    @classmethod
    def deconstruct_binary(cls, data: Any) -> tuple[Any, list[bytes]]:
        """The arguments with numbers for their attachments, and these."""
        attachments: list[bytes] = []

        def place(value: Any) -> Any:
            if not isinstance(value, bytes):
                return value
            attachments.append(value)
            return {"_placeholder": True, "num": len(attachments) - 1}

        placed = [
            {key: place(each) for key, each in argument.items()} if isinstance(argument, dict) else place(argument)
            for argument in data
        ]
        return placed, attachments


def _near(data: Any) -> Iterator[Any]:
    if isinstance(data, list):
        for argument in data:
            if isinstance(argument, dict):
                yield from argument.values()
            else:
                yield argument


def _attachment(value: Any, attachments: list[bytes], depth: int = _MAX_DEPTH) -> Any:
    if not isinstance(value, dict):
        return value
    if value.get("_placeholder") is not True:
        return {key: _attachment(each, attachments, depth - 1) for key, each in value.items()} if depth else value
    number = value.get("num")
    if not isinstance(number, int) or not 0 <= number < len(attachments):
        raise ValueError("an attachment that did not come")
    return attachments[number]
