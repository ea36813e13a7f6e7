"""Cuts a log, and a spool, at every byte of their last three lines: no whole line may be lost, none may come twice.

Then alters single bytes of a log: each has to be found, and the line be named at which the log is not sound any more.
"""

from __future__ import annotations

from pathlib import Path

from client import result
from ledger import audit
from rig import Trial, run_script
from wire import event_line

from mlgym_core.errors import StoreError
from mlgym_core.events.folder import EventStorage, RunFolder
from mlgym_core.events.log import LogWriter
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.merge import Merger
from mlgym_core.events.spool import Spool
from mlgym_core.events.verify import verify_chain


def play(trial: Trial) -> None:
    """The log, then the spool."""
    storage = EventStorage(trial.folder)
    num_lines = trial.rng.randint(4, trial.sized(6, 40))
    cut_log(trial, storage.run("log"), num_lines)
    cut_spool(trial, storage.run("spool"), num_lines)
    flip_bytes(trial, storage.run("log"), trial.sized(300, 20_000))


def skip_sync(_fd: int) -> None:
    """No power is cut here."""


def cut_log(trial: Trial, run: RunFolder, num_lines: int) -> None:
    """After each cut a new writer goes on, and the whole log has to come out again, byte for byte."""
    lines = [event_line(run.run_id, seq) for seq in range(1, num_lines + 1)]
    writer = LogWriter(run, sync=skip_sync)
    writer.append("p", 1, lines)
    writer.commit()
    writer.close()
    whole = run.log_path.read_bytes()
    for cut in last_lines(whole):
        run.log_path.write_bytes(whole[:cut])
        num_whole = whole[:cut].count(b"\n")
        trial.report.count("cuts of a log")
        trial.report.fault("lost whole lines", len(LogReader(run).poll()) != num_whole, f"a reader, cut at {cut}")
        try:
            writer = LogWriter(run, sync=skip_sync)
        except StoreError as error:
            trial.report.fault("refused", note=f"cut at {cut}: {error}")
            continue
        trial.report.fault("lost whole lines", writer.num_events != num_whole, f"a writer, cut at {cut}")
        writer.append("p", writer.last_seq("p") + 1, lines[writer.last_seq("p") :])
        writer.commit()
        writer.close()
        trial.report.fault("other bytes than before", run.log_path.read_bytes() != whole, f"cut at {cut}")
    audit(run.log_path, {"p": num_lines}, trial.report)
    torn = run.torn_path.read_bytes()
    num_torn = sum(not whole[:cut].endswith(b"\n") for cut in last_lines(whole))
    trial.report.fault("torn ends thrown away", num_torn - torn.count(b"\n"))


def cut_spool(trial: Trial, run: RunFolder, num_lines: int) -> None:
    """After each cut the producer goes on, and all whole lines and the new one have to come into the log."""
    path = spool_of(run, num_lines)
    whole = path.read_bytes()
    path.unlink()
    for cut in last_lines(whole):
        path = spool_of(run, 0)
        path.write_bytes(whole[:cut])
        num_whole = whole[:cut].count(b"\n")
        spool = Spool(run, path.name.split(".")[0])
        spool.publish(result(run.run_id, num_whole + 1))
        spool.close()
        writer = LogWriter(run, sync=skip_sync)
        before = writer.num_events
        Merger(writer, run).merge_rest()
        num_merged = writer.num_events - before
        writer.close()
        trial.report.count("cuts of a spool")
        trial.report.fault("lost whole lines", max(0, num_whole + 1 - num_merged), f"a spool, cut at {cut}")
        trial.report.fault("twice", max(0, num_merged - num_whole - 1), f"a spool, cut at {cut}")
    audit(run.log_path, {}, trial.report)


def flip_bytes(trial: Trial, run: RunFolder, number: int) -> None:
    """A byte of any line but the last, whose digest stands in no line after it."""
    whole = run.log_path.read_bytes()
    end = whole.rindex(b"\n", 0, -1)
    for _ in range(number):
        at = trial.rng.randrange(end)
        byte = trial.rng.choice([value for value in range(256) if value != whole[at]])
        run.log_path.write_bytes(whole[:at] + bytes([byte]) + whole[at + 1 :])
        trial.report.count("bytes altered")
        try:
            verify_chain(run.log_path)
            trial.report.fault("altered bytes not found", note=f"{byte} for {whole[at]} at {at}")
        except StoreError as error:
            line = whole.count(b"\n", 0, at)
            is_named = any(f"line {each} " in error.message for each in (line, line + 1))
            trial.report.fault("other lines named", not is_named, f"at {at}, in line {line}: {error.message}")
    run.log_path.write_bytes(whole)


def spool_of(run: RunFolder, num_lines: int) -> Path:
    """A new spool whose producer is gone."""
    spool = Spool(run)
    for seq in range(1, num_lines + 1):
        spool.publish(result(run.run_id, seq))
    spool.close()
    return spool.path


def last_lines(whole: bytes) -> range:
    """Every place at which the last three lines can be cut."""
    lines = whole.split(b"\n")[:-1]
    return range(len(whole) - sum(len(line) + 1 for line in lines[-3:]), len(whole) + 1)


if __name__ == "__main__":
    run_script(play)
