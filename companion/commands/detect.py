"""`detect`: find people, vehicles and 70 other kinds of things, by YOLOv4-tiny."""

import argparse
from typing import TYPE_CHECKING, Any

from companion.commands import pictures

if TYPE_CHECKING:
    import numpy as np

    from companion.commands.pictures import Place


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    pictures.add_arguments(parser, pictures="write the pictures with frames around the things here")
    parser.add_argument(
        "--threshold", type=float, default=0.25, help="least probability, by default .25"
    )
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", help="these kinds only, such as: person car bus"
    )
    parser.add_argument(
        "--size", type=int, default=416, help="side of the letterbox in pixels, a multiple of 32"
    )


def run(options: argparse.Namespace) -> int:
    """Do what was asked."""
    todo = pictures.places(options.paths)
    if not 0 < options.threshold < 1:
        raise ValueError(f"--threshold lies between 0 and 1, got {options.threshold}")
    from companion.data.weights import yolov4_tiny
    from companion.device import pick_device
    from companion.models.darknet import Darknet
    from companion.tasks.detection import detect

    files = yolov4_tiny()
    unknown = sorted(set(options.only or ()) - set(files.names))
    if unknown:
        raise ValueError(f"no kind is called {unknown[0]!r}; there are: {', '.join(files.names)}")
    wanted = [files.names.index(name) for name in options.only or files.names]
    network = Darknet(files.cfg, files.weights).to(pick_device(options.device))

    def job(picture: "np.ndarray", place: "Place") -> dict[str, Any]:
        found = detect(
            picture, network, threshold=options.threshold, size=(options.size, options.size)
        ).of(*wanted)
        names = [files.names[label] for label in found.labels]
        boxes, probs = found.boxes.cpu().numpy(), found.probs.tolist()
        if options.pictures:
            words = [f"{name} {prob:.2f}" for name, prob in zip(names, probs, strict=True)]
            pictures.save(pictures.with_boxes(picture, boxes, words), options.pictures, place)
        return {
            "things": [
                {"name": name, "probability": round(prob, 4), "box": pictures.corners(box)}
                for name, prob, box in zip(names, probs, boxes, strict=True)
            ]
        }

    return pictures.for_each(todo, job)
