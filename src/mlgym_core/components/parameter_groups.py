"""Which optimizer changes which parameters of a model, and with which settings: by patterns over their names.

Owns the patterns and the check that every parameter has its place. It knows no optimizer by name, and takes no steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any, TypeAlias

from torch import nn
from torch.optim import LBFGS, Optimizer

from mlgym_core.errors import BuildError
from mlgym_core.registry import Nested, register

OptimizerFactory: TypeAlias = Callable[[Iterable[nn.Parameter]], Optimizer]
"""The optimizer of the parameters that it is given."""
Patterns: TypeAlias = str | list[str]
"""Names of parameters as `encoder.*`, where `*` stands for any characters, dots too; one pattern or several."""

MISPLACED = "MG340"
"""The code of parameters that no pattern, or more than one, gives a place."""
ONLY = ""
"""The name of an optimizer that has no others beside it."""

_NUM_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedOptimizer:
    """An optimizer without its parameters, some of which it is to treat differently.

    `groups` are settings for the parameters that match; all others have the settings of the optimizer.
    """

    factory: Callable[..., Optimizer]
    groups: Sequence[Mapping[str, Any]]

    def of(self, parameters: Mapping[str, nn.Parameter]) -> Optimizer:
        """The optimizer of parameters by name. Raises BuildError for a group without any, or one in two groups."""
        patterns = {f"group {index}": each["parameters"] for index, each in enumerate(self.groups)}
        places = _places(parameters, patterns)
        _refuse_several(places)
        made = []
        for key, group in zip(patterns, self.groups, strict=True):
            members = [each for name, each in parameters.items() if key in places[name]]
            made.append({**{word: value for word, value in group.items() if word != "parameters"}, "params": members})
        rest = [each for name, each in parameters.items() if not places[name]]
        return self.factory([*made, {"params": rest}] if rest else made)


@register("optimizer", "bundle")
class OptimizerBundle:
    """Several optimizers, each for its own parameters; every parameter that is trained belongs to exactly one.

    Args:
        optimizers: The optimizers by names of your own.
        parameters: For each of those names which parameters it changes: patterns as `encoder.*` or a list of them,
            where `*` stands for any characters.

    Raises:
        BuildError: the names are not the same.
    """

    def __init__(
        self,
        optimizers: Annotated[Mapping[str, OptimizerFactory], Nested("optimizer")],
        parameters: Mapping[str, Patterns],
    ) -> None:
        lonely = optimizers.keys() ^ parameters.keys()
        if lonely or not optimizers:
            raise BuildError(
                f"a bundle needs `parameters` for each of its `optimizers`: '{min(lonely)}' has not both"
                if lonely
                else "a bundle needs at least one optimizer",
                code="MG341",
                hint=f"optimizers: {', '.join(optimizers)}; parameters of: {', '.join(parameters)}",
            )
        self._optimizers = optimizers
        self._patterns = parameters

    def of(self, parameters: Mapping[str, nn.Parameter]) -> dict[str, Optimizer]:
        """The optimizers of a model's parameters by name. Raises BuildError unless each belongs to exactly one."""
        places = _places(parameters, self._patterns)
        _refuse_several(places)
        homeless = [name for name, each in parameters.items() if each.requires_grad and not places[name]]
        if homeless:
            raise BuildError(
                f"no optimizer of the bundle takes {_shown(homeless)}",
                code=MISPLACED,
                hint="give one of the optimizers a pattern for them, or freeze them in the model",
            )
        made = {
            key: make_optimizer(factory, {name: each for name, each in parameters.items() if key in places[name]})
            for key, factory in self._optimizers.items()
        }
        searching = next((key for key, each in made.items() if isinstance(each, LBFGS)), None)
        if searching is not None:
            raise BuildError(
                f"'{searching}' is LBFGS, which searches with the loss of all parameters and cannot be in a bundle",
                code="MG342",
            )
        return made


def make_optimizer(factory: OptimizerFactory | GroupedOptimizer, parameters: Mapping[str, nn.Parameter]) -> Optimizer:
    """The optimizer that `factory` makes of parameters by name."""
    if isinstance(factory, GroupedOptimizer):
        return factory.of(parameters)
    return factory(list(parameters.values()))


def make_optimizers(
    factory: OptimizerFactory | GroupedOptimizer | OptimizerBundle, model: nn.Module
) -> dict[str, Optimizer]:
    """The optimizers of all parameters of a model by name; a single one is called `ONLY`."""
    parameters = dict(model.named_parameters())
    if isinstance(factory, OptimizerBundle):
        return factory.of(parameters)
    return {ONLY: make_optimizer(factory, parameters)}


def _places(names: Iterable[str], patterns: Mapping[str, Patterns]) -> dict[str, list[str]]:
    """For each name the keys whose patterns match it. Raises BuildError for a pattern that matches none."""
    names = list(names)
    places: dict[str, list[str]] = {name: [] for name in names}
    for key, given in patterns.items():
        for pattern in [given] if isinstance(given, str) else given:
            matched = [name for name in names if fnmatchcase(name, pattern)]
            if not matched:
                raise BuildError(
                    f"'{pattern}' of {key} matches no parameter of the model",
                    code=MISPLACED,
                    hint=f"there are: {_shown(names)}",
                )
            for name in matched:
                if key not in places[name]:
                    places[name].append(key)
    return places


def _refuse_several(places: Mapping[str, Sequence[str]]) -> None:
    doubled = [name for name, keys in places.items() if len(keys) > 1]
    if doubled:
        raise BuildError(
            f"{' and '.join(places[doubled[0]])} both take {_shown(doubled)}",
            code=MISPLACED,
            hint="a parameter has one place: make the patterns narrower",
        )


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NUM_SHOWN} more" if len(names) > _NUM_SHOWN else ""
    return ", ".join(names[:_NUM_SHOWN]) + more
