"""What holds for every entry of the table of fusion methods, whatever is fused."""

import dask.array as da
import numpy as np
import pytest
import tifffile
from tilted import psnr, tilted

from napari_focusstack.arrays import to_float
from napari_focusstack.devices import set_threads
from napari_focusstack.fusion import FUSERS, fuse
from napari_focusstack.methods import options_of, summary_of
from napari_focusstack.progress import Cancelled, listening

DTYPES = ["uint8", "uint16", "float32"]
FRAMES = 5


def burst(dtype="float32", channels=3, frames=FRAMES, height=45, width=70):
    stack, _, _ = tilted(frames, height, width, noise=0.003)
    stack = np.concatenate([stack * (0.5 + 0.5 * c / channels) for c in range(1, channels + 1)], axis=3).clip(0, 1)
    if np.dtype(dtype).kind == "f":
        return stack.astype(dtype)
    return (stack * np.iinfo(dtype).max).round().astype(dtype)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", FUSERS)
def test_fuses_every_kind_of_burst(method, dtype, channels):
    stack = burst(dtype, channels)
    fusion = fuse(stack, method, device="cpu")
    assert fusion.image.shape == stack.shape[1:]
    assert fusion.index.shape == fusion.confidence.shape == stack.shape[1:3]
    assert {fusion.image.dtype, fusion.index.dtype, fusion.confidence.dtype} == {np.dtype(np.float32)}
    assert np.isfinite(fusion.image).all()
    known = fusion.index[~np.isnan(fusion.index)]
    assert ((known >= 0) & (known <= FRAMES - 1)).all()
    assert ((fusion.confidence >= 0) & (fusion.confidence <= 1)).all()
    lazy = fuse(da.from_array(stack, chunks=(1, 30, 40, channels)), method, device="cpu")
    for name in ("image", "index", "confidence"):
        assert np.array_equal(getattr(fusion, name), getattr(lazy, name), equal_nan=True)


TOLERANCE = dict.fromkeys(FUSERS, 1e-5) | {"focusdeep": 0.02}  # what looks like noise to it is taken away


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", FUSERS)
def test_copies_of_a_frame_fuse_to_that_frame(method, dtype):
    frame = burst(dtype)[2]
    fusion = fuse(np.stack([frame] * 4), method, device="cpu")
    assert fusion.image == pytest.approx(to_float(frame), abs=TOLERANCE[method])


@pytest.mark.parametrize("shape", [(45, 70), (16, 16), (7, 3), (1, 1)])
@pytest.mark.parametrize("method", FUSERS)
def test_a_single_frame_comes_back(method, shape):
    frame = burst(height=45, width=70)[2:3, : shape[0], : shape[1]]
    fusion = fuse(frame, method, device="cpu")
    assert fusion.image == pytest.approx(frame[0], abs=TOLERANCE[method])
    assert set(np.unique(fusion.index[~np.isnan(fusion.index)])) <= {0.0}


@pytest.mark.parametrize("method", sorted(set(FUSERS) - {"average"}))
def test_is_sharper_than_every_frame_and_their_mean(method):
    stack, truth, _ = tilted()
    reached = psnr(fuse(stack, method, device="cpu").image, truth)
    assert reached > max(psnr(part, truth) for part in (stack.mean(axis=0), *stack)) + 10


@pytest.mark.parametrize("method", FUSERS)
def test_grey_frames_need_no_channel_axis(method):
    stack = burst(channels=1)
    assert np.array_equal(
        fuse(stack[..., 0], method, device="cpu").image, fuse(stack, method, device="cpu").image, equal_nan=True
    )


@pytest.mark.parametrize("method", FUSERS)
def test_the_scale_of_floats_does_not_matter(method):
    """Power of two: rounding is the same."""
    stack = burst()
    plain, large = fuse(stack, method, device="cpu"), fuse(4096 * stack, method, device="cpu")
    assert large.image / 4096 == pytest.approx(plain.image, abs=2e-4)


@pytest.mark.parametrize("method", FUSERS)
def test_the_number_of_threads_does_not_matter(method):
    """They decide how the picture is cut into strips."""
    stack, fusions = burst(height=150), []
    try:
        for count in (1, 3):
            set_threads(count)
            fusions.append(fuse(stack, method, device="cpu"))
    finally:
        set_threads(0)
    for name in ("image", "index", "confidence") if method != "focusdeep" else ("image",):  # its scores may be equal
        one, three = (getattr(fusion, name) for fusion in fusions)
        assert three == pytest.approx(one, abs=1e-6 if method != "focusdeep" else 1e-4, nan_ok=True)


class FromFiles:
    """Frames that are opened, read and closed one by one."""

    def __init__(self, folder, stack):
        self.shape, self.dtype, self.read = stack.shape, stack.dtype, 0
        self.names = [folder / f"{k}.tif" for k in range(len(stack))]
        for name, frame in zip(self.names, stack, strict=True):
            tifffile.imwrite(name, frame, photometric="minisblack")

    def __len__(self):
        return len(self.names)

    def __getitem__(self, k):
        self.read += 1
        return tifffile.imread(self.names[k])


@pytest.mark.parametrize("method", FUSERS)
def test_cancelled_after_one_step_reads_no_further(method, tmp_path):
    """What it leaves behind, files and threads, a fixture looks at."""
    frames = FromFiles(tmp_path, burst(frames=8))

    def stop(step):
        if step is not None and step.done == 1:
            raise Cancelled

    with listening(stop), pytest.raises(Cancelled):
        fuse(frames, method, device="cpu")
    looked_at = 3 if method == "focusdeep" else 0  # before it begins, for noise and brightness
    assert frames.read <= 3 + looked_at  # one done, one read ahead, one more perhaps begun


@pytest.mark.parametrize("method", FUSERS)
def test_tells_every_step_of_every_stage(method):
    steps = []
    with listening(lambda step: steps.append(step) if step else None):
        fuse(burst(), method, device="cpu")
    stages = {step.stage for step in steps}
    assert all(stages)
    for stage in stages:
        totals = {s.total for s in steps if s.stage == stage}
        assert totals == {{"unet": 1, "focusdeep": 2 * FRAMES + 5}.get(method, FRAMES)}  # a tile; each twice, and 5
        assert [s.done for s in steps if s.stage == stage] == list(range(max(totals) + 1))


@pytest.mark.parametrize("method", FUSERS)
def test_describes_itself(method):
    options = options_of(FUSERS[method])
    assert summary_of(FUSERS[method])
    assert len(options) <= 6
    assert all(option.text for option in options.values())
    assert "channel" in options


@pytest.mark.parametrize("method", FUSERS)
def test_every_option_refuses_what_it_cannot_take(method):
    for name, option in options_of(FUSERS[method]).items():
        if option.choices is not None:
            with pytest.raises(ValueError, match=f"{name}='nonsense' is not one of"):
                fuse(burst(), method, **{name: "nonsense"})
        elif option.type is str:
            with pytest.raises(TypeError, match=f"{name}=3 is not of type str"):
                fuse(burst(), method, **{name: 3})
        elif option.type is bool:
            with pytest.raises(TypeError, match=f"{name}=3 is not of type bool"):
                fuse(burst(), method, **{name: 3})
        else:
            for value in (option.minimum - 1, option.maximum + 1):
                with pytest.raises(ValueError, match=rf"{name}={value} is out of range; {option.minimum} to"):
                    fuse(burst(), method, **{name: value})


@pytest.mark.parametrize("method", FUSERS)
def test_unknown_options_are_named(method):
    with pytest.raises(ValueError, match=f"unknown option of '{method}' 'chanel'; did you mean 'channel'"):
        fuse(burst(), method, chanel=0)


@pytest.mark.parametrize("method", FUSERS)
def test_a_channel_that_is_not_there_is_named(method):
    with pytest.raises(ValueError, match="channel=3 is not there; allowed are 0 to 2"):
        fuse(burst(), method, channel=3, device="cpu")


@pytest.mark.parametrize("message", ["CUDA out of memory. Tried to allocate 40.00 GiB.", "a cable is loose"])
def test_the_cpu_takes_over_where_the_gpus_memory_does_not_suffice(message, monkeypatch, caplog):
    asked = []

    def method(frames, *, device):
        asked.append(device)
        if device != "cpu":
            raise RuntimeError(message)
        return frames.mean(axis=0)

    monkeypatch.setitem(FUSERS, "hungry", method)
    monkeypatch.setattr("napari_focusstack.fusion.pick_device", lambda device: "cuda")
    if "memory" in message:
        assert fuse(burst(), "hungry").shape == (45, 70, 3)
        assert asked == ["auto", "cpu"]
        assert "fusing on the CPU" in caplog.text
    else:
        with pytest.raises(RuntimeError, match="cable"):
            fuse(burst(), "hungry")


def test_unknown_methods_are_named():
    with pytest.raises(ValueError, match=r"unknown fusion method 'piramid'; did you mean 'pyramid'\? Choices: pyramid"):
        fuse(burst(), "piramid")


def test_what_is_no_burst_is_refused():
    with pytest.raises(ValueError, match=r"frames of shape \(4, 4\) are not a burst"):
        fuse(np.zeros((4, 4)))
    with pytest.raises(TypeError, match="frames of dtype complex128 cannot be stacked"):
        fuse(np.zeros((2, 4, 4), complex))


@pytest.mark.parametrize("method", FUSERS)
def test_values_that_are_no_numbers_are_refused(method):
    stack = burst()
    stack[3, 7, 9] = np.nan
    with pytest.raises(ValueError, match="frame 3 has values that are no numbers"):
        fuse(stack, method, device="cpu")
