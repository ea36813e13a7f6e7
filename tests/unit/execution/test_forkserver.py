"""Processes forked from a server: what they are given, what they answer, and that they know nothing of the caller."""

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from mlgym_core.errors import RunError
from mlgym_core.execution import forkserver
from mlgym_core.execution.forkserver import Call


@pytest.fixture(scope="module", autouse=True)
def server_without_preload() -> Iterator[None]:
    forkserver.stop()
    forkserver.start(preload=())
    yield
    forkserver.stop()


def test_a_call_answers_from_a_process_of_its_own() -> None:
    assert Call("os:getpid").result() != os.getpid()


def test_arguments_are_passed_on() -> None:
    assert Call("os.path:join", "a", "b").result() == "a/b"


def test_an_exception_is_raised_here_and_keeps_the_traceback_from_there() -> None:
    with pytest.raises(json.JSONDecodeError, match="Expecting value") as raised:
        Call("json:loads", "nonsense").result()

    text = "".join(traceback.format_exception(raised.value))
    assert "raw_decode" in text


def test_a_process_that_ends_without_an_answer_is_an_error_with_the_reason() -> None:
    with pytest.raises(RunError, match="ended with exit status 7"):
        Call("os:_exit", 7).result()


def test_a_process_that_is_killed_is_an_error_with_the_signal() -> None:
    call = Call("time:sleep", 60)
    children = psutil.Process().children(recursive=True)
    [sleeper] = [each for each in children if each.pid == call.pid]
    sleeper.send_signal(signal.SIGKILL)

    with pytest.raises(RunError, match=r"killed by signal 9 \(SIGKILL\)"):
        call.result()


def test_a_call_that_is_given_up_leaves_no_process() -> None:
    call = Call("time:sleep", 60)
    call.close()

    assert not psutil.pid_exists(call.pid)


def run_script(folder: Path, text: str, *, timeout: float = 60, **options: Any) -> subprocess.CompletedProcess[str]:
    """What a script of its own printed; it ended well."""
    script = folder / "run.py"
    script.write_text(text)
    command = [sys.executable, script]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=True, **options)


def test_a_script_is_not_run_again_though_nothing_guards_its_main(tmp_path: Path) -> None:
    done = run_script(
        tmp_path,
        "print('once')\n"
        "from mlgym_core.execution import forkserver\n"
        "forkserver.start(preload=())\n"
        "print(forkserver.Call('builtins:sum', [1, 2]).result())\n",
    )

    assert done.stdout.split() == ["once", "3"]
    assert done.stderr == ""


def test_what_a_called_function_prints_leaves_standard_output_alone(tmp_path: Path) -> None:
    done = run_script(
        tmp_path,
        "from mlgym_core.execution import forkserver\n"
        "forkserver.start(preload=())\n"
        "forkserver.Call('builtins:print', 'aside').result()\n",
    )

    assert (done.stdout, done.stderr) == ("", "aside\n")


def test_an_interrupt_of_the_whole_group_does_not_reach_the_server(tmp_path: Path) -> None:
    done = run_script(
        tmp_path,
        "import os, signal\n"
        "from mlgym_core.execution import forkserver\n"
        "forkserver.start(preload=())\n"
        "signal.signal(signal.SIGINT, lambda *_: None)\n"
        "os.killpg(0, signal.SIGINT)\n"
        "print(forkserver.Call('builtins:sum', [1, 2]).result())\n",
        start_new_session=True,
    )

    assert (done.stdout, done.stderr) == ("3\n", "")


def test_a_signal_is_heard_while_a_process_waits_for_the_server_to_import(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(250)\n")
    done = run_script(
        tmp_path,
        "import os, signal, threading\n"
        "from mlgym_core.execution import forkserver\n"
        "signal.signal(signal.SIGTERM, signal.default_int_handler)\n"
        "forkserver.start(preload=['slow'])\n"
        "try:\n"
        "    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()\n"
        "    forkserver.Call('builtins:sum', [1, 2])\n"
        "except KeyboardInterrupt:\n"
        "    print('heard')\n"
        "finally:\n"
        "    forkserver.stop()\n",
        timeout=120,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )

    assert (done.stdout, done.stderr) == ("heard\n", "")


def test_a_signal_is_heard_whenever_it_comes_while_the_server_is_started(tmp_path: Path) -> None:
    done = run_script(
        tmp_path,
        "import os, signal, threading, time\n"
        "from mlgym_core.execution import forkserver\n"
        "heard = []\n"
        "signal.signal(signal.SIGINT, lambda *_: heard.append(1))\n"
        "sent = 0\n"
        "done = threading.Event()\n"
        "def start():\n"
        "    for _ in range(10):\n"
        "        forkserver.start(preload=())\n"
        "        print(forkserver.Call('builtins:sum', [1, 2]).result(), flush=True)\n"
        "        forkserver.stop()\n"
        "    done.set()\n"
        "def send():\n"
        "    global sent\n"
        "    while not done.is_set():\n"
        "        count = len(heard)\n"
        "        os.killpg(0, signal.SIGINT)\n"
        "        sent += 1\n"
        "        deadline = time.monotonic() + 60\n"
        "        while len(heard) == count and time.monotonic() < deadline:\n"
        "            time.sleep(0.001)\n"
        "sender = threading.Thread(target=send)\n"
        "sender.start()\n"
        "start()\n"
        "sender.join()\n"
        "print(sent > 0 and sent == len(heard))\n",
        timeout=240,
        start_new_session=True,
    )

    assert (done.stdout, done.stderr) == ("3\n" * 10 + "True\n", "")
