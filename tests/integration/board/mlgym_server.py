"""A server that behaves as MLgym's."""

import asyncio

import socketio

from ml_board import service


def mlgym_server(store, num_mute=0, welcome=lambda: None):
    """A server that hands each event to `store` and acknowledges it with nothing, its first connections never.

    `welcome` is called before a connection is accepted that is none of these.
    """
    server = socketio.AsyncServer(async_mode="asgi")
    connections = []

    @server.on("connect")
    async def connect(connection, _environ):
        connections.append(connection)
        if len(connections) > num_mute:
            welcome()

    @server.on("mlgym_event")
    async def mlgym_event(connection, event):
        if connections.index(connection) < num_mute:
            await asyncio.Event().wait()
        store(event)

    return service.Service(application=socketio.ASGIApp(server))
