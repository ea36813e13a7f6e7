"""What holds for all tests: on CI a skipped test is a failure, because nobody would notice what it no longer shows."""

import os
import socket
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

from mlgym_core.registry import default_registry

# How long an example takes says something of the machine and nothing of the code.
settings.register_profile("project", deadline=None)
settings.load_profile("project")


@pytest.fixture(autouse=True)
def _own_components_go_with_their_test() -> Iterator[None]:
    """Forgets what a configuration's modules registered in this process: a run of another test would be sent them."""
    components = default_registry._components
    before = set(components)
    yield
    for key in components.keys() - before:
        if not components[key].module.startswith("mlgym_core."):
            sys.modules.pop(components.pop(key).module, None)


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port on which nobody answers but a server of the test that names it; no other process is given it by chance."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port = int(holder.getsockname()[1])
        if sys.platform != "linux":  # elsewhere who only holds a port keeps a server from it
            holder.close()
        yield port


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not os.environ.get("CI"):
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped") and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if os.environ.get("CI") and (skipped := terminalreporter.stats.get("skipped")):
        terminalreporter.write_line(f"{len(skipped)} skipped: on CI that fails", red=True)
