"""What a run says about where it ran: machine, versions and packages.

Pure look-ups; knows nothing of runs. What cannot be found out is left out or null, never guessed.
"""

from __future__ import annotations

import functools
import importlib.metadata
import math
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from mlgym_core.errors import RunError

PACKAGES = ("mlgym-core", "torch", "numpy", "scikit-learn", "scipy", "safetensors", "skops", "xgboost", "xgboost-cpu")
"""The packages whose version may shape results."""
STATED = {"MLGYM_CARBON_INTENSITY": "carbon_intensity_g_per_kwh", "MLGYM_CPU_TDP": "cpu_tdp_watts"}
"""Variables of the environment by which a user says what an estimate of energy would else assume."""
_SYSCTL_SECONDS = 5


@functools.cache
def versions() -> dict[str, str]:
    """The versions of Python and of those of `PACKAGES` that are installed; nothing is imported."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


@functools.cache
def machine() -> dict[str, Any]:
    """Host, operating system and processors."""
    return {
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu_model": _cpu_model(),
        "num_cpus": os.cpu_count(),
        "num_cores": psutil.cpu_count(logical=False),
        "ram_bytes": _ram_bytes(),
    }


def environment(variables: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Machine, versions and packages together, as `run_started` tells them, and what `variables` state of energy.

    Raises:
        RunError: a variable that states a number holds none.
    """
    return {
        **machine(),
        **_stated(variables),
        "versions": versions(),
        "packages": packages(),
        "executable": sys.executable,
    }


def packages() -> dict[str, str]:
    """The versions of all installed packages by name; nothing is imported."""
    found = {each.metadata["Name"]: each.version for each in importlib.metadata.distributions()}
    # A distribution whose metadata is damaged has no name.
    return {name: found[name] for name in sorted(filter(None, found), key=str.lower)}


def _stated(variables: Mapping[str, str]) -> dict[str, float]:
    return {key: _positive(name, variables[name]) for name, key in STATED.items() if variables.get(name)}


def _positive(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise RunError(
            f"{name} is {text!r}, which is no number from 0 on",
            code="MG130",
            hint="grams of CO2 equivalents per kWh of the electricity used, or watts of all processors at full use",
        )
    return number


def _cpu_model() -> str | None:
    if sys.platform == "darwin":
        return _ask("sysctl", "-n", "machdep.cpu.brand_string")
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)


def _ask(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SYSCTL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def _ram_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None
