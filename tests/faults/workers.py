"""Processes that a trial kills and starts again: a publisher of the contract alone, and the project's own.

    workers.py publish URL RUN_ID PRODUCER NUM JOURNAL SEED     events 1 to NUM of PRODUCER, by version 2 of the socket
    workers.py record STORAGE RUN_ID NUM JOURNAL                NUM events with `publish()`, a new producer in each life
    workers.py carry STORAGE RUN_ID URL                         what is recorded, by the project's carrier

A journal is a folder. Its files grow by what the process may rely on, so that they outlive it.
"""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

from client import result, save_checkpoint
from wire import Answer, BrokenError, Publisher, publishing

from mlgym_core.events.folder import EventStorage
from mlgym_core.events.spool import Spool
from mlgym_core.publish.carrier import Carrier

MAX_BATCH = 300
PAUSE_S = 0.02
FIRST_EXPERIMENT = 100
MAX_CHECKPOINT_BYTES = 300_000


def publish(url: str, run_id: str, producer: str, num: int, journal: Path, rng: random.Random) -> None:
    """Sends all, one batch in ten twice, and notes each acknowledgement and what contradicts an earlier one."""
    while num_acknowledged(journal, producer) < num:
        try:
            with publishing(url, run_id, producer) as publisher:
                send(publisher, num, journal, rng)
        except BrokenError:
            time.sleep(PAUSE_S)


def send(publisher: Publisher, num: int, journal: Path, rng: random.Random) -> None:
    """Until all is acknowledged, or the connection breaks."""
    answer = publisher.hello()
    refuse_none(answer, journal)
    last = answer["last_seq"]
    if last < num_acknowledged(journal, publisher.producer):
        note(journal / "broken", f"acknowledged, and lost: {answer} {num_acknowledged(journal, publisher.producer)}")
    # A greeting acknowledges too: the answer to the last batch may be what a kill took.
    note(journal / publisher.producer, str(last))
    while last < num:
        batch = range(last + 1, min(num, last + rng.randint(1, MAX_BATCH)) + 1)
        for number in range(2 if rng.random() < 0.1 else 1):
            answer = publisher.batch(batch, is_stamped=number > 0 or rng.random() < 0.5)
            refuse_none(answer, journal)
            if answer["last_seq"] != batch[-1]:
                note(journal / "broken", f"batch {batch} answered by {answer}")
            if number:
                note(journal / "twice", str(len(batch)))
        last = answer["last_seq"]
        note(journal / publisher.producer, str(last))
        time.sleep(rng.random() * PAUSE_S)


def refuse_none(answer: Answer, journal: Path) -> None:
    """A refusal is none of what a trial of healthy publishers should see; the connection is begun anew."""
    if "last_seq" not in answer or "err" in answer:
        note(journal / "refused", str(answer))
        raise BrokenError(str(answer))


def num_acknowledged(journal: Path, producer: str) -> int:
    """How far the producer was told that it is safe."""
    path = journal / producer
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return int(lines[-1]) if lines else 0


def note(path: Path, line: str) -> None:
    """One more line, whole even where the process is killed."""
    with path.open("a") as file:
        file.write(f"{line}\n")


def record(storage: Path, run_id: str, num: int, journal: Path) -> None:
    """Publishes until all its lives have published `num`; after each return one byte goes to the producer's journal.

    Every 50th event of all lives is a checkpoint, of an experiment of this life's own.
    """
    lives = list(journal.glob("recorded-*"))
    done = sum(path.stat().st_size for path in lives)
    run = EventStorage(storage).outbox.run(run_id)
    spool = Spool(run)
    with (journal / f"recorded-{spool.producer}").open("ab", buffering=0) as returned:
        for seq in range(1, num - done + 1):
            if (done + seq) % 50 == 0:
                content = random.randbytes(random.randint(1, MAX_CHECKPOINT_BYTES))
                spool.publish(save_checkpoint(run, FIRST_EXPERIMENT + len(lives), seq, content))
            else:
                spool.publish(result(run_id, seq))
            returned.write(b".")
            if seq % 10 == 0:
                time.sleep(PAUSE_S / 10)
    spool.close()


def carry(storage: Path, run_id: str, url: str) -> None:
    """Carries for ever."""
    carrier = Carrier(EventStorage(storage).outbox.run(run_id), [url], url)
    while True:
        carrier.carry_once()
        time.sleep(PAUSE_S)


def main(role: str, *arguments: str) -> None:
    """One of the roles above."""
    if role == "publish":
        url, run_id, producer, num, journal, seed = arguments
        publish(url, run_id, producer, int(num), Path(journal), random.Random(int(seed)))
    elif role == "record":
        storage, run_id, num, journal = arguments
        record(Path(storage), run_id, int(num), Path(journal))
    else:
        storage, run_id, url = arguments
        carry(Path(storage), run_id, url)


if __name__ == "__main__":
    main(*sys.argv[1:])
    os._exit(0)  # the library's threads may outlive a broken connection by minutes
