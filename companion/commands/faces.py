"""`faces`: find them, keep a gallery of known people, say who somebody is, forget people."""

import argparse
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.commands import pictures

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    from companion.commands.pictures import Place
    from companion.tasks.face_models import FaceModels
    from companion.tasks.gallery import Gallery


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    detect = verbs.add_parser("detect", help="find the faces in pictures")
    pictures.add_arguments(detect, pictures="write the pictures with frames around the faces here")
    _detector(detect)

    enroll = verbs.add_parser(
        "enroll",
        help="add people to a gallery; enrol nobody without consent",
        description="Add people to a gallery: one person with --name, or one for each folder. "
        "All are enrolled or, when one picture cannot be used, none. Enrol nobody without consent.",
    )
    _gallery(enroll)
    enroll.add_argument("--name", help="who is shown; by default each folder's name")
    enroll.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    enroll.add_argument(
        "--largest",
        action="store_true",
        help="of several faces take the largest",
    )
    enroll.add_argument("--add", action="store_true", help="add to people who are known already")
    pictures.add_device(enroll)
    _detector(enroll)

    identify = verbs.add_parser("identify", help="say who stands in pictures")
    _gallery(identify)
    pictures.add_arguments(identify, pictures="write the pictures with names at the faces here")
    identify.add_argument(
        "--threshold",
        type=float,
        help="largest distance that counts as the same person; beyond it the name is null and the "
        "distance that to the nearest person",
    )
    _detector(identify)

    people = verbs.add_parser("people", help="list who is in a gallery")
    _gallery(people)
    forget = verbs.add_parser("forget", help="delete people, and every byte about them")
    _gallery(forget)
    forget.add_argument("names", nargs="+", metavar="NAME")


def run(options: argparse.Namespace) -> int:
    """Do what was asked."""
    if options.verb == "detect":
        return _detect(options)
    if options.verb == "enroll":
        return _enroll(options)
    if not options.gallery.exists():
        raise FileNotFoundError(
            f"{options.gallery}: there is no such gallery; `faces enroll` makes one"
        )
    from companion.tasks.gallery import Gallery

    with Gallery(options.gallery, create=False) as gallery:
        if options.verb == "identify":
            return _identify(options, gallery)
        if options.verb == "people":
            for name, count in gallery.people().items():
                print(json.dumps({"name": name, "pictures": count}, ensure_ascii=False))
            return 0
        unknown = sorted(set(options.names) - set(gallery.people()))
        if unknown:
            raise LookupError(f"nobody in {options.gallery} is called {unknown[0]!r}")
        for name in dict.fromkeys(options.names):
            gallery.forget(name)
        return 0


def _gallery(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--gallery", type=Path, required=True, metavar="FILE")


def _detector(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--method",
        choices=("cascade", "hog", "cnn"),
        default="cascade",
        help="hog is fast and sees frontal faces; cnn finds turned ones, too, and takes some three "
        "times as long on two cores; cascade (the default) asks cnn where hog finds none",
    )
    parser.add_argument(
        "--upsample", type=int, default=0, help="double the picture so often, for small faces"
    )


def _models(options: argparse.Namespace) -> "FaceModels":
    from companion.device import pick_device
    from companion.tasks.face_models import FaceModels

    return FaceModels(device=pick_device(options.device))


def _detect(options: argparse.Namespace) -> int:
    todo = pictures.places(options.paths)
    from companion.tasks import faces

    models = _models(options)

    def job(picture: "np.ndarray", place: "Place") -> dict[str, Any]:
        found = faces.detect(
            picture, method=options.method, upsample=options.upsample, models=models
        )
        if options.pictures:
            pictures.save(pictures.with_boxes(picture, found.boxes), options.pictures, place)
        pairs = zip(found.boxes, found.scores, strict=True)
        return {
            "faces": [
                {"box": pictures.corners(box), "score": round(float(s), 3)} for box, s in pairs
            ]
        }

    return pictures.for_each(todo, job)


def _enroll(options: argparse.Namespace) -> int:
    people = {name: pictures.places(paths) for name, paths in _people(options).items()}
    import numpy as np

    from companion.tasks import faces
    from companion.tasks.gallery import Gallery

    if options.gallery.exists():
        with Gallery(options.gallery, create=False) as gallery:
            _known(gallery, people, options.add)
    models = _models(options)
    codes: dict[str, list[np.ndarray]] = {}
    for name, todo in people.items():

        def job(picture: "np.ndarray", place: "Place", name: str = name) -> None:
            found = faces.detect(
                picture, method=options.method, upsample=options.upsample, models=models
            )
            if options.largest:
                found = found.largest()
            if len(found) != 1:
                raise ValueError(
                    f"shows {len(found)} faces where one is needed; "
                    + ("crop it, or pass --largest" if len(found) else "try --upsample 1")
                )
            codes.setdefault(name, []).append(faces.embed(picture, found.boxes, models=models))

        if pictures.for_each(todo, job):
            print("nobody was enrolled", file=sys.stderr)
            return 1
    embeddings = {name: np.concatenate(found) for name, found in codes.items()}
    with Gallery(options.gallery) as gallery:
        known = _known(gallery, people, options.add)  # again: others may have enrolled meanwhile
        gallery.enroll_many({name: embeddings[name] for name in people if name not in known})
        for name in known:
            gallery.enroll(name, embeddings[name], add=True)
    for name, found in embeddings.items():
        print(json.dumps({"name": name, "pictures": len(found)}, ensure_ascii=False))
    return 0


def _known(gallery: "Gallery", names: "Iterable[str]", add: bool) -> list[str]:
    """Those of the people who are in the gallery already; an error unless they may be added to."""
    known = sorted(set(gallery.people()) & set(names))
    if known and not add:
        raise ValueError(
            f"{known[0]!r} is enrolled already; --add stores further pictures. Nobody was enrolled"
        )
    return known


def _people(options: argparse.Namespace) -> dict[str, list[Path]]:
    """Names, each with the pictures of that person."""
    if options.name is not None:
        return {options.name: options.paths}
    people: dict[str, list[Path]] = {}
    for path in options.paths:
        folders = sorted(each for each in path.iterdir() if each.is_dir()) if path.is_dir() else []
        if not folders:
            raise ValueError(
                f"{path}: whose face is this? Pass --name, or a folder that holds one folder of "
                "pictures for each person"
            )
        for folder in folders:
            people.setdefault(folder.name, []).append(folder)
    return people


def _identify(options: argparse.Namespace, gallery: "Gallery") -> int:
    todo = pictures.places(options.paths)
    from companion.tasks import faces
    from companion.tasks.gallery import DEFAULT_THRESHOLD

    threshold = DEFAULT_THRESHOLD if options.threshold is None else options.threshold
    if not threshold >= 0:
        raise ValueError(f"--threshold is a distance of 0 or more, got {threshold}")
    models = _models(options)

    def job(picture: "np.ndarray", place: "Place") -> dict[str, Any]:
        boxes = faces.detect(
            picture, method=options.method, upsample=options.upsample, models=models
        ).boxes
        nearest = gallery.identify_many(
            faces.embed(picture, boxes, models=models), threshold=math.inf
        )
        names = [each.name if each and each.distance <= threshold else None for each in nearest]
        if options.pictures:
            shown = [name or "?" for name in names]
            pictures.save(pictures.with_boxes(picture, boxes, shown), options.pictures, place)
        return {
            "faces": [
                {
                    "box": pictures.corners(box),
                    "name": name,
                    "distance": round(each.distance, 4) if each else None,
                }
                for box, name, each in zip(boxes, names, nearest, strict=True)
            ]
        }

    return pictures.for_each(todo, job)
