import pytest

from ml_board.settings import Settings, origin_patterns

OWN = "http://board.example:8080"


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (OWN, True),
        ("http://localhost:3000", True),
        ("https://127.0.0.1", True),
        ("http://[::1]:5173", True),
        ("http://localhost.evil.example", False),
        ("http://evil.example", False),
        ("http://127.0.0.1.evil.example:80", False),
        ("null", False),
    ],
)
def test_by_default_own_pages_and_those_of_this_machine_are_allowed(tmp_path, origin, allowed):
    assert Settings(event_storage_path=tmp_path).allows(origin, OWN) is allowed


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://a.example", True),
        ("https://a.example:443", False),
        ("https://axexample", False),
        ("https://a.example.evil.example", False),
        ("http://localhost:3000", False),
    ],
)
def test_named_origins_are_allowed_exactly(tmp_path, origin, allowed):
    settings = Settings(event_storage_path=tmp_path, origins=origin_patterns(["https://a.example/"]))
    assert settings.allows(origin, OWN) is allowed


def test_a_star_allows_any_origin(tmp_path):
    assert Settings(event_storage_path=tmp_path, origins=origin_patterns(["*"])).allows("http://any.example", OWN)
