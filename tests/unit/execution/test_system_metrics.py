"""Samples of this machine: what they say, when they come, and that they hold up nothing."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import psutil
import pynvml
import pytest

from mlgym_core.errors import StoreError
from mlgym_core.events.codes import STOPPED
from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.types import GpuUse, Payload, SystemMetrics
from mlgym_core.execution import system_metrics
from mlgym_core.execution.gpus import Gpus
from mlgym_core.execution.system_metrics import Sampler, SystemSampling

GROWN_BYTES = 60 * 2**20


class Received:
    """A publisher that keeps what it is given."""

    def __init__(self) -> None:
        self.samples: list[SystemMetrics] = []
        self.arrived = threading.Event()

    def publish(self, payload: Payload) -> None:
        assert isinstance(payload, SystemMetrics)
        self.samples.append(payload)
        self.arrived.set()


@pytest.fixture
def run(tmp_path) -> RunFolder:
    return EventStorage(tmp_path).create_run()


@pytest.fixture
def patient(monkeypatch) -> None:
    """The end waits for a sample under way, however slow the machine is."""
    monkeypatch.setattr(system_metrics, "_PATIENCE_S", 60)


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process below this one that takes memory when it is told to."""
    code = f"import sys; sys.stdin.read(1); x = bytearray(b'x') * {GROWN_BYTES}; print(flush=True); sys.stdin.read(1)"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_a_sample_tells_what_the_system_tells(run) -> None:
    sample = Sampler(run).sample()

    assert sample.grid_search_id == run.run_id
    assert sample.memory_total_bytes == psutil.virtual_memory().total
    assert 0 < sample.memory_used_bytes < sample.memory_total_bytes
    assert 0 <= sample.cpu_percent <= 100
    assert sample.disk is not None
    assert sample.disk.total_bytes == psutil.disk_usage(str(run.path)).total


def test_a_busy_processor_shows(run) -> None:
    sampler = Sampler(run)
    until = time.process_time() + 0.3
    while time.process_time() < until:
        pass

    assert sampler.sample().cpu_percent > 0


def test_rates_are_of_the_time_since_the_sample_before(run) -> None:
    sampler = Sampler(run)
    with (run.path / "file").open("wb") as file:
        file.write(bytes(2**20))
    second = sampler.sample()

    assert second.disk is not None
    assert second.disk.written_bytes_per_s is None or second.disk.written_bytes_per_s >= 0
    assert second.network is None or second.network.received_bytes_per_s >= 0


def test_the_memory_is_that_of_all_processes_of_the_run(run, child) -> None:
    sampler = Sampler(run)
    before = sampler.sample().rss_bytes
    child.stdin.write(b"x")
    child.stdin.flush()
    child.stdout.readline()

    assert sampler.sample().rss_bytes - before > 0.9 * GROWN_BYTES


@pytest.mark.usefixtures("patient")
def test_samples_come_until_the_end_and_none_after_it(run) -> None:
    received = Received()
    with SystemSampling(run, received, every_s=0.01):
        while len(received.samples) < 3:
            assert received.arrived.wait(60)
            received.arrived.clear()
    count = len(received.samples)

    assert "system metrics" not in [thread.name for thread in threading.enumerate()]
    assert len(received.samples) == count


@pytest.mark.usefixtures("patient")
def test_a_run_that_is_over_at_once_has_a_sample_too(run) -> None:
    received = Received()
    with SystemSampling(run, received, every_s=60):
        pass

    assert len(received.samples) == 1


def test_without_a_period_there_are_none(run) -> None:
    received = Received()
    with SystemSampling(run, received, every_s=0):
        assert "system metrics" not in [thread.name for thread in threading.enumerate()]

    assert received.samples == []


def test_a_driver_that_hangs_does_not_hold_up_the_end(run, monkeypatch) -> None:
    hanging, released = threading.Event(), threading.Event()

    def hang() -> None:
        hanging.set()
        released.wait()

    monkeypatch.setattr(pynvml, "nvmlInit", hang)
    received = Received()
    with SystemSampling(run, received, every_s=60):
        assert hanging.wait(60)
    [left] = [thread for thread in threading.enumerate() if thread.name == "system metrics"]
    released.set()
    left.join()

    assert received.samples == []


@pytest.mark.usefixtures("patient")
def test_a_spool_that_takes_no_more_ends_the_samples_and_says_so(run, caplog) -> None:
    class Full:
        def publish(self, payload: Payload) -> None:
            raise StoreError("the spool is closed", code=STOPPED)

    with SystemSampling(run, Full(), every_s=60):
        pass

    assert [record.getMessage() for record in caplog.records] == [
        f"no more system metrics: {STOPPED} the spool is closed"
    ]


@pytest.mark.usefixtures("patient")
def test_a_system_that_hides_its_processors_ends_no_run(run, monkeypatch, caplog) -> None:
    def hide() -> None:
        raise PermissionError("/proc/stat")

    monkeypatch.setattr(psutil, "cpu_times", hide)
    received = Received()
    with SystemSampling(run, received, every_s=60):
        pass

    assert received.samples == []
    assert [record.getMessage() for record in caplog.records] == ["no more system metrics"]


@pytest.mark.parametrize("absent", [pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED])
def test_without_a_driver_there_are_no_gpus_and_no_words(absent: int, monkeypatch, caplog) -> None:
    def fail() -> None:
        raise pynvml.NVMLError(absent)

    monkeypatch.setattr(pynvml, "nvmlInit", fail)
    gpus = Gpus()

    assert [gpus.sample(), gpus.sample()] == [[], []]
    assert caplog.records == []


def test_a_broken_driver_is_told_of_once(monkeypatch, caplog) -> None:
    def fail() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH)

    monkeypatch.setattr(pynvml, "nvmlInit", fail)
    gpus = Gpus()

    assert [gpus.sample(), gpus.sample()] == [[], []]
    assert len(caplog.records) == 1
    assert "the GPUs are not sampled" in caplog.text


@pytest.mark.parametrize(("milliwatts", "watts"), [(71_500, 71.5), (None, None)])
def test_a_gpu_tells_the_watts_that_it_draws_where_its_driver_knows(milliwatts, watts, monkeypatch) -> None:
    def power(_device: object) -> int:
        if milliwatts is None:
            raise pynvml.NVMLError_NotSupported
        return milliwatts

    def unknown(_device: object) -> None:
        raise pynvml.NVMLError_NotSupported

    monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", lambda: 1)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", str)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetName", lambda _: "H")
    monkeypatch.setattr(pynvml, "nvmlDeviceGetUtilizationRates", unknown)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", unknown)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetPowerUsage", power)

    assert Gpus().sample() == [GpuUse(index=0, name="H", power_watts=watts)]
