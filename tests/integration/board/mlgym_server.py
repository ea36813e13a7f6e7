"""A server that behaves as MLgym's."""

import asyncio

import socketio

from ml_board import service


def mlgym_server(store, num_mute=0):
    """A server that hands each event to `store` and acknowledges it with nothing, its first connections never."""
    server = socketio.AsyncServer(async_mode="asgi")
    connections = []

    @server.on("connect")
    async def connect(connection, _environ):
        connections.append(connection)

    @server.on("mlgym_event")
    async def mlgym_event(connection, event):
        if connections.index(connection) < num_mute:
            await asyncio.Event().wait()
        store(event)

    return service.Service(application=socketio.ASGIApp(server))
