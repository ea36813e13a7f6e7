"""Tokens from the environment and from a file: what is understood, and what is said of the rest."""

import datetime as dt
import logging

import pytest

from ml_board.access.auth import ALL_RIGHTS
from ml_board.access.tokens import read_token_file, read_tokens
from mlgym_core.errors import RunError

SECRET = "a-secret-of-some-length"


@pytest.fixture
def write(tmp_path):
    def begin(text, mode=0o600):
        path = tmp_path / "tokens.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return path

    return begin


def test_without_any_the_service_is_open():
    assert read_tokens({}) == read_tokens({"MLGYM_TOKEN": "  "}) == []


def test_the_environment_gives_a_token_with_all_rights(write):
    path = write("other-secret-of-some-length\n")
    tokens = read_tokens({"MLGYM_TOKEN": f" {SECRET}\n", "MLGYM_TOKEN_FILE": str(path)})
    assert [(each.name, each.rights) for each in tokens] == [("MLGYM_TOKEN", ALL_RIGHTS), ("tokens.yaml:1", ALL_RIGHTS)]
    assert tokens[0].secret == SECRET


def test_the_option_goes_before_the_environment(write, tmp_path):
    assert len(read_tokens({"MLGYM_TOKEN_FILE": str(tmp_path / "nowhere")}, write(f"{SECRET}\n"))) == 1


def test_a_file_may_hold_bare_tokens(write):
    tokens = read_token_file(write(f"# of the team\n\n{SECRET}\n -begins-with-a-dash-as-some-do \n"))
    assert [(each.name, each.secret) for each in tokens] == [
        ("tokens.yaml:3", SECRET),
        ("tokens.yaml:4", "-begins-with-a-dash-as-some-do"),
    ]


def test_a_file_may_say_what_each_token_may_do_and_until_when(write):
    tokens = read_token_file(
        write(f"""
# of the team
- name: dashboard
  token: {SECRET}
  rights: [read]
- {{name: guest, token: another-{SECRET}, rights: [read, write], expires: 2027-03-01}}
- {{name: night, token: third-{SECRET}, rights: [admin], expires: 2027-03-01T00:00:00+02:00}}
""")
    )
    midnight = dt.datetime(2027, 3, 1, tzinfo=dt.UTC).timestamp()
    assert [(each.name, each.rights, each.expires_at) for each in tokens] == [
        ("dashboard", {"read"}, None),
        ("guest", {"read", "write"}, midnight),
        ("night", {"admin"}, midnight - 7200),
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "holds no token"),
        ("# nothing\n", "holds no token"),
        (f"{SECRET}\ntwo words\n", "tokens.yaml:2 holds no token"),
        ("gehéimnis-of-some-length", "tokens.yaml:1 holds no token"),
        (b"\xff\xfe", "cannot be read"),
        ("---\nname: x\n", "is no list"),
        (f"- name: x\n  token: {SECRET}\n  rights: [read]\n- name: y\n", "tokens.yaml:4 does not fit: Object missing"),
        (f"- {{name: x, token: {SECRET}, rights: [fly]}}", "Invalid enum value 'fly'"),
        (f"- {{name: x, token: {SECRET}, rights: read}}", "at `$.rights`"),
        ("- {name: x, token: 1234567890123456, rights: [read]}", "at `$.token`"),
        (f"- {{name: x, token: {SECRET}, rights: [read], until: 2027-01-01}}", "unknown field `until`"),
        (f"- {{name: x, token: {SECRET}, rights: [read], expires: soon}}", "at `$.expires`"),
        (f"- {{name: x, token: {SECRET}, rights: [read]}}\n" * 2, "names 'x' twice"),
        ("- {name: x\n- ", "tokens.yaml:2 is no YAML"),
        ("- !!python/object/apply:os.system [true]", "is no YAML: could not determine a constructor"),
        ("- [x]", "tokens.yaml:1 does not fit"),
    ],
)
def test_a_file_that_does_not_fit_is_told_with_its_line_and_no_token(write, text, fault):
    with pytest.raises(RunError) as refused:
        read_token_file(write(text))
    assert fault in refused.value.message
    assert refused.value.code == "MG622"
    assert "token_urlsafe" in refused.value.hint
    assert "1234567890123456" not in str(refused.value)
    assert SECRET not in str(refused.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(RunError, match="cannot be read: No such file"):
        read_tokens({"MLGYM_TOKEN_FILE": str(tmp_path / "nowhere")})


def test_a_file_that_others_can_read_and_a_short_token_are_warned_about(write, caplog):
    caplog.set_level(logging.WARNING)
    read_token_file(write(f"{SECRET}\n"))
    assert caplog.text == ""
    read_token_file(write("short\n", 0o644))
    assert "chmod 600" in caplog.text
    assert "tokens.yaml:1 is short" in caplog.text
    assert "'short'" not in caplog.text
