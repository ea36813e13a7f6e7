"""What training writes and logs is in the run's log, whoever trains, and within bounds."""

import logging

import pytest

import mlgym_core

CHATTER = '''\
"""Models that write, log and take memory while they are trained."""

import logging
import sys
import time
from pathlib import Path

from torch import nn

from mlgym_core import register

logging.basicConfig(level=logging.WARNING)


class Once(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.is_done = False

    def forward(self, features):
        if self.training and len(features) > 2 and not self.is_done:
            self.is_done = True
            self.act()
        return self.layer(features)


@register("model", "printer")
class Printer(Once):
    def __init__(self, lines: int):
        super().__init__()
        self.lines = lines

    def act(self):
        sys.stdout.write("".join(f"line {number}\\n" for number in range(self.lines)))


@register("model", "logger")
class Logger(Once):
    def act(self):
        logging.getLogger("mine").debug("too low")
        logging.getLogger("mine").info("as it should be")
        try:
            raise ArithmeticError("the weights fell out")
        except ArithmeticError:
            logging.getLogger("mine").exception("caught")


@register("model", "hoarder")
class Hoarder(Once):
    """Takes memory once the file `empty` is gone, and goes on once `full` is; they lie beside this one."""

    def __init__(self, megabytes: int):
        super().__init__()
        self.megabytes = megabytes

    def act(self):
        self.wait_for("empty")
        self.hoard = bytearray(b"x") * (self.megabytes * 2**20)
        self.wait_for("full")

    def wait_for(self, name):
        while Path(__file__).with_name(name).exists():
            time.sleep(0.01)
'''
GRID = """\
imports: [chatter]
run: {epochs: 1, system_metrics_every: 0.1}
data: iris
loaders: {splits: {train: $data.train}, batch_size: 16}
model: %s
optimizer: {use: sgd, lr: 0.1}
loss: cross_entropy
"""


@pytest.fixture
def write_grid(workplace):
    (workplace.path / "chatter.py").write_text(CHATTER)
    return lambda model: workplace.write(GRID % model)


def records(workplace) -> list[tuple[str, str | None, list[str]]]:
    logs = [each["payload"] for each in workplace.events("log")]
    return [(each["stream"], each["level"], each["lines"]) for each in logs]


def test_what_a_worker_logs_is_recorded_once_with_its_level_and_traceback(mlgym, workplace, write_grid) -> None:
    done = mlgym("run", write_grid("logger"))

    assert done.status == 0, done.err
    [told, caught] = records(workplace)
    assert told == ("logging", "INFO", ["mine: as it should be"])
    assert (caught[1], caught[2][0], caught[2][-1]) == (
        "ERROR",
        "mine: caught",
        "ArithmeticError: the weights fell out",
    )


def test_in_the_users_own_process_their_own_level_holds(start_mlgym, workplace, write_grid) -> None:
    done = start_mlgym("run", write_grid("logger"), "--executor", "main_process").end()

    assert done.status == 0, done.err
    assert [(level, lines[0]) for _, level, lines in records(workplace)] == [("ERROR", "mine: caught")]


def test_the_level_that_is_recorded_is_a_setting(mlgym, workplace, write_grid) -> None:
    mlgym("run", write_grid("logger"), "--set", "run.log_level=ERROR")

    assert [(stream, level) for stream, level, _ in records(workplace)] == [("logging", "ERROR")]


def test_a_million_lines_neither_fill_the_disk_nor_get_lost_uncounted(mlgym, workplace, write_grid) -> None:
    count = 1_000_000

    done = mlgym("run", write_grid(f"{{use: printer, lines: {count}}}"), "--json")

    assert done.document["status"] == "finished"
    written = [line for stream, _, lines in records(workplace) for line in lines if stream == "stdout"]
    [*dropped] = workplace.events("dropped")
    assert {each["payload"]["event_type"] for each in dropped} == {"log"}
    assert len(written) + sum(each["payload"]["count"] for each in dropped) == count
    assert written[:10_000] == [f"line {number}" for number in range(10_000)]
    assert workplace.run().log_path.stat().st_size < 4 * 2**20


def test_samples_of_the_machine_show_what_a_worker_takes(start_mlgym, workplace, write_grid) -> None:
    def taken() -> list[int]:
        samples = workplace.events("system_metrics") if workplace.storage.runs() else []
        return [each["payload"]["rss_bytes"] for each in samples]

    empty, full = workplace.path / "empty", workplace.path / "full"
    empty.touch()
    full.touch()
    started = start_mlgym("run", write_grid("{use: hoarder, megabytes: 600}"))
    started.wait_until(lambda: len(taken()) >= 2)
    empty.unlink()
    # Less than it takes: processes that checked the grid may still be there when the first samples are taken.
    started.wait_until(lambda: max(taken()) - min(taken()) > 300 * 2**20)
    full.unlink()

    assert started.end().status == 0
    assert workplace.events("system_metrics", "run_ended")[-1]["event_type"] == "run_ended"


def test_no_samples_are_taken_where_none_are_wanted(mlgym, workplace, write_grid) -> None:
    mlgym("run", write_grid("logger"), "--set", "run.system_metrics_every=0")

    assert workplace.events("system_metrics") == []


def test_a_loop_of_the_users_own_is_sampled_and_its_logging_recorded(workplace, until) -> None:
    # Its end does not wait for a sample that takes its time.
    with mlgym_core.log_run({}, event_storage=workplace.storage.path, system_metrics_every=3600):
        logging.getLogger("mine").warning("from a loop")
        until(lambda: workplace.events("system_metrics"))
    logging.getLogger("mine").warning("too late")

    assert ("logging", "WARNING", ["mine: from a loop"]) in records(workplace)
    assert all("too late" not in line for _, _, lines in records(workplace) for line in lines)
    assert len(workplace.events("system_metrics")) == 1


def test_a_loop_that_wants_no_samples_has_none(workplace) -> None:
    with mlgym_core.log_run({}, event_storage=workplace.storage.path, system_metrics_every=0, log_level="ERROR"):
        logging.getLogger("mine").warning("too low")

    assert records(workplace) == []
    assert workplace.events("system_metrics") == []
