"""Every learning rate scheduler of `torch.optim.lr_scheduler` that a configuration can describe, by name.

A built scheduler component waits for the optimizer. Owns when a scheduler steps, not what an epoch is.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, TypeAlias

from torch.optim import Optimizer, lr_scheduler

from mlgym_core.components.signatures import library_component, snake_case
from mlgym_core.errors import BuildError
from mlgym_core.registry import Component, Nested, Parameter, default_registry, register

Interval: TypeAlias = Literal["epoch", "step"]

_NEEDS_CODE = frozenset({"LambdaLR", "MultiplicativeLR"})
"""Schedulers that take functions, which no configuration can write."""

_CLASSES: dict[str, type[lr_scheduler.LRScheduler]] = {
    name.lower(): value
    for name, value in vars(lr_scheduler).items()
    if inspect.isclass(value)
    and issubclass(value, lr_scheduler.LRScheduler)
    and value is not lr_scheduler.LRScheduler
    and not name.startswith("_")
    and name not in _NEEDS_CODE
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerFactory:
    """A scheduler without its optimizer: a class, its arguments, and after what it steps."""

    cls: type[lr_scheduler.LRScheduler]
    arguments: Mapping[str, Any]
    interval: Interval = "epoch"
    monitor: str | None = None

    @property
    def monitors(self) -> tuple[str, ...]:
        """The scores that it watches."""
        return () if self.monitor is None else (self.monitor,)

    def __call__(self, optimizer: Optimizer) -> Scheduler:
        """The scheduler of `optimizer`."""
        return Scheduler(self.make(optimizer), self.interval, self.monitor)

    def make(self, optimizer: Optimizer) -> lr_scheduler.LRScheduler:
        """torch's own scheduler; those that it consists of are made first."""
        arguments = dict(self.arguments)
        if "schedulers" in arguments:
            arguments["schedulers"] = [each.make(optimizer) for each in arguments["schedulers"]]
        return self.cls(optimizer=optimizer, **arguments)


@register("lr_scheduler", "bundle")
class SchedulerBundle:
    """A learning rate scheduler for some or all of the optimizers of a bundle.

    Args:
        schedulers: The schedulers by the names of their optimizers; one that is not named keeps its learning rate.
    """

    def __init__(self, schedulers: Annotated[Mapping[str, SchedulerFactory], Nested("lr_scheduler")]) -> None:
        self.schedulers = schedulers

    @property
    def monitors(self) -> tuple[str, ...]:
        """The scores that its schedulers watch."""
        return tuple(monitor for each in self.schedulers.values() for monitor in each.monitors)


class Scheduler:
    """A scheduler that knows when it steps."""

    def __init__(self, scheduler: lr_scheduler.LRScheduler, interval: Interval, monitor: str | None) -> None:
        self._scheduler = scheduler
        self._monitor = monitor
        self.steps_per_batch = interval == "step"

    def after_batch(self) -> None:
        """Step; the trainer calls it after each batch where `steps_per_batch`."""
        self._scheduler.step()

    def after_epoch(self, scores: Mapping[str, float]) -> None:
        """Step where the interval is an epoch; `scores` are those after the epoch, by `<split>/<name>`.

        Raises:
            BuildError: the monitored score is none of them.
        """
        if self._monitor is not None:
            if self._monitor not in scores:
                raise BuildError(
                    f"the learning rate scheduler monitors '{self._monitor}', which is no score",
                    code="MG332",
                    hint=f"there are: {', '.join(scores)}",
                )
            self._scheduler.step(scores[self._monitor])  # type: ignore[arg-type]  # the one that monitors takes a score
        elif not self.steps_per_batch:
            self._scheduler.step()

    def state_dict(self) -> dict[str, Any]:
        """All that it goes on from."""
        return self._scheduler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self._scheduler.load_state_dict(state)


def make_schedulers(
    factory: SchedulerFactory | SchedulerBundle | None, optimizers: Mapping[str, Optimizer]
) -> dict[str, Scheduler]:
    """The schedulers of optimizers by name; one that is not in a bundle serves each of them.

    Raises:
        BuildError: a bundle names an optimizer that there is not.
    """
    if factory is None:
        return {}
    if not isinstance(factory, SchedulerBundle):
        return {name: factory(optimizer) for name, optimizer in optimizers.items()}
    unknown = [name for name in factory.schedulers if name not in optimizers]
    if unknown:
        named = ", ".join(name for name in optimizers if name)
        raise BuildError(
            f"the bundle of learning rate schedulers has one for '{unknown[0]}', which is no optimizer",
            code="MG344",
            hint=f"there are: {named}" if named else "the optimizer is no bundle: give it a scheduler of its own",
        )
    return {name: each(optimizers[name]) for name, each in factory.schedulers.items()}


class LRSchedulers:
    """All schedulers of `torch.optim.lr_scheduler`, as cosine_annealing, cosine_annealing_lr or CosineAnnealingLR."""

    def names(self) -> list[str]:
        """One name for each, sorted."""
        return sorted(snake_case(cls.__name__) for cls in _CLASSES.values())

    def find(self, name: str) -> Component | None:
        """The component of that name."""
        wanted = name.lower().replace("_", "")
        cls = _CLASSES.get(wanted) or _CLASSES.get(f"{wanted}lr")
        if cls is None:
            return None
        monitors = cls is lr_scheduler.ReduceLROnPlateau
        when = (
            Parameter(name="monitor", annotation=str, description="The score that it watches, as val/loss.")
            if monitors
            else Parameter(
                name="interval", annotation=Interval, required=False, default="epoch", description="When it steps."
            )
        )
        return library_component(
            "lr_scheduler",
            snake_case(cls.__name__),
            partial(_prepare, cls),
            signature_of=cls,
            hidden=("optimizer", "last_epoch", "scale_fn"),
            annotations={
                "milestones": list[int],
                "schedulers": Annotated[list[SchedulerFactory], Nested("lr_scheduler")],
            },
            extra=(when,),
        )


def _prepare(
    cls: type[lr_scheduler.LRScheduler], *, interval: Interval = "epoch", monitor: str | None = None, **arguments: Any
) -> SchedulerFactory:
    return SchedulerFactory(cls=cls, arguments=arguments, interval=interval, monitor=monitor)


default_registry.provide("lr_scheduler", LRSchedulers())
