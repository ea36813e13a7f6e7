"""The page of one experiment: what it was, what came out, what broke."""

import hashlib
import urllib.request

from playwright.sync_api import expect


def test_what_differs_stands_out_in_the_configuration(open_page, board, finished_id):
    page = open_page(board, run_id=finished_id, experiment=1)
    section = page.get_by_role("region", name="Configuration")
    expect(section.locator("[data-differs]")).to_have_count(2)
    section.get_by_role("checkbox").check()
    expect(section.get_by_role("listitem")).to_contain_text(["batch_size: 8", "lr: 0.01"])


def test_scores_times_and_curves_are_there(open_page, board, finished_id):
    page = open_page(board, run_id=finished_id, experiment=1)
    scores = page.get_by_role("region", name="Scores").get_by_role("row", name="cross_entropy")
    expect(scores.get_by_role("cell")).to_have_count(4)
    expect(page.get_by_role("region", name="Times and place")).to_contain_text("cpu")
    expect(page.get_by_role("region", name="Curves").get_by_role("img")).to_have_count(3)


def test_the_model_card_tells_parameters_labels_and_the_pipeline(open_page, board, finished_id):
    page = open_page(board, run_id=finished_id, experiment=1)
    card = page.get_by_role("region", name="Model card")
    expect(card).to_contain_text("Parameters67")
    expect(card.get_by_role("row", name="virginica").get_by_role("cell")).to_have_text(["28", "12"])
    needed = card.get_by_role("group", name="Pipeline").locator("[data-slot=trainer]")
    expect(needed).to_have_attribute("title", "trainer: torch; needs model, loss, optimizer, loaders")


def test_a_checkpoint_can_be_fetched_and_is_what_its_digest_says(open_page, board, finished_id):
    page = open_page(board, run_id=finished_id, experiment=1)
    section = page.get_by_role("region", name="Checkpoints")
    expect(section.get_by_role("heading", level=3)).to_have_text(["Epoch 2"])
    expect(section.locator("[data-resource]")).to_have_count(3)
    row = section.locator("[data-resource='model.safetensors']")
    shown = row.get_by_title("SHA-256").first.inner_text()
    href = row.get_by_role("link").get_attribute("href")
    with urllib.request.urlopen(href) as answer:
        assert hashlib.sha256(answer.read()).hexdigest() == shown


def test_a_failed_experiment_shows_its_error_and_stack_trace(open_page, run_page, board, broken_id):
    run = run_page(board, broken_id)
    assert run.status() == "failed"
    run.filter("status=failed")
    run.expect_ids([1])
    run.page.get_by_role("link", name="#1").click()
    expect(run.page.get_by_role("alert")).to_contain_text("the weights fell out")
    expect(run.page.get_by_label("Stack trace", exact=True)).to_contain_text("raise ArithmeticError")
