"""Processes forked from one server that has already imported what takes seconds to import.

Owns the start of that server and of processes from it. It knows nothing of what they do: a target is named
`module:function`, so that the caller never imports it. The server only imports and never computes, because a process
forked after its parent has computed with threads may hang.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import Any

from mlgym_core.errors import RunError
from mlgym_core.execution.deaths import Deaths
from mlgym_core.main_module import main_module_hidden

PRELOAD = ("mlgym_core.execution.preload",)
_DEAF = "mlgym_core.execution.deaf"
_UNTOLD = "ignore:resource_tracker:UserWarning"

_context = multiprocessing.get_context("forkserver")


def start(preload: Sequence[str] = PRELOAD, *, also: Sequence[str] = ()) -> None:
    """Starts the server unless it runs, and returns at once: it imports while the caller does other things.

    What is to be imported `also` may be missing.
    """
    _context.set_forkserver_preload([_DEAF, *preload, *also])
    # The server would start it too, but that lets go of signals that are held.
    with _cleaning_up_untold():
        multiprocessing.resource_tracker.ensure_running()
    with _signals_held(), main_module_hidden():
        multiprocessing.forkserver.ensure_running()


def stop() -> None:
    """Ends the server at once, even while it imports; processes that it started go on."""
    # multiprocessing has no public way to end it; it would go on importing for seconds after this process has ended.
    server: Any = multiprocessing.forkserver._forkserver
    if server._forkserver_pid is not None:
        os.kill(server._forkserver_pid, signal.SIGKILL)
        server._stop()


def start_process(target: str, *args: Any) -> ForkServerProcess:
    """A process that calls `module:function` with `args`, started.

    It does not import the caller's main module again: a script that starts a run need not guard its `__main__`.

    Raises:
        RunError: the server ended before it could start one.
    """
    start()
    process = _context.Process(target=_enter, args=(target, *args), daemon=False)
    try:
        # This waits until the server has imported: a signal that comes meanwhile is for this process, and is heard.
        with main_module_hidden():
            process.start()
    except (EOFError, ConnectionError) as error:
        raise RunError(
            "the server that starts the training processes ended while it was importing",
            code="MG104",
            hint="python -c 'import torch, sklearn' shows whether the installation is sound",
        ) from error
    return process


class RemoteError(Exception):
    """The traceback of an exception that was raised in another process, as its cause."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class Call:
    """A function called in a process of its own, so that neither its imports nor its death touch the caller."""

    def __init__(self, target: str, *args: Any) -> None:
        self._target = target
        self._deaths = Deaths()
        self._receiver, sender = _context.Pipe(duplex=False)
        self._process = start_process("mlgym_core.execution.forkserver:_answer", sender, target, args)
        sender.close()

    @property
    def pid(self) -> int | None:
        """The process's id."""
        return self._process.pid

    def result(self) -> Any:
        """What the function returned.

        Raises:
            Exception: what the function raised, as it was pickled.
            RunError: the process ended without an answer.
        """
        try:
            answer, traceback_text = self._receiver.recv()
        except EOFError:
            self._process.join()
            reason = self._deaths.describe(self._process.exitcode)
            raise RunError(f"{self._target} did not answer: its process {reason}", code="MG105") from None
        finally:
            self.close()
        if traceback_text is not None:
            raise answer from RemoteError(traceback_text)
        return answer

    def close(self) -> None:
        """Ends the process if it is still there."""
        self._receiver.close()
        self._process.kill()
        self._process.join()


def _answer(sender: Connection, target: str, args: Sequence[Any]) -> None:
    # Standard output may be for one document alone, so what the user's modules print goes beside it.
    os.dup2(2, 1)
    try:
        answer, traceback_text = _function(target)(*args), None
    except Exception as error:  # the process boundary: the caller raises it
        answer, traceback_text = error, traceback.format_exc()
    sys.stdout.flush()
    # Where the caller is gone nobody is left to be told.
    with contextlib.suppress(BrokenPipeError):
        sender.send((answer, traceback_text))


def _enter(target: str, *args: Any) -> None:
    _function(target)(*args)


def _function(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


@contextlib.contextmanager
def _cleaning_up_untold() -> Iterator[None]:
    """Has the process that is started meanwhile clean up after others without a word of `leaked` semaphores.

    Workers end by being killed, and leave those of the processes that fetched for them: that is what it is there for.
    """
    sys.warnoptions.append(_UNTOLD)  # which a Python that is started is told
    try:
        yield
    finally:
        sys.warnoptions.remove(_UNTOLD)


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Holds Ctrl-C and SIGTERM back until afterwards; a server started meanwhile holds them until it ignores them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
