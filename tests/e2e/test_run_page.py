"""The table and the charts of a run: one sorts, filters, hides, points and opens, and the address keeps it."""

import re

from playwright.sync_api import expect


def test_the_table_shows_what_came_out(run_page, board, finished_id, trained):
    page = run_page(board, finished_id)
    page.expect_ids([0, 1, 2, 3, 4, 5])
    assert page.epochs_done() == 18
    row = page.row(0)
    expect(row.locator("[data-status]")).to_have_attribute("data-status", "finished")
    expect(row.get_by_title("optimizer.lr = 0.1")).to_be_visible()
    expect(page.page.get_by_role("columnheader", name="val/f1")).to_be_visible()
    expect(row.get_by_title(re.compile(r"^0\.\d+, epoch \d$")).first).to_be_visible()


def test_the_machine_that_a_run_was_on_is_told(run_page, board, finished_id):
    machine = run_page(board, finished_id).page.get_by_role("region", name="Machine")
    expect(machine.locator("[data-figure=cpu_percent]")).to_contain_text(re.compile(r"CPU\s*\d+ %"))
    expect(machine.locator("[data-figure=rss_bytes]")).to_contain_text(re.compile(r"\d+(\.\d)? [MG]B"))


def test_sorting_goes_by_value_and_stays_in_the_address(run_page, board, finished_id):
    page = run_page(board, finished_id)
    page.sort_by("parameter optimizer.lr")
    expect(page.page.locator("tr[data-experiment]").first).to_have_attribute("data-experiment", "2")
    page.expect_ids([2, 5, 1, 4, 0, 3])
    page.sort_by("parameter optimizer.lr")
    expect(page.page.locator("tr[data-experiment]").first).to_have_attribute("data-experiment", "0")
    page.page.reload()
    page.expect_ids([0, 3, 1, 4, 2, 5])
    expect(page.page.get_by_role("columnheader", name="lr")).to_have_attribute("aria-sort", "descending")


def test_filtering_holds_for_table_and_charts_and_stays_in_the_address(run_page, board, finished_id):
    page = run_page(board, finished_id)
    page.filter("lr=0.1|0.01 batch_size<30")
    expect(page.page.locator("tr[data-experiment]")).to_have_count(2)
    expect(page.page.get_by_text("2 of 6 experiments")).to_be_visible()
    chart = page.page.locator("[data-metric='val/f1']").get_by_role("img")
    expect(chart).to_have_attribute("aria-label", re.compile("of 2 experiments"))
    page.page.reload()
    page.expect_ids([0, 1])
    page.filter("nothing like this")
    expect(page.page.get_by_text("No experiment matches the filter.")).to_be_visible()
    expect(chart).to_have_attribute("aria-label", "val/f1: no points yet")
    page.page.get_by_role("button", name="Clear").click()
    page.expect_ids([0, 1, 2, 3, 4, 5])


def test_columns_can_be_hidden(run_page, board, finished_id):
    page = run_page(board, finished_id)
    page.page.get_by_role("button", name="Columns").click()
    page.page.get_by_label("device").uncheck()
    page.page.keyboard.press("Escape")
    expect(page.page.get_by_role("columnheader", name="device")).to_have_count(0)
    page.page.reload()
    expect(page.page.get_by_role("columnheader", name="time")).to_be_visible()
    expect(page.page.get_by_role("columnheader", name="device")).to_have_count(0)


def test_pointing_at_a_line_lights_up_its_row_and_a_click_opens_it(run_page, board, finished_id):
    page = run_page(board, finished_id)
    chart = page.chart("val/cross_entropy")
    height = chart.evaluate("chart => chart.clientHeight")
    chart.hover(position={"x": 2, "y": height / 2})
    chart.hover(position={"x": 1, "y": height / 4})
    lit = page.page.locator("tr[data-lit]")
    expect(lit).to_have_count(1)
    experiment_id = lit.get_attribute("data-experiment")
    chart.click(position={"x": 1, "y": height / 4})
    expect(page.page.get_by_role("heading", level=1)).to_have_text(f"Experiment {experiment_id}")


def test_a_chart_can_be_zoomed_and_all_be_seen_again(run_page, board, finished_id):
    page = run_page(board, finished_id)
    page.chart("val/f1").hover()  # once it stands still
    box = page.chart("val/f1").bounding_box()
    assert box is not None
    page.page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 50)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 50, steps=5)
    page.page.mouse.up()
    page.page.get_by_role("button", name="All epochs").click()
    expect(page.page.get_by_role("button", name="All epochs")).to_have_count(0)


def test_splits_scales_and_colours_are_kept_in_the_address(run_page, board, finished_id):
    page = run_page(board, finished_id)
    expect(page.page.locator("[data-metric='train/f1']")).to_have_count(0)
    page.page.get_by_text("all", exact=True).click()
    expect(page.page.locator("[data-metric='train/f1']")).to_be_visible()
    page.page.locator("[data-metric='val/cross_entropy']").get_by_role("button", name="Logarithmic").click()
    page.page.get_by_role("combobox", name="Colour").select_option(label="by lr")
    page.page.reload()
    expect(page.page.locator("[data-metric='train/f1']")).to_be_visible()
    log = page.page.locator("[data-metric='val/cross_entropy']").get_by_role("button", name="Logarithmic")
    expect(log).to_have_attribute("aria-pressed", "true")
    legend = page.page.get_by_role("list", name="Legend: colours by optimizer.lr")
    expect(legend.get_by_role("button")).to_have_text(["0.001", "0.01", "0.1"])
    legend.get_by_role("button", name="0.01").click()
    page.expect_ids([1, 4])


def test_a_long_table_scrolls_in_its_own_place(open_page, board, finished_id):
    page = open_page(board, size=(1440, 420), run_id=finished_id)
    page.wait_for_selector("tr[data-experiment]")
    table = page.get_by_role("table", name="Experiments")
    measure = "table => [table.parentElement.clientHeight, table.parentElement.getBoundingClientRect().bottom]"
    height, bottom = table.evaluate(measure)
    assert height < table.evaluate("table => table.clientHeight")
    assert bottom <= 420
