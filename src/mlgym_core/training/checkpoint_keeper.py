"""Saving what an experiment goes on from, while it goes on, and deleting what its rule no longer keeps.

Owns what a checkpoint holds beside the trainer's own files, and that its facts come in an order that does not depend on
how fast a disk is. It knows neither the trainer's formats nor where checkpoints lie.

There are two kinds: those that the rule keeps, which are facts, and the resume point, of which the newest alone is
there, and which nobody is told of. A resume point at an epoch's end is one of the next epoch before its first batch.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import partial
from time import monotonic
from types import TracebackType
from typing import Any, Self

import torch

from mlgym_core.checkpoints.answers import Answer
from mlgym_core.checkpoints.contents import Ready
from mlgym_core.checkpoints.position import STATEFUL_COMPONENTS, dump_position, load_position
from mlgym_core.checkpoints.protocols import Checkpoints, Moment
from mlgym_core.components.checkpointing import Checkpointing, GoalOf, NoCheckpoints
from mlgym_core.components.early_stopping import EarlyStopping
from mlgym_core.config.settings import ResumePoints
from mlgym_core.events.projections.positions import Known, Place
from mlgym_core.events.types import Resource
from mlgym_core.training.facts import Facts, SavedCheckpoint
from mlgym_core.training.protocols import Trainer
from mlgym_core.training.removals import Removals
from mlgym_core.training.seeding import generator_states

_LOG = logging.getLogger(__name__)
_RESUME_POINT_S = 600.0
_LOOK_S = 0.005
"""How long to wait before looking whether a checkpoint is complete: to look after each batch costs a small model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Where training begins: `first_batch` of `epoch`, with these states of the random generators where given."""

    epoch: int = 0
    first_batch: int = 0
    gave_up: bool = False
    generators: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose checkpoints are kept, and all of it that changes; `circumstances` are named where they have changed."""

    experiment_id: int
    trainer: Trainer
    early_stopping: EarlyStopping | None
    num_splits: int
    device: torch.device
    circumstances: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Saving:
    """A checkpoint that is being written."""

    moment: Moment
    kept_as: tuple[str, ...]
    answer: Answer[list[Resource]]


class CheckpointKeeper:
    """The checkpoints of one experiment; what is being written is complete when it is left."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        subject: Subject,
        *,
        rule: Checkpointing,
        goal_of: GoalOf,
        resume_points: ResumePoints,
        facts: Facts,
    ) -> None:
        self._checkpoints = checkpoints
        self._subject = subject
        self._trainer = subject.trainer
        self._rule = rule
        self._goal_of = goal_of
        self._facts = facts
        self._kept: dict[Moment, SavedCheckpoint | None] = {}
        self._told_deleted: Container[Place] = ()
        self._point: Moment | None = None
        self._point_steps = resume_points.steps
        self._point_seconds, self._has_points = _when(resume_points, rule)
        self._saving: _Saving | None = None
        self._removals = Removals(partial(checkpoints.delete, subject.experiment_id))
        self._next_step = self._find_next_step()
        self._next_time = self._next_look = monotonic() + self._point_seconds

    def __enter__(self) -> Self:
        self._checkpoints.clear(self._subject.experiment_id)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.settle()
            self._removals.finish()
            self._checkpoints.flush().result()
        except Exception as lost:  # whatever it is, what training ended with goes before it
            if error is None:
                raise
            _LOG.error("a checkpoint could not be written or removed: %s", lost)

    def after_batch(self, epoch: int, batch: int) -> None:
        """Keep what is to be kept after `batch` of `epoch`; most often nothing is, and this takes no time."""
        step = self._trainer.step
        is_new_step = step >= self._next_step  # of those at which something may be kept
        if not is_new_step and monotonic() < self._next_look:
            return
        if self._saving is not None and self._saving.answer.done():
            self.settle()
        if monotonic() >= self._removals.due:
            self._removals.begin()
        moment = Moment(epoch=epoch, step=step, batch=batch + 1)
        is_asked = is_new_step and any(step % each == 0 for each in self._rule.every_steps)
        kept_as = self._ask(moment, {}) if is_asked else ()
        is_point_step = is_new_step and self._point_steps and step % self._point_steps == 0
        is_point = is_point_step or monotonic() >= self._next_time
        if kept_as or (is_point and not self._is_taken(step)):
            self._save(moment, kept_as)
        self._next_step = self._find_next_step()
        self._next_look = self._find_next_look()

    def after_epoch(self, epoch: int, scores: Mapping[str, float], *, gave_up: bool, ends: bool) -> None:
        """Keep what the rule says after `epoch`, or else where training stands, unless it `ends` here."""
        moment = Moment(epoch=epoch, step=self._trainer.step)
        if kept_as := self._ask(moment, scores):
            self._save(moment, kept_as, gave_up=gave_up)
        elif self._has_points and not ends and not self._is_taken(moment.step):
            self._save(Moment(epoch=epoch + 1, step=moment.step, batch=0), ())
        else:
            self._drop_others()

    def settle(self) -> None:
        """Wait until what is being written is complete, and tell of it: what is after it in the log may be published.

        Raises:
            Exception: whatever it failed with.
        """
        if self._saving is None:
            return
        saving, self._saving = self._saving, None
        resources = saving.answer.result()
        moment = saving.moment
        if saving.kept_as:
            self._kept[moment] = SavedCheckpoint(moment=moment, resources=resources, kept_as=saving.kept_as)
            self._facts.checkpoint_saved(self._describe(moment))
        self._drop_others()
        if self._point != moment:
            self._drop_point()
        if not saving.kept_as:
            self._point = moment

    def finish(self) -> None:
        """Training has come to its end: there is nothing to go on from but what the rule keeps."""
        self.settle()
        self._drop_point()
        self._removals.begin()

    def restore(self, moment: Moment, known: Known) -> Start:
        """Bring all back to where it was at `moment`, and do what was still to be done about its checkpoint.

        It is one that `newest_moment` chose.

        Raises:
            StoreError: it is not whole, or not one of this trainer.
        """
        number = self._subject.experiment_id
        self._told_deleted = known.deleted
        load = partial(self._checkpoints.load, number, moment)
        _, state = load_position(load(STATEFUL_COMPONENTS))
        self._name_changes(moment, state["circumstances"])
        self._trainer.load_resources(load)
        self._trainer.step = moment.step
        if self._subject.early_stopping is not None:
            self._subject.early_stopping.load_state_dict(state["early_stopping"])
        self._rule.load_state_dict(state["checkpointing"])
        self._take_up(moment)
        self._next_step = self._find_next_step()
        return Start(
            epoch=moment.epoch + 1 if moment.batch is None else moment.epoch,
            first_batch=moment.batch or 0,
            gave_up=state["gave_up"],
            generators=state["generators"],
        )

    def _take_up(self, moment: Moment) -> None:
        """Know the checkpoints that lie there already, and do what was broken off after that of `moment` was saved."""
        for each in self._checkpoints.moments(self._subject.experiment_id):
            if self._reasons(each):
                if each.order <= moment.order:  # a later one is saved again
                    self._kept[each] = None
            elif each == moment:
                self._point = each
            else:
                self._remove(each)
        self._drop_others()

    def _find_next_step(self) -> float:
        """Before which step nothing is to be saved because of steps."""
        step = self._trainer.step
        all_steps = [*self._rule.every_steps, *([self._point_steps] if self._point_steps else [])]
        return min(((step // each + 1) * each for each in all_steps), default=math.inf)

    def _find_next_look(self) -> float:
        """When there may be something to do because of time: to save, or to tell of what was."""
        look = monotonic() + _LOOK_S if self._saving is not None else math.inf
        return min(self._next_time, self._removals.due, look)

    def _ask(self, moment: Moment, scores: Mapping[str, float]) -> tuple[str, ...]:
        self.settle()  # what the rule no longer keeps after this may not go before what was saved is told of
        return self._rule.observe(moment, scores, self._goal_of)

    def _is_taken(self, step: int) -> bool:
        """Whether there is a checkpoint from within an epoch after that step: it does as well, and has its place."""
        self.settle()
        within = [each for each in (*self._kept, self._point) if each is not None and each.batch is not None]
        return any(each.step == step for each in within)

    def _save(self, moment: Moment, kept_as: tuple[str, ...], *, gave_up: bool = False) -> None:
        self.settle()
        files = self._trainer.resources()
        files[STATEFUL_COMPONENTS] = Ready(self._dump_state(moment, kept_as, gave_up=gave_up))
        dropped = self._removals.take()
        # What is told of can be held against its digests; a resume point cannot.
        answer = self._checkpoints.save(self._subject.experiment_id, moment, files, dropped, may_wait=bool(kept_as))
        self._saving = _Saving(moment=moment, kept_as=kept_as, answer=answer)
        self._next_time = monotonic() + self._point_seconds
        self._next_look = self._find_next_look()

    def _drop_others(self) -> None:
        """Tell that those go which the rule no longer keeps."""
        for old in sorted((each for each in self._kept if not self._rule.keeps(each)), key=lambda each: each.order):
            saved = self._describe(old)
            self._facts.checkpoint_deleted(saved)
            # What an earlier attempt told of, nobody waits for any more.
            is_told = (old.epoch, old.step, old.batch) in self._told_deleted
            if is_told or not self._checkpoints.waits(sum(each.size_bytes for each in saved.resources)):
                self._remove(old)
            del self._kept[old]

    def _drop_point(self) -> None:
        if self._point is not None:
            self._remove(self._point)
            self._point = None

    def _remove(self, dropped: Moment) -> None:
        self._removals.add(dropped)
        self._next_look = min(self._next_look, self._removals.due)

    def _describe(self, moment: Moment) -> SavedCheckpoint:
        saved = self._kept[moment]
        if saved is not None:
            return saved
        resources = self._checkpoints.describe(self._subject.experiment_id, moment)
        return SavedCheckpoint(moment=moment, resources=resources, kept_as=self._reasons(moment))

    def _reasons(self, moment: Moment) -> tuple[str, ...]:
        state = load_position(self._checkpoints.load(self._subject.experiment_id, moment, STATEFUL_COMPONENTS))[1]
        return tuple(state["kept_as"])

    def _dump_state(self, moment: Moment, kept_as: tuple[str, ...], *, gave_up: bool) -> bytes:
        early_stopping = self._subject.early_stopping
        num_epochs = moment.epoch + 1 if moment.batch is None else moment.epoch
        return dump_position(
            moment,
            {
                "kept_as": list(kept_as),
                "gave_up": gave_up,
                "num_results": num_epochs * self._subject.num_splits,
                "early_stopping": early_stopping.state_dict() if early_stopping else None,
                "checkpointing": self._rule.state_dict(),
                "generators": generator_states(self._subject.device) if moment.batch else None,
                "circumstances": self._subject.circumstances,
            },
        )

    def _name_changes(self, moment: Moment, then: Mapping[str, Any]) -> None:
        now = self._subject.circumstances
        changed = [key for key in {**then, **now} if then.get(key) != now.get(key)]
        if changed:
            words = ", ".join(f"{key} {then.get(key)} then, {now.get(key)} now" for key in changed)
            _LOG.warning("going on from %s under other circumstances, which may give other bits: %s", moment, words)


def _when(points: ResumePoints, rule: Checkpointing) -> tuple[float, bool]:
    """After how many seconds there is a resume point, and whether there are any."""
    if points.seconds is not None:
        return points.seconds or math.inf, bool(points.seconds or points.steps)
    keeps_any = not isinstance(rule, NoCheckpoints)
    return (_RESUME_POINT_S if keeps_any else math.inf), keeps_any or points.steps is not None
