"""The book in headless Chromium, from the disk and over HTTP, with every other host blocked."""

import functools
import http.server
import threading

import pytest

pytestmark = pytest.mark.browser

PHONE, SCREEN = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
SMALL_SCREEN = {"width": 1200, "height": 900}

# Resolves when the scripts of a page have drawn what they draw.
DRAWN = """async () => {
  if (window.MathJax?.startup) await MathJax.startup.promise;
  while (document.querySelector("pre.diagram:not([data-drawn])"))
    await new Promise((resolve) => setTimeout(resolve, 50));
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module", params=["file", "http"])
def serve(request):
    """Function from a folder to its address, on the disk or on a server of our own."""
    if request.param == "file":
        yield lambda folder: folder.resolve().as_uri()
        return
    servers = []

    def start(folder):
        handler = functools.partial(Quiet, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


class Visit:
    """A page in the browser, and everything that went wrong on it."""

    def __init__(self, browser, origin, **options):
        self.origin, self.problems = origin, []
        self.context = browser.new_context(color_scheme="light", accept_downloads=True, **options)
        self.context.route("**/*", self.gate)
        self.page = self.context.new_page()
        self.page.on("console", self.listen)
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("requestfailed", self.lost)

    def gate(self, route):
        if route.request.url.startswith((self.origin, "data:", "blob:")):
            route.continue_()
        else:
            self.problems.append(f"outside: {route.request.url}")
            route.abort()

    def lost(self, request):
        if request.failure != "net::ERR_ABORTED":  # given up because the next page was opened
            self.problems.append(f"lost: {request.url}: {request.failure}")

    def listen(self, message):
        if message.type in ("error", "warning"):
            self.problems.append(f"{message.type}: {message.text}")

    def open(self, path):
        self.page.goto(f"{self.origin}/{path}", wait_until="load")
        self.page.evaluate(DRAWN)
        return self.page

    def too_wide(self):
        """How many pixels the page is wider than the window."""
        return self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


@pytest.fixture
def visit(browser, serve):
    visits = []

    def start(folder, **options):
        visits.append(Visit(browser, serve(folder), **options))
        return visits[-1]

    yield start
    for made in visits:
        made.context.close()


@pytest.mark.parametrize("viewport", [PHONE, SCREEN], ids=["phone", "screen"])
def test_every_page_is_sound(visit, html, viewport):
    seen = visit(html, viewport=viewport)
    names = [path.relative_to(html).as_posix() for path in sorted(html.rglob("*.html"))]
    listings = not seen.origin.startswith("file:") and viewport == PHONE
    for name in names:
        if name == "index.html" or name.startswith("_static/"):
            continue  # the redirection, and templates of the theme
        if name.startswith("_modules/") and not listings:
            continue  # listings of the package's source, all alike: once is enough
        seen.open(name)
        assert seen.problems == [], name
        assert seen.too_wide() <= 0, f"{name} is too wide"


def test_the_front_door_leads_to_the_cover(visit, html):
    seen = visit(html)
    seen.page.goto(f"{seen.origin}/index.html")
    seen.page.wait_for_url("**/book/index.html")
    assert seen.problems == []


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ('<script src="https://example.org/a.js"></script>', "outside: https://example.org/a.js"),
        ('<script>console.error("planted")</script>', "error: planted"),
        ("<script>nothing.at.all</script>", "error: nothing is not defined"),
        ('<img src="gone.png" alt="gone">', None),
    ],
)
def test_planted_problems_are_seen(visit, tmp_path, fault, problem):
    (tmp_path / "page.html").write_text(f"<!DOCTYPE html><title>x</title>{fault}")
    seen = visit(tmp_path)
    seen.open("page.html")
    assert seen.problems
    if problem is not None:
        assert any(found.startswith(problem) for found in seen.problems)


def test_a_planted_wide_page_is_seen(visit, tmp_path):
    (tmp_path / "page.html").write_text('<!DOCTYPE html><div style="width: 500px">wide</div>')
    seen = visit(tmp_path, viewport=PHONE)
    seen.open("page.html")
    assert seen.too_wide() > 0


def cut(page, selector):
    """Printed texts of which some lies beyond their right edge."""
    return page.evaluate(
        """(selector) => [...document.querySelectorAll(selector)]
          .filter((element) => {
            const range = document.createRange();
            range.selectNodeContents(element);
            const edge = element.closest("pre").getBoundingClientRect().right;
            return range.getBoundingClientRect().right > edge;
          })
          .map((element) => element.textContent)""",
        selector,
    )


@pytest.mark.parametrize(
    ("viewport", "selector"),
    [(SMALL_SCREEN, ".cell_output pre"), (PHONE, ".cell_output .claim")],
    ids=["screen", "phone"],
)
def test_printed_lines_are_not_cut_off(visit, html, root, viewport, selector):
    seen = visit(html, viewport=viewport)
    claims = 0
    for path in sorted((root / "book").glob("*/*.ipynb")):
        page = seen.open(path.relative_to(root).with_suffix(".html").as_posix())
        assert cut(page, selector) == [], path.name
        claims += page.locator(".cell_output .claim").count()
    assert claims > 50
    assert seen.problems == []


def test_a_planted_line_that_is_cut_off_is_seen(visit, html):
    for viewport in (SMALL_SCREEN, PHONE):
        page = visit(html, viewport=viewport).open("book/theory/convolution.html")
        page.evaluate("document.querySelector('.cell_output pre').append('planted_'.repeat(20))")
        assert any("planted" in text for text in cut(page, ".cell_output pre"))


def test_formulas_and_diagrams_are_drawn(visit, sample):
    seen = visit(sample.html, viewport=PHONE)
    page = seen.open("book/index.html")
    assert page.locator("mjx-container svg").count() >= 2
    diagram = page.locator("pre.diagram svg")
    assert diagram.count() == 1
    assert "convolution" in diagram.text_content()
    assert diagram.locator("desc").text_content() == (
        "An image becomes features, and the features a class."
    )
    assert seen.too_wide() <= 0
    assert seen.problems == []


def test_search_finds_a_word(visit, sample):
    seen = visit(sample.html, viewport=SCREEN)
    page = seen.open("book/page.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("quokka")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=quokka*")
    result = page.locator("#search-results li a").first
    result.wait_for()
    assert "A small book" in result.inner_text()
    page.wait_for_timeout(500)  # for what the results load about their pages
    assert seen.problems == []
    result.click()
    page.wait_for_url("**/book/index.html*")


def test_dark_mode_switches_the_page_and_its_diagrams(visit, sample):
    seen = visit(sample.html, viewport=SCREEN)
    page = seen.open("book/index.html")

    def ground():
        red, green, blue = page.evaluate(
            "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)"
        )[:3]
        return (red + green + blue) / 3

    assert ground() > 200
    for _ in range(3):
        if page.locator("html").get_attribute("data-theme") == "dark":
            break
        page.locator("button.theme-switch-button:visible").first.click()
    assert ground() < 60
    page.locator('pre.diagram[data-drawn="dark"]').wait_for()
    page.reload()
    assert ground() < 60, "the choice is forgotten on the next page"
    assert seen.problems == []


def test_the_copy_button_copies_the_code(visit, sample):
    seen = visit(sample.html, viewport=SCREEN)
    page = seen.open("book/page.html")
    page.locator(".cell_input").first.hover()
    page.locator(".cell_input button.copybtn").first.click()
    page.evaluate("document.body.prepend(document.createElement('textarea'))")
    page.locator("textarea").first.focus()
    page.keyboard.press("Control+v")
    assert page.locator("textarea").first.input_value() == "print(40 + 2)"
    assert seen.problems == []


def test_the_notebook_can_be_downloaded(visit, sample):
    seen = visit(sample.html, viewport=SCREEN)
    page = seen.open("book/page.html")
    page.locator(".dropdown-download-buttons > button").click()
    button = page.locator("a.btn-download-source-button")
    stored = (sample.folder / "book" / "page.ipynb").read_text()
    if seen.origin.startswith("file:"):  # browsers show a file of the disk instead of saving it
        with seen.context.expect_page() as opened:
            button.click()
        assert opened.value.text_content("body") == stored
    else:
        with page.expect_download() as waiting:
            button.click()
        assert waiting.value.suggested_filename == "page.ipynb"
        assert waiting.value.path().read_text() == stored
    assert seen.problems == []


def test_a_solution_is_folded_until_it_is_opened(visit, sample):
    seen = visit(sample.html, viewport=PHONE)
    page = seen.open("book/index.html")
    answer = page.get_by_text("the hidden answer")
    assert not answer.is_visible()
    page.locator(".solution .admonition-title").click()
    answer.wait_for(state="visible")
    assert seen.problems == []


def test_reading_on_and_back(visit, sample):
    seen = visit(sample.html, viewport=SCREEN)
    page = seen.open("book/index.html")
    page.locator("a.right-next").click()
    page.wait_for_url("**/book/page.html")
    page.locator("a.left-prev").click()
    page.wait_for_url("**/book/index.html")
    assert seen.problems == []
