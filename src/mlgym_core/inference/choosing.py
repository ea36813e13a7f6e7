"""Which checkpoint of an experiment is meant: the best by a score, that of an epoch, or the newest.

Owns the choice, among those that were kept, and its words where there is none. Pure: it reads no file.
"""

from __future__ import annotations

from collections.abc import Mapping

from mlgym_core.config.suggestions import did_you_mean
from mlgym_core.errors import RunError
from mlgym_core.events.projections.run_state import CheckpointState, ExperimentState

NO_CHECKPOINT = "MG132"


def choose_checkpoint(
    experiment: ExperimentState, scores: Mapping[str, Mapping[int, float]], *, best: str | None, epoch: int | None
) -> CheckpointState:
    """The checkpoint of the best value of the score `best`, or of `epoch`, or the newest; `scores` go by epoch.

    Raises:
        RunError: both are given, there is no such score, or the checkpoint was not kept.
    """
    if best is not None and epoch is not None:
        raise RunError("the best checkpoint and that of an epoch are two", code="MG131", hint="name one of them")
    if best is not None:
        return _best(experiment, scores, best)
    if epoch is not None:
        return _of_epoch(experiment, epoch)
    if not experiment.checkpoints:
        raise _not_kept(experiment, f"experiment {experiment.experiment_id} has no checkpoint", "last_epoch")
    return experiment.checkpoints[-1]


def _best(experiment: ExperimentState, scores: Mapping[str, Mapping[int, float]], name: str) -> CheckpointState:
    found = experiment.best.get(name)
    if found is None:
        known = sorted(experiment.best)
        raise RunError(
            f"experiment {experiment.experiment_id} has no score {name!r}{did_you_mean(name, known)}",
            code="MG131",
            hint=f"it has: {', '.join(known)}" if known else "no epoch of it was evaluated",
        )
    # Several epochs may have the best value, and any one of them may be kept.
    equal = [
        each
        for each in experiment.checkpoints
        if each.batch is None and scores.get(name, {}).get(each.epoch) == found.value
    ]
    if equal:
        return equal[0]
    message = f"the best {name} of experiment {experiment.experiment_id} is that of epoch {found.epoch}"
    raise _not_kept(experiment, f"{message}, whose checkpoint was not kept", f"{{use: best, monitor: {name}}}")


def _of_epoch(experiment: ExperimentState, epoch: int) -> CheckpointState:
    at_end = [each for each in experiment.checkpoints if each.epoch == epoch and each.batch is None]
    if at_end:
        return at_end[0]
    message = f"experiment {experiment.experiment_id} has no checkpoint of the end of epoch {epoch}"
    raise _not_kept(experiment, message, "every_epoch")


def _not_kept(experiment: ExperimentState, message: str, strategy: str) -> RunError:
    kept = ", ".join(_told(each) for each in experiment.checkpoints) or "none"
    return RunError(message, code=NO_CHECKPOINT, hint=f"kept: {kept}; `checkpointing: {strategy}` would keep it")


def _told(checkpoint: CheckpointState) -> str:
    within = "" if checkpoint.batch is None else f", batch {checkpoint.batch}"
    return f"epoch {checkpoint.epoch}{within} ({', '.join(checkpoint.kept_as)})"
