"""An alignment as data: its file, its words, the area that frames share."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_focusstack.alignment import Alignment, Area
from napari_focusstack.alignment.alignment import shared_area

SIZE = (100, 200)


def matrix(scale=1.0, degrees=0.0, x=0.0, y=0.0):
    turn = np.radians(degrees)
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    middle = np.array([(SIZE[1] - 1) / 2, (SIZE[0] - 1) / 2])
    return np.vstack([np.column_stack([linear, middle - linear @ middle + [x, y]]), [0, 0, 1]])


def alignment(**changes):
    values = {
        "transforms": np.array([matrix(1.01, 0.2, 3, -4), np.eye(3), matrix(0.98, x=50)]),
        "area": Area(0, 0, *SIZE),
        "reference": 1,
        "kept": np.array([True, True, False]),
        "correlation": np.array([0.987, 1.0, 0.123]),
        "gains": np.array([[1.1, 1.2], [1, 1], [0.9, 1]]),
        "transfer": "srgb",
        "size": SIZE,
        "misfits": (2,),
    }
    return Alignment(**(values | changes))


def same(a, b):
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in Alignment.__slots__)


numbers = st.floats(-1e4, 1e4)


@given(
    st.lists(st.tuples(st.lists(numbers, min_size=9, max_size=9), st.booleans(), numbers), min_size=1, max_size=4),
    st.integers(1, 4),
    st.sampled_from(["linear", "srgb"]),
    st.booleans(),
)
def test_a_file_gives_back_what_was_saved(tmp_path_factory, frames, channels, transfer, sized):
    path = tmp_path_factory.mktemp("a") / "a.json"
    saved = Alignment(
        transforms=np.array([frame[0] for frame in frames]).reshape(-1, 3, 3),
        area=Area(1, 2, 3, 4),
        reference=len(frames) - 1,
        kept=np.array([frame[1] for frame in frames]),
        correlation=np.array([frame[2] for frame in frames]),
        gains=np.outer([frame[2] for frame in frames], np.ones(channels)),
        transfer=transfer,
        size=(5, 6) if sized else None,
    )
    saved.save(path)
    loaded = Alignment.load(path)
    assert same(saved, loaded)
    assert loaded.transforms.dtype == np.float64
    assert loaded.kept.dtype == bool


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\x00\x01", "is not an alignment: no JSON"),
        ("[1, 2]", 'the key "napari-focusstack alignment" is missing'),
        ('{"napari-focusstack": "0.1"}', 'the key "napari-focusstack alignment" is missing'),
        ('{"napari-focusstack alignment": 99}', "of version 99; this program reads version 1: update it"),
        ('{"napari-focusstack alignment": 1}', "is not a whole alignment .KeyError: 'frames'"),
    ],
)
def test_another_file_is_refused(tmp_path, text, message):
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        Alignment.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v["frames"][0].update(transform=[1, 2, 3]), "not a whole alignment"),
        (lambda v: v["frames"][0].pop("gains"), "KeyError: 'gains'"),
        (lambda v: v.update(area={"top": 1}), "TypeError"),
        (lambda v: v.update(reference=7), "reference 7 of 3 frames"),
        (lambda v: v.update(transfer="log"), "transfer 'log'; save it again"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, change, message):
    path = tmp_path / "a.json"
    alignment().save(path)
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))
    with pytest.raises(ValueError, match=message):
        Alignment.load(path)


def test_the_report_tells_what_happened_to_each_frame():
    lines = alignment().report().splitlines()
    assert lines[0] == (
        "3 frames, laid on frame 1; all used frames share 200 × 100 of 200 × 100 px from column 0, row 0."
    )
    assert lines[1] == "frame  shift px  right  down   size %    turn °  correlation   light"
    assert lines[2].split() == ["0", "5.00", "+3.0", "-4.0", "+1.000", "+0.2000", "0.9870", "×1.100", "×1.200"]
    assert lines[3].endswith("reference")
    assert lines[4].endswith("fits no neighbour: left out")
    assert len(lines) == 5


def test_the_report_calls_frames_as_it_is_told():
    lines = alignment().report((0, 4, 7)).splitlines()
    assert "laid on frame 4;" in lines[0]
    assert [line.split()[0] for line in lines[2:]] == ["0", "4", "7"]


def test_the_report_tells_what_was_kept_all_the_same():
    kept = alignment(kept=np.ones(3, bool)).report().splitlines()
    assert kept[4].endswith("fits no neighbour: placed between them")
    assert "of 200" not in alignment(size=None).report()
    assert alignment(misfits=()).report().splitlines()[4].endswith("left out")


@pytest.mark.parametrize(
    ("transforms", "expected"),
    [
        ([np.eye(3)], (0, 0, 100, 200)),
        ([np.eye(3), matrix(x=3, y=-4)], (4, 0, 96, 197)),
        ([np.eye(3), matrix(x=0.0005)], (0, 0, 100, 200)),  # rounding costs no column
        ([np.eye(3), matrix(x=0.4), matrix(x=-0.4)], (0, 1, 100, 198)),
        ([np.eye(3), matrix(0.9)], (0, 0, 100, 200)),  # a frame that sees more
        ([np.eye(3), matrix(1.1)], (5, 10, 90, 180)),
    ],
)
def test_the_area_is_what_all_frames_cover(transforms, expected):
    assert shared_area(np.array(transforms), np.ones(len(transforms), bool), SIZE) == Area(*expected)


@given(
    st.lists(
        st.tuples(st.floats(0.9, 1.1), st.floats(-3, 3), st.floats(-9, 9), st.floats(-9, 9)), min_size=1, max_size=5
    )
)
def test_every_frame_covers_every_corner_of_the_area(motions):
    transforms = np.array([matrix(*motion) for motion in motions])
    area = shared_area(transforms, np.ones(len(motions), bool), SIZE)
    x, y = [area.left, area.left + area.width - 1], [area.top, area.top + area.height - 1]
    corners = np.array([(a, b, 1) for a in x for b in y]).T
    for transform in transforms:
        u, v, w = transform @ corners
        assert np.all((u / w > -0.01) & (u / w < SIZE[1] - 0.99) & (v / w > -0.01) & (v / w < SIZE[0] - 0.99))


def test_frames_that_are_left_out_need_no_area():
    transforms = np.array([np.eye(3), matrix(x=150)])
    assert shared_area(transforms, np.array([True, False]), SIZE) == Area(0, 0, *SIZE)


@pytest.mark.parametrize("far", [matrix(x=160), matrix(y=-90), matrix(x=1000), matrix(5.0)])
def test_too_small_an_area_names_the_frame(far):
    transforms = np.array([np.eye(3), matrix(x=5), far, matrix(1.05)])
    with pytest.raises(ValueError, match=r"share only \d+ × \d+ of 200 × 100 px; frame 2 leaves least: take it out"):
        shared_area(transforms, np.ones(4, bool), SIZE)
