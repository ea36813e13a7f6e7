"""Training that is killed and resumed ends as if nobody had killed it: the same bits of weights, an equal log.

First each kind of trainer, killed by itself at every batch, in its components and between the files of its checkpoints;
then a grid in two processes, killed as a whole at random moments.
"""

from __future__ import annotations

from killed_grid import kill_grid
from killed_trainers import kill_trainers
from likeness import ALIKE
from rig import Trial, run_script


def play(trial: Trial) -> None:
    """Says how many of the runs that were killed ended as they should."""
    kill_trainers(trial)
    kill_grid(trial)
    counts = trial.report.counts
    print(f"{counts.get(ALIKE, 0)} of {counts['runs']} {ALIKE.removeprefix('runs that ')}")


if __name__ == "__main__":
    run_script(play)
