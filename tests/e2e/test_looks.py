"""How the board looks: light and dark, wide and narrow. Words can be read and nothing sticks out.

Pictures of all pages are kept in the folder that ML_BOARD_PICTURES names, where it does.
"""

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

SIZES = {"wide": (1440, 900), "narrow": (400, 860)}

# Words that stand out too little from what is behind them: 4.5:1 (WCAG 2.2, AA), 3:1 where they are large.
PALE_WORDS = """() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const over = (colour, ground) => {
    context.fillStyle = `rgb(${ground})`;
    context.fillRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const groundOf = (element) => element === null
    ? [255, 255, 255]
    : over(getComputedStyle(element).backgroundColor, groundOf(element.parentElement));
  const luminance = (colour) => colour
    .map((value) => value / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
  const pale = [];
  for (const element of document.querySelectorAll("body *")) {
    const texts = [...element.childNodes].filter((node) => node.nodeType === 3);
    const words = texts.map((node) => node.data.trim()).join("");
    if (!words || !element.checkVisibility({ visibilityProperty: true }) || element.closest("noscript")) continue;
    const style = getComputedStyle(element);
    const ground = groundOf(element);
    const [high, low] = [luminance(over(style.color, ground)), luminance(ground)].sort((a, b) => b - a);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) pale.push(`${words}: ${contrast.toFixed(2)}`);
  }
  return pale;
}"""


@pytest.fixture
def picture():
    """Keeps a picture where somebody asked for pictures."""
    folder = os.environ.get("ML_BOARD_PICTURES")

    def take(page, name):
        if folder:
            page.screenshot(path=Path(folder) / f"{name}.png")

    return take


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["runs", "run", "log", "past", "experiment", "failed", "unknown"])
def test_every_page_can_be_read_in_both_themes_at_any_width(
    open_page, board, finished_id, broken_id, picture, name, size, theme
):
    query = {
        "runs": {},
        "run": {"run_id": finished_id, "colour": "optimizer.lr"},
        "log": {"run_id": finished_id, "view": "logs"},
        "past": {"run_id": finished_id, "at": 100},
        "experiment": {"run_id": finished_id, "experiment": 1},
        "failed": {"run_id": broken_id, "experiment": 1},
        "unknown": {"run_id": "unknown"},
    }[name]
    page = open_page(board, theme=theme, size=SIZES[size], **query)
    loaded = {
        "runs": "[data-run]",
        "run": "tr[data-experiment]",
        "log": "[data-testid=log-state]",
        "past": "tr[data-experiment]",
        "unknown": "[role=alert]",
    }.get(name, "[data-differs]")
    page.wait_for_selector(loaded)
    expect(page.locator("html")).to_have_attribute("data-theme", theme)
    assert page.evaluate(PALE_WORDS) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
    picture(page, f"{name}-{size}-{theme}")


def test_the_theme_can_be_chosen_and_is_kept(open_page, board):
    page = open_page(board, theme="light")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.get_by_role("button", name="Theme: system").click()
    page.get_by_role("button", name="Theme: light").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Theme: dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")


def test_charts_exist_only_while_they_can_be_seen(open_page, board, finished_id):
    page = open_page(board, size=SIZES["narrow"], run_id=finished_id, split="all")
    expect(page.locator("[data-metric]")).to_have_count(6)
    last = page.locator("[data-metric]").last
    expect(last.locator(".u-over")).to_have_count(0)
    last.scroll_into_view_if_needed()
    expect(last.locator(".u-over")).to_have_count(1)
    expect(page.locator("[data-metric]").first.locator(".u-over")).to_have_count(0)
