"""Scores on public sets at full scale: kept in one file, shown in one table.

A script measures and gives `Measured`; `keep` puts it into `results.json` beside what other
scripts, devices and days have left there, and writes `results.md` from all of it.
"""

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from companion.files import whole_file

RESULTS = Path(__file__).with_name("results.json")
TABLE = RESULTS.with_suffix(".md")


@dataclass(frozen=True)
class Measured:
    """One score.

    Attributes:
        set: the set, by its name.
        split: how much was learnt from and tested on.
        model: what was measured, with its seed where one was drawn.
        measure: what the score is.
        score: its value.
        seconds: from the pictures in memory to the last step of training, or of the work measured.
        device: where.
    """

    set: str
    split: str
    model: str
    measure: str
    score: float
    seconds: float
    device: str


@dataclass(frozen=True)
class Published:
    """What others have published of the same set.

    Attributes:
        score: the value.
        what: model and source; and how the measurement differs, if it does.
    """

    score: float
    what: str


PUBLISHED = {
    ("Fashion-MNIST", "accuracy"): Published(
        0.897, "support vector machine, the best in Xiao et al., 2017, arXiv:1708.07747"
    ),
    ("PneumoniaMNIST", "accuracy"): Published(
        0.854, "ResNet-18 at 28 pixels, Yang et al., 2023, doi:10.1038/s41597-022-01721-8"
    ),
    ("PneumoniaMNIST", "area under ROC"): Published(
        0.944, "ResNet-18 at 28 pixels, Yang et al., 2023, doi:10.1038/s41597-022-01721-8"
    ),
    ("CHASE_DB1", "Dice"): Published(
        0.778, "U-Net, in Alom et al., 2018, arXiv:1802.06955 (F1, on the same photographs)"
    ),
    ("GTSRB", "accuracy"): Published(
        0.957, "linear discriminant on HOG, Stallkamp et al., 2012, on all 12,630 test pictures"
    ),
}


def keep(found: Iterable[Measured]) -> None:
    """Store scores, each in place of an older one of the same set, model, measure and device."""
    versions = f"torch {version('torch')}"
    day = time.strftime("%Y-%m-%d")
    rows = {_key(row): row for row in read()}
    for each in found:
        row = {**asdict(each), "versions": versions, "date": day}
        rows[_key(row)] = row
    kept = sorted(rows.values(), key=_key)
    for file, text in ((RESULTS, json.dumps(kept, indent=1) + "\n"), (TABLE, table(kept))):
        with whole_file(file) as written:
            written.write(text.encode())


def read() -> list[dict]:
    """All rows kept so far."""
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else []


def table(rows: Iterable[dict]) -> str:
    """The rows as Markdown, each beside what is published of the same set and measure."""
    header = (
        "set", "learnt from / tested on", "model", "measure", "score", "published", "seconds",
        "measured on",
    )  # fmt: skip
    cells, notes = [], []
    for row in rows:
        known = PUBLISHED.get((row["set"], row["measure"]))
        score = f"{row['score']:.0f}" if row["score"] > 1 else f"{row['score']:.3f}"
        seconds = f"{row['seconds']:.0f}" if row["seconds"] else ""
        shown = "none known"
        if known:
            if known.what not in notes:
                notes.append(known.what)
            shown = f"{known.score:.3f} ({notes.index(known.what) + 1})"
        where = f"{row['device']}, {row['versions']}, {row['date']}"
        cells.append(
            (row["set"], row["split"], row["model"], row["measure"], score, shown, seconds, where)
        )
    lines = ["| " + " | ".join(line) + " |" for line in (header, *cells)]
    lines.insert(1, "|" + "---|" * len(header))
    sources = [f"({number}) {what}" for number, what in enumerate(notes, start=1)]
    return "\n".join(lines) + "\n\nPublished: " + "; ".join(sources) + ".\n"


def _key(row: dict | Measured) -> tuple[str, ...]:
    values = row if isinstance(row, dict) else asdict(row)
    return tuple(values[name] for name in ("set", "model", "measure", "device"))
