"""The rendered book loads nothing from another host: no script, style, font or picture."""

import hashlib
import re

import pytest
from bs4 import BeautifulSoup

# Attributes that a browser loads by itself. <a href> is for the reader to follow.
LOADED = {
    "script": ("src",),
    "link": ("href",),
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "audio": ("src",),
    "track": ("src",),
    "iframe": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "input": ("src",),
    "image": ("href", "xlink:href"),
    "use": ("href", "xlink:href"),
    "base": ("href",),
}
NOT_LOADED = {"canonical", "next", "prev", "search", "index", "author", "license"}  # link rel=
OUTSIDE = re.compile(r"^\s*(?:[a-z][a-z0-9+.-]*:)?//", re.I)
CSS_LOAD = re.compile(r"""(?:url\(\s*|@import\s+)["']?([^"')\s;]+)""", re.I)
# An address in a string of a script, other than an XML namespace, which is only a name.
IN_SCRIPT = re.compile(
    r"""["'`]((?:https?:|wss?:)?//(?!www\.w3\.org/)[\w.-]+\.\w+[^"'`\s]*)["'`]"""
)

# Addresses in scripts that are never loaded: links and messages, or a part that stays switched
# off. The browser test, which blocks every other host, is the proof.
HARMLESS = {
    "scripts/pydata-sphinx-theme.js": "compares the version of a documentation site",
    "vendor/mathjax/tex-svg.js": "the speech engine, which only MathJax's menu starts; it is off",
    "vendor/mermaid/mermaid.min.js": "links to its own documentation in messages",
}


def from_outside(folder):
    """What the pages, styles and scripts of a folder would load from another host."""
    found = []
    for path in sorted(folder.rglob("*.html")):
        page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        loads = [
            address.strip().split(" ")[0]
            for name, attributes in LOADED.items()
            for tag in page.find_all(name)
            if not set(tag.get("rel", ())) & NOT_LOADED
            for attribute in attributes
            for address in tag.get(attribute, "").split("," if attribute == "srcset" else "\n")
        ]
        refreshes = page.find_all("meta", attrs={"http-equiv": re.compile("refresh", re.I)})
        loads += [tag["content"].partition("url=")[2] for tag in refreshes]
        for text in [tag.string or "" for tag in page.find_all("style")]:
            loads += CSS_LOAD.findall(text)
        for tag in page.find_all(style=True):
            loads += CSS_LOAD.findall(tag["style"])
        for tag in page.find_all("script", src=False):
            loads += IN_SCRIPT.findall(tag.string or "")
        found += [f"{path.relative_to(folder)}: {load}" for load in loads if OUTSIDE.match(load)]
    for path in sorted(folder.rglob("*.css")):
        loads = CSS_LOAD.findall(path.read_text(encoding="utf-8"))
        found += [f"{path.relative_to(folder)}: {load}" for load in loads if OUTSIDE.match(load)]
    for path in sorted(folder.rglob("*.js")):
        if path.relative_to(folder).as_posix().removeprefix("_static/") in HARMLESS:
            continue
        loads = IN_SCRIPT.findall(path.read_text(encoding="utf-8"))
        found += [f"{path.relative_to(folder)}: {load}" for load in loads]
    return found


def test_nothing_comes_from_outside(html):
    assert from_outside(html) == []


def test_nothing_of_a_page_with_everything_comes_from_outside(sample):
    assert from_outside(sample.html) == []


@pytest.mark.parametrize(
    "fault",
    [
        '<script src="https://cdn.example.org/a.js"></script>',
        '<script src="//cdn.example.org/a.js"></script>',
        '<link rel="stylesheet" href="https://cdn.example.org/a.css">',
        '<link rel="preload" as="font" href="https://cdn.example.org/a.woff2">',
        '<img src="http://example.org/a.png" alt="a">',
        '<img src="a.png" srcset="a.png 1x, https://example.org/b.png 2x" alt="a">',
        '<iframe src="https://example.org"></iframe>',
        '<svg><image href="https://example.org/a.png"/></svg>',
        '<style>@import "https://example.org/a.css";</style>',
        "<style>p { background: url(https://example.org/a.png) }</style>",
        "<p style=\"background: url('//example.org/a.png')\"></p>",
        '<script>import("https://cdn.example.org/a.mjs")</script>',
        '<script>s.src = "//cdn.example.org/a.js";</script>',
        '<meta http-equiv="refresh" content="0; url=https://example.org">',
    ],
)
def test_a_planted_address_is_found(tmp_path, fault):
    (tmp_path / "page.html").write_text(f"<html><body>{fault}</body></html>")
    assert len(from_outside(tmp_path)) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.css", "@font-face { src: url(https://example.org/a.woff2) }"),
        ("a.js", 'fetch("https://example.org/data.json")'),
    ],
)
def test_a_planted_address_in_a_file_is_found(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert len(from_outside(tmp_path)) == 1


def test_what_is_inside_or_only_linked_passes(tmp_path):
    (tmp_path / "page.html").write_text(
        '<a href="https://example.org">web</a><img src="_images/a.png" alt="a">'
        '<img src="data:image/png;base64,AAAA" alt="b"><link rel="canonical" href="https://a.org">'
        '<svg xmlns="http://www.w3.org/2000/svg"></svg><style>p { color: red }</style>'
    )
    (tmp_path / "a.css").write_text("p { background: url(data:image/png;base64,AAAA) }")
    assert from_outside(tmp_path) == []


def test_a_page_and_its_pictures_weigh_less_than_a_megabyte(html):
    """What a reader of one more page waits for; the frame is loaded once for all pages."""
    weights = {}
    for path in (html / "book").rglob("*.html"):
        page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        shown = {path.parent / tag["src"].split("?")[0] for tag in page.find_all("img", src=True)}
        files = [path, *(file for file in shown if not file.name.startswith("data:"))]
        weights[path.relative_to(html).as_posix()] = sum(file.stat().st_size for file in files)
    heaviest = max(weights, key=weights.get)
    assert weights[heaviest] < 1_000_000, heaviest
    assert weights["book/cases/face-detection.html"] > 300_000  # its photographs are counted


def test_vendored_scripts_are_what_their_list_says(root):
    vendor = root / "book" / "_static" / "vendor"
    rows = [
        [cell.strip() for cell in line.strip("|\n ").split("|")]
        for line in (vendor / "README.md").read_text().splitlines()
        if ".js" in line and line.startswith("|")
    ]
    assert {row[0] for row in rows} == {
        path.relative_to(vendor).as_posix() for path in vendor.rglob("*.js")
    }
    for name, _package, _path, _licence, sha256 in rows:
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == sha256, name
        assert (vendor / name).with_name("LICENSE").is_file(), name


def test_scripts_load_only_where_they_are_used(sample):
    index, page = sample.page("index"), sample.page("page")
    assert "vendor/mermaid" in index
    assert "vendor/mermaid" not in page
