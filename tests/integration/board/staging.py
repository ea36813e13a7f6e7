"""A run that is recorded here and belongs on a server, and how it can be told that it arrived there."""

import hashlib

from mlgym_core.events.codec import read_stamp
from mlgym_core.events.files import write_atomically
from mlgym_core.events.folder import EventStorage
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.spool import Spool
from mlgym_core.events.types import (
    AttemptStarted,
    CheckpointSaved,
    EvaluationResult,
    ExperimentConfig,
    Resource,
    RunStarted,
)
from mlgym_core.events.verify import verify_chain

MODEL = bytes(range(256)) * 20_000
SHA256 = hashlib.sha256(MODEL).hexdigest()


class Staged:
    """A run that is recorded here and belongs elsewhere."""

    def __init__(self, path, run_id=None):
        outbox = EventStorage(path).outbox
        self.folder = outbox.run(run_id) if run_id else outbox.create_run()
        self.run_id = self.folder.run_id
        self.spools = [Spool(self.folder), Spool(self.folder)]
        self.num_published = 0

    def publish(self, kind, spool=0, **fields):
        self.spools[spool].publish(kind(grid_search_id=self.run_id, **fields))
        self.num_published += 1

    def start(self):
        write_atomically(self.folder.config_path("grid_search_config.yml"), "a: 1 # ü\n")
        write_atomically(self.folder.config_path("run_config.yml"), "b: 2\n")
        write_atomically(self.folder.experiment_config_path(0), '{"lr": 0.1}')
        self.publish(
            RunStarted, config_hash="0", source={}, entry_command=[], num_experiments=1, environment={"host": "here"}
        )
        self.publish(ExperimentConfig, experiment_id=0, job_id=0, config={"lr": 0.1})

    def results(self, number, spool=0):
        for epoch in range(number):
            self.publish(EvaluationResult, spool, experiment_id=0, epoch=epoch, metric_scores=[], loss_scores=[])

    def attempt(self, number=1):
        fields = {"device": "cpu", "host": "here", "pid": 1, "threads": 1, "versions": {}}
        self.publish(AttemptStarted, experiment_id=0, attempt=number, **fields)

    def save_checkpoint(self, epoch):
        write_atomically(self.folder.resource_path(0, epoch, "model.safetensors"), MODEL)
        self.checkpoint(CheckpointSaved, epoch)

    def checkpoint(self, kind, epoch, spool=0):
        resources = [Resource(name="model.safetensors", size_bytes=len(MODEL), sha256=SHA256)]
        self.publish(
            kind,
            spool,
            experiment_id=0,
            epoch=epoch,
            step=epoch,
            resources=resources,
            weights_sha256="0",
            kept_as=["last"],
        )

    def end(self):
        for spool in self.spools:
            spool.close()


def stamps(run):
    found = [read_stamp(line) for line in LogReader(run).poll()]
    return [(each.producer, each.seq) for each in found]


def is_whole(run, staged):
    """Whether the log holds each published event once, in the order of its producer."""
    assert verify_chain(run.log_path).num_lines == staged.num_published
    by_producer = {}
    for producer, seq in stamps(run):
        assert seq == by_producer.get(producer, 0) + 1
        by_producer[producer] = seq
    return sum(by_producer.values()) == staged.num_published
