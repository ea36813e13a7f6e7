"""From the list of runs to a run, to an experiment and back; and what is shown where there is nothing."""

from playwright.sync_api import expect


def test_one_finds_ones_way_from_the_list_to_an_experiment_and_back(open_page, board, finished_id):
    page = open_page(board)
    row = page.locator(f"[data-run='{finished_id}']")
    expect(row.locator("[data-status]")).to_have_attribute("data-status", "finished")
    expect(row).to_contain_text("Iris in small steps")
    expect(row).to_contain_text("6 finished")
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Iris in small steps")

    page.get_by_role("link", name="#4").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Experiment 4")
    page.get_by_role("link", name="Next →").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Experiment 5")

    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Experiment 4")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Iris in small steps")
    page.get_by_role("link", name="MLboard").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Runs")


def test_the_keyboard_is_enough(open_page, board, finished_id):
    page = open_page(board)
    page.locator(f"[data-run='{finished_id}']").get_by_role("link").press("Enter")
    page.get_by_role("link", name="#2").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Experiment 2")


def test_an_empty_storage_shows_how_to_begin_and_then_what_began(open_page, start, tmp_path, trained, finished_id):
    storage = tmp_path / "storage"
    page = open_page(start("ml_board", "--port", 0, "--event_storage_path", storage).url)
    expect(page.get_by_text("No runs yet")).to_be_visible()
    expect(page.get_by_text("mlgym run")).to_be_visible()
    (storage / finished_id).symlink_to(trained.storage.run(finished_id).path)
    expect(page.locator(f"[data-run='{finished_id}']")).to_be_visible()


def test_an_unknown_run_says_so_and_shows_the_way_out(open_page, board):
    page = open_page(board, run_id="2020-01-01--00-00-00")
    expect(page.get_by_role("alert")).to_contain_text("2020-01-01--00-00-00")
    page.get_by_role("link", name="All runs").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Runs")


def test_an_unknown_experiment_says_so(open_page, board, finished_id):
    page = open_page(board, run_id=finished_id, experiment=99)
    expect(page.get_by_role("alert")).to_contain_text("no experiment 99")


def test_a_link_with_an_endpoint_that_is_none_is_told_from_a_script(open_page, board):
    page = open_page(board, rest_endpoint="javascript://%0aalert(1)")
    expect(page.get_by_role("alert")).to_contain_text("no http address")
