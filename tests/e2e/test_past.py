"""A run as it was: `?at=` shows the state after an event, and nothing of what came later."""

import re

from playwright.sync_api import expect

from mlgym_core.events.types import EvaluationResult, LogLines, MetricScore


def test_a_past_moment_shows_what_was_known_then_and_stands_still(written_run, start, open_page, tmp_path):
    run = written_run()

    def result(epoch):
        scores = [MetricScore(metric="f1", split="val", score=float(epoch))]
        return EvaluationResult(
            grid_search_id=run.run_id, experiment_id=0, epoch=epoch, metric_scores=scores, loss_scores=[]
        )

    def said(line):
        return LogLines(grid_search_id=run.run_id, experiment_id=0, stream="stdout", level=None, lines=[line])

    run.write(result(1), said("early"))
    moment = run.write(result(2)) - 1
    run.write(result(3), said("late"))
    run.close()
    board = start("ml_board", "--port", 0, "--event_storage_path", tmp_path)
    page = open_page(board.url, run_id=run.run_id, at=moment)
    expect(page.get_by_test_id("moment")).to_contain_text(f"as of event {moment}")
    expect(page.locator("[data-testid=run-status] [data-status]")).to_have_attribute("data-status", "running")
    chart = page.locator("[data-metric='val/f1']").get_by_role("img")
    expect(chart).to_have_attribute("aria-label", re.compile(r"from 1\.0000 to 2\.0000"))

    page.get_by_role("link", name="#0").click()
    expect(page.get_by_role("log").get_by_text("early")).to_be_visible()
    expect(page.get_by_text("late", exact=True)).to_have_count(0)
    expect(page.locator("[data-connection]")).to_have_count(0)

    page.get_by_role("link", name="Show the present").click()
    expect(page.get_by_role("alert")).to_contain_text("process lost")
    expect(page.get_by_test_id("experiment-status").locator("[data-status]")).to_have_attribute("data-status", "failed")
    expect(page.get_by_role("log").get_by_text("late", exact=True)).to_be_visible()


def test_an_event_that_is_not_there_is_told_with_those_that_are(open_page, board, finished_id):
    page = open_page(board, run_id=finished_id, at=10**9)
    expect(page.get_by_role("alert")).to_contain_text("no event 1000000000")
    page.get_by_role("link", name="Show the present").click()
    expect(page.locator("[data-connection=live]")).to_be_visible()
