"""Render the book with every warning an error: `python book/_tools/build.py [FOLDER]`.

jupyter-book renders again only pages whose source changed. Two things it does not notice are
seen to here: a build that failed (its warnings would not come back) and a change to the
configuration, the styles, scripts or extensions. After either, everything is rendered anew.
"""

import hashlib
import shutil
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHARED = ("_config.yml", "_toc.yml", "requirements/lock.txt", "book/_ext", "book/_static")
FRONT_DOOR = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url=book/index.html">
<title>Deep Learning for Image Recognition</title>
<a href="book/index.html">Deep Learning for Image Recognition</a>
</html>
"""


def digest() -> str:
    """Fingerprint of the files that shape every page."""
    found = hashlib.sha256()
    for place in (ROOT / name for name in SHARED):
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and "__pycache__" not in path.parts:
                found.update(f"{path.relative_to(ROOT)} {path.stat().st_size} ".encode())
                found.update(path.read_bytes())
    return found.hexdigest()


def build(html: Path) -> int:
    """Render the book into a folder; what else the build keeps lies beside it.

    Returns:
        0, or the exit status: not 0 after any warning. All warnings are printed.
    """
    # jsonschema's optional check of international addresses compiles a grammar for two seconds
    # when it is imported; the book's configuration has no such address.
    sys.modules.setdefault("rfc3987_syntax", None)
    sys.path.insert(0, str(ROOT))  # the API pages describe this checkout
    from jupyter_book.sphinx import build_sphinx

    start, doctrees, stamp = time.monotonic(), html.parent / ".doctrees", html.parent / ".complete"
    now = digest()
    if not stamp.is_file() or stamp.read_text() != now:
        shutil.rmtree(html, ignore_errors=True)
        shutil.rmtree(doctrees, ignore_errors=True)
    stamp.unlink(missing_ok=True)
    result = build_sphinx(
        ROOT,
        html,
        doctreedir=doctrees,
        noconfig=True,
        path_config=ROOT / "_config.yml",
        confoverrides={
            "external_toc_path": str(ROOT / "_toc.yml"),
            "latex_individualpages": False,
        },
        warningiserror=True,
        keep_going=True,
        quiet=True,
    )
    if result:
        print(f"The book was not rendered cleanly ({result}): see above", file=sys.stderr)
        return 1
    stamp.write_text(now)
    (html / "index.html").write_text(FRONT_DOOR)
    pages = sum(1 for _ in (html / "book").rglob("*.html"))
    seconds = time.monotonic() - start
    print(f"The book: {pages} pages, {seconds:.1f} s. Open {html / 'book' / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1] if len(sys.argv) > 1 else "_build/html").absolute()))
