"""Runs every trial, one after the other, and prints the table of docs/reliability.md; the status is 1 on any fault.

python tests/faults/run_all.py [--long] [--seed N]
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

FOLDER = Path(__file__).parent
TRIALS = sorted(each.stem for each in FOLDER.glob("*.py") if each.read_text().endswith("    run_script(play)\n"))


def main() -> int:
    """1 where something went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true", help="the full numbers")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31), help="of all trials")
    options = parser.parse_args()
    form = ["--long"] if options.long else []
    began = time.monotonic()
    rows = [row_of(name, run_trial(name, [*form, "--seed", str(options.seed)])) for name in TRIALS]
    command = " ".join(["python tests/faults/run_all.py", *form, f"--seed {options.seed}"])
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, {os.cpu_count()} cores"
    memory = f"{psutil.virtual_memory().total / 2**30:.0f} GiB"
    print(f"\n`{command}`, {dt.date.today()}, {machine}, {memory}, {time.monotonic() - began:.0f} s\n")
    print("| trial | what was done | what went wrong |\n| --- | --- | --- |")
    print("\n".join(cells for cells, _ in rows))
    return int(any(is_bad for _, is_bad in rows))


def run_trial(name: str, options: list[str]) -> dict[str, Any]:
    """What the trial counted; it shows its progress itself."""
    print(f"{name} …", file=sys.stderr, flush=True)
    command = [sys.executable, str(FOLDER / f"{name}.py"), "--json", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    sys.stderr.write(done.stdout)
    try:
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        return {"counts": {}, "faults": {f"ended with status {done.returncode}": 1}}
    return told


def row_of(name: str, told: dict[str, Any]) -> tuple[str, bool]:
    """A line of the table, and whether something went wrong."""
    did = ", ".join(f"{what} {number:,}" for what, number in told["counts"].items())
    wrong = {what: number for what, number in told["faults"].items() if number}
    faults = ", ".join(f"**{what} {number:,}**" for what, number in wrong.items())
    nothing = "0 " + ", ".join(told["faults"])
    return f"| `{name}` | {did} | {faults or nothing} |", bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
