"""What a metric is, and what it may say of itself. Knows no metric by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Protocol, TypeAlias

from torch import Tensor

from mlgym_core.components.outputs import Form, Given, Outputs
from mlgym_core.registry import Nested

Step: TypeAlias = Callable[[Tensor], Tensor]
PostProcessors: TypeAlias = Annotated[Step | list[Step] | None, Nested("post_processor")]
"""Steps from raw outputs to what a metric is given, in their order; one alone may stand for itself."""


class Metric(Protocol):
    """A score of a whole split.

    It may say in `given` what it is given, so that an evaluation keeps that alone; one that does not say it is given
    everything. It may say in `parts` that it has several scores, and gives them by these names then.
    """

    def __call__(self, outputs: Outputs) -> float | Mapping[str, float]:
        """The score of a split's outputs; not a number where it is not defined."""
        ...


def given_of(metric: Metric) -> Given | None:
    """What a metric is given, where it says it."""
    return getattr(metric, "given", None)


def parts_of(metric: Metric) -> tuple[str, ...]:
    """The names of a metric's scores; none where it has one."""
    return getattr(metric, "parts", ())


def chosen(given: Form, post_processing: Step | list[Step] | None) -> Given:
    """The post-processing, or the form where there is none."""
    if not post_processing:
        return given
    return tuple(post_processing) if isinstance(post_processing, list) else (post_processing,)
