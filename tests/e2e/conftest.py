"""The board in a real browser, before the real services, on runs that were really trained."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from mlgym_core.events.codec import encode_event
from mlgym_core.events.folder import EventStorage
from mlgym_core.events.log import LogWriter
from mlgym_core.events.types import AttemptStarted, ExperimentConfig, Payload

PATIENCE_S = 60
expect.set_options(timeout=PATIENCE_S * 1000)
RUN_S = 120
"""How long a run may take that is as short as can be: most of it are imports."""
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

GRID = """\
run: {epochs: 3, seed: 2, description: Iris in small steps}
data: {use: iris, standardize: true}
splits: {use: stratified, source: $data.train, fractions: {train: 0.7, val: 0.3}}
loaders: {splits: {train: $splits.train, val: $splits.val}, batch_size: {sweep: [8, 32]}}
model: {use: mlp, sizes: [4, 8, 3]}
optimizer: {use: adam, lr: {sweep: [1e-1, 1e-2, 1e-3]}}
loss: cross_entropy
metrics: [{use: f1, average: macro}, accuracy]
early_stopping: {use: no_improvement, monitor: val/f1, window: 50, min_delta: 0}
checkpointing: last_epoch
"""

MODELS = '''\
"""Models that need watching."""

import time

from torch import nn

from mlgym_core import register


class Linear(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, features):
        return self.layer(features)


@register("model", "fragile")
class Fragile(Linear):
    """Breaks in its first real batch, if it is to."""

    def __init__(self, breaks: bool):
        super().__init__()
        self.breaks = breaks

    def forward(self, features):
        if self.breaks and self.training and len(features) > 2:
            raise ArithmeticError("the weights fell out")
        return super().forward(features)


@register("model", "slow")
class Slow(Linear):
    """Takes its time, so that one can watch it."""

    def forward(self, features):
        if self.training and len(features) > 2:
            time.sleep(0.02)
        return super().forward(features)
'''


def find_browser() -> str | None:
    """A Chromium or Chrome of this machine."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


# Not for the session: as long as playwright is there, an event loop runs in the thread that all tests share.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = find_browser()
    if executable is None:
        reason = "no Chromium or Chrome: install one (Debian: chromium, macOS: brew install --cask google-chrome)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=QUIET)
        yield browser
        browser.close()


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens a page of the board in a window of its own; a script's error on it fails the test."""
    pages: list[Page] = []
    errors: list[str] = []

    def open_page(url: str, *, theme: str = "light", size: tuple[int, int] = (1440, 900), **query: object) -> Page:
        page = browser.new_page(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="reduce",
        )
        page.set_default_timeout(PATIENCE_S * 1000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        pages.append(page)
        page.goto(f"{url}/?{urlencode(query)}" if query else url)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert errors == []


class Command:
    """One of the project's commands as a process of its own, which says on its first line where it is."""

    def __init__(self, name: str, *arguments: object, environment: Mapping[str, str] | None = None) -> None:
        self._arguments = [Path(sys.executable).with_name(name), *map(str, arguments)]
        self._environment = {**os.environ, **(environment or {})}
        self.start()

    def start(self) -> None:
        """Starts it, or starts it again, and waits for its first line."""
        self._process = subprocess.Popen(
            self._arguments, env=self._environment, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert self._process.stdout is not None
        self.first_line = self._process.stdout.readline().strip()

    @property
    def url(self) -> str:
        """The address in its first line."""
        return self.first_line.split()[-1]

    def kill(self) -> None:
        """Ends it without a word."""
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def start() -> Iterator[Callable[..., Command]]:
    """Starts services, and ends them after the test."""
    started: list[Command] = []

    def start(name: str, *arguments: object, environment: Mapping[str, str] | None = None) -> Command:
        started.append(Command(name, *arguments, environment=environment))
        return started[-1]

    yield start
    for each in started:
        each.kill()


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """A folder with a configuration and its modules, and an event storage."""

    path: Path

    @property
    def storage(self) -> EventStorage:
        return EventStorage(self.path / "event_storage")

    def begin_run(self, config: str, *options: object) -> subprocess.Popen[bytes]:
        """`mlgym run` as a process in a group of its own."""
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / "models.py").write_text(MODELS)
        file = self.path / "gs_config.yml"
        file.write_text(config)
        command = [Path(sys.executable).with_name("mlgym"), "run", file, *map(str, options)]
        storage = ["--event_storage_path", self.storage.path]
        return subprocess.Popen([*command, *storage], cwd=self.path, stdout=subprocess.DEVNULL, start_new_session=True)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """An event storage with a run that finished and, newer, one of two experiments of which the second failed."""
    workplace = Workplace(path=tmp_path_factory.mktemp("trained"))
    assert workplace.begin_run(GRID).wait(RUN_S) == 0
    fragile = GRID.replace("{use: mlp, sizes: [4, 8, 3]}", "{use: fragile, breaks: {sweep: [false, true]}}")
    fragile = fragile.replace("{sweep: [8, 32]}", "8").replace("{sweep: [1e-1, 1e-2, 1e-3]}", "1e-2")
    assert workplace.begin_run(f"imports: [models]\n{fragile}").wait(RUN_S) == 1
    return workplace


@pytest.fixture(scope="session")
def finished_id(trained: Workplace) -> str:
    return trained.storage.runs()[-1].run_id


@pytest.fixture(scope="session")
def broken_id(trained: Workplace) -> str:
    return trained.storage.runs()[0].run_id


@pytest.fixture(scope="session")
def board(trained: Workplace) -> Iterator[str]:
    """The address of a board on the trained runs."""
    service = Command("ml_board", "--port", 0, "--event_storage_path", trained.storage.path)
    yield service.url
    service.kill()


@pytest.fixture
def slow_run(tmp_path: Path) -> Iterator[tuple[Workplace, subprocess.Popen[bytes]]]:
    """A run that goes on until somebody ends it."""
    workplace = Workplace(path=tmp_path)
    slow = GRID.replace("{use: mlp, sizes: [4, 8, 3]}", "slow").replace("epochs: 3", "epochs: 5000")
    process = workplace.begin_run(f"imports: [models]\n{slow}", "--process_count", 2)
    yield workplace, process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_S)


class WrittenRun:
    """A run whose events the test itself writes, so that it knows each of them and when it comes."""

    def __init__(self, storage: EventStorage, *, num_experiments: int) -> None:
        self.folder = storage.create_run()
        self.run_id = self.folder.run_id
        self._writer = LogWriter(self.folder)
        self._next_seq = 1
        for id_ in range(num_experiments):
            config = {"optimizer": {"lr": 0.1**id_}}
            self.write(
                ExperimentConfig(grid_search_id=self.run_id, experiment_id=id_, job_id=id_, config=config),
                AttemptStarted(
                    grid_search_id=self.run_id,
                    experiment_id=id_,
                    attempt=1,
                    device="cpu",
                    host="host",
                    pid=1,
                    resumed_from=None,
                    threads=1,
                    versions={},
                ),
            )

    def write(self, *payloads: Payload) -> int:
        """Writes events as facts; the id of the next one."""
        event_id = self._writer.append("test", self._next_seq, [encode_event(each) for each in payloads])
        self._writer.commit()
        self._next_seq += len(payloads)
        return event_id

    def close(self) -> None:
        """Gives up the log, as a process does that ends."""
        self._writer.close()


@pytest.fixture
def written_run(tmp_path: Path) -> Iterator[Callable[..., WrittenRun]]:
    """Begins runs in the storage `tmp_path`."""
    runs: list[WrittenRun] = []

    def begin(*, num_experiments: int = 1) -> WrittenRun:
        runs.append(WrittenRun(EventStorage(tmp_path), num_experiments=num_experiments))
        return runs[-1]

    yield begin
    for each in runs:
        each.close()


class RunPage:
    """What one sees and does on the page of a run."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def status(self) -> str | None:
        return self.page.locator("[data-testid=run-status] [data-status]").get_attribute("data-status")

    def wait_for_status(self, status: str) -> None:
        self.page.wait_for_selector(f"[data-testid=run-status] [data-status={status}]")

    def wait_for_connection(self, phase: str) -> None:
        self.page.wait_for_selector(f"[data-connection={phase}]")

    def row(self, experiment_id: int) -> Locator:
        return self.page.locator(f"tr[data-experiment='{experiment_id}']")

    def expect_ids(self, ids: Sequence[int]) -> None:
        """Waits for these experiments in this order to be the whole table."""
        self.page.wait_for_function(
            """ids => [...document.querySelectorAll("tr[data-experiment]")]
                 .map((row) => row.dataset.experiment).join() === ids""",
            arg=",".join(map(str, ids)),
        )

    def epochs_done(self) -> int:
        """Of all experiments together."""
        cells = self.page.locator("tr[data-experiment] td:nth-child(3)").all_inner_texts()
        return sum(int(cell.split("/")[0]) for cell in cells)

    def sort_by(self, what: str) -> None:
        self.page.get_by_title(f"Sort by {what}", exact=True).click()

    def filter(self, text: str) -> None:
        self.page.get_by_label("Filter experiments").fill(text)

    def chart(self, metric: str) -> Locator:
        return self.page.locator(f"[data-metric='{metric}'] .u-over")


@pytest.fixture
def run_page(open_page: OpenPage) -> Callable[..., RunPage]:
    def run_page(url: str, run_id: str, **query: object) -> RunPage:
        page = RunPage(open_page(url, run_id=run_id, **query))
        page.wait_for_connection("live")
        page.page.wait_for_selector("[data-testid=run-status]")
        return page

    return run_page
