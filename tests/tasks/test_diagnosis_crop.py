import numpy as np
import pytest
import torch
from skimage.measure import label, regionprops

from companion.tasks.diagnosis_crop import crop, find_regions


@pytest.fixture
def spotted():
    """Masks of random blobs, several in each."""
    noise = torch.rand(6, 1, 12, 14, generator=torch.Generator().manual_seed(0))
    noise = torch.nn.functional.interpolate(noise, scale_factor=4, mode="bilinear")
    return noise > 0.62


def test_boxes_hold_the_largest_pieces_of_each_mask_and_no_more(spotted):
    for pieces in (1, 2, 3):
        regions = find_regions(spotted, margin=0, pieces=pieces)
        for mask, box in zip(spotted[:, 0].numpy(), regions.boxes.tolist(), strict=True):
            found = sorted(regionprops(label(mask, connectivity=2)), key=lambda r: -r.area)
            boxes = np.array([region.bbox for region in found[:pieces]])  # y1, x1, y2, x2
            y1, x1 = boxes[:, :2].min(axis=0)
            y2, x2 = boxes[:, 2:].max(axis=0)
            assert box == [x1, y1, x2, y2]


def test_a_margin_widens_the_box_and_stays_in_the_picture():
    masks = torch.zeros(2, 1, 50, 100, dtype=torch.bool)
    masks[0, 0, 20:30, 40:60] = True
    masks[1, 0, :10, :20] = True
    boxes = find_regions(masks, margin=0.1).boxes
    torch.testing.assert_close(boxes, torch.tensor([[38.0, 19, 62, 31], [0, 0, 22, 11]]))


def test_a_square_keeps_proportions_and_is_moved_into_the_picture(spotted):
    masks = torch.zeros(3, 1, 50, 100, dtype=torch.bool)
    masks[0, 0, 20:30, 40:60] = True
    masks[1, 0, :10, :20] = True
    masks[2, 0, 40:, :90] = True
    boxes = find_regions(masks, margin=0, square=True).boxes
    torch.testing.assert_close(
        boxes, torch.tensor([[40.0, 15, 60, 35], [0, 0, 20, 20], [20, 0, 70, 50]])
    )
    boxes = find_regions(spotted, square=True).boxes
    torch.testing.assert_close(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    height, width = spotted.shape[-2:]
    assert boxes.min() >= 0
    assert (boxes[:, 2] <= width).all()
    assert (boxes[:, 3] <= height).all()


def test_an_empty_or_tiny_mask_is_the_whole_picture_and_not_found():
    masks = torch.zeros(3, 1, 20, 30, dtype=torch.bool)
    masks[1, 0, 5, 5] = True
    masks[2, 0, 5:15, 5:15] = True
    regions = find_regions(masks, smallest=0.02)
    assert regions.found.tolist() == [False, False, True]
    assert regions.boxes[:2].tolist() == [[0, 0, 30, 20]] * 2
    assert len(regions) == 3
    none = find_regions(masks[:0])
    assert none.boxes.shape == (0, 4)
    assert none.found.shape == (0,)


def test_crop_of_whole_pixels_is_a_slice():
    images = torch.rand(3, 2, 40, 50, generator=torch.Generator().manual_seed(0))
    boxes = torch.tensor([[5.0, 10, 21, 26], [0, 0, 16, 16], [34, 24, 50, 40]])
    cut = crop(images, boxes, size=16)
    for image, box, part in zip(images, boxes.int().tolist(), cut, strict=True):
        x1, y1, x2, y2 = box
        torch.testing.assert_close(part, image[:, y1:y2, x1:x2])


def test_crop_shrinks_by_averaging_and_keeps_bytes():
    ramp = torch.arange(64).float().repeat(64, 1)[None, None]
    cut = crop(ramp.to(torch.uint8), torch.tensor([[0.0, 0, 64, 64]]), size=16)
    assert cut.dtype == torch.uint8
    blocks = ramp.reshape(16, 4, 16, 4).mean((1, 3))
    assert (cut[0, 0].float() - blocks).abs().max() <= 0.5
    assert crop(ramp[:0], torch.empty(0, 4), size=8).shape == (0, 1, 8, 8)


def test_crop_undoes_a_shift():
    """The same blob at another place gives the same crop."""
    image = torch.zeros(1, 1, 60, 60)
    image[0, 0, 10:30, 12:28] = torch.rand(20, 16, generator=torch.Generator().manual_seed(0))
    moved = image.roll((15, 20), dims=(2, 3))
    both = torch.cat([image, moved])
    cut = crop(both, find_regions(both > 0.001).boxes, size=24)
    torch.testing.assert_close(cut[0], cut[1], atol=1e-5, rtol=0)


def test_bad_input_says_what_is_needed():
    with pytest.raises(TypeError, match=r"masks are bool, got torch\.float32"):
        find_regions(torch.zeros(1, 1, 4, 4))
    with pytest.raises(ValueError, match=r"N x 1 x H x W, got \(4, 4\)"):
        find_regions(torch.zeros(4, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match="margin starts at 0"):
        find_regions(torch.zeros(1, 1, 4, 4, dtype=torch.bool), margin=-1)
    images = torch.zeros(2, 1, 8, 8)
    with pytest.raises(ValueError, match=r"boxes N x 4, got \(2, 1, 8, 8\) and \(1, 4\)"):
        crop(images, torch.zeros(1, 4), size=4)
    with pytest.raises(ValueError, match=r"x1 < x2 and y1 < y2, got \[3.0, 0.0, 3.0, 5.0\]"):
        crop(images, torch.tensor([[0.0, 0, 8, 8], [3, 0, 3, 5]]), size=4)
    with pytest.raises(ValueError, match="size starts at 1, got 0"):
        crop(images, torch.tensor([[0.0, 0, 8, 8]] * 2), size=0)
