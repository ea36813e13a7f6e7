"""Curves of a run that is too large to be drawn whole: nothing that stands out is lost, live or from nearby."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from mlgym_core.events.types import EvaluationResult, MetricScore

NUM_EPOCHS = 3_000
METRICS = [f"metric_{place}" for place in range(6)]


def result(run, experiment_id, epoch, score):
    scores = [MetricScore(metric=name, split="val", score=score) for name in METRICS]
    return EvaluationResult(
        grid_search_id=run.run_id, experiment_id=experiment_id, epoch=epoch, metric_scores=scores, loss_scores=[]
    )


def score_of(experiment_id, epoch):
    return 9.0 if (experiment_id, epoch) == (3, 1234) else epoch / NUM_EPOCHS


@pytest.fixture
def large_run(written_run):
    """More than 100,000 points on a page; one of them stands out."""
    run = written_run(num_experiments=6)
    for experiment_id in range(6):
        run.write(*(result(run, experiment_id, epoch, score_of(experiment_id, epoch)) for epoch in range(NUM_EPOCHS)))
    return run


def test_a_large_run_is_drawn_in_buckets_continued_live_and_whole_from_nearby(
    large_run, start, open_page, run_page, tmp_path
):
    board = start("ml_board", "--port", 0, "--event_storage_path", tmp_path)
    page = run_page(board.url, large_run.run_id, view="charts").page
    figure = page.locator("[data-metric='val/metric_0']")
    chart = figure.get_by_role("img")
    expect(chart).to_have_attribute("aria-label", re.compile(r"of 6 experiments by epoch, from 0\.0000 to 9\.0000"))
    for other in page.locator("[data-metric]:has(.skeleton), [data-metric]:has(.u-over)").all():
        expect(other.get_by_role("img")).to_have_attribute("aria-label", re.compile("of 6 experiments"))

    asked = []
    page.on("request", lambda request: asked.append(urlsplit(request.url)) if "/series" in request.url else None)
    large_run.write(result(large_run, 5, NUM_EPOCHS, 12.5), result(large_run, 5, NUM_EPOCHS + 1, -3))
    expect(chart).to_have_attribute("aria-label", re.compile(r"from -3\.0000 to 12\.5000"))
    assert asked == []  # what came over the socket is not fetched again

    figure.locator(".u-over").hover()  # once it stands still
    box = figure.locator(".u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 50, steps=4)
    with page.expect_response(re.compile("/series")) as response:
        page.mouse.up()
    query = parse_qs(urlsplit(response.value.url).query)
    assert (query["metric"], query["split"], query.get("buckets")) == (["metric_0"], ["val"], None)
    assert response.value.headers["content-type"] == "application/vnd.mlgym.series"
    expect(chart).to_have_attribute("aria-label", re.compile(r"from -3\.0000 to 12\.5000"))


def test_a_chart_has_what_came_while_the_connection_was_lost(written_run, start, free_port, run_page, tmp_path):
    run = written_run()
    run.write(*(result(run, 0, epoch, 0.5) for epoch in range(5)))
    board = start("ml_board", "--port", free_port, "--event_storage_path", tmp_path)
    page = run_page(board.url, run.run_id)
    chart = page.page.locator("[data-metric='val/metric_0']").get_by_role("img")
    expect(chart).to_have_attribute("aria-label", re.compile(r"from 0\.5000 to 0\.5000"))
    board.kill()
    page.wait_for_connection("reconnecting")
    run.write(result(run, 0, 5, 7), result(run, 0, 6, 0.5))
    board.start()
    page.wait_for_connection("live")
    expect(chart).to_have_attribute("aria-label", re.compile(r"from 0\.5000 to 7\.0000"))
