"""What every executor does with jobs: train them, tell of each how it ended, and stop when asked."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from multiprocessing.connection import wait

import pytest

from mlgym_core.config.settings import ResumePoints
from mlgym_core.events.folder import EventStorage
from mlgym_core.events.projections.run_fold import RunFold
from mlgym_core.events.projections.run_state import RunState
from mlgym_core.events.spool import Spool, SpoolReader
from mlgym_core.execution import forkserver
from mlgym_core.execution.job import Executor, Job, Request, RunContext
from mlgym_core.execution.plan import make_plan
from mlgym_core.execution.preflight import preflight
from mlgym_core.execution.processes import ProcessExecutor
from mlgym_core.execution.registrations import Registrations
from mlgym_core.execution.sequential import SequentialExecutor
from mlgym_core.execution.stopping import FAIL_FAST, Stop
from mlgym_core.registry import default_registry

GRID = {
    "run": {"epochs": 2},
    "data": "iris",
    "loaders": {"splits": {"train": "$data.train", "val": "$data.test"}, "batch_size": 16},
    "model": {"use": "mlp", "sizes": [4, 3]},
    "optimizer": {"use": "sgd", "lr": {"sweep": [0.1, 0.01, 0.001]}},
    "loss": "cross_entropy",
}


@contextmanager
def sequential() -> Iterator[Executor]:
    yield SequentialExecutor(default_registry)


@contextmanager
def one_process() -> Iterator[Executor]:
    with ProcessExecutor(num_processes=1, registrations=Registrations()) as executor:
        yield executor


@contextmanager
def two_processes() -> Iterator[Executor]:
    with ProcessExecutor(num_processes=2, registrations=Registrations()) as executor:
        yield executor


@pytest.fixture(scope="module", autouse=True)
def no_server_left() -> Iterator[None]:
    yield
    forkserver.stop()


@pytest.fixture(params=[sequential, one_process, two_processes], ids=lambda make: make.__name__)
def executor(request) -> Iterator[Executor]:
    with request.param() as made:
        yield made


class Bench:
    """A run's folder with jobs, without a runner."""

    def __init__(self, storage: EventStorage, stop: Stop, *, broken: tuple[int, ...], fail_fast: bool) -> None:
        specs = preflight(Request(points=make_plan(GRID).points, registrations=Registrations())).specs
        for number in broken:
            specs[number].config["data"]["use"] = "never_registered"
        self.folder = storage.create_run()
        self.spool = Spool(self.folder)
        self.jobs = [Job(spec=spec, job_id=f"{self.folder.run_id}-{spec.experiment_id}") for spec in specs]
        self.context = RunContext(
            run_id=self.folder.run_id,
            folder=self.folder,
            publisher=self.spool,
            devices=["cpu"],
            stop=stop,
            fail_fast=fail_fast,
            log_level="INFO",
            resume_points=ResumePoints(),
            durability="written",
        )

    def lines(self) -> list[bytes]:
        """All that was published, whoever did, in the order of its time."""
        readers = [SpoolReader(path) for path in self.folder.spools_path.glob("*.jsonl")]
        found = [line for reader in readers for line in reader.poll()]
        return sorted(found, key=lambda line: json.loads(line)["creation_ts"])

    def statuses(self) -> dict[int, str]:
        return {number: each.status for number, each in self.state().experiments.items()}

    def state(self) -> RunState:
        fold = RunFold()
        fold.feed(self.lines())
        return fold.state

    def types(self, experiment_id: int) -> list[str]:
        events = [json.loads(line) for line in self.lines()]
        return [each["event_type"] for each in events if each["payload"].get("experiment_id") == experiment_id]


@pytest.fixture
def bench(tmp_path) -> Iterator[Callable[..., Bench]]:
    benches: list[Bench] = []
    with closing(Stop()) as stop:

        def make(*, broken: tuple[int, ...] = (), fail_fast: bool = False) -> Bench:
            benches.append(Bench(EventStorage(tmp_path), stop, broken=broken, fail_fast=fail_fast))
            return benches[-1]

        yield make
        for each in benches:
            each.spool.close()


def test_every_job_is_trained_and_told_from_begin_to_end(executor, bench) -> None:
    made = bench()

    executor.run(made.jobs, made.context)

    assert made.statuses() == {0: "finished", 1: "finished", 2: "finished"}
    for number in range(3):
        types = made.types(number)
        assert types[:2] == ["attempt_started", "job_status"]
        assert types[-1] == "job_status"
        assert types.count("evaluation_result") == 2 * 2
        assert made.folder.checkpoint_epochs(number) == [1]


def test_a_job_that_fails_is_told_and_the_others_are_trained(executor, bench) -> None:
    made = bench(broken=(1,))

    executor.run(made.jobs, made.context)

    assert made.statuses() == {0: "finished", 1: "failed", 2: "finished"}
    assert (
        made.state().experiments[1].error
        == "BuildError: config: MG304 data 'never_registered' is not registered in this process"
    )


def test_where_all_fail_all_are_told(executor, bench) -> None:
    made = bench(broken=(0, 1, 2))

    executor.run(made.jobs, made.context)

    assert made.statuses() == {0: "failed", 1: "failed", 2: "failed"}


def test_fail_fast_asks_to_stop(executor, bench) -> None:
    made = bench(broken=(0,), fail_fast=True)

    executor.run(made.jobs, made.context)

    assert made.context.stop.by == FAIL_FAST
    assert made.statuses()[0] == "failed"


def test_asked_to_stop_it_begins_nothing(executor, bench) -> None:
    made = bench()
    made.context.stop.ask("somebody")

    executor.run(made.jobs, made.context)

    assert made.lines() == []


def test_no_jobs_are_done_at_once(executor, bench) -> None:
    made = bench()

    executor.run([], made.context)

    assert made.lines() == []


def test_it_trains_a_second_time(executor, bench) -> None:
    first, second = bench(), bench()

    executor.run(first.jobs, first.context)
    executor.run(second.jobs, second.context)

    assert first.statuses() == second.statuses() == {0: "finished", 1: "finished", 2: "finished"}


def test_a_worker_that_died_with_nothing_in_hand_costs_no_experiment(bench) -> None:
    made = bench()

    with ProcessExecutor(num_processes=2, registrations=Registrations()) as executor:
        for worker in executor._workers:
            worker.kill()
            assert wait([worker.sentinel], timeout=60)  # a moment later than the process is gone
        executor.run(made.jobs, made.context)

    assert made.statuses() == {0: "finished", 1: "finished", 2: "finished"}
