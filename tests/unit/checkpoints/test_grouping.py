"""Folders that are synced together: when each is, and what stays until then."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mlgym_core.checkpoints import grouping
from mlgym_core.checkpoints.grouping import GroupedFolders
from mlgym_core.errors import StoreError
from mlgym_core.events.durability import SYNCS


class Disk:
    """What was synced, by name, and whether that fails."""

    def __init__(self) -> None:
        self.synced: list[str] = []
        self.fails = False

    def sync(self, fd: int) -> None:
        if self.fails:
            raise OSError(5, "Input/output error")
        self.synced.append(Path(f"/proc/self/fd/{fd}").readlink().name)

    def take(self) -> list[str]:
        taken, self.synced = self.synced, []
        return taken


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk()
    monkeypatch.setitem(SYNCS, "synced", made.sync)
    return made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What time it is, in its one item."""
    now = [100.0]
    monkeypatch.setattr(grouping, "monotonic", lambda: now[0])
    return now


class Group:
    """Saves folders that hold one file each, called as they are."""

    def __init__(self, path: Path) -> None:
        self.folders = GroupedFolders()
        self._path = path

    def save(self, name: str, instead_of: Sequence[str] = (), *, may_wait: bool = True) -> None:
        others = [self._path / each for each in instead_of]
        self.folders.save(self._path / name, {name: [name.encode()]}, "synced", others, may_wait=may_wait)

    def remove(self, name: str) -> None:
        self.folders.remove(self._path / name)

    @property
    def there(self) -> str:
        assert all((each / each.name).read_text() == each.name for each in self._path.iterdir())
        return "".join(sorted(each.name for each in self._path.iterdir()))

    @property
    def held(self) -> str:
        return "".join(each.name for each in self.folders.held)


@pytest.fixture
def group(tmp_path: Path) -> Group:
    return Group(tmp_path / "run")


def test_one_is_synced_at_once_and_those_of_the_next_second_together(disk: Disk, clock: list[float], group) -> None:
    group.save("a")
    assert disk.take()[0] == "a"

    clock[0] += grouping.EVERY_S / 2
    group.save("b")
    group.save("c", ["b"])
    group.save("d")
    assert disk.take() == []

    clock[0] += grouping.EVERY_S / 2
    group.save("e")
    synced = disk.take()
    assert synced[0] == "e"
    assert [each for each in synced if each in "abcd"] == ["c", "c", "d", "d"]  # the file and its folder
    assert group.there == "acde"


def test_one_that_may_not_wait_is_synced_at_once(disk: Disk, clock: list[float], group: Group) -> None:
    group.save("a")
    disk.take()
    group.save("b", may_wait=False)

    assert disk.take()[0] == "b"


def test_the_first_behind_a_flush_is_synced_at_once(disk: Disk, clock: list[float], group: Group) -> None:
    group.save("a")
    group.save("b", ["a"])
    group.folders.flush()
    assert (group.there, group.held) == ("b", "")
    disk.take()

    group.save("c")
    assert disk.take()[0] == "c"


def test_what_was_synced_stays_until_what_came_instead_was_and_a_group_longer(
    disk: Disk, clock: list[float], group: Group
) -> None:
    group.save("a")
    group.save("b")
    group.save("c", ["a", "b"])
    assert (group.there, group.held) == ("ac", "a")

    group.folders.sync()
    assert (group.there, group.held) == ("ac", "a")
    group.save("d")
    group.save("e", ["d"])
    group.remove("c")
    assert (group.there, group.held) == ("ace", "ac")

    group.folders.sync()
    assert (group.there, group.held) == ("ce", "c")
    group.folders.sync()
    assert (group.there, group.held) == ("e", "")


def test_where_all_is_synced_what_is_to_go_goes_at_once(disk: Disk, clock: list[float], group: Group) -> None:
    group.save("a")
    clock[0] += grouping.EVERY_S
    group.save("b")
    group.remove("a")
    assert group.there == "b"
    clock[0] += grouping.EVERY_S
    group.save("c", ["b"])
    assert group.there == "c"
    group.save("d", ["c"])  # which waits
    assert group.there == "cd"


def test_what_is_saved_again_is_not_removed_any_more(disk: Disk, clock: list[float], group: Group) -> None:
    group.save("a")
    group.save("b")
    group.remove("a")
    group.save("a")
    group.folders.sync()
    group.folders.sync()

    assert group.there == "ab"


def test_what_somebody_else_removed_is_passed_over(disk: Disk, clock: list[float], group: Group, tmp_path) -> None:
    group.save("a")
    group.save("b")
    (tmp_path / "run/b/b").unlink()
    (tmp_path / "run/b").rmdir()
    group.folders.sync()

    assert group.there == "a"


def test_a_sync_that_fails_is_told_and_nothing_that_was_synced_goes(
    disk: Disk, clock: list[float], group: Group
) -> None:
    group.save("a")
    group.save("b", ["a"])
    group.save("c", ["b"])
    group.remove("a")
    disk.fails = True
    with pytest.raises(StoreError, match="Input/output error"):
        group.folders.sync()
    assert group.there == "ac"


def test_a_thread_syncs_what_waits(
    disk: Disk, clock: list[float], group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, "EVERY_S", 0.01)
    group.save("a")
    with group.folders:
        group.save("b", ["a"])
        wait_until(lambda: "b" in disk.synced)
        disk.fails = True
        group.save("c", ["b"])
        with pytest.raises(StoreError, match="Input/output error"):
            wait_until(lambda: group.remove("nothing") is not None)
        disk.fails = False
    assert (group.held, "b" in group.there) == ("", False)


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.001)
