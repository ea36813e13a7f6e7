"""Where in a log a server is, as it says by the last number of each producer."""

import pytest

from mlgym_core.publish.progress import Progress, seqs_of


@pytest.fixture
def log(recorded):
    """Ten events of one producer, ten of another, ten of the first."""
    for number, spool in ((10, 0), (10, 1), (10, 0)):
        recorded.publish(number, spool)
    recorded.first, recorded.second = (spool.producer for spool in recorded.spools)
    return recorded


def test_the_last_numbers_are_read_from_the_ends_of_lines(log):
    data = log.folder.log_path.read_bytes()
    assert seqs_of(data) == {log.first: 20, log.second: 10}
    assert seqs_of(b"".join(data.splitlines(keepends=True)[:15])) == {log.first: 10, log.second: 5}
    assert seqs_of(b"") == {}


@pytest.mark.parametrize("known", [0, 5, 30])
@pytest.mark.parametrize(
    ("first", "second", "place"),
    [(0, 0, 0), (3, 0, 3), (10, 0, 10), (10, 4, 14), (0, 10, 0), (13, 10, 23), (20, 10, 30)],
)
def test_it_goes_on_at_the_first_event_that_the_server_has_not(log, known, first, second, place):
    progress = Progress(log.folder, known)
    progress.look_up()
    fell_back = progress.hear({log.first: first, log.second: second})
    assert progress.position.num_lines == place
    assert progress.position.size_bytes == sum(len(line) + 1 for line in log.lines[:place])
    assert fell_back is (place < known)
    assert progress.num_acknowledged == place


def test_a_server_that_has_more_than_the_log_needs_nothing(log):
    progress = Progress(log.folder, 0)
    progress.hear({log.first: 99, log.second: 99, "another": 1})
    assert progress.num_acknowledged == 30


def test_what_is_set_aside_is_passed_over_and_not_counted_as_acknowledged(log):
    progress = Progress(log.folder, 0)
    progress.hear({log.first: 4})
    progress.refuse(log.second, "fenced")
    rest = b"".join(line + b"\n" for line in log.lines[4:])
    assert seqs_of(progress.select(rest)) == {log.first: 20}
    progress.advance(rest)
    assert (progress.position.num_lines, progress.num_acknowledged) == (30, 20)
    assert progress.hear({log.first: 20}) is False
    assert progress.position.num_lines == 30


def test_a_ledger_that_promises_more_than_the_log_has_is_not_believed(log):
    progress = Progress(log.folder, 1000)
    progress.look_up()
    assert progress.position.num_lines == 30
