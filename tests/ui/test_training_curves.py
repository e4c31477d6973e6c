"""Curves of training: values land where they must, unknown ones do no harm, and thinning keeps what stands out."""

import math

import numpy as np
import pytest
from qtpy.QtCore import QRectF
from qtpy.QtGui import QColor

from napari_focusstack.ui.training_curves import Axis, Curve, CurvesPlot, smoothed, thinned

RED, BLUE = "#ff0000", "#0000ff"
BOX = QRectF(50, 20, 200, 100)


def plot_of(qtbot, *curves, steps=100, log=False):
    plot = CurvesPlot("Loss", "", "comes", *curves, log=log)
    qtbot.addWidget(plot)
    plot.show_steps(steps)
    plot.resize(360, 160)
    return plot


def columns_of(plot, color):
    """Columns of the widget's picture in which there is this very colour."""
    picture = plot.grab().toImage()
    ratio = picture.width() / plot.width()
    wanted = QColor(color).rgb()
    rows = range(picture.height())
    return [x / ratio for x in range(picture.width()) if any(picture.pixel(x, y) == wanted for y in rows)]


def test_values_lie_in_proportion_between_the_ends_of_an_axis():
    shares = Axis(10, 20).share(np.array([10.0, 15.0, 20.0, np.nan, np.inf]))
    np.testing.assert_allclose(shares, [0, 0.5, 1, np.nan, np.nan])


def test_a_logarithmic_axis_gives_every_decade_the_same_room_and_knows_nothing_at_or_below_zero():
    shares = Axis(-3, 1, log=True).share(np.array([1e-3, 1e-2, 0.1, 1, 10, 0, -1, np.nan]))
    np.testing.assert_allclose(shares, [0, 0.25, 0.5, 0.75, 1, np.nan, np.nan, np.nan], atol=1e-12)


@pytest.mark.parametrize("log", [False, True])
def test_an_axis_leaves_room_around_what_it_can_show(log):
    axis = Axis.around([0.1, 10.0, math.nan, math.inf, -math.inf], log)
    shares = axis.share(np.array([0.1, 10.0]))
    assert 0 < shares[0] < 0.1 and 0.9 < shares[1] < 1


@pytest.mark.parametrize("values", [[], [0.0], [math.nan], [-1.0], [0.5], [0.5, 0.5]])
@pytest.mark.parametrize("log", [False, True])
def test_an_axis_stands_with_few_values_or_none(values, log):
    axis = Axis.around(values, log)
    assert math.isfinite(axis.low) and axis.low < axis.high


def test_ticks_of_a_logarithmic_axis_are_round():
    assert [label for _, label in Axis(-2.2, 0.1, log=True).ticks()] == ["0.01", "0.1", "1"]
    assert [label for _, label in Axis(-1.05, -0.2, log=True).ticks()] == ["0.1", "0.2", "0.5"]
    assert len(Axis(-12, 4, log=True).ticks()) <= 5  # decades are left out


def test_points_lie_in_the_box_by_step_and_value(qtbot):
    plot = plot_of(qtbot, Curve("a", (RED, RED)))
    points = np.array([[0, 0], [100, 10], [25, 5], [50, np.nan]], float)
    placed = plot._placed(points, BOX, Axis(0, 10))
    np.testing.assert_allclose(placed, [[50, 120], [250, 20], [100, 70], [150, np.nan]])


def test_lines_are_broken_where_a_loss_is_unknown_or_zero(qtbot):
    curve = Curve("", (RED, RED), 3.0)
    curve.points = [
        (k, math.nan if 40 <= k < 50 else 0.0 if 50 <= k < 60 else 0.1 + 0.01 * (k % 2)) for k in range(101)
    ]
    plot = plot_of(qtbot, curve, log=True)
    painted = columns_of(plot, RED)
    left, right = min(painted), max(painted)  # of the steps 0 and 100
    gap = max(np.diff(painted))
    assert gap == pytest.approx((right - left) * 21 / 100, abs=4)  # from step 39 to 60


def test_a_single_point_is_seen(qtbot):
    curve = Curve("", (RED, RED))
    curve.points = [(50, 0.3)]
    assert columns_of(plot_of(qtbot, curve), RED)


def test_the_first_curve_is_painted_on_top(qtbot):
    top, below = Curve("top", (RED, RED), 3.0), Curve("below", (BLUE, BLUE), 3.0)
    top.points = below.points = [(0, 1.0), (100, 1.0)]
    plot = plot_of(qtbot, top, below)
    assert len(columns_of(plot, RED)) > 200 > 40 > len(columns_of(plot, BLUE))  # of the other, the legend's line


def test_new_points_show_though_lines_are_kept(qtbot):
    curve = Curve("", (RED, RED), 3.0)
    curve.points = [(0, 1.0), (20, 1.0)]
    plot = plot_of(qtbot, curve)
    before = max(columns_of(plot, RED))
    curve.points.append((100, 1.0))
    assert max(columns_of(plot, RED)) > before + 100
    plot.clear()
    assert not columns_of(plot, RED)


def test_the_legend_tells_the_newest_known_value(qtbot):
    curve = Curve("network", (RED, RED))
    plot = plot_of(qtbot, curve)
    assert plot.readout(curve) == "–"
    curve.points = [(1, 0.5), (2, 0.25), (3, math.nan)]
    assert plot.readout(curve) == "0.25"
    plot.unit = "dB"
    assert plot.readout(curve) == "0.25 dB"


def test_the_running_mean_is_true_to_the_first_value_and_outlives_unknown_ones():
    found = smoothed([1.0, 1.0, math.nan, math.inf, 1.0, 2.0])
    np.testing.assert_allclose(found[:5], [1, 1, np.nan, np.nan, 1])
    assert found[5] == pytest.approx(1 + 1 / (1 + 0.9 + 0.81 + 0.729))


def test_thinning_keeps_what_stands_out_and_both_ends():
    rng = np.random.default_rng(0)
    values = rng.uniform(1, 2, 20_000)
    values[777], values[12_345] = 9.0, 0.1
    points = list(enumerate(values.tolist(), 1))
    kept = thinned(points, 20_000, 300)
    assert len(kept) <= 2 * 300 + 2 and (np.diff(kept[:, 0]) > 0).all()
    rows = {tuple(row) for row in kept.tolist()}
    assert {points[0], points[-1], points[777], points[12_345]} <= rows <= set(points)
    for column in range(1, 299):  # each is as high and as low as before
        there = kept[np.floor(kept[:, 0] / 20_000 * 300) == column, 1]
        steps = [value for step, value in points if math.floor(step / 20_000 * 300) == column]
        assert (there.min(), there.max()) == (min(steps), max(steps))


def test_thinning_ignores_unknown_values_beside_known_ones_and_keeps_gaps():
    values = np.ones(10_000)
    values[::3] = np.nan
    values[5000:5500] = np.nan
    kept = thinned(list(enumerate(values.tolist())), 10_000, 100)
    unknown = kept[1:-1][np.isnan(kept[1:-1, 1]), 0]
    assert set(unknown // 100) == set(range(50, 55))


def test_few_points_stay_as_they_are():
    points = [(1.0, 3.0), (2.0, math.nan), (5.0, 4.0)]
    np.testing.assert_array_equal(thinned(points, 10, 300), points)
    assert thinned([], 10, 300).shape == (0, 2)
