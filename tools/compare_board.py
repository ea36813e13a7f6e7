"""Builds the board anew and compares it with the build that is committed, so that the two never differ.

Needs npm on PATH and the front end's packages. Usage: tools/with_node VENV python tools/compare_board.py
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
COMMITTED = ROOT / "src/ml_board/static"
FRONTEND = ROOT / "src/ml_board/frontend"


def read_tree(folder: Path) -> dict[str, bytes]:
    """The bytes of each file below `folder`, by its path there."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def list_differences(committed: dict[str, bytes], fresh: dict[str, bytes]) -> list[str]:
    """One line for each file that is missing, left over or other than what the sources give."""
    names = sorted(committed.keys() | fresh.keys())
    return [
        f"{'missing' if name not in committed else 'left over' if name not in fresh else 'differs'}: {name}"
        for name in names
        if committed.get(name) != fresh.get(name)
    ]


def build(folder: Path) -> None:
    """Writes the board that the sources give into `folder`."""
    command = ["npm", "run", "build", "--", "--outDir", str(folder), "--emptyOutDir", "--logLevel", "warn"]
    subprocess.run(command, cwd=FRONTEND, check=True)


def main() -> int:
    """Returns 0 where the committed board is what the sources give."""
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        differences = list_differences(read_tree(COMMITTED), read_tree(Path(folder)))
    for line in differences:
        print(line, file=sys.stderr)
    if differences:
        print("src/ml_board/static is not what the sources give: run `make board` and commit it.", file=sys.stderr)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
