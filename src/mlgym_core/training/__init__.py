"""Training one experiment: the loop, what it publishes and keeps, and the rehearsal before it."""

from mlgym_core.training.loop import Outcome, train
from mlgym_core.training.rehearsal import rehearse
from mlgym_core.training.resuming import newest_moment
from mlgym_core.training.seeding import seed_all

__all__ = ["Outcome", "newest_moment", "rehearse", "seed_all", "train"]
