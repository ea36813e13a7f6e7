"""What training processes wrote: followed at its end, read back to its beginning, and by stream."""

import re

from playwright.sync_api import expect

from mlgym_core.events.types import LogLines


def said(run, *lines, stream="stdout", level=None):
    return LogLines(grid_search_id=run.run_id, experiment_id=0, stream=stream, level=level, lines=list(lines))


def test_a_log_is_followed_until_one_scrolls_up_and_read_back_to_its_beginning(written_run, start, open_page, tmp_path):
    run = written_run()
    run.write(*(said(run, f"line {number}") for number in range(700)))
    board = start("ml_board", "--port", 0, "--event_storage_path", tmp_path)
    page = open_page(board.url, run_id=run.run_id, experiment=0)
    log = page.get_by_role("log")
    expect(log.get_by_text("line 699", exact=True)).to_be_visible()
    assert log.locator("[data-line]").count() < 100

    run.write(said(run, "\x1b[31mit burns\x1b[0m", stream="logging", level="ERROR"))
    expect(log.get_by_text("it burns", exact=True)).to_be_visible()
    expect(log.get_by_text("it burns", exact=True)).to_have_class(re.compile("text-failed"))

    log.evaluate("place => { place.scrollTop = 0 }")
    expect(page.get_by_test_id("log-state")).to_have_text("paused")
    # The lines before came in front, and the one that stood at the top stands where it stood.
    page.wait_for_function("place => place.scrollTop > 0", arg=log.element_handle())
    expect(log.get_by_text("line 201", exact=True)).to_be_visible()
    log.evaluate("place => { place.scrollTop = 0 }")
    expect(log.get_by_text("line 0", exact=True)).to_be_visible()
    run.write(said(run, "the newest"))
    page.get_by_role("button", name="To the end").click()
    expect(log.get_by_text("the newest", exact=True)).to_be_visible()
    expect(page.get_by_test_id("log-state")).to_have_text("following the end")

    log.evaluate("place => { place.scrollTop = 0 }")
    expect(page.get_by_test_id("log-state")).to_have_text("paused")
    page.get_by_role("region", name="Log").get_by_text("logging", exact=True).click()
    expect(log.locator("[data-line]")).to_have_count(1)
    page.get_by_role("region", name="Log").get_by_text("stderr", exact=True).click()
    expect(page.get_by_text("Nothing was written to stderr so far.")).to_be_visible()


def test_the_whole_run_has_a_log_in_which_each_line_says_whose_it_is(written_run, start, open_page, tmp_path):
    run = written_run(num_experiments=2)
    theirs = LogLines(grid_search_id=run.run_id, experiment_id=1, stream="stderr", level=None, lines=["from the other"])
    run.write(said(run, "from the first"), theirs, *(said(run, f"line {number}") for number in range(100)))
    board = start("ml_board", "--port", 0, "--event_storage_path", tmp_path)
    page = open_page(board.url, run_id=run.run_id)
    page.get_by_text("Log", exact=True).click()
    log = page.get_by_role("log")
    expect(log.get_by_text("line 99", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    log.evaluate("place => { place.scrollTop = 0 }")
    line = log.locator("[data-line=stderr]")
    expect(line).to_contain_text("#1")
    expect(line).to_contain_text("from the other")
