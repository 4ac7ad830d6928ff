import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from companion.plotting import draw_boxes, draw_landmarks, show_images
from companion.plotting.images import text_color
from companion.plotting.style import CYCLE


def drawn(ax):
    """The colours that an axes shows at the pixels of its image, 0..255."""
    (image,) = ax.images
    return image.to_rgba(image.get_array(), bytes=True)[..., :3]


def test_an_rgb_image_is_shown_as_it_is(ax):
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert show_images([image], ax) is ax
    np.testing.assert_array_equal(drawn(ax), image)


@pytest.mark.parametrize("image", [np.full((4, 4), 51, np.uint8), np.full((4, 4), 0.2)])
def test_a_grey_image_keeps_its_brightness_and_is_not_stretched(ax, image):
    show_images([image], ax)
    np.testing.assert_array_equal(drawn(ax), 51)


def test_limits_each_stretches_every_image_on_its_own():
    axes = show_images([np.array([[5.0, 9.0]]), np.array([[-1.0, 1.0]])], limits="each")
    for ax in axes.flat:
        np.testing.assert_array_equal(drawn(ax)[0, :, 0], [0, 255])


def test_given_limits_are_shared(ax):
    show_images([np.array([[0.0, 5.0, 10.0]])], ax, limits=(0, 10))
    np.testing.assert_allclose(drawn(ax)[0, :, 0], [0, 127, 255], atol=1)


def test_a_new_figure_has_rows_and_blanks_the_rest():
    axes = show_images(np.zeros((5, 8, 8)), ncols=3, titles=list("abcde"))
    assert axes.shape == (2, 3)
    assert [len(ax.images) for ax in axes.flat] == [1, 1, 1, 1, 1, 0]
    assert [ax.get_title() for ax in axes.flat] == [*"abcde", ""]
    assert not any(ax.axison for ax in axes.flat)


def test_too_few_axes_or_titles_are_refused(ax):
    with pytest.raises(ValueError, match="1 axes for 2 images"):
        show_images(np.zeros((2, 4, 4)), ax)
    with pytest.raises(ValueError, match="3 titles for 2 images"):
        show_images(np.zeros((2, 4, 4)), titles=list("abc"))
    with pytest.raises(ValueError, match="at least one image"):
        show_images([])


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((3, 8, 9)), "move the channels last"),
        (np.zeros((4,)), r"got \(4,\)"),
        (np.zeros((0, 4)), "empty"),
        (np.full((4, 4), 200.0), r"\[0, 1\], got 200 to 200"),
        (np.full((4, 4, 3), np.nan), r"got nan"),
    ],
)
def test_a_wrong_image_is_named_with_the_cure(image, message):
    with pytest.raises(ValueError, match=message):
        show_images([image])


def test_boxes_have_the_given_corners_and_the_view_stays(ax):
    show_images([np.zeros((50, 80))], ax)
    view = ax.viewLim.bounds
    boxes = np.array([[1, 2, 30, 40], [10.5, 0, 79, 49]])
    assert draw_boxes(boxes, ax, labels=["one", "two"]) is ax
    frames = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    assert [frame.get_bbox().extents.tolist() for frame in frames] == boxes.tolist()
    assert [text.get_text() for text in ax.texts] == ["one", "two"]
    assert [text.xy for text in ax.texts] == [(1, 2), (10.5, 0)]
    assert ax.viewLim.bounds == view


def test_each_box_may_have_its_colour(ax):
    draw_boxes([[0, 0, 1, 1], [2, 2, 3, 3]], ax, color=CYCLE[:2])
    assert [to_hex(patch.get_edgecolor()).upper() for patch in ax.patches] == list(CYCLE[:2])


def test_no_boxes_draw_nothing(ax):
    draw_boxes(np.empty((0, 4)), ax, labels=[])
    assert not ax.patches


@pytest.mark.parametrize(
    ("boxes", "options", "message"),
    [
        ([[5, 0, 1, 1]], {}, "x1 <= x2"),
        ([[0, 0, 1]], {}, r"\(N, 4\)"),
        ([[0, 0, 1, np.nan]], {}, "finite"),
        ([[0, 0, 1, 1]], {"labels": []}, "0 labels for 1 boxes"),
        ([[0, 0, 1, 1]], {"color": ["red", "blue"]}, "2 colors for 1 boxes"),
    ],
)
def test_wrong_boxes_are_refused(ax, boxes, options, message):
    with pytest.raises(ValueError, match=message):
        draw_boxes(boxes, ax, **options)


def test_landmarks_lie_where_they_are_and_lines_join_them(ax):
    points = np.arange(12.0).reshape(2, 3, 2)
    assert draw_landmarks(points, ax, lines=[(0, 2)]) is ax
    for number, one in enumerate(points):
        np.testing.assert_array_equal(ax.collections[number].get_offsets(), one)
        np.testing.assert_array_equal(ax.lines[number].get_xydata(), one[[0, 2]])


def test_landmarks_beyond_the_image_keep_the_view(ax):
    show_images([np.zeros((50, 80))], ax)
    view = ax.viewLim.bounds
    draw_landmarks([[-30.0, 10.0], [200.0, 90.0]], ax, lines=[(0, 1)])
    ax.figure.canvas.draw()
    assert ax.viewLim.bounds == view


def test_landmarks_of_one_object_and_of_none(ax):
    draw_landmarks([[1.0, 2.0]], ax)
    draw_landmarks(np.empty((0, 5, 2)), ax)
    assert len(ax.collections) == 1


@pytest.mark.parametrize("points", [[1.0, 2.0], [[1.0, 2.0, 3.0]], [[np.inf, 0.0]]])
def test_wrong_landmarks_are_refused(ax, points):
    with pytest.raises(ValueError, match="points must be"):
        draw_landmarks(points, ax)


@pytest.mark.parametrize(
    ("background", "expected"), [("white", "black"), ("#1257B5", "white"), ("yellow", "black")]
)
def test_text_is_readable_on_a_colour(background, expected):
    assert text_color(background) == expected
