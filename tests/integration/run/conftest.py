"""Small real grids, and the command line in this process and in one of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from mlgym_core.cli.commands import perform
from mlgym_core.cli.options import parser
from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.lock import liveness
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.projections.run_fold import RunFold
from mlgym_core.events.projections.views import show_document
from mlgym_core.execution import forkserver

IRIS = """\
run: {epochs: 2, seed: 2, description: iris}
data: {use: iris, standardize: true}
splits: {use: stratified, source: $data.train, fractions: {train: 0.7, val: 0.3}}
loaders: {splits: {train: $splits.train, val: $splits.val}, batch_size: 16}
model: {use: mlp, sizes: [4, 8, 3], dropout: 0.1}
optimizer: {use: adam, lr: {sweep: [1e-2, 1e-3, 1e-4]}}
loss: cross_entropy
metrics: [{use: f1, average: macro}, accuracy]
early_stopping: {use: no_improvement, monitor: val/f1, window: 50, min_delta: 0}
"""

MODELS = '''\
"""Models that misbehave on purpose; preflight's two samples pass."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time

from torch import nn

from mlgym_core import register


class Linear(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, features):
        if self.training and len(features) > 2:
            self.misbehave()
        return self.layer(features)


@register("model", "sleeper")
class Sleeper(Linear):
    """Takes its time, so that there is time to disturb it."""

    def __init__(self, seconds: float = 0.2):
        super().__init__()
        self.seconds = seconds

    def misbehave(self):
        time.sleep(self.seconds)


@register("model", "parent")
class Parent(Sleeper):
    """Starts a process of its own, too."""

    def misbehave(self):
        if not hasattr(self, "child"):
            self.child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        super().misbehave()


@register("model", "patient")
class Patient(Linear):
    """Waits for as long as the file `held` lies beside this one."""

    def misbehave(self):
        while os.path.exists(f"{os.path.dirname(__file__)}/held"):
            time.sleep(0.01)


@register("model", "misfortune")
class Misfortune(Linear):
    """Ends as it is told."""

    def __init__(self, way: str = "none"):
        super().__init__()
        self.way = way

    def misbehave(self):
        if self.way == "raise":
            raise ArithmeticError("the weights fell out")
        if self.way == "exit":
            raise SystemExit(3)
        if self.way == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.way == "segfault":
            ctypes.string_at(0)
        if self.way == "surrogate":
            raise FileNotFoundError(os.fsdecode(b"data-\\xff.csv"))
        if self.way == "thread":
            threading.Thread(target=time.sleep, args=(600,)).start()
            raise BaseException("not even an exception")
        if self.way == "chdir":
            os.makedirs(f"{os.path.dirname(__file__)}/elsewhere", exist_ok=True)
            os.chdir(f"{os.path.dirname(__file__)}/elsewhere")
        if self.way == "print":
            print("a word on stdout")
            print("a word on stderr", file=sys.stderr)
'''


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a command left."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """A folder with configurations, the modules that they import, and an event storage."""

    path: Path
    storage: EventStorage

    def write(self, text: str, name: str = "gs_config.yml") -> Path:
        """A configuration."""
        path = self.path / name
        path.write_text(text)
        return path

    def grid_with(self, model: str, **replaced: str) -> Path:
        """The small grid with another model of `MODELS`, one learning rate, and other texts replaced."""
        text = IRIS.replace("{use: mlp, sizes: [4, 8, 3], dropout: 0.1}", model)
        text = text.replace("{sweep: [1e-2, 1e-3, 1e-4]}", "1e-2")
        for old, new in replaced.items():
            assert old in text
            text = text.replace(old, new)
        return self.write(f"imports: [models]\n{text}")

    def run(self) -> RunFolder:
        """The newest run."""
        return self.storage.open("last")

    def show(self) -> dict[str, Any]:
        """The newest run as `mlgym show --json` tells it."""
        fold = RunFold()
        fold.feed(LogReader(self.run()).poll())
        return show_document(fold, liveness(self.run()))

    def events(self, *event_types: str) -> list[dict[str, Any]]:
        """The newest run's events of these types."""
        events = [json.loads(line) for line in LogReader(self.run()).poll()]
        return [each for each in events if each["event_type"] in event_types]

    def statuses(self) -> list[str]:
        """What became of each experiment of the newest run, in order."""
        return [each["status"] for each in self.show()["experiments"]]


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    folder = tmp_path / "workplace"
    folder.mkdir()
    (folder / "models.py").write_text(MODELS)
    return Workplace(path=folder, storage=EventStorage(tmp_path / "storage"))


@pytest.fixture(scope="module", autouse=True)
def no_server_left() -> Iterator[None]:
    yield
    forkserver.stop()


@pytest.fixture
def mlgym(workplace: Workplace, capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Done]]:
    """The command line in this process, which keeps the forkserver for the next command."""
    logs: list[Path] = []

    def call(*arguments: str | Path) -> Done:
        capfd.readouterr()
        given = [str(each) for each in arguments]
        status = perform(parser().parse_args([*given, "--event_storage_path", str(workplace.storage.path)]))
        out, err = capfd.readouterr()
        logs.extend(Path(name) for name in re.findall(r"traceback: (.+)", err))
        return Done(status=status, out=out, err=err)

    yield call
    for log in logs:
        log.unlink(missing_ok=True)


class Started:
    """`mlgym` as a process of its own, in a group of its own, as a shell starts it."""

    def __init__(self, arguments: list[str], cwd: Path) -> None:
        self.process = subprocess.Popen(
            arguments, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        self._seen: set[psutil.Process] = set()

    def children(self) -> list[psutil.Process]:
        """All processes below it."""
        found = psutil.Process(self.process.pid).children(recursive=True)
        self._seen.update(found)
        return found

    def kill(self, pid: int) -> None:
        """Kills one of the processes below it."""
        [child] = [each for each in self.children() if each.pid == pid]
        child.kill()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Waits for a condition, and fails where the process has ended and it does not hold."""
        is_over = False
        while not condition():
            assert not is_over, self.process.communicate()
            self.children()
            is_over = self.process.poll() is not None
            time.sleep(0.02)

    def send(self, number: signal.Signals, *, to_group: bool = False) -> None:
        """A signal to the process, or to its whole group as Ctrl-C in a terminal."""
        self.children()
        (os.killpg if to_group else os.kill)(self.process.pid, number)

    def end(self) -> Done:
        """What it left when it has ended."""
        out, err = self.process.communicate(timeout=120)
        return Done(status=self.process.returncode, out=out, err=err)

    def survivors(self, patience_s: float = 60.0) -> list[psutil.Process]:
        """The processes that it started, directly or not, and that are still there."""
        deadline = time.monotonic() + patience_s
        while (left := [each for each in self._seen if _is_alive(each)]) and time.monotonic() < deadline:
            time.sleep(0.02)
        return left

    def clean_up(self) -> None:
        """Ends all that is left."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        for each in self._seen:
            with suppress(psutil.NoSuchProcess):
                each.kill()


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:  # it ended between the two questions
        return False


@pytest.fixture
def start_mlgym(workplace: Workplace) -> Iterator[Callable[..., Started]]:
    started: list[Started] = []

    def start(*arguments: str | Path) -> Started:
        command = [sys.executable, "-m", "mlgym_core", *(str(each) for each in arguments)]
        started.append(Started([*command, "--event_storage_path", str(workplace.storage.path)], workplace.path))
        return started[-1]

    yield start
    for each in started:
        each.clean_up()


class Server:
    """`ml_board` as a process of its own, on one port for socket and REST."""

    def __init__(self, folder: Path, port: int) -> None:
        self.storage = EventStorage(folder)
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._command = [sys.executable, "-c", "import ml_board.cli; ml_board.cli.ml_board()"]
        self._command += ["--event_storage_path", str(folder), "--port", str(port)]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        while "http://" not in (line := self._process.stdout.readline()):
            assert line, self._process.communicate()

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.communicate()
            self._process = None


@pytest.fixture
def server(tmp_path: Path, free_port: int) -> Iterator[Server]:
    made = Server(tmp_path / "elsewhere", free_port)
    yield made
    made.stop()


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a run waits for its server for as long as that may take on any machine."""
    monkeypatch.setattr("mlgym_core.execution.transport._PATIENCE_S", 60.0)


@pytest.fixture
def run_script(workplace: Workplace) -> Callable[..., Done]:
    """A user's own `run.py`, in a process of its own."""

    def run(text: str, *arguments: str | Path) -> Done:
        script = workplace.path / "run.py"
        script.write_text(text)
        environment = {**os.environ, "MLGYM_EVENT_STORAGE": str(workplace.storage.path)}
        command = [sys.executable, str(script), *(str(each) for each in arguments)]
        done = subprocess.run(
            command, cwd=workplace.path, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        return Done(status=done.returncode, out=done.stdout, err=done.stderr)

    return run


@pytest.fixture
def iris() -> str:
    """Three experiments, seconds each."""
    return IRIS
