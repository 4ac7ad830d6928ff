"""The rendered book as one PDF: `python book/_tools/pdf.py HTML_FOLDER FILE.pdf`.

Chromium prints every page in the order of the table of contents, as a reader would print it, with
the folded solutions open. The prints are joined, with bookmarks, and a link from page to page leads
to its place in the file.
"""

import io
import os
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject

from companion.files import whole_file

ROOT = Path(__file__).parents[2]
FOOTER = (
    '<div style="width: 100%; font-size: 8px; text-align: center; color: #555">'
    '<span class="title"></span> &middot; <span class="pageNumber"></span></div>'
)
# Resolves when formulas and diagrams are drawn and every picture is loaded.
READY = """async () => {
  for (const each of document.querySelectorAll("details")) each.open = true;
  for (const each of document.querySelectorAll(".toggle-hidden"))
    each.classList.remove("toggle-hidden");
  for (const each of document.images) each.loading = "eager";
  if (window.MathJax?.startup) await MathJax.startup.promise;
  while (document.querySelector("pre.diagram:not([data-drawn])"))
    await new Promise((resolve) => setTimeout(resolve, 50));
  await Promise.all([...document.images].map((each) => each.decode().catch(() => {})));
}"""


def pages() -> list[tuple[str, int]]:
    """Every page in reading order, with its depth below the chapters."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    found = [(toc["root"], 0)]

    def walk(entries, depth):
        for entry in entries:
            found.append((entry["file"], depth))
            walk(entry.get("sections", ()), depth + 1)

    for part in toc["parts"]:
        walk(part["chapters"], 0)
    return found


def printed(html: Path, names: list[str]) -> list[tuple[str, bytes]]:
    """Title and print of each page."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("make pdf prints with Chromium, which is not here; install chromium first")
    # Chromium's sandbox does not work for root, as in a container.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    done = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        page = browser.new_page(color_scheme="light", viewport={"width": 1000, "height": 1400})
        page.emulate_media(media="print")
        for name in names:
            page.goto((html / f"{name}.html").resolve().as_uri())
            page.evaluate(READY)
            content = page.pdf(
                format="A4",
                scale=0.8,
                print_background=True,
                display_header_footer=True,
                header_template="<span></span>",
                footer_template=FOOTER,
                margin={"top": "15mm", "bottom": "18mm", "left": "16mm", "right": "16mm"},
            )
            title = page.locator("h1").first.inner_text().removesuffix("#").strip()
            done.append((title, content))
            print(f"  {name}", flush=True)
        browser.close()
    return done


def joined(html: Path, names: list[tuple[str, int]], prints: list[tuple[str, bytes]]) -> PdfWriter:
    """One file with bookmarks and inner links."""
    writer, starts, above = PdfWriter(), {}, []
    for (name, depth), (title, content) in zip(names, prints, strict=True):
        starts[f"{name}.html"] = len(writer.pages)
        writer.append(PdfReader(io.BytesIO(content)), import_outline=False)
        del above[depth:]
        above.append(
            writer.add_outline_item(
                title=title,
                page_number=starts[f"{name}.html"],
                parent=above[-1] if depth else None,
            )
        )
    folder = html.resolve()
    for page in writer.pages:
        for link in page.get("/Annots", ()):
            action = link.get_object().get("/A", {})
            address = urlsplit(str(action.get("/URI", "")))
            if address.scheme != "file":
                continue
            target = Path(unquote(address.path))
            start = (
                starts.get(target.relative_to(folder).as_posix())
                if target.is_relative_to(folder)
                else None
            )
            if start is None:  # a file beside the pages, such as a notebook: no link in print
                del link.get_object()["/A"]
                continue
            there = ArrayObject([writer.pages[start].indirect_reference, NameObject("/Fit")])
            link.get_object()[NameObject("/A")] = DictionaryObject(
                {NameObject("/S"): NameObject("/GoTo"), NameObject("/D"): there}
            )
    writer.add_metadata({"/Title": "Deep Learning for Image Recognition"})
    return writer


def main(html: Path, file: Path) -> int:
    """Write the file, whole or not at all."""
    names = pages()
    writer = joined(html, names, printed(html, [name for name, _ in names]))
    writer.compress_identical_objects()
    with whole_file(file) as written:
        writer.write(written)
    size = file.stat().st_size / 1e6
    print(f"{file}: {len(writer.pages)} pages, {size:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
