"""`mlgym export`: a run as tables for other programs.

Owns where they go and what is said about them; `export` does the work.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mlgym_core.cli.reporting import TextLog
from mlgym_core.cli.storage import find_run, open_storage
from mlgym_core.cli.terminal import print_json
from mlgym_core.export.writing import export_run


def export(options: argparse.Namespace, _log: TextLog) -> int:
    """Exports a run, as far as its log tells now."""
    run = find_run(open_storage(options), options.run_id)
    folder = Path(options.output or Path("export") / run.run_id)
    files = export_run(run, options.format, folder)
    if options.json:
        shown = [{"path": str(each.path), "num_rows": each.num_rows} for each in files]
        print_json({"run_id": run.run_id, "format": options.format, "files": shown})
    else:
        for each in files:
            print(f"{each.path}: {each.num_rows:,} rows")
    return 0
