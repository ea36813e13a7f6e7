"""A storage that is copied file by file while it is written, as rsync does it, and opened elsewhere."""

import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.log import LogWriter
from mlgym_core.events.merge import Merger
from mlgym_core.events.snapshots import FoldSnapshots, open_fold
from mlgym_core.events.spool import Spool
from mlgym_core.events.types import EvaluationResult, LossScore
from mlgym_core.events.verify import verify_chain

RUN_ID = "2026-01-02--03-04-05"
NUM_EVENTS = 6_000
NUM_COPIES = 5


def write(run: RunFolder, copied: threading.Semaphore) -> None:
    """A producer in small segments, its merge into the log, and snapshots on the way.

    Now and then it waits until another copy was made: whoever copies may be slow.
    """
    spool, writer = Spool(run, segment_bytes=20_000), LogWriter(run)
    merger, snapshots = Merger(writer, run), FoldSnapshots(run, mark_every=2_000, newest_every=500)
    fold, reader = snapshots.open()
    for epoch in range(NUM_EVENTS):
        score = LossScore(loss="l", split="val", score=1 / (epoch + 1))
        spool.publish(
            EvaluationResult(grid_search_id=RUN_ID, experiment_id=0, epoch=epoch, metric_scores=[], loss_scores=[score])
        )
        if epoch % 50 == 0:
            merger.merge_once()
            for lines in snapshots.follow(fold, reader):
                fold.feed(lines)
        if epoch % (NUM_EVENTS // NUM_COPIES) == NUM_EVENTS // NUM_COPIES - 1:
            assert copied.acquire(timeout=60)
    spool.close()
    merger.merge_rest()
    writer.close()


def copy(run: RunFolder, target: Path) -> RunFolder:
    """A copy, one file after the other, of what is there when its turn comes."""
    # os.walk passes over a folder that goes while it is at work, as that of the spools does in the end
    listed = [Path(folder) / name for folder, _, names in os.walk(run.path) for name in names]
    for path in sorted(listed):
        there = target / RUN_ID / path.relative_to(run.path)
        there.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(path, there)
        except FileNotFoundError:  # merged, or replaced, since it was listed
            continue
    return EventStorage(target).run(RUN_ID)


def test_each_copy_is_a_sound_beginning_of_the_log_and_goes_on_elsewhere(tmp_path: Path) -> None:
    run, made = EventStorage(tmp_path / "here").run(RUN_ID), threading.Semaphore(0)
    copies = []
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write, run, made)
        while not writing.done():
            if run.log_path.exists():
                copies.append(copy(run, tmp_path / f"copy-{len(copies)}"))
                made.release()
        writing.result()

    whole = run.log_path.read_bytes()
    assert whole.count(b"\n") == NUM_EVENTS
    assert len(copies) >= NUM_COPIES
    for copied in copies:
        before = copied.log_path.read_bytes()
        assert whole.startswith(before)
        fold, _ = open_fold(copied)
        assert fold.state.num_events == before.count(b"\n")
        writer = LogWriter(copied)
        Merger(writer, copied).merge_rest()  # of what was spooled, all that follows on the log of the copy
        writer.close()
        assert verify_chain(copied.log_path).num_lines >= before.count(b"\n")
        assert whole.startswith(copied.log_path.read_bytes())
