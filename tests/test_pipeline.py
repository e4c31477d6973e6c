"""From a burst to its result: truth reached, dtype kept, axes looped, numbers of the source's own frames."""

import dask.array as da
import numpy as np
import pytest

from napari_focusstack import Recipe, run, run_series, simulate
from napari_focusstack.arrays import to_float
from napari_focusstack.metrics import psnr
from napari_focusstack.pipeline import aligned
from napari_focusstack.progress import listening

AS_IT_IS = Recipe(align="none", fuse="average")


@pytest.fixture(scope="module")
def burst():
    return simulate("slanted", frames=8, height=160, width=200, breathing=0.02, jitter=1.0, seed=3)


def cut(truth, area):
    return truth[area.top : area.top + area.height, area.left : area.left + area.width]


def test_a_moving_burst_becomes_its_truth(burst):
    result = run(burst.frames, transfer="srgb")
    assert result.image.dtype == np.uint8
    assert (result.axes, result.index_axes) == ("YXC", "YX")
    truth = cut(burst.truth, result.area)
    middle = to_float(cut(burst.frames[4], result.area))
    assert psnr(truth, to_float(result.image)) > psnr(truth, middle) + 5
    depth = cut(burst.depth, result.area)
    assert np.nanmedian(np.abs(result.index - depth)) < 1


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_the_dtype_is_kept(dtype):
    frames = simulate("slanted", frames=3, height=64, width=64, dtype=dtype).frames
    result = run(frames, Recipe(align="none"))
    assert result.image.dtype == frames.dtype
    assert result.image.shape == frames.shape[1:]
    low, high = frames.min(), frames.max()
    assert abs(float(result.image.mean()) - frames.mean()) < 0.05 * float(high - low)


def test_grey_frames_without_a_channel_axis(burst):
    result = run(burst.frames[..., 0], AS_IT_IS)
    assert result.image.shape == (160, 200, 1)


def test_one_index_for_each_channel_or_one_for_all(burst):
    joint = run(burst.frames, Recipe(align="none", channels="joint"))
    separate = run(burst.frames, Recipe(align="none", channels="separate"))
    green = run(burst.frames, Recipe(align="none", channels=1))
    only_green = run(burst.frames[..., 1:2], Recipe(align="none"))
    assert joint.index.shape == (160, 200)
    assert separate.index.shape == (160, 200, 3)
    assert separate.index_axes == "YXC"
    assert np.array_equal(separate.index[..., 1], only_green.index, equal_nan=True)
    assert np.array_equal(green.index, only_green.index, equal_nan=True)
    assert np.abs(green.image[..., 1:2].astype(int) - only_green.image).max() <= 1


def test_a_channel_that_is_not_there_is_named(burst):
    with pytest.raises(ValueError, match="channel 3 is not there; channels are numbered 0 to 2"):
        run(burst.frames, Recipe(align="none", channels=3))


def test_the_index_counts_left_out_frames_too(burst):
    from dataclasses import replace

    from napari_focusstack import align

    found = align(burst.frames)
    kept = np.array([True, True, False, False, False, True, True, True])
    result = run(burst.frames, alignment=replace(found, kept=kept))
    numbers = np.unique(np.round(result.index[~np.isnan(result.index)]))
    assert numbers.min() <= 1
    assert numbers.max() >= 6


def test_an_alignment_serves_another_burst(burst):
    first = run(burst.frames)
    again = run(burst.frames, alignment=first.alignments[0])
    assert again.alignments == first.alignments
    assert np.array_equal(again.image, first.image)


def series(axes):
    """A z-stack for each of 2 times and 3 channels, in the order of `axes`."""
    made = np.stack([simulate("slanted", frames=4, height=48, width=40, seed=seed).frames for seed in (1, 2)])
    return np.ascontiguousarray(made.transpose(["TZYXC".index(a) for a in axes])), made


@pytest.mark.parametrize("axes", ["TCZYX", "TZCYX", "ZTYXC", "CTZYX"])
@pytest.mark.parametrize("make", [np.asarray, lambda d: da.from_array(d, chunks=(1, *d.shape[1:]))])
def test_other_axes_are_looped(axes, make):
    data, made = series(axes)
    result = run_series(make(data), axes, Recipe(align="none"))
    assert result.axes == axes.replace("Z", "")
    assert result.index_axes == result.axes.replace("C", "")
    for t in (0, 1):
        alone = run(made[t], Recipe(align="none"))
        image = result.image.transpose([result.axes.index(a) for a in "TYXC"])[t]
        assert np.array_equal(image, alone.image)
        assert np.array_equal(result.index[result.index_axes.index("T") * 0 + t], alone.index, equal_nan=True)


def stages_of(function, *arguments):
    stages = []
    with listening(lambda step: stages.append(step.stage) if step else None):
        function(*arguments)
    return list(dict.fromkeys(stages))


def test_progress_says_which_burst_of_a_series_it_is():
    data, made = series("TCZYX")
    stages = stages_of(run_series, data, "TCZYX", Recipe(fuse="average"))
    assert [s.partition(" (")[2] for s in stages if s.startswith("Aligning")] == ["burst 1 of 2)", "burst 2 of 2)"]
    assert [s.partition(" (")[2] for s in stages if not s.startswith("Aligning")] == ["burst 1 of 2)", "burst 2 of 2)"]
    assert stages_of(aligned, data, "TCZYX") == ["Aligning (burst 1 of 2)", "Aligning (burst 2 of 2)"]
    assert not [s for s in stages_of(run_series, made[0], "ZYXC", Recipe(fuse="average")) if "burst" in s]


def test_colours_and_plain_stacks_are_series_too(burst):
    result = run_series(burst.frames, "ZYXS", Recipe(align="none"))
    assert (result.axes, result.image.shape) == ("YXS", (160, 200, 3))
    result = run_series(burst.frames[..., 0], "ZYX", Recipe(align="none"))
    assert (result.axes, result.image.shape, result.index.shape) == ("YX", (160, 200), (160, 200))


def test_separate_channels_of_a_series_have_their_own_index():
    data, _ = series("TCZYX")
    result = run_series(data, "TCZYX", Recipe(align="none", channels="separate"))
    assert result.index_axes == "TCYX"
    assert result.index.shape == (2, 3, 48, 40)


def test_all_bursts_of_a_series_share_one_area():
    made = [simulate("slanted", frames=4, height=96, width=90, jitter=2.0, seed=seed).frames for seed in (1, 2)]
    result = run_series(np.stack(made), "TZYXS")
    assert len({a.area for a in result.alignments}) == 1
    assert result.image.shape == (2, result.area.height, result.area.width, 3)


def test_another_focus_axis(burst):
    result = run_series(burst.frames, "TYXS", AS_IT_IS, focus_axis="T")
    assert result.axes == "YXS"


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ("ZYX", r"axes 'ZYX' do not name the 4 axes of shape \(8, 160, 200, 3\)"),
        ("ZYXX", "do not name the 4 axes"),
        ("TYXS", "axes 'TYXS' have no Z; Y, X and a focus axis are needed"),
    ],
)
def test_wrong_axes_are_named(burst, axes, message):
    with pytest.raises(ValueError, match=message):
        run_series(burst.frames, axes, AS_IT_IS)


def test_channels_and_colours_at_once_are_refused(burst):
    with pytest.raises(ValueError, match="have both C and S; split the channels first"):
        run_series(burst.frames[None], "CZYXS", AS_IT_IS)


def test_aligned_frames_are_lazy_and_keep_their_axes(burst):
    found = aligned(da.from_array(burst.frames[None], chunks=(1, 1, -1, -1, -1)), "TZYXS", transfer="srgb")
    assert isinstance(found.data, da.Array)
    area = found.area
    assert found.data.shape == (1, 8, area.height, area.width, 3)
    truth = cut(burst.truth, area)
    for i in (3, 4, 5):
        frame = to_float(found.data[0, i].compute())
        assert psnr(truth, frame) > psnr(truth, to_float(cut(burst.frames[i], area))) - 0.1


def test_without_alignment_frames_are_taken_as_they_are(burst):
    found = aligned(burst.frames, "ZYXS", Recipe(align="none"))
    assert found.data is burst.frames
    assert found.alignments == ()


@pytest.mark.parametrize("wrong", [{"fuse": "pyramid"}, "recipe.json"])
def test_what_is_no_recipe_is_refused(wrong):
    frames = np.zeros((3, 16, 16), np.float32)
    for call in (lambda: run(frames, wrong), lambda: run_series(frames, "ZYX", wrong)):
        with pytest.raises(TypeError, match=f"a recipe is a Recipe, not {type(wrong).__name__}: Recipe"):
            call()
