"""What every `Checkpoints` has to keep, wherever its bytes lie."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mlgym_core.checkpoints.local import LocalCheckpoints
from mlgym_core.checkpoints.protocols import Checkpoints
from mlgym_core.errors import StoreError
from mlgym_core.events.folder import EventStorage
from mlgym_core.events.types import Resource

RUN_ID = "2026-01-02--03-04-05"
FILES = {"model.safetensors": bytes(range(256)) * 300, "optimizer.safetensors": b"", "lr_scheduler.json": b"{}"}


@pytest.fixture(params=[LocalCheckpoints])
def checkpoints(request: pytest.FixtureRequest, tmp_path: Path) -> Checkpoints:
    return request.param(EventStorage(tmp_path).run(RUN_ID))


def test_what_is_saved_is_loaded_and_told_with_size_and_digest(checkpoints: Checkpoints) -> None:
    stored = checkpoints.save(3, 12, FILES)

    assert stored == [
        Resource(name=name, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        for name, content in sorted(FILES.items())
    ]
    for name, content in FILES.items():
        assert checkpoints.load(3, 12, name) == content


def test_the_ending_of_a_name_may_be_left_out(checkpoints: Checkpoints) -> None:
    checkpoints.save(0, 0, FILES)

    assert checkpoints.load(0, 0, "model") == FILES["model.safetensors"]


def test_epochs_are_told_in_order_for_each_experiment(checkpoints: Checkpoints) -> None:
    assert checkpoints.epochs(0) == []
    for epoch in (10, 9, 100):
        checkpoints.save(0, epoch, FILES)
    checkpoints.save(1, 5, FILES)

    assert checkpoints.epochs(0) == [9, 10, 100]
    assert checkpoints.epochs(1) == [5]


def test_a_checkpoint_goes_as_a_whole(checkpoints: Checkpoints) -> None:
    checkpoints.save(0, 0, FILES)
    checkpoints.save(0, 1, FILES)

    checkpoints.delete(0, 0)

    assert checkpoints.epochs(0) == [1]
    for name in FILES:
        with pytest.raises(StoreError):
            checkpoints.load(0, 0, name)


def test_deleting_what_is_not_there_is_silent(checkpoints: Checkpoints) -> None:
    checkpoints.delete(0, 7)

    assert checkpoints.epochs(0) == []


def test_saving_again_replaces_all_files(checkpoints: Checkpoints) -> None:
    checkpoints.save(0, 0, FILES)

    checkpoints.save(0, 0, {"model.safetensors": b"new"})

    assert checkpoints.load(0, 0, "model") == b"new"
    with pytest.raises(StoreError):
        checkpoints.load(0, 0, "lr_scheduler.json")


def test_what_is_not_there_is_an_error(checkpoints: Checkpoints) -> None:
    with pytest.raises(StoreError):
        checkpoints.load(0, 0, "model")
    checkpoints.save(0, 0, FILES)
    with pytest.raises(StoreError):
        checkpoints.load(0, 0, "scaler")


@pytest.mark.parametrize("name", ["../model", "a/b", "..", ""])
def test_a_name_that_leads_elsewhere_is_refused_and_nothing_is_stored(checkpoints: Checkpoints, name: str) -> None:
    with pytest.raises(StoreError):
        checkpoints.save(0, 0, {"model.safetensors": b"x", name: b"y"})

    assert checkpoints.epochs(0) == []
