"""How an experiment tells what ended it."""

import pytest
from torch._utils import ExceptionWrapper

from mlgym_core.execution.experiment import describe_error


def test_an_error_is_told_with_its_type_and_the_notes_on_it() -> None:
    error = ValueError("no such shape")
    error.add_note("a batch was too large\n  make it smaller")
    assert describe_error(error) == "ValueError: no such shape; a batch was too large, make it smaller"
    assert describe_error(KeyboardInterrupt()) == "KeyboardInterrupt"


def test_an_error_of_a_process_that_makes_batches_is_told_without_its_traceback() -> None:
    try:
        raise ValueError("no such sample")
    except ValueError:
        wrapped = ExceptionWrapper(where="in DataLoader worker process 0")
    with pytest.raises(ValueError, match="Original Traceback") as info:
        wrapped.reraise()
    assert describe_error(info.value) == "ValueError: no such sample"
