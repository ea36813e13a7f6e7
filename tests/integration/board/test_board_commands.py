"""The commands as processes: what they print, how they fail, how they end."""

import re
import signal
import subprocess
import sys

import pytest
import requests

RUN = "2026-11-21--10-00-00"
EVENT = {"event_type": "job_status", "creation_ts": 1, "payload": {"grid_search_id": RUN}}


def url_of(line):
    return re.search(r"http://[\w.:]+", line)[0]


def test_board_socket_and_rest_share_a_port(command, connect, storage_path):
    board = command("--event_storage_path", storage_path, "--port", 0)
    line = board.read_line()
    assert line.startswith("====> ACCESS MLBOARD VIA http://127.0.0.1:")
    url = url_of(line)
    assert "<div" in requests.get(url, timeout=30).text
    assert requests.get(f"{url}/api/runs", timeout=30).json() == []
    nowhere = requests.get(f"{url}/model-card/{RUN}", timeout=30)
    assert (nowhere.status_code, nowhere.json()["error"]["code"]) == (404, "MG602")
    assert connect(url).call("mlgym_event", EVENT) == {"event_id": 0}
    again = command("--event_storage_path", storage_path, "--port", 0, "--run_id", "last")
    announced = again.read_line()
    second = url_of(announced)
    assert announced == f"====> ACCESS MLBOARD VIA {second}/?run_id={RUN}"
    assert again.read_line() == f"  {RUN}  {second}/?run_id={RUN}"


def test_the_three_services_start_apart(command, connect, storage_path):
    ws = command("--host", "127.0.0.1", "--port", 0, "--event_storage_path", storage_path,
                 "--cors_allowed_origins", "http://127.0.0.1:7000", "http://localhost:7000",
                 name="ml_board_ws_endpoint")  # fmt: skip
    rest = command("--port", 0, "--event_storage_path", storage_path, name="ml_board_rest_endpoint")
    ws_url, rest_url = url_of(ws.read_line()), url_of(rest.read_line())
    front = command("--ml_board_host", "127.0.0.1", "--ml_board_port", 0, "--rest_endpoint", rest_url,
                    "--ws_endpoint", ws_url, "--run_id", RUN)  # fmt: skip
    line = front.read_line()
    front_url = url_of(line)
    quoted = [url.replace(":", "%3A") for url in (rest_url, ws_url)]
    assert line == (
        f"====> ACCESS MLBOARD VIA {front_url}?rest_endpoint={quoted[0]}&ws_endpoint={quoted[1]}&run_id={RUN}"
    )
    opened = requests.get(front_url, timeout=30)
    assert opened.url == f"{front_url}/?rest_endpoint={quoted[0]}&ws_endpoint={quoted[1]}"
    assert "<div" in opened.text
    connect(ws_url).call("mlgym_event", EVENT)
    answer = requests.get(f"{rest_url}/api/runs", headers={"Origin": front_url}, timeout=30)
    assert [run["run_id"] for run in answer.json()] == [RUN]
    assert answer.headers["Access-Control-Allow-Origin"] == front_url


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("transports", [["websocket"], ["polling"]])
def test_a_signal_ends_a_service_in_order_and_quietly(command, connect, storage_path, number, transports):
    board = command("--event_storage_path", storage_path, "--port", 0)
    client = connect(url_of(board.read_line()), transports=transports)
    client.call("mlgym_event", EVENT)
    client.call("join", {"rooms": [RUN]})
    client.call("watch", {"run_id": RUN})
    board.process.send_signal(number)
    status, _, errors = board.end()
    assert (status, errors) == (0, "")
    client.next("disconnect")


def test_the_board_imports_nothing_that_trains():
    code = (
        "import sys, ml_board, ml_board.cli; "
        "print(*sorted({each.split('.')[0] for each in sys.modules} & {'torch', 'sklearn', 'xgboost', 'pandas'}), "
        "*sorted(each for each in sys.modules if each.startswith('mlgym_core.') "
        "and each.split('.')[1] not in ('errors', 'events', 'config')))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"
