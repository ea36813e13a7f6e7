import pytest

from mlgym_core.errors import RunError
from mlgym_core.publish.token import bearer, read_token


def test_without_a_word_in_the_environment_there_is_no_token():
    assert read_token({}) is None
    assert read_token({"MLGYM_TOKEN": "  ", "MLGYM_TOKEN_FILE": ""}) is None
    assert bearer(None) == {}


def test_the_token_itself_goes_before_a_file(tmp_path):
    (tmp_path / "token").write_text("\n of-the-file \n")
    file = {"MLGYM_TOKEN_FILE": str(tmp_path / "token")}
    assert read_token(file) == "of-the-file"
    assert read_token({**file, "MLGYM_TOKEN": "itself"}) == "itself"
    assert bearer("itself") == {"Authorization": "Bearer itself"}


@pytest.mark.parametrize(
    "content", [b"", b" \n", b"two words", b"one\nanother", b"- token: x", b"\xff\xfe", "ü".encode()]
)
def test_a_file_that_holds_no_token_is_told_without_what_it_holds(tmp_path, content):
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(RunError) as error:
        read_token({"MLGYM_TOKEN_FILE": str(path)})
    assert error.value.code == "MG112"
    assert str(path) in str(error.value)
    assert "another" not in str(error.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(RunError, match="No such file"):
        read_token({"MLGYM_TOKEN_FILE": str(tmp_path / "none")})
