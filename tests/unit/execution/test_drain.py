"""The thread that carries events on while a run trains."""

import threading

import pytest

from mlgym_core.execution.drain import Drain


class Carrier:
    """Counts how often it was called, and fails at the call that it is told to fail at."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.num_calls = 0
        self.called_twice = threading.Event()
        self.failed = threading.Event()
        self._fails_at = fails_at

    def carry(self) -> None:
        self.num_calls += 1
        if self.num_calls == 2:
            self.called_twice.set()
        if self.num_calls == self._fails_at:
            raise OSError("the disk is full")


def test_it_carries_again_and_again_while_entered_and_leaves_no_thread() -> None:
    carrier = Carrier()
    with Drain(carrier.carry, on_failure=carrier.failed.set):
        assert carrier.called_twice.wait(60)

    assert "drain" not in {thread.name for thread in threading.enumerate()}
    assert not carrier.failed.is_set()


def test_a_failure_is_told_at_once_and_raised_when_it_is_left() -> None:
    carrier = Carrier(fails_at=1)

    with pytest.raises(OSError, match="the disk is full"), Drain(carrier.carry, on_failure=carrier.failed.set):
        assert carrier.failed.wait(60)

    assert carrier.num_calls == 1


def test_an_error_of_the_run_itself_goes_before_that_of_the_thread() -> None:
    carrier = Carrier(fails_at=1)

    def run() -> None:
        with Drain(carrier.carry, on_failure=carrier.failed.set):
            assert carrier.failed.wait(60)
            raise ValueError("the run")

    with pytest.raises(ValueError, match="the run"):
        run()
