"""Every link inside the book leads somewhere, and every picture is there and described."""

import functools
import re
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from PIL import Image

FILE_NAME = re.compile(r"^\S*\.(png|jpe?g|svg|gif|webp)$", re.I)
WITHOUT = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|//)", re.I)


@functools.cache
def parse(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def pages(folder):
    """The rendered pages; what lies in `_static` is templates of the theme."""
    paths = sorted(folder.rglob("*.html"))
    return [path for path in paths if "_static" not in path.relative_to(folder).parts]


@functools.cache
def anchors(path):
    """Names that a link may end in."""
    tags = parse(path).find_all(lambda tag: tag.get("id") or tag.get("name"))
    return {tag.get(key) for tag in tags for key in ("id", "name")}


def dead_links(folder):
    """Links and sources that lead to no file of the folder, or to no place on its page."""
    folder, found = folder.resolve(), []
    for path in pages(folder):
        for tag in parse(path).find_all(lambda tag: tag.get("href") or tag.get("src")):
            address = tag.get("href") or tag.get("src")
            if WITHOUT.match(address):
                continue
            parts = urlsplit(address)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = f"{path.relative_to(folder)}: {address}"
            if not target.is_file() or not target.is_relative_to(folder):
                found.append(f"{place}: no such file")
            elif (
                parts.fragment
                and target.suffix == ".html"
                and unquote(parts.fragment) not in anchors(target)
            ):
                found.append(f"{place}: no such place")
    return found


def undescribed(folder):
    """Pictures without a text for those who do not see them; a file's name is no such text."""
    found = []
    for path in pages(folder):
        for image in parse(path).find_all("img"):
            said = image.get("alt")
            content = image.find_parent("article") is not None
            if said is None or (content and not said.strip()) or FILE_NAME.match(said.strip()):
                found.append(f"{path.relative_to(folder)}: {image.get('src')}: alt={said!r}")
    return found


@pytest.mark.parametrize("check", [dead_links, undescribed])
def test_the_book_is_whole(html, check):
    assert check(html) == []


@pytest.mark.parametrize("check", [dead_links, undescribed])
def test_a_page_with_everything_is_whole(sample, check):
    assert check(sample.html) == []


@pytest.mark.parametrize(
    "fault",
    [
        '<a href="missing.html">gone</a>',
        '<a href="other.html#gone">gone</a>',
        '<a href="#gone">gone</a>',
        '<a href="../outside.html">gone</a>',
        '<img src="_images/gone.png" alt="gone">',
        '<script src="_static/gone.js"></script>',
        '<link rel="stylesheet" href="_static/gone.css">',
    ],
)
def test_a_planted_dead_link_is_found(tmp_path, fault):
    folder = tmp_path / "html"
    folder.mkdir()
    (tmp_path / "outside.html").write_text("<p>not part of the book</p>")
    (folder / "other.html").write_text('<p id="here">x</p>')
    (folder / "page.html").write_text(fault + '<a href="other.html#here">well</a>')
    assert len(dead_links(folder)) == 1


@pytest.mark.parametrize(
    "fault",
    [
        '<img src="a.png">',
        '<article><img src="a.png" alt=""></article>',
        '<article><img src="a.png" alt="../_images/1234.png"></article>',
        '<article><img src="a.png" alt=" "></article>',
    ],
)
def test_a_planted_picture_without_description_is_found(tmp_path, fault):
    (tmp_path / "page.html").write_text(fault + '<img src="b.png" alt="A described picture">')
    assert len(undescribed(tmp_path)) == 1


def test_a_link_to_the_book_shows_a_picture_of_the_usual_size(html):
    page = parse(html / "book" / "index.html")
    address = page.find("meta", property="og:image")["content"]
    with Image.open(html / "_static" / address.split("/_static/")[1]) as picture:
        assert picture.size == (1200, 630)
    for key in ("og:title", "og:description", "og:image:alt"):
        assert len(page.find("meta", property=key)["content"]) > 10


def test_notebooks_can_be_downloaded_and_launched(sample):
    page = parse(sample.html / "book" / "page.html")
    links = {tag.get("href") for tag in page.find_all("a", href=True)}
    download = "../_sources/book/page.ipynb"
    assert download in links
    stored = (sample.html / "book" / download).read_bytes()
    assert stored == (sample.folder / "book" / "page.ipynb").read_bytes()
    for host in ("https://mybinder.org/", "https://colab.research.google.com/"):
        [link] = [link for link in links if link.startswith(host)]
        assert link.endswith("book/page.ipynb")
