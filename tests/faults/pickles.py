"""Checkpoints full of pickles: the server keeps their bytes and runs none; whoever loads one refuses it."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from rig import PATIENCE_S, Trial, run_script, serving

from mlgym_core.checkpoints.serialize import load_json, load_state, load_tensors

RUN_ID = "2026-01-02--03-04-05"
RESOURCES = ("model", "optimizer", "lr_scheduler", "stateful_components")
LOADERS: dict[str, Callable[[bytes], Any]] = {
    "model": load_tensors,
    "optimizer": load_state,
    "lr_scheduler": load_json,
    "stateful_components": load_json,
}


class Trap:
    """Makes a file where it is unpickled."""

    def __init__(self, command: tuple[Any, ...]) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return self.command


def play(trial: Trial) -> None:
    """Uploads each pickle, looks at the bytes that come back, and loads them as training would."""
    sprung = trial.folder / "sprung"
    with serving(trial) as server:
        for number in range(trial.sized(40, 2000)):
            content = pickled(trial, sprung)
            resource = trial.rng.choice(RESOURCES)
            epoch = f"{server.url}/checkpoints/{RUN_ID}/0/{number}"
            name = resource + trial.rng.choice(("", ".pickle"))
            sent = requests.post(epoch, files={"checkpoint_file": (name, content)}, timeout=PATIENCE_S)
            trial.report.count("pickles uploaded")
            trial.report.fault("uploads refused", sent.status_code != 200, sent.text[:200])
            back = requests.get(f"{epoch}/{resource}", timeout=PATIENCE_S).content
            trial.report.fault("other bytes than were sent", back != content)
            requests.get(f"{server.url}/checkpoint_list/{RUN_ID}/0/{number}", timeout=PATIENCE_S).raise_for_status()
            trial.report.fault("loaded", is_loaded(LOADERS[resource], back), resource)
            trial.report.count("pickles refused where they are loaded")
    trial.report.fault("traps sprung", sprung.exists())


def pickled(trial: Trial, sprung: Path) -> bytes:
    """A pickle in one of the forms that a checkpoint of others may have."""
    command = trial.rng.choice(
        ((os.mkdir, (str(sprung),)), (os.system, (f"touch {sprung}",)), (open, (str(sprung), "w")))
    )
    protocol = trial.rng.randint(0, pickle.HIGHEST_PROTOCOL)
    plain = pickle.dumps({"state": Trap(command), "noise": trial.rng.random()}, protocol)
    if trial.rng.random() < 0.5:
        return plain
    archive = io.BytesIO()  # the form in which torch writes its own
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("archive/data.pkl", plain)
        file.writestr("archive/version", "3\n")
    return archive.getvalue()


def is_loaded(load: Callable[[bytes], Any], content: bytes) -> bool:
    """Whether it gave anything but an error."""
    try:
        load(content)
    except Exception:  # of whatever library reads the format; what counts is that it ends here
        return False
    return True


if __name__ == "__main__":
    run_script(play)
