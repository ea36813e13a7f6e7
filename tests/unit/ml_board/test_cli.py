"""What the commands refuse, each with one error and exit status 2."""

import socket
import sys

import pytest

from ml_board import cli


@pytest.fixture
def fail(monkeypatch, capsys):
    """Standard error of a command that fails with status 2 and prints nothing else."""

    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            getattr(cli, name)()
        output, errors = capsys.readouterr()
        assert (exit_.value.code, output) == (2, "")
        return errors

    return run


@pytest.mark.parametrize(
    "command",
    [
        ("ml_board", "--port"),
        ("ml_board_ws_endpoint", "--port"),
        ("ml_board_rest_endpoint", "--port"),
        ("ml_board", "--ws_endpoint=http://x", "--rest_endpoint=http://y", "--ml_board_port"),
    ],
)
def test_a_port_in_use_is_one_error(fail, tmp_path, command):
    name, *options = command
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        errors = fail(name, *options, port, "--event_storage_path", tmp_path / "runs")
    assert errors.startswith(f"error: MG620 cannot listen on 127.0.0.1:{port}: ")
    assert "--port" in errors
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("name", ["ml_board", "ml_board_ws_endpoint", "ml_board_rest_endpoint"])
def test_an_event_storage_that_cannot_be_written_is_one_error(fail, tmp_path, name):
    (tmp_path / "file").write_text("")
    errors = fail(name, "--port", 0, "--event_storage_path", tmp_path / "file" / "runs")
    assert errors.startswith("error: MG403 cannot write ")
    assert "--event_storage_path" in errors


@pytest.mark.parametrize(
    "options", [["--port", "x"], ["--port", "70000"], ["--ws_endpoint", "http://x"], ["--no-such-option"]]
)
def test_wrong_use_is_told(fail, options):
    assert fail("ml_board", *options).startswith("usage: ml_board")


@pytest.mark.parametrize("port", ["x", "70000", "-1"])
def test_a_port_that_is_none_says_what_is_one(fail, port):
    assert f"{port!r} is no port: a whole number up to 65535" in fail("ml_board", f"--port={port}")


def test_the_last_run_of_a_storage_without_runs_is_one_error(fail, tmp_path):
    errors = fail("ml_board", "--port", 0, "--run_id", "last", "--event_storage_path", tmp_path)
    assert errors.startswith("error: MG402 there is no run 'last'")


def test_a_host_that_is_none_of_this_machine_is_one_error(fail, tmp_path):
    errors = fail("ml_board", "--host", "no.such.host.invalid", "--event_storage_path", tmp_path / "runs")
    assert errors.startswith("error: MG620 cannot listen on no.such.host.invalid:8080: ")


@pytest.mark.parametrize("name", ["ml_board", "ml_board_ws_endpoint", "ml_board_rest_endpoint"])
def test_others_are_not_let_in_without_a_token(fail, monkeypatch, tmp_path, name):
    monkeypatch.delenv("MLGYM_TOKEN", raising=False)
    errors = fail(name, "--host", "0.0.0.0", "--port", 0, "--event_storage_path", tmp_path / "runs")
    assert errors.startswith("error: MG621 0.0.0.0 can be reached by others")
    assert 'export MLGYM_TOKEN="$(python -c' in errors
    assert not (tmp_path / "runs").exists()


def test_a_file_of_tokens_that_does_not_fit_is_one_error(fail, tmp_path):
    (tmp_path / "tokens").write_text("two words")
    errors = fail(
        "ml_board", "--port", 0, "--token_file", tmp_path / "tokens", "--event_storage_path", tmp_path / "runs"
    )
    assert "MG622" in errors
    assert "tokens:1 holds no token" in errors
    assert not (tmp_path / "runs").exists()
