"""Runs that publish to a server: there stands the same as a run of one's own writes, also when the server was away."""

import io
import json
import re
import shutil
from functools import partial

import pytest
from rich.console import Console

from mlgym_core.events.checkpoint_files import verify_checkpoints
from mlgym_core.events.log import LogWriter
from mlgym_core.events.log_reader import LogReader
from mlgym_core.events.spool import Spool
from mlgym_core.events.types import LogLines
from mlgym_core.events.verify import verify_chain


def told(run) -> list[str]:
    """A run's events in their order, without what differs between two runs."""
    kept = []
    for line in LogReader(run).poll():
        event = json.loads(line)
        if event["event_type"] in ("experiment_config", "evaluation_result", "checkpoint_saved"):
            event["payload"].pop("grid_search_id")
            kept.append(json.dumps([event["event_type"], event["payload"]], sort_keys=True))
    return sorted(kept)


def sent(run, num_merged: int = 0) -> dict[str, object]:
    """What `sync` tells of a run that is sent whole."""
    return {"run_id": run.run_id, "num_waiting": 0, "num_merged": num_merged, "set_aside": {}, "refused": []}


def lines(run) -> list[str]:
    """A run's log."""
    return [line.decode() for line in LogReader(run).poll()]


def files(run) -> dict[str, bytes]:
    """What lies beside a run's log and is the same in each run of one grid."""
    names = [path.relative_to(run.path) for path in run.path.rglob("*") if path.is_file()]
    wanted = [name for name in names if name.suffix == ".safetensors" or name.name.endswith("_config.json")]
    return {str(name): (run.path / name).read_bytes() for name in [*wanted, "grid_search_config.yml"]}


@pytest.mark.usefixtures("unhurried")
def test_a_served_run_is_the_same_as_one_that_writes_its_own_log(mlgym, workplace, server, iris) -> None:
    server.start()
    config = workplace.write(iris)

    done = mlgym("run", config, "--process_count", "2", "--server", server.url, "--json")
    mlgym("run", config, "--process_count", "2")

    assert (done.status, done.document["status"], done.document["num_waiting"]) == (0, "finished", 0)
    [served] = server.storage.runs()
    assert served.run_id == done.document["run_id"]
    assert workplace.storage.outbox.runs() == []
    assert told(served) == told(workplace.run())
    assert files(served) == files(workplace.run())
    assert sorted(path.name for path in served.path.glob("*.yml")) == ["grid_search_config.yml", "run_config.yml"]
    assert verify_chain(served.log_path).num_lines > 0


def test_with_the_server_away_the_run_ends_and_waits_to_be_sent(mlgym, workplace, server, iris) -> None:
    done = mlgym("run", workplace.write(iris), "--server", server.url)

    assert done.status == 0
    assert "3 finished" in done.out
    assert re.search(r"\d+ events could not be sent .*`mlgym sync` sends them", done.out)
    [waiting] = workplace.storage.outbox.runs()
    assert mlgym("show", waiting.run_id, "--json").document["status"] == "finished"
    assert [waiting.checkpoint_epochs(each) for each in (0, 1, 2)] == [[0, 1]] * 3  # what is deleted again waits, too
    verified = verify_checkpoints(waiting)
    assert verified.faults == verified.untold == verified.left == []

    assert mlgym("sync", "--timeout", "0.2").status == 1
    server.start()
    synced = mlgym("sync", "--json")

    assert (synced.status, synced.document) == (0, [sent(waiting)])
    assert workplace.storage.outbox.runs() == []
    [served] = server.storage.runs()
    assert served.run_id == waiting.run_id
    assert json.loads(LogReader(served).poll()[-1])["event_type"] == "run_ended"
    assert served.checkpoint_epochs(2) == [1]
    assert mlgym("sync").out == "nothing waits to be sent\n"


def test_a_staged_run_whose_process_was_killed_is_sent_as_lost(start_mlgym, mlgym, workplace, server) -> None:
    grid = workplace.grid_with("{use: sleeper, seconds: 0.1}", **{"epochs: 2": "epochs: 100"})
    started = start_mlgym("run", grid, "--server", server.url)
    outbox = workplace.storage.outbox
    started.wait_until(lambda: any("evaluation_result" in line for run in outbox.runs() for line in lines(run)))
    started.process.kill()
    started.end()
    assert started.survivors() == []
    server.start()

    assert mlgym("sync").status == 0

    [served] = server.storage.runs()
    ended = json.loads(LogReader(served).poll()[-1])
    assert (ended["event_type"], ended["payload"]["reason"]) == ("run_ended", "lost")
    assert ended["payload"]["counts"] == {"failed": 1}


def test_mlgyms_command_line_publishes_to_the_servers_that_it_names(run_script, workplace, server, iris) -> None:
    server.start()

    done = run_script(
        "import mlgym_core\nmlgym_core.main()\n",
        *("--process_count", "2", "--text_logging_path", workplace.path / "logs", "--num_epochs", "1"),
        *("--websocket_logging_servers", server.url, "--gs_rest_api_endpoint", server.url),
        *("train", "--gs_config_path", workplace.write(iris)),
    )

    assert done.status == 0, done.err
    [served] = server.storage.runs()
    assert json.loads(lines(served)[-1])["payload"]["counts"] == {"finished": 3}
    assert served.config_path("grid_search_config.yml").read_text() == iris
    assert served.checkpoint_epochs(0) == [0]
    assert workplace.storage.runs() == []


def test_sync_of_a_run_that_does_not_wait_is_an_error(mlgym) -> None:
    done = mlgym("sync", "2020-01-01--00-00-00")

    assert done.status == 2
    assert "MG402" in done.err


def test_sync_sends_the_folder_that_it_is_given_to_the_server_of_the_environment(
    mlgym, monkeypatch, tmp_path, workplace, server, iris
) -> None:
    mlgym("run", workplace.write(iris), "--num_epochs", "1", "--server", server.url)
    [waiting] = workplace.storage.outbox.runs()
    elsewhere = tmp_path / "copied" / ".outbox" / waiting.run_id
    shutil.copytree(waiting.path, elsewhere)
    other = type(server)(tmp_path / "other", server.port)
    other.start()
    monkeypatch.setenv("MLGYM_SERVER", other.url)

    synced = mlgym("sync", elsewhere, "--json")
    other.stop()

    assert (synced.status, synced.document) == (0, [sent(waiting)])
    assert [run.run_id for run in other.storage.runs()] == [waiting.run_id]
    assert not elsewhere.exists()
    assert waiting.exists()


def test_sync_sends_a_copy_of_a_run_that_is_kept_and_changes_nothing_here(mlgym, workplace, server, iris) -> None:
    mlgym("run", workplace.write(iris), "--num_epochs", "1")
    kept = workplace.run()
    before = lines(kept)
    server.start()

    by_id = mlgym("sync", kept.run_id, "--server", server.url, "--json")
    again = mlgym("sync", kept.path, "--server", server.url, "--json")

    assert (by_id.status, by_id.document) == (0, [sent(kept)])
    assert (again.status, again.document) == (0, [sent(kept)])
    [copy] = server.storage.runs()
    assert [json.loads(line) for line in lines(copy)] == [json.loads(line) for line in before]
    assert files(copy) == files(kept)
    assert lines(kept) == before
    assert verify_chain(copy.log_path).num_lines == len(before)


def test_sync_of_a_run_that_is_kept_needs_a_server_and_tells_of_one_that_is_away(
    mlgym, workplace, server, iris
) -> None:
    mlgym("run", workplace.write(iris), "--num_epochs", "1")
    kept = workplace.run()

    nowhere = mlgym("sync", kept.run_id)
    for patience_s in ("0.5", "10", "60"):  # until it has found out
        away = mlgym("sync", kept.run_id, "--server", server.url, "--timeout", patience_s)
        if server.url in away.out:
            break

    assert (nowhere.status, away.status) == (2, 1)
    assert "MG109" in nowhere.err
    assert re.search(rf"{len(lines(kept))} events still wait\n  {server.url}: ", away.out)
    assert mlgym("sync").out == "nothing waits to be sent\n"
    assert kept.exists()


def test_sync_shows_on_a_terminal_how_many_events_wait(mlgym, monkeypatch, workplace, server) -> None:
    waiting = workplace.storage.outbox.create_run()
    spool = Spool(waiting)
    for _ in range(7):
        spool.publish(LogLines(grid_search_id=waiting.run_id, stream="stdout", lines=["a word"]))
    spool.close()
    screen = io.StringIO()
    monkeypatch.setattr("mlgym_core.cli.syncing.Console", partial(Console, file=screen, force_terminal=True, width=200))
    monkeypatch.setenv("TERM", "xterm")

    away = mlgym("sync", "--server", server.url, "--timeout", "0.5")

    assert away.status == 1
    assert f"run {waiting.run_id}: 7 events wait" in screen.getvalue()


def test_sync_brings_spools_that_were_left_behind_into_the_log_of_a_run_that_nobody_writes(
    mlgym, workplace, iris
) -> None:
    mlgym("run", workplace.write(iris), "--num_epochs", "1")
    run = workplace.run()
    left_behind = Spool(run)
    left_behind.publish(LogLines(grid_search_id=run.run_id, stream="stdout", lines=["a last word"]))
    left_behind.close()

    writer = LogWriter(run)
    while_written = mlgym("sync", "--json")
    writer.close()
    synced = mlgym("sync", "--json")

    assert (while_written.status, while_written.document) == (0, [])
    assert (synced.status, synced.document) == (0, [sent(run, num_merged=1)])
    assert json.loads(lines(run)[-1])["payload"]["lines"] == ["a last word"]
    assert list(run.path.glob("spool/*")) == []
    assert mlgym("sync").out == "nothing waits to be sent\n"


def test_sync_tells_of_a_spool_that_the_runs_own_log_does_not_take(mlgym, workplace, server, iris) -> None:
    mlgym("run", workplace.write(iris), "--num_epochs", "1", "--server", server.url)
    [waiting] = workplace.storage.outbox.runs()
    late = Spool(waiting, segment_bytes=1)
    for _ in range(3):
        late.publish(LogLines(grid_search_id=waiting.run_id, stream="stdout", lines=["a last word"]))
    late.close()
    waiting.spool_path(late.producer, 1).unlink()  # as in a folder that was copied while it was written
    server.start()

    synced = mlgym("sync")

    assert synced.status == 1
    assert "all is sent" in synced.out
    assert f"{late.producer}@2.jsonl.gap" in synced.out
    assert waiting.exists()


def test_a_sync_that_is_killed_again_and_again_goes_on(start_mlgym, mlgym, workplace, server, iris) -> None:
    mlgym("run", workplace.write(iris), "--num_epochs", "1", "--server", server.url)
    [waiting] = workplace.storage.outbox.runs()
    with_all = lines(waiting)
    server.start()

    for _ in range(2):
        started = start_mlgym("sync")
        started.wait_until(lambda: (waiting.path / "carrier.json").exists() or server.storage.runs() != [])
        started.process.kill()
        started.end()
    mlgym("sync")

    [served] = server.storage.runs()
    assert [json.loads(line) for line in lines(served)] == [json.loads(line) for line in with_all]
    assert workplace.storage.outbox.runs() == []


def test_training_does_not_wait_for_a_server_that_takes_all_and_answers_nothing(
    mlgym, workplace, server, proxy, iris
) -> None:
    server.start()
    proxy.target = server.port
    proxy.disturb("swallow")

    done = mlgym("run", workplace.write(iris), "--num_epochs", "1", "--server", proxy.url, "--json")

    assert (done.status, done.document["status"]) == (0, "finished")
    [waiting] = workplace.storage.outbox.runs()
    kept = lines(waiting)
    assert done.document["num_waiting"] == len(kept)
    assert server.storage.runs() == []
    proxy.disturb("pass")
    assert mlgym("sync").status == 0
    [served] = server.storage.runs()
    assert [json.loads(line) for line in lines(served)] == [json.loads(line) for line in kept]


def test_a_bad_token_file_is_told_before_anything_is_made(mlgym, monkeypatch, tmp_path, workplace, iris) -> None:
    monkeypatch.setenv("MLGYM_TOKEN_FILE", str(tmp_path / "none"))

    done = mlgym("run", workplace.write(iris), "--server", "http://127.0.0.1:9")

    assert done.status == 2
    assert "MG112" in done.err
    assert workplace.storage.outbox.runs() == []
    assert not workplace.storage.outbox.path.exists()


def test_a_server_with_a_token_takes_who_shows_it_and_nobody_else(
    mlgym, monkeypatch, workplace, server, tmp_path, iris
) -> None:
    (tmp_path / "token").write_text("open-sesame\n")
    monkeypatch.setenv("MLGYM_TOKEN", "open-sesame")
    server.start()
    monkeypatch.setenv("MLGYM_TOKEN", "knock-knock")

    refused = mlgym("run", workplace.write(iris), "--num_epochs", "1", "--server", server.url)
    [waiting] = workplace.storage.outbox.runs()
    still = mlgym("sync")
    monkeypatch.delenv("MLGYM_TOKEN")
    monkeypatch.setenv("MLGYM_TOKEN_FILE", str(tmp_path / "token"))
    sent_now = mlgym("sync")

    assert (refused.status, still.status, sent_now.status) == (0, 1, 0)
    assert "events could not be sent" in refused.out
    assert "the token is unknown or has expired; ask who runs this service" in still.out + still.err
    assert "knock-knock" not in still.out + still.err + refused.out + refused.err
    assert [run.run_id for run in server.storage.runs()] == [waiting.run_id]
