import pytest
from flask import Flask

from ml_board.access.auth import Auth
from ml_board.pages import STATIC, create_pages


@pytest.fixture
def built(tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<title>board</title>")
    (tmp_path / "assets" / "index-1a2b.js").write_text("1")
    (tmp_path / "favicon.svg").write_text("<svg/>")
    return tmp_path


def get(folder, path, **options):
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(create_pages(Auth(), folder, **options))
    return app.test_client().get(path, buffered=True)


@pytest.mark.parametrize("path", ["/", "/?run_id=x&experiment=3"])
def test_the_page_is_asked_for_anew_each_time(built, path):
    answer = get(built, path)
    assert answer.text == "<title>board</title>"
    assert answer.headers["Cache-Control"] == "no-cache"


def test_a_page_without_a_query_is_told_of_endpoints_that_are_elsewhere(built):
    endpoints = "rest_endpoint=http%3A//r&ws_endpoint=http%3A//w"
    answer = get(built, "/", endpoints=endpoints)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/?{endpoints}")
    assert get(built, "/?rest_endpoint=http%3A//other", endpoints=endpoints).text == "<title>board</title>"


def test_files_named_after_their_content_may_be_kept(built):
    answer = get(built, "/assets/index-1a2b.js")
    assert (answer.text, answer.mimetype) == ("1", "text/javascript")
    assert "max-age=31536000" in answer.headers["Cache-Control"]
    assert get(built, "/favicon.svg").mimetype == "image/svg+xml"


@pytest.mark.parametrize(
    "path", ["/assets/gone.js", "/robots.txt", "/api/nothing", "/model-card/r", "/assets/../../secret", "/.."]
)
def test_any_other_path_is_not_there(built, path):
    assert get(built, path).status_code == 404


def test_pages_that_are_not_built_say_so(tmp_path):
    answer = get(tmp_path, "/")
    assert answer.status_code == 503
    assert "make board" in answer.text


def test_the_built_pages_are_shipped_with_the_package():
    assert (STATIC / "index.html").is_file()
