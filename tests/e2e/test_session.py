"""A board with a token: one signs in, comes back to where one was, and signs out."""

from playwright.sync_api import expect

TOKEN = "a-token-of-many-letters"
WITH_TOKEN = {"MLGYM_TOKEN": TOKEN}


def test_one_signs_in_comes_back_and_signs_out(trained, finished_id, start, open_page):
    board = start("ml_board", "--port", 0, "--event_storage_path", trained.storage.path, environment=WITH_TOKEN)
    page = open_page(board.url, run_id=finished_id, experiment=2)
    page.wait_for_url("**/login**")
    page.get_by_label("Token").fill("another-token")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Experiment 2")
    expect(page.locator("[data-connection=live]")).to_be_visible()
    assert TOKEN not in page.url

    # The session ends while the page is open: it finds out by itself.
    page.get_by_role("link", name="MLboard").click()
    expect(page.locator("[data-run]").first).to_be_visible()
    page.context.clear_cookies()
    page.wait_for_url("**/login**")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("[data-run]").first).to_be_visible()

    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login**")
    page.goto(board.url)
    page.wait_for_url("**/login**")


def test_a_page_from_elsewhere_says_where_to_sign_in(trained, finished_id, start, board, open_page):
    other = start("ml_board", "--port", 0, "--event_storage_path", trained.storage.path, environment=WITH_TOKEN)
    page = open_page(board, rest_endpoint=other.url)
    expect(page.get_by_role("alert")).to_contain_text(f"{other.url} asks for a token")
    page = open_page(board, run_id=finished_id, ws_endpoint=other.url)
    expect(page.get_by_role("alert")).to_contain_text(f"{other.url} lets nobody in without a token")
    expect(page.get_by_role("alert")).to_contain_text(f"open {other.url}/ itself")
