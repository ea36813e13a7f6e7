import pickle

import pytest

from mlgym_core.errors import BuildError, ConfigError, Diagnostic, MLGymError, Place, RunError, StoreError

HERE = Place(file="gs.yml", line=17, column=3)


def test_a_place_shows_line_and_column_where_it_has_them() -> None:
    assert str(HERE) == "gs.yml:17:3"
    assert str(Place(file="--set a", line=0, column=0)) == "--set a"


def test_a_diagnostic_is_place_code_message_and_hint() -> None:
    assert str(Diagnostic(code="MG201", message="m", place=HERE, hint="h")) == "gs.yml:17:3: MG201 m\n  h"
    assert str(Diagnostic(code="MG201", message="m")) == "MG201 m"


@pytest.mark.parametrize("kind", [MLGymError, BuildError, RunError, StoreError])
def test_an_error_crosses_to_another_process_whole(kind: type[MLGymError]) -> None:
    error = kind("message", code="MG999", hint="hint")
    error.place = HERE
    error.add_note("note")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == "gs.yml:17:3: MG999 message\n  hint"
    assert again.__notes__ == ["note"]


def test_faults_are_kept_once_each_in_the_order_of_the_file() -> None:
    first, later = Diagnostic(code="A", message="m", place=HERE), Diagnostic(code="B", message="m")
    other = Diagnostic(code="C", message="m", place=Place(file="gs.yml", line=2, column=9))
    error = ConfigError([first, other, later, first])
    assert [each.code for each in error.diagnostics] == ["B", "C", "A"]
    assert pickle.loads(pickle.dumps(error)).diagnostics == error.diagnostics
    assert str(error) == "B m\ngs.yml:2:9: C m\ngs.yml:17:3: A m"
