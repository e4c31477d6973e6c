"""What was done, in words and as a table."""

import numpy as np
import pytest

from napari_focusstack.alignment import Alignment, Area
from napari_focusstack.depth import Depth
from napari_focusstack.ui.report import AlignmentReport, duration, motions, summary


def alignment(transforms, kept=None, misfits=()):
    n = len(transforms)
    return Alignment(
        transforms=np.asarray(transforms, float),
        area=Area(0, 0, 101, 201),
        reference=0,
        kept=np.ones(n, bool) if kept is None else np.asarray(kept),
        correlation=np.linspace(1, 0.5, n),
        gains=np.ones((n, 1)),
        transfer="linear",
        misfits=misfits,
    )


def about_centre(scale, degrees, x=0.0, y=0.0):
    """Transform that scales and turns about the area's centre, then shifts."""
    c, s = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    centre, back = np.eye(3), np.eye(3)
    centre[:2, 2], back[:2, 2] = (100 + x, 50 + y), (-100, -50)
    return centre @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ back


def test_motions_are_read_at_the_centre():
    moved = motions(alignment([np.eye(3), about_centre(1.02, 3, x=3, y=-4)]))
    assert moved[0].shift == 0
    np.testing.assert_allclose(
        [moved[1].x, moved[1].y, moved[1].scale, moved[1].rotation, moved[1].shift], [3, -4, 1.02, 3, 5]
    )


@pytest.mark.parametrize(
    ("alignments", "seconds", "fused", "expected"),
    [
        ([], 1.23, True, "7 frames fused in 1.2 s."),
        ([alignment([np.eye(3)] * 7)], 75, True, "7 frames aligned and fused in 1 min 15 s. Nothing had moved."),
        (
            [alignment([np.eye(3), about_centre(1, 0, x=12.34)])],
            1,
            False,
            "7 frames aligned in 1.0 s. Largest shift 12.3 px (frame 1).",
        ),
        (
            [alignment([np.eye(3), about_centre(1, 0, x=99)], [True, False])],
            1,
            True,
            "7 frames aligned and fused in 1.0 s. Nothing had moved. Frame 1 fits nowhere and was left out.",
        ),
        (
            [alignment([np.eye(3)] * 3, [True, False, False])],
            1,
            True,
            "7 frames aligned and fused in 1.0 s. Nothing had moved. Frames 1, 2 fit nowhere and were left out.",
        ),
        (
            [alignment([np.eye(3)] * 2, [True, False]), alignment([np.eye(3), about_centre(1, 0, y=2)])],
            1,
            True,
            "2 × 7 frames aligned and fused in 1.0 s. Largest shift 2.0 px (frame 1). "
            "1 of them fit nowhere; see the report.",
        ),
        (
            [alignment([np.eye(3)] * 4, [True, False, True, True], misfits=(1, 3))],
            1,
            True,
            "7 frames aligned and fused in 1.0 s. Nothing had moved. Frame 1 fits nowhere and was left out. "
            "Frame 3 fits no neighbour and was placed between them.",
        ),
    ],
)
def test_the_summary_says_what_was_done(alignments, seconds, fused, expected):
    assert summary(alignments, 7, seconds, fused=fused) == expected


def test_the_table_has_a_row_for_each_frame(qtbot):
    first = alignment([np.eye(3), about_centre(1.02, 3, x=3, y=-4)], [True, False])
    dialog = AlignmentReport([first, alignment([np.eye(3)] * 3, misfits=(2,))], "beetle")
    qtbot.addWidget(dialog)
    assert dialog.windowTitle() == "Alignment of beetle"
    rows = [[dialog.table.item(i, k).text() for k in range(8)] for i in range(2)]
    assert rows == [
        ["0", "+0.00", "+0.00", "1.00000", "+0.000", "1.0000", "× 1.000", "reference"],
        ["1", "+3.00", "-4.00", "1.02000", "+3.000", "0.5000", "× 1.000", "left out"],
    ]
    dialog.burst.setCurrentIndex(1)
    assert dialog.table.rowCount() == 3
    assert dialog.table.item(2, 7).text() == "between neighbours"


@pytest.mark.parametrize(
    ("low", "high", "unit", "words"),
    [
        (0, 12.34, "um", "Depth: most of it between 0.0 and 12.3 µm; 25% of the picture could not be measured."),
        (
            3412.5,
            3414.51,
            "um",
            "Depth: most of it between 3412.50 and 3414.51 µm; 25% of the picture could not be measured.",
        ),
        (250, 1250, "mm", "Depth: most of it between 250 and 1250 mm; 25% of the picture could not be measured."),
        (2.5, 2.5, "mm", "Depth: most of it at 2.5 mm; 25% of the picture could not be measured."),
        (
            0.5,
            9.25,
            "frame",
            "Depth: most of it between frame 0.50 and 9.25; 25% of the picture could not be measured.",
        ),
    ],
)
def test_the_depths_are_told(low, high, unit, words):
    position = np.repeat(np.array([low, np.nan, high, high], np.float32), 1000).reshape(40, 100)
    confidence = np.isfinite(position).astype(np.float32)
    depth = Depth(position, position, position, confidence, np.arange(5.0), unit)
    assert summary([], 7, 1, fused=False, depth=depth) == f"7 frames measured in 1.0 s. {words}"


def test_without_any_depth_it_says_so():
    nothing = np.full((4, 5), np.nan, np.float32)
    depth = Depth(nothing, nothing, nothing, np.zeros_like(nothing), np.arange(5.0), "um")
    words = summary([], 7, 1, fused=True, depth=depth)
    assert words == "7 frames fused and measured in 1.0 s. No depth: nothing is in focus anywhere."


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 0 s"), (179.7, "3 min 0 s"), (3725.0, "62 min 5 s")],
)
def test_a_minute_has_sixty_seconds(seconds, said):
    assert duration(seconds) == said
