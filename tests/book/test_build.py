"""The builder: warnings are errors and stay so, and what changed is rendered again."""

import json
import os

import pytest

LATER = 2 * 10**18  # nanoseconds: a time stamp that only this test can have given


def test_a_clean_book_says_where_it_is(sample):
    status, said = sample.build()
    assert status == 0, said
    assert str(sample.html / "book" / "index.html") in said
    assert 'url=book/index.html"' in (sample.html / "index.html").read_text()


def test_a_warning_fails_every_build_until_it_is_cured(site):
    site.write("book/index.md", "# A book\n\nSee {doc}`nowhere`.\n")
    for _ in range(2):  # the second build would find nothing to do, and nothing to say
        status, said = site.build()
        assert status == 1
        assert "nowhere" in said
    site.write("book/index.md", "# A book\n\nSee {doc}`page`.\n")
    status, said = site.build()
    assert status == 0, said


def test_only_what_changed_is_rendered_again(site):
    assert site.build()[0] == 0
    index, page = site.html / "book" / "index.html", site.html / "book" / "page.html"
    for path in (index, page):
        os.utime(path, ns=(LATER, LATER))
    assert site.build()[0] == 0
    assert (index.stat().st_mtime_ns, page.stat().st_mtime_ns) == (LATER, LATER)

    site.write("book/index.md", "# A book\n\nOnce more.\n")
    assert site.build()[0] == 0
    assert "Once more." in site.page("index")
    assert page.stat().st_mtime_ns == LATER

    site.write("book/_static/book.css", "p { color: teal }")
    site.write("_toc.yml", "format: jb-book\nroot: book/index\n")
    (site.folder / "book" / "page.ipynb").unlink()
    assert site.build()[0] == 0
    assert (site.html / "_static" / "book.css").read_text() == "p { color: teal }"
    assert not page.exists(), "a page that left the book is still there"


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("index.md", "# A book\n\n```mermaid\ngraph LR\nA --> B\n```\n", "accDescr"),
        ("index.md", "# A book\n\n{cite}`nobody2000nothing`\n", "nobody2000nothing"),
        ("index.md", "# A book\n\n![](gone.png)\n", "gone.png"),
        ("index.md", "# A book\n\n{numref}`fig-gone`\n", "fig-gone"),
        ("index.md", "# A book\n\n```{run-times}\nNotebook | Time\n```\n", "three column titles"),
        ("other.md", "# In no table of contents\n", "toctree"),
    ],
)
def test_planted_faults_fail_the_build(site, name, text, complaint):
    site.write(f"book/{name}", text)
    status, said = site.build()
    assert status == 1
    assert complaint in said


def test_a_notebook_that_was_not_measured_fails_the_build(site, make_notebook):
    stored = make_notebook()
    del stored["metadata"]["companion"]["device"]
    site.write("book/page.ipynb", json.dumps(stored))
    status, said = site.build()
    assert status == 1
    assert "no measured device" in said
    assert "make run NB=page" in said


def test_run_times_follow_the_notebooks(site, make_notebook):
    assert site.build()[0] == 0
    assert "Measured run time of this page: 12 s (cpu, 2 threads;" in site.page("page")
    assert "<p>12</p>" in site.page("index")

    site.write("book/page.ipynb", json.dumps(make_notebook(title="A new title", run_time_s=4.56)))
    second = "format: jb-book\nroot: book/index\nchapters: [file: book/page, file: book/two]\n"
    site.write("_toc.yml", second)
    site.write("book/two.ipynb", json.dumps(make_notebook(run_time_s=100.0)).replace("fig-", "f2-"))
    assert site.build()[0] == 0
    assert "Measured run time of this page: 4.6 s" in site.page("page")
    for shown in ("A new title", "<p>4.6</p>", "<p>100</p>", "<p>105</p>"):
        assert shown in site.page("index")


def test_figures_equations_and_papers_are_numbered_and_linked(sample):
    index = sample.page("index")
    assert 'href="page.html#fig-grey"' in index
    assert '<span class="std std-numref">Fig. 1</span>' in index
    assert "Gauss" in index
    assert "[<a" in index.replace("\n", "")
