"""The executor that trains in this process, one experiment after the other: for debuggers, and where nothing may fork.

Knows nothing that the worker process does not know too. It imports torch.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from mlgym_core.checkpoints.folder_process import FolderProcess
from mlgym_core.checkpoints.folders import Folders
from mlgym_core.execution.experiment import run_experiment
from mlgym_core.execution.job import Job, RunContext, StopOrder
from mlgym_core.execution.lifecycle import job_ended, stop_obeyed, stop_requested, stopped_at_once
from mlgym_core.execution.stopping import FAIL_FAST, StopNow
from mlgym_core.registry import Registry


class SequentialExecutor:
    """Trains in this process with what `registry` knows."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def run(self, jobs: Sequence[Job], context: RunContext) -> None:
        """Trains `jobs` in their order."""
        context.stop.at_second = _interrupt
        with FolderProcess() as folders:
            for job in jobs:
                if context.stop.asked:
                    break
                self._train(job, context, folders)
        context.stop.at_second = None

    def _train(self, job: Job, context: RunContext, folders: Folders) -> None:
        order = context.order(job, context.devices[0])
        listener = _Listener(context)
        started_at = time.time()
        try:
            state = run_experiment(order, registry=self._registry, stop_order=listener.stop_order, folders=folders)
        except StopNow:
            stop = context.stop
            context.publisher.publish(stop_requested(context.run_id, stop))
            context.publisher.publish(stop_obeyed(order, request=stop.request, by=stop.by))
            context.publisher.publish(job_ended(order, started_at=started_at, error=stopped_at_once(stop)))
            return
        if state == "failed" and context.fail_fast:
            context.stop.ask_gently(FAIL_FAST)


class _Listener:
    """Hears the request to stop, and says so in the log before it is obeyed."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._order: StopOrder | None = None

    def stop_order(self) -> StopOrder | None:
        stop = self._context.stop
        if stop.asked and self._order is None:
            self._order = StopOrder(request=stop.request, by=stop.by)
            self._context.publisher.publish(stop_requested(self._context.run_id, stop))
        return self._order


def _interrupt() -> None:
    raise StopNow
