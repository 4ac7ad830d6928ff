"""Embedding all portraits, and finding faces in some, against the face_recognition package."""

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

    few = images[::20]

    def found_by_them():
        return [face_recognition.face_locations(image, 0, model="cnn") for image in few]

    def found_by_us():
        return [faces.detect(image, method="cnn").boxes for image in few]

    for image, boxes_found, cut_off in zip(few, found_by_us(), found_by_them(), strict=True):
        height, width = image.shape[:2]  # it cuts boxes off at the picture's edge
        inside = np.clip(boxes_found, 0, [width, height, width, height])
        expected = [(left, top, right, bottom) for top, right, bottom, left in cut_off]
        np.testing.assert_array_equal(inside, np.reshape(expected, (-1, 4)))

    same, default, other = turns(
        lambda: ours(0, False), lambda: ours(2, True), theirs, times=2, warm=True
    )
    ours_search, their_search = turns(found_by_us, found_by_them, times=2, warm=True)
    name = "face_recognition"
    return [
        Row(f"embed {len(images)} portraits, same numbers", same, name, other, 1 / 1.5),
        Row(f"embed {len(images)} portraits, refined and mirrored", default, name, other, 1.0),
        Row(f"find faces in {len(few)} portraits by the CNN", ours_search, name, their_search, 0.5),
    ]
