"""Tiles: they cover once, agree with one piece, become smaller where memory runs short, and can be cancelled."""

import logging
import tempfile
import threading

import dask.array as da
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focusstack.arrays import to_float
from napari_focusstack.nets import tiles
from napari_focusstack.nets.network import Network
from napari_focusstack.nets.tiles import AFTER, PASSES, Tile, infer, tiles_of, with_halo
from napari_focusstack.nets.unet import Size, Trunk
from napari_focusstack.progress import Cancelled, listening


class Looking(Network):
    """A small trunk over the grey frames; counts, and fails where it is told that memory is short."""

    def __init__(self, frames=3, room=10**9, words="CUDA out of memory"):
        super().__init__()
        torch.manual_seed(3)
        self.trunk = Trunk(frames, 2, Size((4, 6, 8), 1, chooses=False))
        self.multiple, self.halo = self.trunk.multiple, self.trunk.halo
        self.room, self.words, self.seen = room, words, []

    def forward(self, burst):
        self.seen.append(tuple(burst.shape))
        if burst.shape[-1] * burst.shape[-2] > self.room:
            raise RuntimeError(self.words)
        return self.trunk(burst.mean(2))


class Lazy:
    """Frames that are read one at a time; counts how often."""

    def __init__(self, data):
        self.data, self.shape, self.dtype, self.read = data, data.shape, data.dtype, []

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        self.read.append(i)
        return self.data[i]


def burst_of(height, width, channels=3, dtype=np.uint8, frames=3):
    values = np.random.default_rng(5).random((frames, height, width, channels))
    return values.astype(dtype) if np.dtype(dtype).kind == "f" else (values * np.iinfo(dtype).max).astype(dtype)


def in_one_piece(network, frames):
    burst = torch.from_numpy(np.stack([to_float(image) for image in frames])).permute(0, 3, 1, 2)[None]
    with torch.inference_mode():
        return network(burst)[0].permute(1, 2, 0).numpy()


@settings(deadline=None)
@given(
    st.integers(1, 200),
    st.integers(1, 200),
    st.integers(1, 90),
    st.sampled_from([1, 4, 16]),
    st.sampled_from([0, 32]),
    st.sampled_from([0, 7, 60]),
)
def test_tiles_cover_once(height, width, side, multiple, top, halo):
    covered = np.zeros((top + height, top + width), int)
    for tile in tiles_of(height, width, side, multiple, top, top, halo):
        covered[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width] += 1
        assert min(tile.height, tile.width) > 0
        for start, length, size in ((tile.top, tile.height, height), (tile.left, tile.width, width)):
            begin, end = max(0, start - top - halo), min(size, start - top + length + halo)
            assert end - begin <= max(side, multiple) + 2 * halo  # what memory must suffice for
        assert (tile.top - top) % multiple == (tile.left - top) % multiple == 0
    assert (covered[top:, top:] == 1).all()
    assert covered.sum() == height * width


def test_tiles_are_as_equal_as_the_grid_allows():
    assert tiles_of(100, 33, 96, 16) == [Tile(0, 0, 64, 33), Tile(64, 0, 36, 33)]
    assert tiles_of(260, 100, 96, 4, halo=30) == [Tile(0, 0, 96, 100), Tile(96, 0, 68, 100), Tile(164, 0, 96, 100)]


@pytest.mark.parametrize(("size", "count"), [((20, 30), 1), ((96, 96), 1), ((160, 97), 1), ((164, 40), 2)])
def test_the_network_is_given_the_picture_and_halos_alone(size, count):
    network = Looking()
    network.halo = 32
    infer(network, burst_of(*size), tile=96, device="cpu")
    given = sum(shape[-2] * shape[-1] for shape in network.seen)
    assert len(network.seen) == count
    assert given == (size[0] + 2 * (count - 1) * 32) * size[1]


@settings(deadline=None)
@given(st.integers(0, 20), st.integers(1, 300), st.integers(0, 60), st.sampled_from([1, 8, 16]))
def test_a_halo_reaches_far_enough_and_begins_on_the_grid(number, size, halo, multiple):
    tile = Tile(0, min(number * multiple, (size - 1) // multiple * multiple), 1, 1)
    window = with_halo(tile, (1, size), halo, multiple)
    assert window.left % multiple == 0
    assert window.left == 0 or window.left <= tile.left - halo
    assert window.left + window.width == size or window.left + window.width >= tile.left + 1 + halo
    assert window.left + window.width <= size


@pytest.mark.parametrize("kind", [np.asarray, Lazy, da.from_array], ids=["array", "lazy", "dask"])
@pytest.mark.parametrize("dtype", ["uint8", ">u2", "float32", "float64", "int16"])
def test_frames_of_any_kind_give_the_same_as_in_one_piece(kind, dtype):
    data, network = burst_of(70, 53, dtype=dtype), Looking()
    found = infer(network, kind(data), tile=16, device="cpu")
    assert found.shape == (70, 53, 2)
    assert found.dtype == np.float32
    assert len(network.seen) > 4
    np.testing.assert_allclose(found, in_one_piece(network, data), atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (16, 130), (97, 20)])
def test_sizes_of_any_kind_have_no_seams(size):
    data, network = burst_of(*size, channels=1), Looking()
    np.testing.assert_allclose(infer(network, data, tile=32, device="cpu"), in_one_piece(network, data), atol=1e-5)


def test_the_small_unet_has_no_seams(network):
    data = burst_of(330, 40, dtype=np.float32)
    np.testing.assert_allclose(infer(network, data, tile=64, device="cpu"), in_one_piece(network, data), atol=1e-5)


def test_a_narrower_halo_would_show():
    data, network = burst_of(64, 64), Looking()
    network.halo = 0
    assert np.abs(infer(network, data, tile=16, device="cpu") - in_one_piece(network, data)).max() > 1e-3


def test_each_frame_is_read_once_and_nothing_is_left_on_disk(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    frames = Lazy(burst_of(80, 80))
    infer(Looking(), frames, tile=16, device="cpu")
    assert frames.read == [0, 1, 2]
    assert not list(tmp_path.iterdir())


def test_another_question_can_be_asked(network):
    data = burst_of(40, 40, frames=4)
    shares = infer(network, data, tile=32, device="cpu", function=network.weights)
    assert shares.shape == (40, 40, 4)
    np.testing.assert_allclose(shares.sum(2), 1, atol=1e-5)


@pytest.mark.parametrize("words", ["CUDA out of memory", "DefaultCPUAllocator: can't allocate memory"])
def test_where_memory_is_short_tiles_become_smaller(words, caplog):
    data = burst_of(300, 280)
    network = Looking(room=90 * 90, words=words)
    with caplog.at_level(logging.WARNING):
        found = infer(network, Lazy(data), tile=256, device="cpu")
    assert "the memory of cpu does not suffice; going on with tiles of 64 px" in caplog.text
    network.room = 10**9
    np.testing.assert_allclose(found, in_one_piece(network, data), atol=1e-5)


def test_where_memory_is_short_for_the_smallest_tiles_it_says_so():
    with pytest.raises(MemoryError, match="does not suffice even for tiles of 64 px; close other programs"):
        infer(Looking(room=10), burst_of(200, 200), tile=256, device="cpu")


def test_where_the_device_has_no_memory_the_cpu_takes_over(caplog):
    data, network = burst_of(150, 90), Looking()
    runner = tiles._Runner(network, network, "cpu", 64)
    runner.device, moved = torch.device("cuda"), []  # as if
    network.to = moved.append
    with caplog.at_level(logging.WARNING):
        runner._shrink()
    assert "the memory of cuda does not suffice; going on with the CPU" in caplog.text
    assert (runner.device.type, runner.half, runner.side) == ("cpu", False, 64)
    assert moved == [torch.device("cpu")]
    assert data.shape[0] == 3


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    with pytest.raises(RuntimeError, match="no such kernel"):
        infer(Looking(room=10, words="no such kernel"), burst_of(40, 40), tile=16, device="cpu")


def test_features_beyond_half_precision_are_computed_again(caplog):
    network = Looking()
    runner = tiles._Runner(network, lambda burst: burst[:, 0] * (np.inf if runner.half else 1), "cpu", 64)
    runner.half = True
    with caplog.at_level(logging.WARNING):
        values = runner._values(torch.ones(1, 3, 1, 8, 8), Tile(0, 0, 8, 8), Tile(0, 0, 8, 8))
    assert (values == 1).all()
    assert "going on in single precision" in caplog.text


def test_it_can_be_cancelled_within_a_tile():
    """The listener says stop while the network is still at work on the first tile."""
    begun, go_on = threading.Event(), threading.Event()

    def slow(burst):
        begun.set()
        go_on.wait(30)
        return burst[:, 0]

    def stop(step):
        if begun.is_set():
            raise Cancelled

    try:
        with listening(stop), pytest.raises(Cancelled):
            infer(Looking(), burst_of(64, 64), tile=16, device="cpu", function=slow)
        assert not go_on.is_set()
    finally:
        go_on.set()


def test_what_follows_the_last_frame_counts_as_progress_too():
    last, at_last_frame = [None], []

    def listener(step):
        last[0] = step or last[0]

    def streamed(burst):
        first, *_ = [frame for _ in range(PASSES) for frame in burst]
        at_last_frame.append((last[0].done, last[0].total))
        return first

    frames = burst_of(64, 32)
    with listening(listener):
        infer(Looking(), frames, tile=32, device="cpu", streamed=streamed)
    each = PASSES * len(frames) + AFTER
    assert at_last_frame == [(each - AFTER - 1, 2 * each), (2 * each - AFTER - 1, 2 * each)]
    assert (last[0].done, last[0].total) == (2 * each, 2 * each)


def test_steps_are_told_by_tile():
    steps = []
    with listening(lambda step: steps.append(str(step)) if step else None):
        infer(Looking(), Lazy(burst_of(64, 32)), tile=32, device="cpu", stage="Looking")
    assert steps == [*(f"Reading {i}/3" for i in range(4)), *(f"Looking {i}/2" for i in range(3))]


def test_a_full_disk_is_told_before_anything_is_read(monkeypatch):
    monkeypatch.setattr(tiles, "SPARE", 2**60)
    frames = Lazy(burst_of(64, 64))
    with pytest.raises(OSError, match=r"0\.0 GiB are needed for the frames .* set TMPDIR to a folder that has it"):
        infer(Looking(), frames, device="cpu")
    assert not frames.read


def test_wrong_tiles_are_refused():
    with pytest.raises(ValueError, match="tile=0 px is not possible"):
        infer(Looking(), burst_of(8, 8), tile=0, device="cpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_half_precision_on_cuda_is_close(network):
    data = burst_of(300, 300)
    try:
        found = infer(network, data, tile=128, device="cuda")
    finally:
        network.to("cpu")
    np.testing.assert_allclose(found, in_one_piece(network, data), atol=0.02)
