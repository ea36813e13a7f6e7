"""One experiment from its order to its end, in whatever process.

Owns what is published of an attempt besides its training. It imports torch: only processes that train import it.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict

import orjson
import torch

from mlgym_core.checkpoints.folders import Folders
from mlgym_core.checkpoints.local import LocalCheckpoints
from mlgym_core.checkpoints.protocols import Moment
from mlgym_core.config.spec import ExperimentSpec
from mlgym_core.events.files import write_atomically
from mlgym_core.events.folder import SYSTEM_INFO
from mlgym_core.events.spool import Publisher, Spool
from mlgym_core.execution.environment import machine, versions
from mlgym_core.execution.job import EndState, Order, StopOrder
from mlgym_core.execution.lifecycle import attempt_started, job_ended, job_started, stop_obeyed, stopped_in_time
from mlgym_core.execution.log_records import recording
from mlgym_core.execution.process_logs import ProcessLog
from mlgym_core.execution.stopping import StopNow
from mlgym_core.registry import Registry, build
from mlgym_core.training.loop import train
from mlgym_core.training.resuming import newest_moment
from mlgym_core.training.seeding import seed_all

_FROM_WORKER = "\nOriginal Traceback (most recent call last):\n"


def run_experiment(
    order: Order,
    *,
    registry: Registry,
    stop_order: Callable[[], StopOrder | None],
    folders: Folders,
    is_output_recorded: bool = False,
) -> EndState:
    """Trains `order` and publishes what becomes of it, through a spool of its own: each attempt is a new producer.

    `stop_order` says whether the experiment should end after the running epoch; `folders` writes its checkpoints;
    `is_output_recorded` says whether what this process writes becomes events, so that what is logged there too is not
    told twice.

    Raises:
        StoreError: the events can no longer be written.
        StopNow: training was interrupted by a second request to stop; nothing says yet that it has ended.
    """
    with (
        closing(Spool(order.folder)) as spool,
        closing(ProcessLog(spool, order.run_id, order.job.spec.experiment_id)) as log,
        recording(log, order.log_level, is_output_recorded=is_output_recorded),
    ):
        return _Attempt(order, registry, spool, stop_order, folders).run()


class _Attempt:
    def __init__(
        self,
        order: Order,
        registry: Registry,
        publisher: Publisher,
        stop_order: Callable[[], StopOrder | None],
        folders: Folders,
    ) -> None:
        self._order = order
        self._spec: ExperimentSpec = order.job.spec
        self._registry = registry
        self._publisher = publisher
        self._stop_order = stop_order
        self._checkpoints = LocalCheckpoints(order.folder, order.durability, folders)
        self._started_at = -1.0

    def run(self) -> EndState:
        self._started_at = time.time()
        try:
            torch.set_num_threads(self._spec.config["run"]["threads"])
            moment = self._find_moment()
            self._publish_attempt(moment)
            self._publisher.publish(job_started(self._order, started_at=self._started_at))
            stopped = self._train(moment)
        except StopNow:
            raise
        except (Exception, SystemExit) as error:
            # The boundary of an experiment: whatever its components raise ends it alone.
            self._publish_end(error=describe_error(error), stacktrace=traceback.format_exc())
            return "failed"
        stop = self._stop_order()
        if stopped and stop is not None:
            self._publisher.publish(stop_obeyed(self._order, request=stop.request, by=stop.by))
            self._publish_end(error=stopped_in_time(stop))
            return "stopped"
        self._publish_end()
        return "finished"

    def _find_moment(self) -> Moment | None:
        """Where training goes on; None where it begins."""
        known = self._order.job.known
        return None if known is None else newest_moment(self._checkpoints, self._spec.experiment_id, known)

    def _train(self, moment: Moment | None) -> bool:
        """Whether training was stopped before its end."""
        spec = self._spec
        components = build(spec.config, self._registry, seed_all=seed_all, folder=spec.search_path, places=spec.places)
        outcome = train(
            components,
            spec=spec,
            run_id=self._order.run_id,
            publisher=self._publisher,
            checkpoints=self._checkpoints,
            device=self._order.device,
            versions=versions(),
            resume_points=self._order.resume_points,
            should_stop=lambda: self._stop_order() is not None,
            resume_from=moment,
            known=self._order.job.known,
        )
        return outcome.stopped

    def _publish_attempt(self, moment: Moment | None) -> None:
        info = {**machine(), "device": self._order.device, **_device_info(self._order.device), "versions": versions()}
        path = self._order.folder.experiment_config_path(self._spec.experiment_id, SYSTEM_INFO)
        write_atomically(path, orjson.dumps(info, option=orjson.OPT_INDENT_2))
        resumed_from = None if moment is None else asdict(moment)
        started = attempt_started(self._order, threads=torch.get_num_threads(), resumed_from=resumed_from)
        self._publisher.publish(started)

    def _publish_end(self, *, error: str | None = None, stacktrace: str | None = None) -> None:
        self._publisher.publish(job_ended(self._order, started_at=self._started_at, error=error, stacktrace=stacktrace))


def describe_error(error: BaseException) -> str:
    """Type and words of an error, with the notes that say where it comes from and what to do.

    Of one from a process that makes batches its last line says it; torch puts the traceback from there into its text.
    """
    kind, text = type(error).__name__, str(error).strip()
    if _FROM_WORKER in text:
        text = text.rpartition("\n")[2].removeprefix(f"{kind}: ")
    notes = (", ".join(map(str.strip, each.splitlines())) for each in getattr(error, "__notes__", ()))
    told = "; ".join(filter(None, (text, *notes)))
    return f"{kind}: {told}" if told else kind


def _device_info(device: str) -> dict[str, object]:
    if not device.startswith("cuda"):
        return {}
    properties = torch.cuda.get_device_properties(device)
    return {"device_name": properties.name, "device_memory_bytes": properties.total_memory}
