"""The table of contents names every page and nothing else; every module has its page."""

import pkgutil
import re

import pytest
import yaml
from pybtex.database import parse_file

import companion


def listed(entry):
    """Pages of a table of contents, in its order."""
    for page in (entry.get("root"), entry.get("file")):
        if page:
            yield page
    for key in ("parts", "chapters", "sections"):
        for below in entry.get(key, ()):
            yield from listed(below)


def strays(root):
    """Pages without an entry, entries without a page, chapters without a first page."""
    entries = list(listed(yaml.safe_load((root / "_toc.yml").read_text())))
    pages = {
        path.relative_to(root).with_suffix("").as_posix()
        for path in (root / "book").rglob("*")
        if path.suffix in (".md", ".ipynb")
        and not any(part.startswith((".", "_")) for part in path.relative_to(root).parts)
    }
    chapters = {page.rpartition("/")[0] for page in pages} - {"book"}
    return (
        [f"not in the table of contents: {page}" for page in sorted(pages - set(entries))]
        + [f"no such page: {entry}" for entry in entries if entry not in pages]
        + [f"twice: {entry}" for entry in set(entries) if entries.count(entry) > 1]
        + [
            f"no index: {chapter}"
            for chapter in sorted(chapters)
            if f"{chapter}/index" not in pages
        ]
    )


def test_the_table_of_contents_is_complete(root):
    assert strays(root) == []


@pytest.mark.parametrize(
    ("toc", "files", "fault"),
    [
        ("root: book/index", ["index.md", "a/index.md"], "not in the table of contents: book/a/"),
        ("root: book/index", ["index.md", "x.ipynb"], "not in the table of contents: book/x"),
        ("{root: book/index, chapters: [file: book/x]}", ["index.md"], "no such page: book/x"),
        ("{root: book/index, chapters: [file: book/index]}", ["index.md"], "twice: book/index"),
        ("{root: book/index, chapters: [file: book/a/x]}", ["index.md", "a/x.md"], "no index: boo"),
    ],
)
def test_a_planted_stray_is_found(tmp_path, toc, files, fault):
    (tmp_path / "_toc.yml").write_text(toc)
    for name in [*files, "_static/README.md", ".ipynb_checkpoints/x.ipynb"]:
        (tmp_path / "book" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "book" / name).write_text("")
    [found] = strays(tmp_path)
    assert found.startswith(fault)


def without_card(root):
    """Chapters in the table of contents that the cover does not show with a picture."""
    cover = (root / "book" / "index.md").read_text()
    entries = listed(yaml.safe_load((root / "_toc.yml").read_text()))
    chapters = re.findall(r"^book/(\w+)/index$", "\n".join(entries), re.M)
    return [
        name
        for name in chapters
        if name != "api"
        and (
            f":link: {name}/index" not in cover
            or f":img-top: _static/cover/{name}.jpg" not in cover
            or not (root / "book" / "_static" / "cover" / f"{name}.jpg").is_file()
        )
    ]


def test_the_cover_shows_every_chapter(root):
    assert without_card(root) == []


def test_a_planted_chapter_without_card_is_found(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "index.md").write_text(":link: cases/index\n")
    (tmp_path / "_toc.yml").write_text("{root: book/index, chapters: [file: book/cases/index]}")
    assert without_card(tmp_path) == ["cases"]


def undocumented(modules, documented, complete):
    """Public modules without a page. A package that says what it offers speaks for its modules.

    Args:
        modules: names of all modules.
        documented: names that have an `automodule`.
        complete: packages that define `__all__`.
    """
    return [
        name
        for name in modules
        if not any(part.startswith("_") for part in name.split("."))
        and name not in documented
        and not (name.rpartition(".")[0] in complete and name.rpartition(".")[0] in documented)
    ]


def test_every_module_has_its_page(root):
    pages = "".join(path.read_text() for path in (root / "book" / "api").glob("*.md"))
    documented = re.findall(r"^\.\. automodule:: (\S+)$", pages, re.M)
    assert len(documented) == len(set(documented))
    found = list(pkgutil.walk_packages(companion.__path__, "companion."))
    source = {
        module.name: (root / module.name.replace(".", "/") / "__init__.py").read_text()
        for module in found
        if module.ispkg
    }
    complete = {name for name, text in source.items() if "__all__" in text}
    modules = [module.name for module in found if not module.ispkg or module.name in complete]
    assert undocumented(modules, documented, complete) == []
    assert set(documented) <= set(modules), "a page describes a module that is not there"


def test_a_planted_module_without_page_is_found():
    modules = ["c.a", "c.a.x", "c.b.y", "c.b._z", "c.d"]
    assert undocumented(modules, {"c.a", "c.d"}, {"c.a"}) == ["c.b.y"]


def test_references_are_well_formed(root):
    entries = parse_file(str(root / "book" / "references.bib")).entries
    assert list(entries) == sorted(entries)
    for key, entry in entries.items():
        assert {"title", "year"} <= set(entry.fields), key
        family = entry.persons["author"][0].last_names[-1]
        start = re.sub(r"\\.|[^a-z]", "", family.lower())
        assert re.fullmatch(rf"{start}{entry.fields['year']}[a-z0-9]+", key), key
        assert re.fullmatch(r"10\.\d{4,9}/\S+", entry.fields.get("doi", "10.1234/x")), key
