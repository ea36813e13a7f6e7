import pytest

from mlgym_core.events.folder import EventStorage
from mlgym_core.publish.ledger import Ledger, read_ledger, write_ledger


@pytest.fixture
def staging(tmp_path):
    return EventStorage(tmp_path).outbox.create_run()


def test_a_ledger_comes_back_as_it_was_written(staging):
    ledger = Ledger(servers={"http://a": 3, "http://b": 0}, files={"http://a": 4})
    write_ledger(staging, ledger)
    assert read_ledger(staging) == ledger


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"servers": 3}'])
def test_without_a_readable_ledger_nothing_is_known(staging, content):
    if content is not None:
        (staging.path / "carrier.json").write_bytes(content)
    assert read_ledger(staging) == Ledger()
