import subprocess
import sys
from collections.abc import Sequence

import dill
import pytest

from mlgym_core.errors import BuildError
from mlgym_core.registry import Component, Registry, default_registry, register


class Doubler:
    def __init__(self, by: int = 2) -> None:
        self.by = by


class Tripler:
    pass


class Lists:
    """A provider that answers to any case and counts how often it is asked."""

    def __init__(self) -> None:
        self.num_asked = 0

    def names(self) -> Sequence[str]:
        return ["list"]

    def find(self, name: str) -> Component | None:
        self.num_asked += 1
        return Component.of("model", "list", list) if name.lower() == "list" else None


def test_a_decorated_class_stays_what_it_was_and_is_found() -> None:
    registry = Registry()
    decorated = registry.register("model", "doubler")(Doubler)
    assert decorated is Doubler
    component = registry.find("model", "doubler")
    assert component is not None
    assert component.factory is Doubler
    assert str(component) == "model 'doubler'"
    assert registry.find("loss", "doubler") is None


def test_another_factory_of_the_same_name_is_refused_and_told_where_both_are() -> None:
    registry = Registry()
    registry.register("model", "it")(Doubler)
    with pytest.raises(BuildError, match=r"MG301 model 'it' is registered twice: by Doubler .*Tripler"):
        registry.register("model", "it")(Tripler)
    assert registry.find("model", "it").factory is Doubler  # type: ignore[union-attr]


def test_a_module_that_is_loaded_again_replaces_its_components() -> None:
    registry = Registry()
    registry.register("model", "it")(Doubler)
    again = type("Doubler", (), {"__module__": Doubler.__module__, "__qualname__": Doubler.__qualname__})
    registry.register("model", "it")(again)
    assert registry.find("model", "it").factory is again  # type: ignore[union-attr]


def test_a_provider_answers_for_what_nobody_registered_and_is_asked_once() -> None:
    registry, lists = Registry(), Lists()
    registry.provide("model", lists)
    registry.register("model", "LIST")(Doubler)
    assert registry.find("model", "LIST").factory is Doubler  # type: ignore[union-attr]
    assert registry.find("model", "List") is registry.find("model", "List")
    assert lists.num_asked == 1
    assert registry.find("model", "tuple") is None
    assert registry.names("model") == ["LIST", "list"]


def test_a_child_sees_its_parent_and_changes_nothing_there() -> None:
    parent = Registry()
    parent.register("model", "it")(Doubler)
    parent.set_default("model", "it")
    child = parent.child()
    child.register("model", "it")(Tripler)
    child.register("loss", "other")(Tripler)
    child.set_default("model", "other")
    assert child.find("model", "it").factory is Tripler  # type: ignore[union-attr]
    assert parent.find("model", "it").factory is Doubler  # type: ignore[union-attr]
    assert (child.kinds(), parent.kinds()) == (["loss", "model"], ["model"])
    assert (child.names("loss"), parent.names("loss")) == (["other"], [])
    assert (child.default("model"), parent.default("model"), child.default("loss")) == ("other", "it", None)
    assert [each.kind for each in child.registered()] == ["model", "model", "loss"]


def test_what_is_decorated_at_the_top_comes_into_the_registry_that_all_share() -> None:
    assert register.__self__ is default_registry  # type: ignore[attr-defined]


def test_a_component_crosses_to_other_processes() -> None:
    component = Component.of("model", "doubler", Doubler)
    again = dill.loads(dill.dumps(component))
    assert (again.kind, again.name, again.parameters) == ("model", "doubler", component.parameters)
    assert again.factory(by=3).by == 3


def test_registering_waits_for_nothing_that_only_checking_needs() -> None:
    script = "import sys, mlgym_core.registry; print([each for each in ('pydantic', 'torch') if each in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
