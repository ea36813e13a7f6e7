"""The documents are true: links lead somewhere, commands exist, and what can be met is explained."""

import argparse
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlgym_core.cli.options import mlgym_parser, parser
from mlgym_core.registry import default_registry

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for folder in (
        ".",
        "docs",
        "docs/decisions",
        "benchmarks",
        "event_storage",
        "example/*",
        "src/ml_board/frontend",
    )
    for path in ROOT.glob(f"{folder}/*.md")
)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as a forge makes them."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def find_dead_links(document: Path) -> list[str]:
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", document.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            dead.append(link)
    return dead


def error_codes(texts: list[str]) -> set[str]:
    return {code for text in texts for code in re.findall(r"\bMG[1-6]\d\d\b", text)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_lead_somewhere(document: Path) -> None:
    assert find_dead_links(document) == []


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("# A page\n[here](#a-page) [there](nowhere.md) [no heading](#nothing) [web](https://x.org)\n")
    assert find_dead_links(document) == ["nowhere.md", "#nothing"]


def test_every_make_command_that_a_document_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {
        target
        for document in DOCUMENTS
        for code in re.findall(r"^```.*?^```|`[^`\n]+`", document.read_text(), re.MULTILINE | re.DOTALL)
        for target in re.findall(r"^`?make ([a-z-]+)", code, re.MULTILINE)
    }
    assert {"install", "demo", "test"} <= named <= targets


def test_every_target_is_in_the_list_that_make_prints() -> None:
    makefile = (ROOT / "Makefile").read_text()
    listed = set(re.findall(r'@echo "make ([a-z]+) ', makefile))
    phony = {target for line in re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE) for target in line.split()}
    assert phony - listed == {"help", "test-board"}


def test_every_error_code_is_explained_and_none_is_explained_that_cannot_be_met() -> None:
    raised = error_codes([path.read_text() for path in (ROOT / "src").rglob("*.py")])
    assert error_codes([(ROOT / "docs/errors.md").read_text()]) == raised


def test_every_decision_is_listed_and_short() -> None:
    listed = set(re.findall(r"\((\d{4}-[\w-]+\.md)\)", (ROOT / "docs/decisions/README.md").read_text()))
    decisions = {path.name: path.read_text() for path in (ROOT / "docs/decisions").glob("0*.md")}
    assert listed == set(decisions)
    for file, text in decisions.items():
        assert all(part in text for part in ("**Context.**", "**Decision.**", "**Consequence.**")), file
        assert len(text.splitlines()) <= 20, file


def test_every_component_of_ours_and_each_of_its_arguments_is_described() -> None:
    importlib.import_module("mlgym_core.components")
    ours = [each for each in default_registry.registered() if each.module.startswith("mlgym_core.")]
    assert len(ours) > 10
    assert [each.name for each in ours if not each.description] == []
    unsaid = [
        f"{each.kind} {each.name}: {parameter.name}"
        for each in ours
        for parameter in each.parameters
        if not parameter.description and parameter.slot is None
    ]
    assert unsaid == []


def list_options(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str | None]]:
    """Each command and option with its help."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from ((f"{parser.prog} {each.dest}", each.help) for each in action._choices_actions)
            for each in {id(each): each for each in action.choices.values()}.values():
                yield from list_options(each)
        else:
            yield f"{parser.prog} {action.dest}", action.help


@pytest.mark.parametrize("options", [parser(), mlgym_parser("run.py")], ids=["mlgym", "run.py"])
def test_every_command_and_option_says_what_it_does(options: argparse.ArgumentParser) -> None:
    found = dict(list_options(options))
    assert len(found) > 5
    silent = [name for name, text in found.items() if not text]
    assert silent == []
