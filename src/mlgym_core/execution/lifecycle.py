"""The events that say how an experiment began and how it ended, whoever has to say it.

Owns their wording; publishes nothing itself.
"""

from __future__ import annotations

import os
import socket
import time
from typing import Any

from mlgym_core.events.types import AttemptStarted, ControlAnswered, ControlRequested, JobStatus
from mlgym_core.execution.environment import versions
from mlgym_core.execution.job import Order, StopOrder
from mlgym_core.execution.stopping import Stop

_STOP = "stop"


def attempt_started(order: Order, *, threads: int, resumed_from: dict[str, Any] | None = None) -> AttemptStarted:
    """This process has taken up an experiment, from its beginning or from a checkpoint."""
    return AttemptStarted(
        grid_search_id=order.run_id,
        experiment_id=order.job.spec.experiment_id,
        attempt=order.job.attempt,
        device=order.device,
        host=socket.gethostname(),
        pid=os.getpid(),
        resumed_from=resumed_from,
        threads=threads,
        versions=versions(),
    )


def job_started(order: Order, *, started_at: float) -> JobStatus:
    """An experiment runs."""
    return JobStatus(
        grid_search_id=order.run_id,
        experiment_id=order.job.spec.experiment_id,
        job_id=order.job.job_id,
        status="RUNNING",
        starting_time=started_at,
        device=order.device,
    )


def job_ended(order: Order, *, started_at: float, error: str | None = None, stacktrace: str | None = None) -> JobStatus:
    """The end of an experiment, now: finished where there is no error."""
    return JobStatus(
        grid_search_id=order.run_id,
        experiment_id=order.job.spec.experiment_id,
        job_id=order.job.job_id,
        status="DONE",
        starting_time=started_at,
        finishing_time=time.time(),
        device=order.device,
        error=_encodable(error),
        stacktrace=_encodable(stacktrace),
    )


def stop_requested(run_id: str, stop: Stop) -> ControlRequested:
    """Somebody asked the run to stop."""
    return ControlRequested(grid_search_id=run_id, action=_STOP, by=stop.by, request=stop.request)


def stop_obeyed(order: Order, *, request: str, by: str) -> ControlAnswered:
    """An experiment that ends because of a request; this makes its end one of a stopped, not of a failed one."""
    return ControlAnswered(
        grid_search_id=order.run_id,
        experiment_id=order.job.spec.experiment_id,
        action=_STOP,
        by=by,
        request=request,
        obeyed=True,
    )


def stopped_in_time(stop: StopOrder) -> str:
    """The error of an experiment that ended after its running epoch."""
    return f"stopped by {stop.by} after the running epoch; its checkpoint is kept"


def stopped_at_once(stop: Stop) -> str:
    """The error of an experiment that was not waited for."""
    return f"stopped at once: {stop.by} came a second time"


def _encodable(text: str | None) -> str | None:
    """`text` with an escape for what UTF-8 has not: names of files may hold lone surrogates."""
    return None if text is None else text.encode(errors="backslashreplace").decode()
