"""What is read sample by sample: the same bits whoever fetches it, from wherever an epoch goes on."""

import importlib
import multiprocessing
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import psutil
import pytest
import torch

from mlgym_core.components.data.dataset import Dataset
from mlgym_core.components.data.streams import StreamLoader
from mlgym_core.components.data.workers import WorkerSettings
from mlgym_core.errors import BuildError
from mlgym_core.execution import forkserver


@pytest.fixture
def chancy(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return importlib.import_module("chancy")


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    """The forkserver that a run starts."""
    forkserver.start()
    yield
    forkserver.stop()


def bits(batches) -> list[bytes]:
    return [inputs.numpy().tobytes() + targets.numpy().tobytes() for inputs, targets in batches]


def rows(batches) -> list[list[float]]:
    return sorted(row.tolist() for inputs, _ in batches for row in inputs)


def test_an_epoch_that_goes_on_gives_the_same_bits_and_reads_nothing_twice(chancy) -> None:
    whole = bits(chancy.make_loader().epoch(2))
    for first_batch in range(len(whole) + 1):
        source = chancy.Chancy()
        resumed = chancy.make_loader(source)
        source.read.clear()

        assert bits(resumed.epoch(2, first_batch)) == whole[first_batch:]
        assert len(source.read) == max(18 - 4 * first_batch, 0)


def test_chance_depends_on_seed_and_epoch_and_sample_alone(chancy) -> None:
    def epoch(number: int, **settings) -> list[list[float]]:
        stream = StreamLoader(chancy.Chancy(), transforms=[chancy.add_noise], **(chancy.SETTINGS | settings))
        return rows(stream.epoch(number))

    assert epoch(0) == epoch(0, batch_size=5)
    assert epoch(0) != epoch(1)
    assert epoch(0) != epoch(0, seed=4)


def test_evaluation_takes_samples_without_transforms_and_always_alike(chancy) -> None:
    transformed = StreamLoader(chancy.Chancy(), transforms=[chancy.add_noise], **chancy.SETTINGS)
    plain = StreamLoader(chancy.Chancy(), **chancy.SETTINGS)

    assert bits(transformed.evaluation()) == bits(transformed.evaluation()) == bits(plain.evaluation())


def test_data_in_memory_are_transformed_sample_by_sample(chancy) -> None:
    source = Dataset(inputs=torch.zeros(8, 2), targets=torch.arange(8), task="multiclass")
    stream = StreamLoader(source, transforms=[chancy.add_noise], **chancy.SETTINGS)

    assert len({tuple(row) for row in rows(stream.epoch(0))}) == 8
    assert rows(stream.evaluation()) == [[0, 0]] * 8
    assert torch.equal(stream.known_targets(), source.targets)


def test_fetching_leaves_the_generators_of_training_alone(chancy) -> None:
    def states():
        return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()

    stream = chancy.make_loader()
    before = states()

    for _ in stream.epoch(0):
        assert states() == before


@pytest.mark.usefixtures("server")
def test_worker_processes_give_the_same_bits(chancy) -> None:
    here, there = chancy.make_loader(), chancy.make_loader(num_workers=2)
    before = torch.get_rng_state()

    assert bits(there.epoch(0)) == bits(here.epoch(0))
    assert bits(there.evaluation()) == bits(here.evaluation())
    abandoned = there.epoch(1)
    next(abandoned)
    assert bits(there.epoch(1, first_batch=3)) == bits(here.epoch(1, first_batch=3))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.usefixtures("server")
def test_what_cannot_be_sent_to_a_worker_is_one_clear_error(chancy) -> None:
    workers = WorkerSettings(num_workers=1)
    stream = StreamLoader(chancy.Chancy(), transforms=[lambda inputs: inputs], workers=workers, **chancy.SETTINGS)

    with pytest.raises(BuildError, match=r"cannot be sent to worker processes: .*lambda"):
        list(stream.epoch(0))


def test_what_stands_in_the_main_script_is_not_sent(chancy, monkeypatch) -> None:
    monkeypatch.setattr(chancy.Chancy, "__module__", "__main__")

    with pytest.raises(BuildError, match=r"'Chancy' of the main script cannot be sent .*\s+num_workers: 0, or move it"):
        list(chancy.make_loader(num_workers=1).epoch(0))


@pytest.mark.usefixtures("server")
def test_workers_end_with_the_process_that_trains_however_it_ends(chancy) -> None:
    context = multiprocessing.get_context("forkserver")
    here, there = context.Pipe()
    training = context.Process(target=chancy.fetch_and_tell, args=(there,))
    training.start()
    there.close()
    workers = [psutil.Process(pid) for pid in here.recv()]

    os.kill(training.pid, signal.SIGKILL)
    training.join()

    assert len(workers) >= 2
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert alive == []
