"""Pages of each kind against the rules of WCAG 2.1, A and AA, by axe-core, in light and dark."""

import pytest
from axe_playwright_python.sync_playwright import Axe

pytestmark = pytest.mark.browser

PAGES = (
    "index",
    "theory/optimizers",
    "cases/face-detection",
    "recipes",
    "full-scale",
    "glossary",
    "api/ground",
)
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}


@pytest.fixture
def problems(browser):
    """A function from the address of a page to what axe-core finds wrong with it."""
    contexts = []

    def find(address, mode):
        context = browser.new_context(color_scheme=mode, viewport={"width": 1280, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.goto(address, wait_until="load")
        page.wait_for_function("() => !window.MathJax?.startup || MathJax.startup.promise")
        found = Axe().run(page, options=RULES).response["violations"]
        return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]

    yield find
    for context in contexts:
        context.close()


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_stands_in_the_way_of_a_reader(problems, html, name, mode):
    address = (html / "book" / f"{name}.html").resolve().as_uri()
    assert problems(address, mode) == []


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ('<img src="data:,">', "image-alt"),
        ('<p style="color: #999; background: #fff">pale</p>', "color-contrast"),
        ("<button></button>", "button-name"),
    ],
)
def test_planted_faults_are_found(problems, tmp_path, fault, rule):
    page = tmp_path / "page.html"
    page.write_text(f'<!DOCTYPE html><html lang="en"><title>A page</title><main>{fault}</main>')
    assert [found.partition(":")[0] for found in problems(page.as_uri(), "light")] == [rule]
