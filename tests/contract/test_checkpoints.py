"""What every `Checkpoints` has to keep, wherever its bytes lie."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from mlgym_core.checkpoints.contents import Ready
from mlgym_core.checkpoints.folder_process import FolderProcess
from mlgym_core.checkpoints.local import LocalCheckpoints
from mlgym_core.checkpoints.position import STATEFUL_COMPONENTS, dump_position
from mlgym_core.checkpoints.protocols import Checkpoints, Moment
from mlgym_core.errors import StoreError
from mlgym_core.events.folder import EventStorage
from mlgym_core.events.types import Resource

RUN_ID = "2026-01-02--03-04-05"
MODEL = bytes(range(256)) * 300
FIRST, WITHIN, SECOND = Moment(epoch=0, step=7), Moment(epoch=1, step=9, batch=2), Moment(epoch=1, step=14)
MOMENTS = [FIRST, WITHIN, SECOND]


def files(moment: Moment) -> dict[str, bytes]:
    return {
        "model.safetensors": MODEL,
        "optimizer.safetensors": b"",
        "lr_scheduler.json": b"{}",
        STATEFUL_COMPONENTS: dump_position(moment, {"more": 1}),
    }


@pytest.fixture(params=["here", "in a process"])
def checkpoints(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Checkpoints]:
    run = EventStorage(tmp_path).run(RUN_ID)
    if request.param == "here":
        yield LocalCheckpoints(run)
        return
    with FolderProcess() as folders:
        yield LocalCheckpoints(run, folders=folders)


def save(checkpoints: Checkpoints, number: int, moment: Moment, files: Mapping[str, bytes]) -> list[Resource]:
    return checkpoints.save(number, moment, {name: Ready(content) for name, content in files.items()}).result()


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_is_saved_is_loaded_and_told_with_size_and_digest(checkpoints: Checkpoints, moment: Moment) -> None:
    stored = save(checkpoints, 3, moment, files(moment))

    assert stored == [
        Resource(name=name, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        for name, content in sorted(files(moment).items())
    ]
    assert checkpoints.describe(3, moment) == stored
    for name, content in files(moment).items():
        assert checkpoints.load(3, moment, name) == content


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_ending_of_a_name_may_be_left_out(checkpoints: Checkpoints, moment: Moment) -> None:
    save(checkpoints, 0, moment, files(moment))

    assert checkpoints.load(0, moment, "model") == MODEL


def test_moments_are_told_in_order_for_each_experiment(checkpoints: Checkpoints) -> None:
    assert checkpoints.moments(0) == []
    anywhere = [Moment(epoch=epoch, step=epoch * 5) for epoch in (10, 9, 100)]
    start_of_epoch, end_of_epoch = Moment(epoch=10, step=45, batch=0), Moment(epoch=9, step=44, batch=4)
    for moment in (*anywhere, start_of_epoch, end_of_epoch):
        save(checkpoints, 0, moment, files(moment))
    save(checkpoints, 1, SECOND, files(SECOND))

    assert checkpoints.moments(0) == [end_of_epoch, anywhere[1], start_of_epoch, anywhere[0], anywhere[2]]
    assert checkpoints.moments(1) == [SECOND]


def test_what_is_made_only_when_it_is_written_is_written_too(checkpoints: Checkpoints) -> None:
    large = bytes(3_000_000)
    answers = [
        checkpoints.save(0, FIRST, {"model.skops": lambda: MODEL, "large": Ready(large)}),
        checkpoints.save(0, SECOND, {"model.skops": Ready(MODEL)}),
        checkpoints.delete(0, FIRST),
        checkpoints.save(0, WITHIN, {"model.skops": lambda: MODEL}),
    ]

    assert [[(each.name, each.size_bytes) for each in answer.result() or ()] for answer in answers] == [
        [("large", len(large)), ("model.skops", len(MODEL))],
        [("model.skops", len(MODEL))],
        [],
        [("model.skops", len(MODEL))],
    ]
    assert all(answer.done() for answer in answers)
    assert checkpoints.describe(0, FIRST) == []
    assert checkpoints.load(0, SECOND, "model") == checkpoints.load(0, WITHIN, "model") == MODEL


def test_a_checkpoint_goes_as_a_whole(checkpoints: Checkpoints) -> None:
    for moment in MOMENTS:
        save(checkpoints, 0, moment, files(moment))

    checkpoints.delete(0, WITHIN).result()
    checkpoints.delete(0, FIRST).result()

    assert checkpoints.moments(0) == [SECOND]
    assert checkpoints.describe(0, WITHIN) == checkpoints.describe(0, FIRST) == []
    for name in files(FIRST):
        with pytest.raises(StoreError):
            checkpoints.load(0, FIRST, name)


def test_one_is_saved_instead_of_others(checkpoints: Checkpoints) -> None:
    for moment in (FIRST, WITHIN):
        save(checkpoints, 0, moment, files(moment))

    named = {name: Ready(content) for name, content in files(SECOND).items()}
    stored = checkpoints.save(0, SECOND, named, [WITHIN, FIRST]).result()

    assert checkpoints.moments(0) == [SECOND]
    assert checkpoints.describe(0, SECOND) == stored
    assert [each.name for each in stored] == sorted(files(SECOND))
    checkpoints.save(0, SECOND, {"model.safetensors": Ready(b"new")}, [SECOND, FIRST]).result()
    assert checkpoints.load(0, SECOND, "model") == b"new"


def test_deleting_what_is_not_there_is_silent(checkpoints: Checkpoints) -> None:
    checkpoints.delete(0, FIRST).result()

    assert checkpoints.moments(0) == []


def test_saving_again_replaces_all_files(checkpoints: Checkpoints) -> None:
    save(checkpoints, 0, FIRST, files(FIRST))

    save(checkpoints, 0, FIRST, {"model.safetensors": b"new"})

    assert checkpoints.load(0, FIRST, "model") == b"new"
    with pytest.raises(StoreError):
        checkpoints.load(0, FIRST, "lr_scheduler.json")


def test_what_is_not_there_is_an_error(checkpoints: Checkpoints) -> None:
    with pytest.raises(StoreError):
        checkpoints.load(0, FIRST, "model")
    save(checkpoints, 0, FIRST, files(FIRST))
    with pytest.raises(StoreError):
        checkpoints.load(0, FIRST, "scaler")


@pytest.mark.parametrize("name", ["../model", "a/b", "..", ""])
def test_a_name_that_leads_elsewhere_is_refused_and_nothing_is_stored(checkpoints: Checkpoints, name: str) -> None:
    with pytest.raises(StoreError):
        save(checkpoints, 0, FIRST, {**files(FIRST), name: b"y"})

    assert checkpoints.moments(0) == []


def test_one_that_cannot_say_its_moment_is_left_out(checkpoints: Checkpoints) -> None:
    save(checkpoints, 0, FIRST, {**files(FIRST), STATEFUL_COMPONENTS: files(FIRST)[STATEFUL_COMPONENTS][:-9]})
    save(checkpoints, 0, SECOND, files(SECOND))

    assert checkpoints.moments(0) == [SECOND]


def test_it_says_when_one_was_saved(checkpoints: Checkpoints) -> None:
    before = time.time()
    for moment in MOMENTS:
        save(checkpoints, 0, moment, files(moment))
    saved = [checkpoints.saved_at(0, each) for each in MOMENTS]

    assert checkpoints.saved_at(1, FIRST) is None
    assert saved == sorted(each for each in saved if each is not None)
    assert abs(saved[0] - before) < 60


def test_what_may_wait_for_its_sync_is_there_as_any_other(checkpoints: Checkpoints) -> None:
    named = {name: Ready(content) for name, content in files(FIRST).items()}
    moments = [Moment(epoch=epoch, step=epoch) for epoch in range(5)]
    for before, moment in zip([[], *([each] for each in moments)], moments, strict=False):
        stored = checkpoints.save(0, moment, named, before, may_wait=True).result()
        assert checkpoints.describe(0, moment) == stored


def test_one_of_another_program_is_no_moment_to_go_on_from(checkpoints: Checkpoints) -> None:
    save(checkpoints, 0, FIRST, {"model.pickle": b"?"})

    assert checkpoints.moments(0) == []


def test_clearing_leaves_what_is_complete(checkpoints: Checkpoints) -> None:
    for moment in MOMENTS:
        save(checkpoints, 0, moment, files(moment))

    checkpoints.clear(0)

    assert checkpoints.moments(0) == MOMENTS
