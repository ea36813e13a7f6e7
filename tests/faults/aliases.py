"""YAML whose aliases lie in each other, of many shapes: refused in bounded time and memory, by reader and command."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

from rig import Trial, run_script

BOUND_BYTES = 1500 * 2**20
BOUND_S = 30
READ = "import sys, pathlib; from mlgym_core.config import yaml_reader as y; y.read_yaml(pathlib.Path(sys.argv[1]))"
CHECK = "import sys; from mlgym_core.cli import entry_point; sys.argv[1:1] = ['check']; sys.exit(entry_point())"
REFUSED = "ConfigError"


def play(trial: Trial) -> None:
    """Every bomb to the reader, one of them to the command too."""
    bombs = [
        trial.rng.choice(SHAPES)(trial.rng.randint(6, 30), trial.rng.randint(8, 12)) for _ in range(trial.sized(4, 40))
    ]
    for number, text in enumerate(bombs):
        path = trial.folder / f"bomb-{number}.yml"
        path.write_text(text)
        done = run_bounded(READ, path)
        trial.report.count("bombs read")
        is_refused = REFUSED in done.stderr and "MG213" in done.stderr
        trial.report.fault("not refused", not is_refused, f"{text[:80]!r}: {done.returncode} {done.stderr[-300:]}")
    done = run_bounded(CHECK, path)
    trial.report.count("bombs given to the command")
    trial.report.fault("other status than 2", done.returncode != 2, f"{done.returncode} {done.stderr[-300:]}")
    trial.report.fault("tracebacks shown", done.stderr.count("Traceback"))


def run_bounded(code: str, path: Path) -> subprocess.CompletedProcess[str]:
    """A process that is stopped where it takes more memory or time than any configuration needs."""
    return subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(path.parent)},
        preexec_fn=bound,
    )


def bound() -> None:
    """Holds this process to the bounds; the time is the processor's, as others may keep it busy."""
    resource.setrlimit(resource.RLIMIT_DATA, (BOUND_BYTES, BOUND_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (BOUND_S, BOUND_S))


def of_lists(depth: int, width: int) -> str:
    """Each list holds the one before `width` times."""
    lines = ["a0: &a0 [lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, depth)]
    return "\n".join(lines) + "\n"


def of_mappings(depth: int, width: int) -> str:
    """Each mapping holds the one before under `width` keys."""
    lines = ["a0: &a0 {x: lol, y: lol}"]
    lines += [f"a{n}: &a{n} {{{', '.join(f'k{each}: *a{n - 1}' for each in range(width))}}}" for n in range(1, depth)]
    return "\n".join(lines) + "\n"


def of_merges(depth: int, width: int) -> str:
    """Each mapping merges the one before and nests it too."""
    lines = ["a0: &a0 {x: lol}"]
    for n in range(1, depth):
        keys = ", ".join(f"k{n}_{each}: *a{n - 1}" for each in range(width))
        lines.append(f"a{n}: &a{n} {{<<: *a{n - 1}, {keys}}}")
    return "\n".join(lines) + "\n"


def in_itself(depth: int, width: int) -> str:
    """An alias inside of what it names."""
    return f"a: &a {'[' * depth}{', '.join(['*a'] * width)}{']' * depth}\n"


SHAPES = (of_lists, of_mappings, of_merges, in_itself)

if __name__ == "__main__":
    run_script(play)
