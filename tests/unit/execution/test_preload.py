"""The forkserver leaves what it imported in one block that forked processes share."""

import subprocess
import sys

CHECK = """
import gc, sys
from mlgym_core.execution import preload
assert gc.isenabled()
assert gc.get_freeze_count() > 100_000, gc.get_freeze_count()
assert set(preload.MODULES) <= sys.modules.keys()
"""


def test_all_is_imported_and_out_of_the_collectors_way() -> None:
    done = subprocess.run([sys.executable, "-c", CHECK], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
