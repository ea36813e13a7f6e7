import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlgym_core.errors import Place
from mlgym_core.registry import import_modules

PLACE = Place(file="gs.yml", line=1, column=11)


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", {**sys.modules})


def faults(name: str, folder: Path) -> list[str]:
    return [str(each) for each in import_modules([name], folder, {name: PLACE})]


def test_a_module_beside_the_configuration_is_imported_with_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "h2_first.py").write_text("import h2_second\nVALUE = h2_second.VALUE\n")
    (tmp_path / "h2_second.py").write_text("VALUE = 7\n")
    assert faults("h2_first", tmp_path) == []
    assert sys.modules["h2_first"].VALUE == 7
    assert faults("h2_first", tmp_path) == []


def test_all_modules_that_fail_are_told_with_the_last_line_and_the_spot(tmp_path: Path) -> None:
    (tmp_path / "h2_broken.py").write_text("x = 1\ny = x / 0\n")
    (tmp_path / "h2_wrong.py").write_text("def f(:\n")
    found = import_modules(["h2_broken", "h2_wrong", "h2_absent"], tmp_path)
    assert [each.message for each in found] == [
        "cannot import 'h2_broken': ZeroDivisionError: division by zero",
        "cannot import 'h2_wrong': SyntaxError: invalid syntax",
        "cannot import 'h2_absent': ModuleNotFoundError: No module named 'h2_absent'",
    ]
    assert found[0].hint == f"at {tmp_path / 'h2_broken.py'}:2"
    assert found[1].hint == f"at {tmp_path / 'h2_wrong.py'}:1"
    assert {each.code for each in found} == {"MG250"}


def test_the_fault_stands_where_the_module_is_named(tmp_path: Path) -> None:
    assert faults("h2_absent", tmp_path)[0].startswith("gs.yml:1:11: MG250 cannot import 'h2_absent'")


def test_a_file_name_is_no_module_name(tmp_path: Path) -> None:
    [fault] = faults("conv_net.py", tmp_path)
    assert "MG250 'conv_net.py' is no name of a module" in fault
    assert fault.endswith("write it as in Python's `import`: conv_net")


def test_a_module_that_hides_another_of_its_name_is_told(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        (folder / "h2_same.py").write_text("")
    assert faults("h2_same", first) == []
    [fault] = faults("h2_same", second)
    assert f"MG250 'h2_same' is loaded from {first / 'h2_same.py'} already" in fault


def test_plugins_come_from_the_entry_points_of_installed_packages(tmp_path: Path) -> None:
    info = tmp_path / "plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[mlgym.components]\ngood = h2_plugin\nbad = h2_absent_plugin\n")
    (tmp_path / "h2_plugin.py").write_text(
        "from mlgym_core.registry import register\n@register('model', 'from_plugin')\ndef make(): ...\n"
    )
    # In a process of its own, because a plug-in fills the registry that everybody shares.
    script = (
        "import json\n"
        "from mlgym_core.registry import default_registry, load_plugins\n"
        "faults = load_plugins()\n"
        "print(json.dumps([default_registry.names('model'), [str(each) for each in faults]]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(tmp_path)}
    )
    names, told = json.loads(done.stdout)
    assert names == ["from_plugin"]
    assert len(told) == 1
    assert told[0].startswith("MG251 the plug-in 'bad' (h2_absent_plugin) cannot be loaded: ModuleNotFoundError")
