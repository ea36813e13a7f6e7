"""A run while it runs: what comes is shown, what is gone is not shown as running."""

import os
import signal

from playwright.sync_api import expect


def wait_for_run(page) -> str:
    """The id of the first run that the list shows."""
    page.wait_for_selector("[data-run]")
    run_id = page.locator("[data-run]").get_attribute("data-run")
    assert run_id
    return run_id


def test_a_run_is_followed_from_its_first_event_to_the_loss_of_its_processes(slow_run, start, open_page, run_page):
    workplace, process = slow_run
    board = start("ml_board", "--port", 0, "--event_storage_path", workplace.storage.path)
    run_id = wait_for_run(open_page(board.url))
    page = run_page(board.url, run_id)
    page.wait_for_status("running")
    running = page.page.locator("tr[data-experiment] [data-status=running]")
    expect(running).to_have_count(2)
    before = page.epochs_done()
    page.page.wait_for_function(
        """before => [...document.querySelectorAll("tr[data-experiment] td:nth-child(3)")]
             .reduce((sum, cell) => sum + parseInt(cell.innerText), 0) > before + 2""",
        arg=before,
    )
    expect(page.page.locator("[data-metric='val/f1'] .u-over")).to_be_visible()

    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    page.wait_for_status("lost")
    expect(running).to_have_count(0)
    expect(page.page.get_by_text("processes are gone")).to_be_visible()
    failed = page.page.locator("tr[data-experiment] [data-status=failed]")
    expect(failed).to_have_count(2)
    expect(failed.first.locator("xpath=..")).to_have_attribute("title", "process lost")
    row = open_page(board.url).locator(f"[data-run='{run_id}']")
    expect(row.locator("[data-status]")).to_have_attribute("data-status", "lost")
    expect(row).to_contain_text("2 failed")


def test_a_lost_connection_is_shown_and_made_again(slow_run, start, free_port, open_page, run_page):
    workplace, _ = slow_run
    board = start("ml_board", "--port", free_port, "--event_storage_path", workplace.storage.path)
    run_id = wait_for_run(open_page(board.url))
    page = run_page(board.url, run_id)
    page.wait_for_status("running")

    board.kill()
    page.wait_for_connection("reconnecting")
    expect(page.page.get_by_text("What you see is the last that was known.")).to_be_visible()
    expect(page.page.get_by_text("last known", exact=True)).to_be_visible()
    known = page.epochs_done()

    board.start()
    page.wait_for_connection("live")
    expect(page.page.get_by_text("What you see is the last that was known.")).to_have_count(0)
    page.wait_for_status("running")
    assert page.epochs_done() >= known


def test_a_list_whose_server_is_gone_keeps_what_it_knew_and_says_so(start, trained, finished_id, free_port, open_page):
    board = start("ml_board", "--port", free_port, "--event_storage_path", trained.storage.path)
    page = open_page(board.url)
    expect(page.locator(f"[data-run='{finished_id}']")).to_be_visible()
    board.kill()
    expect(page.get_by_text("does not answer")).to_be_visible()
    expect(page.locator(f"[data-run='{finished_id}']")).to_be_visible()
    board.start()
    expect(page.get_by_text("does not answer")).to_have_count(0)
