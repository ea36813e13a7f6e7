"""What a service asks of its process."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(("soft", "hard", "expected"), [(64, 1024, 1024), (64, 64, 64), (512, 100_000, 8192)])
def test_a_service_may_open_as_many_files_as_it_is_allowed(soft, hard, expected):
    code = (
        "import resource; from ml_board.service import allow_many_files; kind = resource.RLIMIT_NOFILE; "
        f"allowed = min({hard}, resource.getrlimit(kind)[1] & (2**63 - 1)); "
        f"resource.setrlimit(kind, ({soft}, allowed)); allow_many_files(); print(resource.getrlimit(kind)[0], allowed)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    limit, allowed = map(int, ended.stdout.split())
    assert limit == min(expected, allowed)
