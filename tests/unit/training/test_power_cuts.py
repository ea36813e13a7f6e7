"""Training whose machine lost its power: what was not synced is torn, and it goes on from what was."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from mlgym_core.checkpoints import grouping
from mlgym_core.checkpoints.answers import Answer, do
from mlgym_core.checkpoints.contents import Frozen
from mlgym_core.checkpoints.folders import Folder
from mlgym_core.checkpoints.grouping import GroupedFolders
from mlgym_core.checkpoints.local import LocalCheckpoints
from mlgym_core.checkpoints.protocols import Moment
from mlgym_core.config.settings import ResumePoints
from mlgym_core.events.durability import SYNCS, Durability
from mlgym_core.events.types import CheckpointSaved, EvaluationResult, Payload

from . import stories
from .memory import EXPERIMENT_ID
from .stories import NEVER, Countdown, Story
from .test_resuming import COMBINED


class Disk:
    """Remembers which files were synced, and tears those that were not."""

    def __init__(self) -> None:
        self._synced: set[tuple[int, int]] = set()

    def sync(self, fd: int) -> None:
        self._synced.add(_identity(os.fstat(fd)))

    def lose_power(self, path: Path, chance: random.Random) -> list[Path]:
        """The files that are torn."""
        torn = []
        for file in sorted(path.rglob("*")):
            is_safe = _identity(file.stat()) in self._synced
            if file.is_file() and not is_safe and chance.random() < 0.8:
                size_bytes = file.stat().st_size
                content = file.read_bytes()[: chance.choice([0, size_bytes // 2, size_bytes - 1])]
                file.write_bytes(content + bytes(chance.choice([0, size_bytes - len(content)])))
                torn.append(file)
        return torn


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_ino, status.st_mtime_ns


class Grouped:
    """`Folders` that sync after each so many that were saved, as a process does after a second.

    Where the power goes, nothing is done in the end.
    """

    def __init__(self, every: int, *, loses_power: bool) -> None:
        self._folders = GroupedFolders()
        self._every = every
        self._loses_power = loses_power
        self._num_saved = 0

    def save(
        self,
        path: Path,
        files: Mapping[str, Frozen],
        durability: Durability,
        instead_of: Sequence[Path] = (),
        *,
        may_wait: bool = False,
    ) -> Answer[Folder]:
        parts = {name: [make()] for name, make in files.items()}
        self._num_saved += 1
        if self._num_saved % self._every == 0:
            self._folders.sync()
        return do(lambda: self._folders.save(path, parts, durability, instead_of, may_wait=may_wait))

    def remove(self, path: Path) -> Answer[None]:
        return do(lambda: self._folders.remove(path))

    def flush(self) -> Answer[None]:
        return do(lambda: None if self._loses_power else self._folders.flush())


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk()
    monkeypatch.setitem(SYNCS, "synced", made.sync)
    monkeypatch.setattr(grouping, "EVERY_S", 3600.0)
    return made


@pytest.fixture
def small(iris) -> dict[str, Any]:
    """Epochs of four batches."""
    iris["loaders"] |= {"batch_size": 24}
    iris["run"]["epochs"] = 6
    return iris


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has the checkpoints of the next attempt synced in groups of so many."""

    def group(every: int, *, loses_power: bool = False) -> None:
        folders = Grouped(every, loses_power=loses_power)
        monkeypatch.setattr(stories, "BreakingCheckpoints", lambda run, *_: LocalCheckpoints(run, "synced", folders))

    return group


@pytest.mark.parametrize("every", [2, 3, 100])
@pytest.mark.parametrize("rule", ["last_epoch", "every_epoch", {"use": "every", "epochs": 1, "keep": 2}, COMBINED])
def test_whenever_the_power_goes_it_ends_as_if_it_had_not(begin, small, disk, group, rule, every: int) -> None:
    small["checkpointing"] = rule
    whole = begin(small)
    whole.attempt()
    chance = random.Random(every)
    num_torn = 0
    for at in range(6, 25, 4):
        story = begin(small)
        group(every, loses_power=True)
        assert story.attempt(batches=Countdown(at)) is None
        num_torn += len(disk.lose_power(story.run.path, chance))

        group(every)
        assert story.attempt() is not None

        assert story.resumed_from is not None, at  # the first checkpoint is synced at once
        assert story.facts == whole.facts, at
        assert story.weights == whole.weights, at
        assert contents(story) == contents(whole), at
    assert num_torn > 4


@pytest.mark.parametrize("lost", [EvaluationResult, CheckpointSaved])
def test_facts_may_be_lost_with_it(begin, small, disk, group, lost: type[Payload]) -> None:
    whole = begin(small)
    whole.attempt()
    story = begin(small)
    group(3, loses_power=True)
    story.attempt(batches=Countdown(22))
    model = story.run.resource_path(EXPERIMENT_ID, 4, "model.safetensors")
    model.write_bytes(bytes(model.stat().st_size))  # what says where it stood was not torn
    last = max(number for number, each in enumerate(story.told.payloads) if isinstance(each, lost))
    del story.told.payloads[last:]

    assert story.attempt() is not None
    assert story.resumed_from is not None
    assert story.facts == whole.facts
    assert story.weights == whole.weights


def test_one_that_is_torn_is_saved_again_though_a_later_one_is_whole(begin, small, disk, group, caplog) -> None:
    small["checkpointing"] = "every_epoch"
    story = begin(small)
    group(100, loses_power=True)
    story.attempt(batches=Countdown(22))
    before = contents(story)
    path = story.run.resource_path(EXPERIMENT_ID, 2, "model.safetensors")
    path.write_bytes(b"")

    story.attempt()

    assert (story.resumed_from.epoch, story.resumed_from.batch) == (1, None)
    assert "model.safetensors of the checkpoint of epoch 2 is not as it was saved: it has 0 bytes" in caplog.text
    assert "going on from epoch 1, which saves it again" in caplog.text
    assert contents(story).items() >= before.items()


def test_a_resume_point_behind_one_that_is_torn_goes(begin, small) -> None:
    small["checkpointing"] = "every_epoch"
    whole = begin(small)
    whole.attempt()
    story = begin(small, ResumePoints(steps=2, seconds=0))
    story.attempt(batches=Countdown(15))
    assert story.run.checkpoint_steps(EXPERIMENT_ID) == [14]
    story.run.resource_path(EXPERIMENT_ID, 2, "model.safetensors").write_bytes(b"")

    story.points = NEVER
    story.attempt()

    assert story.resumed_from == Moment(epoch=1, step=8)
    assert contents(story) == contents(whole)


def contents(story: Story) -> dict[str, bytes]:
    return {name: (story.run.path / name).read_bytes() for name in story.stored}
