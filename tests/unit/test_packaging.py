"""What is declared, pinned and installed agree."""

import configparser
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]


def read_pins() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in pins}


def read_setup() -> configparser.ConfigParser:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return setup


def collect_requirements(name: str, extras: frozenset[str]) -> set[str]:
    """All that `name` with its extras brings along, on this machine."""
    found: set[str] = set()
    waiting = [(name, extras)]
    seen = set()
    while waiting:
        current, wanted = waiting.pop()
        if (current, wanted) in seen:
            continue
        seen.add((current, wanted))
        for text in distribution(current).requires or ():
            requirement = Requirement(text)
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in wanted | {""}):
                found.add(canonicalize_name(requirement.name))
                waiting.append((requirement.name, frozenset(requirement.extras)))
    return found


def test_everything_that_is_brought_along_is_pinned_as_it_is_installed() -> None:
    pins = read_pins()
    brought = collect_requirements("mlgym-core", frozenset({"test", "xgboost-cpu"})) - {"mlgym-core"}
    installed = {name: Version(distribution(name).version) for name in brought}
    wrong = {
        name: f"installed {version}, pinned {pins.get(name)}"
        for name, version in installed.items()
        if name not in pins or pins[name].public != version.public
    }
    assert not wrong
    assert len(brought) > 40


def test_pins_are_public_versions_so_that_an_index_gives_each_machine_its_own_build() -> None:
    assert [name for name, version in read_pins().items() if version.local] == []


def test_the_package_asks_for_ranges_that_hold_what_is_pinned() -> None:
    pins = read_pins()
    options = read_setup()
    texts = [options["options"]["install_requires"], *options["options.extras_require"].values()]
    requirements = [Requirement(line) for text in texts for line in text.split("\n") if line]
    assert [str(each) for each in requirements if any(spec.operator == "==" for spec in each.specifier)] == []
    outside = [
        str(each)
        for each in requirements
        if (pin := pins.get(canonicalize_name(each.name))) is not None and pin not in each.specifier
    ]
    assert outside == []


@pytest.mark.parametrize("command", ["mlgym", "ml_board", "ml_board_ws_endpoint", "ml_board_rest_endpoint"])
def test_every_command_that_is_declared_can_be_loaded(command: str) -> None:
    scripts = {each.name: each for each in distribution("mlgym-core").entry_points if each.group == "console_scripts"}
    assert callable(scripts[command].load())


def test_a_wheel_holds_every_module_and_the_board(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("frontend", "__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=ignored)
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", str(tmp_path), str(tmp_path)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if ".dist-info/" not in name}
    sources = {path for path in (tmp_path / "src").rglob("*") if path.is_file() and ".egg-info" not in str(path)}
    assert shipped == {path.relative_to(tmp_path / "src").as_posix() for path in sources}
    assert {"ml_board/static/index.html", "mlgym_core/py.typed"} <= shipped
