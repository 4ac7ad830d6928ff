import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, roc_curve

from companion.plotting import plot_confusion, plot_curves, plot_roc
from companion.plotting.style import STYLE


def line_of(ax, label):
    (line,) = [line for line in ax.lines if line.get_label() == label]
    return line.get_xydata()


def test_curves_start_at_epoch_one(ax):
    assert plot_curves({"train": [3, 2, 1], "valid": [4, 3]}, ax, ylabel="loss") is ax
    np.testing.assert_array_equal(line_of(ax, "train"), [[1, 3], [2, 2], [3, 1]])
    np.testing.assert_array_equal(line_of(ax, "valid"), [[1, 4], [2, 3]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["train", "valid"]
    assert all(float(tick).is_integer() for tick in ax.get_xticks())


def test_curves_differ_in_colour_and_in_dash(ax):
    ax.set_prop_cycle(STYLE["axes.prop_cycle"])
    plot_curves({name: [1, 2] for name in "abcd"}, ax)
    assert len({line.get_color() for line in ax.lines}) == 4
    assert len({line.get_linestyle() for line in ax.lines}) == 4


def test_curves_over_an_x_of_their_own(ax):
    plot_curves({"recall": [0.5, 1.0]}, ax, x=[10, 20], xlabel="size (pixels)")
    np.testing.assert_array_equal(line_of(ax, "recall"), [[10, 0.5], [20, 1.0]])


@pytest.mark.parametrize(
    ("curves", "x", "message"),
    [
        ({}, None, "at least one"),
        ({"a": [[1, 2]]}, None, "1-D"),
        ({"a": [1, 2]}, [1, 2, 3], "2 values for 3 x"),
    ],
)
def test_wrong_curves_are_refused(ax, curves, x, message):
    with pytest.raises(ValueError, match=message):
        plot_curves(curves, ax, x=x)


def test_confusion_shows_counts_and_shades_the_share_of_each_true_class(ax):
    truth, predicted = [0, 0, 0, 0, 1, 1, 2], [0, 0, 0, 1, 1, 1, 0]
    matrix = confusion_matrix(truth, predicted)
    assert plot_confusion(matrix, ax, labels=["cat", "dog", "owl"]) is ax
    np.testing.assert_allclose(
        ax.images[0].get_array(), confusion_matrix(truth, predicted, normalize="true")
    )
    shown = {text.get_position(): int(text.get_text()) for text in ax.texts}
    assert shown == {(j, i): matrix[i, j] for i in range(3) for j in range(3)}
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["cat", "dog", "owl"]
    assert ax.get_ylabel() == "true class"
    assert [ax.texts[0].get_color(), ax.texts[2].get_color()] == ["white", "black"]


def test_a_class_without_samples_stays_blank(ax):
    plot_confusion([[2, 0], [0, 0]], ax, labels=["a", "b"])
    np.testing.assert_array_equal(ax.images[0].get_array(), [[1, 0], [0, 0]])


@pytest.mark.parametrize(
    ("matrix", "labels", "message"),
    [
        ([[1, 2]], ["a"], r"\(K, K\)"),
        ([[1, 0], [0, 1]], ["a"], "1 labels for 2 classes"),
        ([[0.5, 0.5], [0, 1]], ["a", "b"], "counts"),
        ([[-1, 0], [0, 1]], ["a", "b"], "counts"),
    ],
)
def test_wrong_confusion_matrices_are_refused(ax, matrix, labels, message):
    with pytest.raises(ValueError, match=message):
        plot_confusion(matrix, ax, labels=labels)


@pytest.fixture
def scored():
    rng = np.random.default_rng(0)
    targets = rng.random(200) < 0.3
    return targets, rng.normal(size=200) + targets


def test_roc_is_that_of_scikit_learn(ax, scored):
    targets, scores = scored
    assert plot_roc(targets, scores, ax, label="ours") is ax
    false_rate, true_rate, _ = roc_curve(targets, scores)
    np.testing.assert_allclose(line_of(ax, "ours"), np.c_[false_rate, true_rate])


def test_the_marked_threshold_is_the_rate_counted_by_hand_and_on_the_curve(ax, scored):
    targets, scores = scored
    threshold = float(np.sort(scores)[120])
    plot_roc(targets, scores, ax, threshold=threshold)
    ((x, y),) = ax.lines[-1].get_xydata()
    called = scores >= threshold
    assert x == (called & ~targets).sum() / (~targets).sum()
    assert y == (called & targets).sum() / targets.sum()
    false_rate, true_rate, _ = roc_curve(targets, scores, drop_intermediate=False)
    assert np.hypot(false_rate - x, true_rate - y).min() < 1e-12


def test_several_curves_share_one_diagonal_and_differ(ax, scored):
    targets, scores = scored
    plot_roc(targets, scores, ax, label="a")
    plot_roc(targets, -scores, ax, label="b")
    assert sum(line.get_gid() == "chance" for line in ax.lines) == 1
    curves = [line for line in ax.lines if line.get_gid() == "roc"]
    assert len({line.get_color() for line in curves}) == 2
    assert len({line.get_linestyle() for line in curves}) == 2


@pytest.mark.parametrize(
    ("targets", "scores", "message"),
    [
        ([1, 1], [0.1, 0.2], "both kinds"),
        ([0, 2], [0.1, 0.2], "both kinds"),
        ([0, 1], [0.1], r"both be \(N,\)"),
        ([0, 1], [0.1, np.nan], "finite"),
    ],
)
def test_wrong_scores_are_refused(ax, targets, scores, message):
    with pytest.raises(ValueError, match=message):
        plot_roc(targets, scores, ax)
