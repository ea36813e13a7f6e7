"""A run that is kept on a server, killed, and resumed: where it was begun, and on another machine."""

import json
import re
import shutil
import signal

import pytest

from mlgym_core.events.checkpoint_files import verify_checkpoints
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.projections.equality import differences
from mlgym_core.events.verify import verify_chain
from mlgym_core.publish.shipment import Shipment

HERE = ("--executor", "main_process")

HELD = """\
import time
from pathlib import Path

from torch import nn

from mlgym_core import register


@register("model", "{name}")
class Held(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(4, 8), nn.Dropout(0.2), nn.Linear(8, 3))
        self.num_batches = 0

    def forward(self, features):
        self.num_batches += self.training and len(features) > 2
        while Path(__file__).with_name(f"held_{self.num_batches}").exists():
            time.sleep(0.01)
        return super().forward(features)
"""


@pytest.fixture
def grid(workplace, tmp_path):
    """Two experiments that do not get beyond a batch of training while the file `held_NUMBER` is there.

    A process knows a module and a component of one name once.
    """
    name = "held_" + re.sub(r"\W", "_", tmp_path.name)
    (workplace.path / f"{name}.py").write_text(HELD.replace("{name}", name))
    grid = workplace.grid_with(name, **{"epochs: 2": "save_every_steps: 2, epochs: 5"})
    return workplace.write(
        grid.read_text().replace("lr: 1e-2", "lr: {sweep: [1e-2, 1e-3]}").replace("[models]", f"[{name}]")
    )


def lines(run) -> list[str]:
    return [line.decode() for line in LogReader(run).poll()]


@pytest.fixture
def killed(start_mlgym, workplace, server, grid):
    """On the server what it got of a run that was killed after its second checkpoint had replaced the first."""
    held = workplace.path / "held_15"
    held.touch()
    server.start()
    started = start_mlgym("run", grid, "--server", server.url, *HERE)
    started.wait_until(
        lambda: any("checkpoint_deleted" in line for run in server.storage.runs() for line in lines(run))
    )
    started.send(signal.SIGKILL, to_group=True)
    started.end()
    held.unlink()
    [run] = server.storage.runs()
    return run


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_it_ends_as_if_it_had_never_been_killed(mlgym, workplace, server, grid, killed, where) -> None:
    if where == "elsewhere":
        shutil.rmtree(workplace.storage.path)
        resumed = mlgym("resume", "last", "--server", server.url)
    else:
        server.stop()
        refused = mlgym("resume", killed.run_id)
        assert (refused.status, "MG430" in refused.err) == (2, True)
        server.start()
        resumed = mlgym("resume", killed.run_id)

    assert resumed.status == 0, resumed.err
    assert workplace.storage.outbox.runs() == []
    assert mlgym("run", grid, *HERE).status == 0
    assert differences(LogReader(killed).poll(), LogReader(workplace.run()).poll()) == []
    assert verify_chain(killed.log_path).num_lines == len(LogReader(killed).poll())
    checked = verify_checkpoints(killed)
    assert (checked.num_checkpoints, checked.faults, checked.untold, checked.left) == (2, [], [], [])


@pytest.mark.usefixtures("unhurried")
def test_what_has_finished_is_left_alone_and_nothing_stays_here(mlgym, workplace, server, grid) -> None:
    server.start()
    done = mlgym("run", grid, "--server", server.url, *HERE)
    assert done.status == 0, done.err
    [run] = server.storage.runs()
    before = run.log_path.read_bytes()

    again = mlgym("resume", "last", "--server", server.url)

    assert again.status == 0, again.err
    assert run.log_path.read_bytes() == before
    assert workplace.storage.outbox.runs() == []


def of_type(run, event_type) -> list[dict]:
    return [json.loads(line)["payload"] for line in lines(run) if f'"event_type":"{event_type}"' in line]


@pytest.fixture
def cut_off(start_mlgym, workplace, server, grid):
    """On the server what it got of a run whose machine was lost while uploads were two checkpoints behind training.

    `whole` says how many checkpoints it had been sent by then. One more was told of after that, and came with its files
    unless it `is_spoiled`: these were no longer there.
    """

    def lose(whole: int, *, is_spoiled: bool):
        early, late = workplace.path / "held_9", workplace.path / "held_24"
        early.touch()
        late.touch()
        if whole:
            server.start()
        started = start_mlgym("run", grid, "--server", server.url, *HERE)
        if whole:
            started.wait_until(lambda: any(of_type(run, "checkpoint_saved") for run in server.storage.runs()))
            server.stop()
        early.unlink()
        outbox = workplace.storage.outbox
        started.wait_until(lambda: any(len(of_type(run, "checkpoint_deleted")) == 2 for run in outbox.runs()))
        started.send(signal.SIGKILL, to_group=True)
        started.end()
        late.unlink()
        server.start()
        [left] = outbox.runs()
        if is_spoiled:
            shutil.rmtree(left.checkpoint_path(0, whole))
        saved = [number for number, line in enumerate(lines(left)) if '"event_type":"checkpoint_saved"' in line]
        sent = Shipment(left, [server.url], server.url, None)
        sent.offer(saved[whole] + 1)
        assert sent.drain(60) == 0
        sent.close()
        shutil.rmtree(workplace.storage.path)
        [run] = server.storage.runs()
        assert (len(of_type(run, "checkpoint_saved")), of_type(run, "checkpoint_deleted")) == (whole + 1, [])
        assert run.checkpoint_epochs(0) == [*range(whole + (not is_spoiled))]
        assert len(verify_checkpoints(run).faults) == 3 * is_spoiled
        return run

    return lose


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("whole", [0, 1])
@pytest.mark.parametrize("is_spoiled", [False, True])
def test_it_goes_on_from_the_newest_checkpoint_that_arrived(
    mlgym, workplace, server, grid, cut_off, whole, is_spoiled
) -> None:
    run = cut_off(whole, is_spoiled=is_spoiled)

    resumed = mlgym("resume", "last", "--server", server.url)

    assert resumed.status == 0, resumed.err
    starts = [each["resumed_from"] for each in of_type(run, "attempt_started") if each["experiment_id"] == 0]
    newest = whole - is_spoiled
    assert [each and each["epoch"] for each in starts] == [None, newest if newest >= 0 else None]
    assert mlgym("run", grid, *HERE).status == 0
    here = workplace.run()
    saved = [(each["experiment_id"], each["epoch"]) for each in of_type(run, "checkpoint_saved")]
    assert saved.count((0, whole)) == 1 + is_spoiled  # it was told of as deleted in between
    assert differences(_without_repeated(LogReader(run).poll()), LogReader(here).poll()) == []
    ended, ended_here = (
        {(each["experiment_id"], each["epoch"]) for each in of_type(log, "checkpoint_deleted")} for log in (run, here)
    )
    assert ended == ended_here
    assert verify_chain(run.log_path).num_lines == len(lines(run))
    checked = verify_checkpoints(run)
    assert (checked.num_checkpoints, checked.faults, checked.untold, checked.left) == (2, [], [], [])


def _without_repeated(log: list[bytes]) -> list[bytes]:
    """Without what was told before of the same checkpoint."""
    first = {}
    for number, line in enumerate(log):
        event = json.loads(line)
        if event["event_type"] == "checkpoint_saved":
            first.setdefault(json.dumps(event["payload"]), number)
    return [
        line
        for number, line in enumerate(log)
        if number in first.values() or json.loads(line)["event_type"] != "checkpoint_saved"
    ]
