"""MLgym's own publisher and its own board, as its wheel holds them, against this project's server."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask, Response
from playwright.sync_api import Locator, Page, expect
from werkzeug.serving import make_server

from mlgym_core.events.folder import EventStorage
from mlgym_core.events.verify import verify_chain

RUN = "2022-11-23--20-08-38"
WHEEL = "mlgym-0.0.75-py3-none-any.whl"
SHA256 = "e2f2de9968043e61d35fef5086f8af67f035c21865df22beab2ee252c966ba6c"
BUILD = "ml_board/frontend/dashboard/build"
PATIENCE_S = 60
SENT = "Client mlgym_streamed_logger joined rooms"
ACTS = Path(__file__).with_name("mlgym_publisher.py")


@pytest.fixture(scope="session")
def wheel(request: pytest.FixtureRequest) -> Path:
    """MLgym's wheel, unchanged; it is downloaded once."""
    folder = request.config.cache.mkdir("mlgym_0_0_75")
    path = folder / WHEEL
    if not path.is_file():
        quiet = ("--quiet", "--disable-pip-version-check", "--no-deps", "--dest", folder)
        command = [sys.executable, "-m", "pip", "download", *quiet, "mlgym==0.0.75"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            pytest.fail(f"MLgym's wheel cannot be had from the package index:\n{done.stderr}")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == SHA256
    return path


@pytest.fixture(scope="session")
def old_board(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address at which the board that the wheel holds is served, as its own `ml_board` serves it."""
    folder = tmp_path_factory.mktemp("mlgym")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder, [name for name in archive.namelist() if name.startswith(BUILD)])
    app = Flask("mlgym", static_folder=folder / BUILD, static_url_path="/")

    @app.route("/")
    def index() -> Response:
        return app.send_static_file("index.html")

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class OldPublisher:
    """MLgym's publisher in a process of its own, which publishes what it is told to."""

    def __init__(self, wheel: Path, url: str) -> None:
        command = [sys.executable, ACTS, wheel, url, RUN]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
        )

    def act(self, name: str) -> str:
        """What that gave; MLgym prints what it is sent, too."""
        print(name, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        while line.startswith(SENT):
            line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return line.rstrip("\n")

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def publisher(wheel: Path) -> Iterator[Callable[[str], OldPublisher]]:
    """Starts MLgym's publisher."""
    started: list[OldPublisher] = []

    def begin(url: str) -> OldPublisher:
        started.append(OldPublisher(wheel, url))
        return started[-1]

    yield begin
    for each in started:
        each.end()


def test_mlgyms_publisher_and_board_work_unchanged(start, old_board, publisher, open_page, tmp_path) -> None:
    server = start("ml_board", "--port", 0, "--event_storage_path", tmp_path)
    run = EventStorage(tmp_path).run(RUN)
    mlgym = publisher(server.url)
    mlgym.act("begin")
    mlgym.act("train 0")
    until(lambda: run.checkpoint_epochs(0) == [0])

    page = open_page(old_board, rest_endpoint=server.url, ws_endpoint=server.url, run_id=RUN)
    page.get_by_text("Flow Board").click()
    expect(cell(page, "job_status")).to_have_text("RUNNING")  # published before it was opened
    for act in ("train 1", "train 2", "end"):
        mlgym.act(act)
    expect(cell(page, "job_status")).to_have_text("DONE")  # published while it was open
    expect(cell(page, "batch_progress")).to_have_text("0.9")
    page.get_by_text("Analysis Board").click()
    expect(epochs(page)).to_have_text(["0", "1", "2"] * 4)  # loss and f1 of two splits

    until(lambda: run.checkpoint_epochs(0) == [2])
    statuses = mlgym.act("list")
    assert statuses == "[ExperimentStatus(experiment_id=0, last_checkpoint_id=2, experiment_config={'lr': 0.1})]"
    assert int(mlgym.act("load")) == run.find_resource(0, 2, "model").stat().st_size
    assert pickle.loads(run.find_resource(0, 2, "stateful_components").read_bytes()) == {"epoch": 2}
    assert verify_chain(run.log_path).num_lines == 3 + 3 * 12
    assert b'"checkpoint"' not in run.log_path.read_bytes()


def test_mlgyms_publisher_is_refused_where_a_token_is_wanted(start, publisher, tmp_path) -> None:
    server = start(
        "ml_board", "--port", 0, "--event_storage_path", tmp_path, environment={"MLGYM_TOKEN": "s3cret-word" * 4}
    )
    _, errors = publisher(server.url).process.communicate(timeout=PATIENCE_S)
    assert "ConnectionError: One or more namespaces failed to connect" in errors
    assert EventStorage(tmp_path).runs() == []


def cell(page: Page, column: str) -> Locator:
    """A cell of the only row of MLgym's table of jobs."""
    return page.locator(f".ag-row [col-id={column}]")


def epochs(page: Page) -> Locator:
    """What stands on the axes of all of MLgym's charts."""
    return page.locator(".recharts-xAxis .recharts-cartesian-axis-tick")


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)
