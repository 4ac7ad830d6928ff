"""Embedding all portraits, against the face_recognition package's function, image by image."""

import sys

import numpy as np

from benchmarks.measure import Row, peer, turns
from companion.data import carriers
from companion.data.faces import load_portraits
from companion.tasks import faces


def rows() -> list[Row]:
    # The peer looks for its models in a package of this name; the set holds just that package.
    sys.path.append(str(carriers.path("dlib-models")))
    face_recognition = peer("face_recognition")
    images = load_portraits().images
    boxes = [faces.detect(image).largest().boxes for image in images]

    def theirs():
        codes = []
        for image, ((x1, y1, x2, y2),) in zip(images, boxes, strict=True):
            where = [(int(y1), int(x2), int(y2), int(x1))]
            codes += face_recognition.face_encodings(image, where, num_jitters=1, model="small")
        return np.array(codes)

    def ours(refinements, mirror):
        chips = [
            faces.align(image, faces.landmarks(image, box, refinements=refinements))
            for image, box in zip(images, boxes, strict=True)
        ]
        return faces.embed_chips(np.concatenate(chips), mirror=mirror)

    np.testing.assert_allclose(ours(0, False), theirs(), atol=1e-4)  # the same work, exactly
    same, default, other = turns(
        lambda: ours(0, False), lambda: ours(2, True), theirs, times=2, warm=True
    )
    name = "face_recognition"
    return [
        Row(f"embed {len(images)} portraits, same numbers", same, name, other, 1 / 1.5),
        Row(f"embed {len(images)} portraits, refined and mirrored", default, name, other, 1.0),
    ]
