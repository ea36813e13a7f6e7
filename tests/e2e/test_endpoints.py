"""The board, the socket and REST as three services, by the link that `ml_board` prints."""

from playwright.sync_api import expect


def test_the_printed_link_shows_a_run_from_services_started_apart(start, trained, broken_id, open_page):
    storage = trained.storage.path
    origins = ("--cors_allowed_origins", "*")
    socket = start(
        "ml_board_ws_endpoint", "--host", "127.0.0.1", "--port", 0, "--event_storage_path", storage, *origins
    )
    rest = start("ml_board_rest_endpoint", "--port", 0, "--event_storage_path", storage)
    endpoints = ("--rest_endpoint", rest.url, "--ws_endpoint", socket.url, "--run_id", broken_id)
    front = start("ml_board", "--ml_board_host", "127.0.0.1", "--ml_board_port", 0, *endpoints)
    assert front.first_line.startswith("====> ACCESS MLBOARD VIA http://127.0.0.1:")
    assert f"run_id={broken_id}" in front.url

    page = open_page(front.url)
    expect(page.locator("[data-connection=live]")).to_be_visible()
    page.get_by_role("link", name="#1").click()
    expect(page.get_by_label("Stack trace", exact=True)).to_be_visible()
    page.get_by_role("link", name="MLboard").click()
    expect(page.locator("[data-run]")).to_have_count(2)


def test_a_socket_that_is_not_there_is_told_with_what_to_do(start, board, finished_id, free_port, open_page):
    page = open_page(board, run_id=finished_id, ws_endpoint=f"http://127.0.0.1:{free_port}")
    expect(page.get_by_role("alert")).to_contain_text(f"http://127.0.0.1:{free_port} does not answer")
    expect(page.get_by_role("alert")).to_contain_text("ws_endpoint")
