"""The one writer of a log, and what its lock tells of the run's life."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest

from mlgym_core.errors import StoreError
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.lock import WriterLock, liveness

HOLD = """
import sys
from pathlib import Path
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.lock import WriterLock
lock = WriterLock(RunFolder(Path(sys.argv[1])))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_run_that_nobody_wrote_is_unknown(run: RunFolder) -> None:
    assert liveness(run) == "unknown"


def test_a_run_lives_as_long_as_its_lock_is_held(run: RunFolder) -> None:
    lock = WriterLock(run)
    assert liveness(run) == "alive"
    lock.release()
    lock.release()
    assert liveness(run) == "lost"


def test_the_lock_of_another_host_says_nothing_once_it_is_gone(run: RunFolder) -> None:
    WriterLock(run).release()
    assert run.lock_path.read_text() == f"pid {os.getpid()} on {os.uname().nodename}\n"
    run.lock_path.write_text("pid 1 on elsewhere\n")
    assert liveness(run) == "unknown"


def test_a_second_writer_is_refused_with_the_name_of_the_first(run: RunFolder) -> None:
    first = WriterLock(run)
    with pytest.raises(StoreError, match=f"pid {os.getpid()}") as caught:
        WriterLock(run)
    assert caught.value.code == "MG404"
    first.release()
    WriterLock(run).release()


def test_a_killed_writer_leaves_the_lock_free_and_the_run_lost(run: RunFolder) -> None:
    run.path.mkdir(parents=True)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert liveness(run) == "alive"
        with pytest.raises(StoreError, match=f"pid {holder.pid}"):
            WriterLock(run)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert liveness(run) == "lost"
    WriterLock(run).release()


def test_tests_for_life_never_keep_a_writer_from_its_lock(run: RunFolder) -> None:
    WriterLock(run).release()
    asking = True
    all_ask = threading.Barrier(3)

    def ask() -> int:
        asked = 0
        while asking:
            liveness(run)
            asked += 1
            if asked == 1:
                all_ask.wait(60)
        return asked

    with ThreadPoolExecutor(2) as pool:
        askers = [pool.submit(ask) for _ in range(2)]
        try:
            all_ask.wait(60)
            for _ in range(100):
                WriterLock(run, patience_s=60).release()
        finally:
            asking = False
        assert all(each.result() > 0 for each in askers)


def test_a_folder_that_cannot_be_made_is_one_clear_error(run: RunFolder) -> None:
    run.path.parent.mkdir(parents=True)
    run.path.touch()
    with pytest.raises(StoreError, match="cannot write"):
        WriterLock(run)


def test_a_lock_that_could_not_be_written_is_not_kept(
    run: RunFolder, small_files: Callable[[int], AbstractContextManager[None]]
) -> None:
    with small_files(0), pytest.raises(StoreError, match="cannot write"):
        WriterLock(run)
    WriterLock(run).release()
    with small_files(0), pytest.raises(StoreError, match="cannot write"):
        WriterLock(run)
    assert liveness(run) == "lost"
