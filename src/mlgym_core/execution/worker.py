"""The process that trains experiments, one after the other, as the runner orders.

Owns its end of the pipe to the runner. It ends with the runner, however that ends. It imports torch.
"""

from __future__ import annotations

import faulthandler
import os
import queue
import signal
import sys
import threading
import traceback
from io import TextIOWrapper
from multiprocessing.connection import Connection
from typing import NoReturn

from mlgym_core.checkpoints.folder_process import FolderProcess
from mlgym_core.execution.experiment import run_experiment
from mlgym_core.execution.job import Order, Report, StopOrder
from mlgym_core.execution.registrations import Registrations, learn
from mlgym_core.registry import default_registry


def work(control: Connection, stdout: Connection, stderr: Connection, registrations: Registrations) -> None:
    """Prepares itself and then trains what comes over `control`, until that is closed."""
    # A session of its own: Ctrl-C in the runner's terminal does not come here, and its children can be ended with it.
    os.setsid()
    for each in (signal.SIGINT, signal.SIGTERM):
        # Not SIG_IGN, which programs that training starts would inherit.
        signal.signal(each, lambda *_: None)
    for pipe, number in ((stdout, 1), (stderr, 2)):
        os.dup2(pipe.fileno(), number)
        pipe.close()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(line_buffering=True)
    faulthandler.enable()
    try:
        _train(control, registrations)
    except BaseException:  # the boundary of the process: the runner tells of its end, with these as its last words
        os.write(2, traceback.format_exc().encode(errors="backslashreplace"))
        # Not an exit in order, which would wait for threads that components have left behind.
        os._exit(1)


def _train(control: Connection, registrations: Registrations) -> NoReturn:
    orders = _Orders(control)
    learn(registrations, default_registry)
    folders = FolderProcess()
    while True:
        order = orders.next()
        state = run_experiment(
            order,
            registry=default_registry,
            stop_order=lambda: orders.stop,
            folders=folders,
            is_output_recorded=True,
        )
        sys.stdout.flush()
        sys.stderr.flush()
        control.send(Report(experiment_id=order.job.spec.experiment_id, state=state))


class _Orders:
    """What the runner says; a thread hears it, so that it is heard while training goes on."""

    def __init__(self, control: Connection) -> None:
        self.stop: StopOrder | None = None
        self._control = control
        self._queue: queue.SimpleQueue[Order] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def next(self) -> Order:
        """The next experiment; waits for it."""
        return self._queue.get()

    def _listen(self) -> None:
        while True:
            try:
                message: Order | StopOrder = self._control.recv()
            except (EOFError, OSError):
                # The runner has closed the pipe or is gone: nobody waits for this process and those it started.
                os.killpg(0, signal.SIGKILL)
            if isinstance(message, StopOrder):
                self.stop = message
            else:
                self._queue.put(message)
