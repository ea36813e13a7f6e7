"""What every table of a benchmark has: ratios, and where and when it was made. It measures nothing itself."""

import os
import platform
import shlex
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import quantiles


def describe_circumstances() -> str:
    """One line: hardware, system, versions, date and command, as a table must name them."""
    command = shlex.join(["python", *sys.argv])
    load = f"load {os.getloadavg()[0]:.1f}"
    return (
        f"{_processor()}, {os.cpu_count()} cores, {load}, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, torch {version('torch')}, "
        f"{datetime.now(UTC):%Y-%m-%d}, `{command}`"
    )


def describe_ratio(ours: Sequence[float], peer: Sequence[float]) -> str:
    """The median of the ratios of what was measured side by side, and between which two half of them lie."""
    low, middle, high = quantiles((mine / theirs for mine, theirs in zip(ours, peer, strict=True)), n=4)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def print_table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a Markdown table with the circumstances under it."""
    print(f"\n### {title}\n")
    print(f"| {' | '.join(header)} |")
    print(f"|{'---|' * len(header)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print(f"\n{describe_circumstances()}")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
