"""Which checkpoint an experiment goes on from. Owns the choice alone; it restores nothing."""

from __future__ import annotations

from mlgym_core.checkpoints.position import STATEFUL_COMPONENTS, load_position
from mlgym_core.checkpoints.protocols import Checkpoints, Moment
from mlgym_core.events.projections.positions import Known


def newest_moment(checkpoints: Checkpoints, experiment_id: int, known: Known) -> Moment | None:
    """The newest moment that can be gone on from; None where the experiment has to begin anew.

    A checkpoint may have survived a power cut that results before it did not; it is passed over, and they come again.

    Raises:
        StoreError: a checkpoint is not whole.
    """
    for moment in reversed(checkpoints.moments(experiment_id)):
        _, state = load_position(checkpoints.load(experiment_id, moment, STATEFUL_COMPONENTS))
        if state["num_results"] <= len(known.results):
            return moment
    return None
