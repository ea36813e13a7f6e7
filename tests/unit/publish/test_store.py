"""What a server says, or what stands before it, of what it is asked for."""

from contextlib import closing

import pytest

from mlgym_core.errors import RunError
from mlgym_core.publish.store import Store


def test_who_does_not_know_the_service_does_not_say_that_a_file_is_absent(answering, tmp_path):
    answering.status = 404
    with closing(Store(answering.url, None)) as store, pytest.raises(RunError) as caught:
        store.fetch("checkpoints/r/0/1/model", tmp_path / "model", "0")
    assert type(caught.value) is RunError
