"""The executor that trains in worker processes, and their supervision.

Owns the workers: each trains one experiment at a time and is replaced once one has failed. What a worker publishes is
its own; this module speaks for those that can no longer do so. It never imports what they train with.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import wait
from types import TracebackType
from typing import Self

from mlgym_core.execution.deaths import Deaths
from mlgym_core.execution.job import Job, RunContext, StopOrder
from mlgym_core.execution.lifecycle import job_ended, stop_obeyed, stop_requested, stopped_at_once
from mlgym_core.execution.process_logs import ProcessLog
from mlgym_core.execution.registrations import Registrations
from mlgym_core.execution.stopping import FAIL_FAST
from mlgym_core.execution.worker_process import WorkerProcess


class ProcessExecutor:
    """While entered, workers are there before the first job is: they prepare while the configuration is checked."""

    def __init__(self, *, num_processes: int, registrations: Registrations) -> None:
        self._registrations = registrations
        self._deaths = Deaths()
        self._workers: list[WorkerProcess | None] = [None] * num_processes

    def __enter__(self) -> Self:
        try:
            for slot in range(len(self._workers)):
                self._workers[slot] = WorkerProcess(self._registrations)
        except BaseException:  # an interrupt too: what was not entered is not left, and the workers would stay
            self._dismiss_all()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._dismiss_all()

    def run(self, jobs: Sequence[Job], context: RunContext) -> None:
        """Trains `jobs` in their order, as many at a time as there are workers."""
        pending = deque(jobs)
        while True:
            if not context.stop.asked:
                self._hand_out(pending, context)
            busy = [worker for worker in self._workers if worker is not None and worker.order is not None]
            if not busy:
                return
            wait([context.stop.fileno(), *(each for worker in busy for each in worker.waitables)])
            if context.stop.clear():
                self._obey(context)
            for slot in range(len(self._workers)):
                self._attend(slot, context)

    def _hand_out(self, pending: deque[Job], context: RunContext) -> None:
        for slot in range(len(self._workers)):
            if not pending:
                return
            self._dismiss_if_dead(slot)
            worker = self._workers[slot] or WorkerProcess(self._registrations)
            self._workers[slot] = worker
            if worker.order is None:
                order = context.order(pending.popleft(), context.devices[slot % len(context.devices)])
                worker.give(order, ProcessLog(context.publisher, order.run_id, order.job.spec.experiment_id))

    def _attend(self, slot: int, context: RunContext) -> None:
        """Hears what the worker of `slot` has to say, and sees whether it lives."""
        worker = self._workers[slot]
        if worker is None or worker.order is None:
            return
        is_dead = worker.is_dead
        worker.read_output()
        report = worker.take_report()
        if report is not None:
            # It reports once it has written all, so what it wrote up to then belongs to this experiment.
            worker.read_output()
            worker.end_order()
        elif is_dead:
            error = f"the worker process {self._deaths.describe(worker.kill())}"
            ended = job_ended(worker.order, started_at=worker.ordered_at, error=error, stacktrace=worker.last_words)
            context.publisher.publish(ended)
            worker.end_order()
        if is_dead or (report is not None and report.state == "failed"):
            self._dismiss(slot)
            if context.fail_fast:
                context.stop.ask_gently(FAIL_FAST)

    def _obey(self, context: RunContext) -> None:
        """Passes on what was asked: an end after the running epoch, or at once."""
        stop = context.stop
        context.publisher.publish(stop_requested(context.run_id, stop))
        for slot, worker in enumerate(self._workers):
            if worker is None or worker.order is None:
                continue
            if not stop.at_once:
                worker.ask_to_stop(StopOrder(request=stop.request, by=stop.by))
                continue
            worker.kill()
            if worker.take_report() is None:
                context.publisher.publish(stop_obeyed(worker.order, request=stop.request, by=stop.by))
                error = stopped_at_once(stop)
                context.publisher.publish(job_ended(worker.order, started_at=worker.ordered_at, error=error))
            worker.end_order()
            self._dismiss(slot)

    def _dismiss_if_dead(self, slot: int) -> None:
        """Makes room where a worker died that had nothing in hand; no experiment is to fail for it."""
        worker = self._workers[slot]
        if worker is not None and worker.order is None and worker.is_dead:
            self._dismiss(slot)

    def _dismiss_all(self) -> None:
        for slot in range(len(self._workers)):
            self._dismiss(slot)

    def _dismiss(self, slot: int) -> None:
        worker = self._workers[slot]
        self._workers[slot] = None
        if worker is not None:
            worker.kill()
            worker.close()
