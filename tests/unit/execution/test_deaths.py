"""Why a process ended, in words."""

from pathlib import Path

import pytest

from mlgym_core.execution.deaths import Deaths


def write_counter(path: Path, num_kills: int) -> Path:
    path.write_text(f"pgfault 12\noom_kill {num_kills}\n")
    return path


def test_an_exit_status_is_named() -> None:
    assert Deaths().describe(3) == "ended with exit status 3"


def test_a_signal_is_named_with_its_number() -> None:
    assert Deaths().describe(-11) == "was killed by signal 11 (SIGSEGV)"


def test_a_kill_without_lack_of_memory_is_just_a_signal(tmp_path: Path) -> None:
    deaths = Deaths((write_counter(tmp_path / "vmstat", 4),))

    assert deaths.describe(-9) == "was killed by signal 9 (SIGKILL)"


def test_a_kill_that_the_kernel_counted_for_lack_of_memory_says_so(tmp_path: Path) -> None:
    counter = write_counter(tmp_path / "vmstat", 4)
    deaths = Deaths((counter,))
    write_counter(counter, 5)

    assert deaths.describe(-9) == "was killed by SIGKILL; the system was out of memory"


@pytest.mark.parametrize("exitcode", [-11, 1])
def test_lack_of_memory_elsewhere_does_not_explain_another_end(tmp_path: Path, exitcode: int) -> None:
    counter = write_counter(tmp_path / "vmstat", 4)
    deaths = Deaths((counter,))
    write_counter(counter, 5)

    assert "memory" not in deaths.describe(exitcode)


def test_a_system_without_counters_still_names_the_signal(tmp_path: Path) -> None:
    assert Deaths((tmp_path / "absent",)).describe(-9) == "was killed by signal 9 (SIGKILL)"
