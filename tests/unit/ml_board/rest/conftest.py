import pytest

from ml_board.access.auth import Auth
from ml_board.rest.app import create_rest
from ml_board.runs.views import RunViews
from ml_board.settings import Settings, origin_patterns
from ml_board.telemetry import Telemetry


@pytest.fixture
def client(storage):
    settings = Settings(event_storage_path=storage.path, origins=origin_patterns(["http://board.example"]))
    return create_rest(settings, RunViews(storage.path), Auth(), Telemetry()).test_client()
