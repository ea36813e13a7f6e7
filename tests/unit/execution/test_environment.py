"""What a run says about where it ran."""

import importlib.metadata
import platform

import pytest

from mlgym_core.errors import RunError
from mlgym_core.execution.environment import environment, packages, versions


def test_versions_name_python_and_what_shapes_results() -> None:
    found = versions()

    assert found["python"] == platform.python_version()
    assert {"mlgym-core", "torch", "numpy", "scikit-learn"} <= found.keys()


def test_the_environment_tells_machine_and_versions() -> None:
    found = environment()

    assert found["versions"] == versions()
    assert found["num_cpus"] >= 1
    assert found["host"]


def test_the_environment_tells_the_processors_and_every_package() -> None:
    found = environment()

    assert found["num_cores"] is None or 1 <= found["num_cores"] <= found["num_cpus"]
    assert "cpu_model" in found
    assert found["packages"] == packages()
    assert found["packages"]["torch"] == importlib.metadata.version("torch")
    assert list(packages()) == sorted(packages(), key=str.lower)


def test_the_environment_tells_what_its_variables_state_of_energy() -> None:
    stated = environment({"MLGYM_CARBON_INTENSITY": "35.5", "MLGYM_CPU_TDP": "65"})

    assert (stated["carbon_intensity_g_per_kwh"], stated["cpu_tdp_watts"]) == (35.5, 65.0)
    assert not {"carbon_intensity_g_per_kwh", "cpu_tdp_watts"} & environment({"MLGYM_CPU_TDP": ""}).keys()


@pytest.mark.parametrize("text", ["green", "-1", "nan", "inf"])
def test_a_variable_that_states_no_number_is_an_error(text: str) -> None:
    with pytest.raises(RunError, match=f"MLGYM_CARBON_INTENSITY is '{text}'") as caught:
        environment({"MLGYM_CARBON_INTENSITY": text})

    assert caught.value.code == "MG130"
