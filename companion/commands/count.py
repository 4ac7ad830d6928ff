"""`count`: who crosses which line in the film of a camera that does not move."""

import argparse
import json
import sys
from pathlib import Path

SAMPLES = 100
"""The background starts from about so many pictures, spread over the film."""

UPDATED = 4
"""One picture out of so many goes into the background."""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Count what moves and crosses a line, forward and backward. Forward is towards the right "
        "hand of somebody who walks along the line from its first point to its second."
    )
    parser.add_argument("film", type=Path, metavar="FILM")
    parser.add_argument(
        "--line",
        nargs=5,
        action="append",
        required=True,
        metavar=("NAME", "X1", "Y1", "X2", "Y2"),
        help="a counting line, in pixels from the upper left corner; may be given several times",
    )
    parser.add_argument(
        "--shadow", nargs=2, type=float, default=(0.0, 0.0), metavar=("X", "Y"),
        help="where a shadow ends, seen from the thing and in units of its size",
    )  # fmt: skip
    parser.add_argument(
        "--travel", nargs=2, type=float, default=(0.0, 0.0), metavar=("X", "Y"),
        help="a step along the way that most traffic takes, in pixels; joins parts of one vehicle",
    )  # fmt: skip
    parser.add_argument("--least", type=int, default=30, help="smallest area of a thing, in pixels")
    parser.add_argument("--each", action="store_true", help="print every crossing, not the sums")


def run(options: argparse.Namespace) -> int:
    """Do what was asked."""
    lines = _lines(options.line)
    from companion.data.video import frame_count, read_video, stream_video

    every = max(1, frame_count(options.film) // SAMPLES)
    from companion.tasks.background import RunningMedian
    from companion.tasks.counting import count, crossings
    from companion.tasks.moving_objects import View, find
    from companion.tasks.track_paths import paths
    from companion.tasks.tracking import track
    from companion.training.progress import progress_bar

    view = View(shadow=tuple(options.shadow), travel=tuple(options.travel), least=options.least)
    background = RunningMedian(read_video(options.film, every=every, grey=True).frames)
    boxes = []
    with progress_bar(None) as bar:
        for number, picture in enumerate(stream_video(options.film, grey=True)):
            boxes.append(find(picture, background, view).boxes)
            if number % UPDATED == 0:
                background.update(picture)
            bar.update()
    found = crossings(paths(track(boxes, keep=8, overlap=0.15), shortest=8), lines)
    if options.each:
        said = [
            {"line": each.line, "picture": each.picture, "forward": each.forward} for each in found
        ]
    else:
        sums = count(found, lines)
        said = [
            {"line": n, "forward": there, "backward": back} for n, (there, back) in sums.items()
        ]
    for each in said:
        print(json.dumps(each, ensure_ascii=False))
    if not sum(map(len, boxes)):
        print("nothing moved in this film", file=sys.stderr)
    return 0


def _lines(given: list[list[str]]) -> dict[str, tuple[tuple[float, float], tuple[float, float]]]:
    """Counting lines by name."""
    lines = {}
    for name, *numbers in given:
        try:
            x1, y1, x2, y2 = map(float, numbers)
        except ValueError:
            raise ValueError(
                f"--line {name}: takes four numbers, got {' '.join(numbers)!r}"
            ) from None
        if name in lines:
            raise ValueError(f"--line {name}: is given twice; each line needs a name of its own")
        lines[name] = ((x1, y1), (x2, y2))
    return lines
