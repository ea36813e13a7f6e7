"""`python -m mlgym_core` is `mlgym`."""

import sys

from mlgym_core.cli import entry_point

sys.exit(entry_point())
