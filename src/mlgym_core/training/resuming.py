"""Which checkpoint an experiment goes on from. Owns the choice alone; it restores nothing.

One that the log tells of may have been torn by a power cut shortly after it was saved: it is held against the digests
there. One that the log does not tell of counts only where it is a resume point, which nobody is told of.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from mlgym_core.checkpoints.fitting import CUT_SHORT, RESTORE
from mlgym_core.checkpoints.position import STATEFUL_COMPONENTS, load_position
from mlgym_core.checkpoints.protocols import Checkpoints, Moment
from mlgym_core.errors import StoreError
from mlgym_core.events.projections.positions import Known, Place

_LOG = logging.getLogger(__name__)
_IN_DOUBT_S = 10.0
"""How long before the newest one a checkpoint was saved that a power cut may have torn: many times what it may wait."""


def newest_moment(checkpoints: Checkpoints, experiment_id: int, known: Known) -> Moment | None:
    """The newest moment that can be gone on from; None where the experiment has to begin anew.

    It comes before each checkpoint that is not whole and should be kept, so that this is saved again. A checkpoint may
    have survived a power cut that results before it did not; it is passed over, and they come again.

    Raises:
        StoreError: a checkpoint is not whole, and none before it can be gone on from.
    """
    stored = _Stored(checkpoints, experiment_id, known)
    torn = stored.first_torn()
    before = (each for each in stored.whole() if torn is None or each.order < torn.order)
    moment = next(before, None)
    if torn is None:
        return moment
    fault = stored.fault(torn)
    if moment is None:
        raise StoreError(str(fault), code=CUT_SHORT, hint=RESTORE)
    _LOG.warning("%s; going on from %s, which saves it again", fault, moment)
    return moment


class _Stored:
    """The checkpoints of one experiment as they lie there, beside what the log tells of them."""

    def __init__(self, checkpoints: Checkpoints, experiment_id: int, known: Known) -> None:
        self._checkpoints = checkpoints
        self._experiment_id = experiment_id
        self._known = known
        self._told = sorted(map(_moment_at, known.saved), key=lambda each: each.order)
        self.fault = cache(self._find_fault)

    def first_torn(self) -> Moment | None:
        """The first that is to be kept and is not as it was saved, of those of which a power cut may have made that."""
        found = ((each, self._checkpoints.saved_at(self._experiment_id, each)) for each in self._told)
        times = {each: at for each, at in found if at is not None}
        newest = max(times.values(), default=0.0)
        in_doubt = [each for each, at in times.items() if at >= newest - _IN_DOUBT_S]
        return next((each for each in in_doubt if _place(each) not in self._known.deleted and self.fault(each)), None)

    def whole(self) -> Iterator[Moment]:
        """Those that can be gone on from, newest first; those too that are to go and are there still."""
        moments = {*self._told, *self._checkpoints.moments(self._experiment_id)}
        for moment in sorted(moments, key=lambda each: each.order, reverse=True):
            if self._is_whole(moment) and self._state(moment)["num_results"] <= len(self._known.results):
                yield moment

    def _is_whole(self, moment: Moment) -> bool:
        if _place(moment) in self._known.saved:
            return self._checkpoints.saved_at(self._experiment_id, moment) is not None and self.fault(moment) is None
        return not self._state(moment)["kept_as"]

    def _state(self, moment: Moment) -> Mapping[str, Any]:
        return load_position(self._checkpoints.load(self._experiment_id, moment, STATEFUL_COMPONENTS))[1]

    def _find_fault(self, moment: Moment) -> str | None:
        """What is not as the log tells of it."""
        found = {each.name: each for each in self._checkpoints.describe(self._experiment_id, moment)}
        for told in self._known.saved[_place(moment)].resources:
            if found.get(told.name) != told:
                size_bytes = found[told.name].size_bytes if told.name in found else 0
                return (
                    f"{told.name} of the checkpoint of {moment} is not as it was saved: it has {size_bytes:,} bytes, "
                    f"and had {told.size_bytes:,} with the SHA-256 {told.sha256}"
                )
        return None


def _moment_at(place: Place) -> Moment:
    epoch, step, batch = place
    return Moment(epoch=epoch, step=step, batch=batch)


def _place(moment: Moment) -> Place:
    return moment.epoch, moment.step, moment.batch
