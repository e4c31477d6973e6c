"""The choice among depths: what a network says is done where there is a choice, and nowhere else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_focusstack.depth import choosing, estimate_depth
from napari_focusstack.depth.candidates import Candidates
from napari_focusstack.depth.result import RELIABLE
from napari_focusstack.depth.sff import measured
from napari_focusstack.devices import in_short_floats
from napari_focusstack.focus import Greys, grey
from napari_focusstack.progress import Cancelled, listening

pytest.importorskip("torch")

import torch

from checkpointed import Counted, saved
from napari_focusstack.kernels import calm
from napari_focusstack.nets import build
from napari_focusstack.nets.checkpoint import CheckpointError
from napari_focusstack.simulation import simulate

ALL = (slice(None), slice(None))
ALL_OF_TILE = (slice(0, 512), slice(0, 512))
HERE, FRONT, BEHIND, HIGH, LOW = range(5)
FRAMES = 9


def sure_of(candidate):
    """A chooser that takes one candidate everywhere."""
    network = build("edgenet", {}).eval()
    with torch.no_grad():
        network.head.bias[candidate] = 100
    return choosing.Chooser(network, "cpu")


def wild():
    """A chooser that takes now this candidate and now that."""
    torch.manual_seed(5)
    network = build("edgenet", {}).eval()
    torch.nn.init.normal_(network.head.weight)
    return choosing.Chooser(network, "cpu")


class Stack:
    """Frames, and what `chosen` is given of them."""

    def __init__(self, **changes):
        size = {"frames": FRAMES, "height": 96, "width": 112, "psf": "gaussian", "dtype": "float32", "seed": 1}
        self.frames = simulate("occluders", **size | changes).frames
        self.index, self.sigma, confidence, self.light = measured(self.frames, np.arange(float(FRAMES)))
        self.known = confidence >= RELIABLE
        self.index = np.clip(self.index, 0, FRAMES - 1)
        self.found = Candidates(self.index, self.sigma, self.known, self.light, count=FRAMES)
        for k, image in enumerate(self.frames):
            self.found.see(grey(image), k)
        self.undecided = self.found.undecided(*ALL)

    def chosen(self, chooser, frames=None, *, backwards=False):
        frames = self.frames if frames is None else frames
        return choosing.chosen(
            Greys(frames), self.index, self.sigma, self.known, self.light, chooser, backwards=backwards
        )


@pytest.fixture(scope="module")
def stack():
    return Stack()


@pytest.fixture
def raw(monkeypatch):
    """Depths as they are chosen, before they become those of the surface around."""
    monkeypatch.setattr(calm, "calmed", lambda depth, *_: depth)


def test_a_network_that_learned_nothing_changes_no_depth_but_doubts(stack):
    assert 0.2 < stack.undecided.mean() < 0.99
    before = stack.index.copy(), stack.sigma.copy()
    index, sigma = stack.chosen(choosing.Chooser(build("edgenet", {}), "cpu"))
    np.testing.assert_array_equal(index, stack.index)
    assert (sigma >= stack.sigma).all()
    assert 0.05 < (sigma > stack.sigma)[stack.undecided].mean() < 0.5
    np.testing.assert_array_equal(sigma[~stack.undecided], stack.sigma[~stack.undecided])
    np.testing.assert_array_equal(stack.index, before[0])  # what it was given stays
    np.testing.assert_array_equal(stack.sigma, before[1])


@pytest.mark.parametrize("candidate", [FRONT, BEHIND, HIGH, LOW])
def test_what_the_network_says_is_done_where_there_is_a_choice(stack, raw, candidate):
    index, sigma = stack.chosen(sure_of(candidate))
    expected = stack.found.part(*ALL)[0][candidate]
    np.testing.assert_array_equal(index, np.where(stack.undecided, expected, stack.index))
    np.testing.assert_allclose(sigma, np.where(stack.undecided, choosing.OTHERS, stack.sigma), rtol=1e-5)


@pytest.mark.parametrize("candidate", [FRONT, LOW])
def test_front_is_what_is_nearer_in_either_order(raw, candidate):
    """In a sweep from far to near, the nearer peak is the one of a larger number."""
    turned = Stack(order="far-to-near")
    index, _ = turned.chosen(sure_of(candidate), backwards=True)
    mirrored = {FRONT: BEHIND, LOW: HIGH}[candidate]
    expected = turned.found.part(*ALL)[0][mirrored]
    np.testing.assert_array_equal(index, np.where(turned.undecided, expected, turned.index))


def test_a_sure_choice_of_the_depth_as_it_is_changes_nothing(stack):
    index, sigma = stack.chosen(sure_of(HERE))
    np.testing.assert_array_equal(index, stack.index)
    np.testing.assert_allclose(sigma, stack.sigma, rtol=1e-6)


@pytest.mark.parametrize("logit", [1.0, 2.0, 2.3])
def test_the_doubt_is_the_spread_of_the_depths_where_others_than_the_chosen_are_probable(stack, raw, logit):
    """All as probable as e^0 beside the own one's e^logit."""
    network = build("edgenet", {})
    with torch.no_grad():
        network.head.bias[HERE] = logit
    _, sigma = stack.chosen(choosing.Chooser(network, "cpu"))
    off = np.abs(stack.found.part(*ALL)[0] - stack.index)
    others = 1 / (np.exp(logit) + 4)
    probable = 1 - others * (off > choosing.CLOSE).sum(axis=0) <= choosing.HELD
    variance = stack.sigma**2 + probable * others * np.square(off).sum(axis=0)
    assert probable[stack.undecided].any() == (logit < 2.3)
    np.testing.assert_allclose(sigma[stack.undecided], np.sqrt(variance)[stack.undecided], rtol=2e-3)


def test_chosen_depths_become_those_of_the_surface_around(stack, monkeypatch):
    given = []
    told = calm.calmed
    monkeypatch.setattr(calm, "calmed", lambda *arguments: given.append(arguments) or told(*arguments))
    index, _ = stack.chosen(sure_of(LOW))
    (depth, moved, before, reach, close) = given[0]
    np.testing.assert_array_equal(before, np.where(stack.found.disputed, depth, stack.index))
    np.testing.assert_array_equal(moved, stack.undecided)
    assert (reach, close) == (choosing.REACH, choosing.CLOSE)
    assert (np.abs(index - depth) <= close)[index != before].all()
    assert np.abs(index - depth)[moved].max() > 0.1
    np.testing.assert_array_equal(index[~moved], stack.index[~moved])


@pytest.mark.parametrize("told", [{}, {"avx512_bf16": False}, {"avx512_bf16": True}, {"amx_bf16": True}])
def test_short_floats_are_for_processors_that_compute_in_them(monkeypatch, told):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: told, raising=False)
    with in_short_floats("cpu"):
        assert torch.is_autocast_enabled("cpu") == any(told.values())
    with in_short_floats("mps"):
        assert not torch.is_autocast_enabled("cpu")


def test_short_floats_choose_alike(stack, monkeypatch):
    found = []
    for able in (False, True):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: {"avx512_bf16": able}, raising=False)
        found.append(stack.chosen(wild())[0])
    assert (np.abs(found[0] - stack.index) > 1)[stack.undecided].mean() > 0.2
    assert (np.abs(found[1] - found[0]) < 0.5).mean() > 0.97


@pytest.mark.parametrize("tile", [40, 64])
def test_tiles_give_the_same_as_one_piece(stack, monkeypatch, tile):
    monkeypatch.setattr(choosing, "TILE", 1000)
    whole, sigma = stack.chosen(wild())
    assert (np.abs(whole - stack.index) > 1)[stack.undecided].mean() > 0.2
    monkeypatch.setattr(choosing, "TILE", tile)
    index, error = stack.chosen(wild())
    assert (np.abs(index - whole) < 1e-3).mean() > 0.995  # where two are as probable, rounding may decide
    assert (np.abs(error - sigma) < 1e-2).mean() > 0.995


def test_tiles_without_a_choice_are_left_out(monkeypatch):
    frames = np.full((FRAMES, 64, 64, 3), 0.5, np.float32)
    index = np.full((64, 64), 4, np.float32)
    monkeypatch.setattr(choosing, "_choose", lambda *_: pytest.fail("asked"))
    light, known = frames[0, ..., 0], np.ones((64, 64), bool)
    found, sigma = choosing.chosen(Greys(frames), index, index / 10, known, light, sure_of(LOW), backwards=False)
    np.testing.assert_array_equal(found, index)
    np.testing.assert_array_equal(sigma, index / 10)


@given(st.lists(st.tuples(st.integers(0, 511), st.integers(0, 399)), max_size=12), st.integers(0, 3))
def test_boxes_hold_all_that_is_undecided_with_the_least_around(spots, side):
    undecided, grid, margin = np.zeros((512, 400), bool), 4, 60
    for y, x in spots:
        undecided[y : y + 8 * side + 1, x : x + 3 * side + 1] = True
    boxes = choosing._boxes(undecided, (slice(0, 512), slice(0, 400)), margin, grid)
    held = np.zeros(undecided.shape, int)
    for box in boxes:
        held[box] += 1
        assert undecided[box].any()
        assert all(part.start % grid == 0 == part.stop % grid for part in box)
    assert held.max() <= 1
    assert (held[undecided] == 1).all()
    looked_at = sum(choosing._area(box, margin) for box in boxes)
    around = [np.flatnonzero(undecided.any(axis=axis)) for axis in (1, 0)]
    if spots:
        assert looked_at <= np.prod([(at[-1] // grid - at[0] // grid + 1) * grid + 2 * margin for at in around])


def test_little_is_looked_at_where_edges_are_few_and_far_between():
    undecided = np.zeros((512, 512), bool)
    undecided[10:20, 30:50] = undecided[450:470, 480:500] = True
    boxes = choosing._boxes(undecided, ALL_OF_TILE, 60, 4)
    assert boxes == [(slice(8, 20), slice(28, 52)), (slice(448, 472), slice(480, 500))]


@pytest.mark.parametrize("least", [8, 32])
def test_boxes_give_the_same_as_one_piece(stack, monkeypatch, least):
    known = stack.known.copy()
    known[:, 30:] = False  # choices are only beside known depths
    known[:30, -30:] = stack.known[:30, -30:]
    monkeypatch.setattr(stack, "known", known)
    monkeypatch.setattr(choosing, "LEAST", 1000)
    whole, sigma = stack.chosen(wild())
    assert (whole != stack.index).sum() > 100
    monkeypatch.setattr(choosing, "LEAST", least)
    monkeypatch.setattr(choosing, "_area", lambda box, _: (box[0].stop - box[0].start) * (box[1].stop - box[1].start))
    index, error = stack.chosen(wild())
    assert (np.abs(index - whole) < 1e-3).mean() > 0.995
    assert (np.abs(error - sigma) < 1e-2).mean() > 0.995


def test_frames_are_read_once(stack):
    frames = Counted(stack.frames)
    stack.chosen(sure_of(HERE), frames)
    assert frames.read == list(range(FRAMES))


def test_depth_is_estimated_with_a_checkpoint(stack, tmp_path):
    checkpoint = saved(tmp_path / "untrained", "edgenet", lengths=(3, 300))
    frames = Counted(stack.frames)
    depth = estimate_depth(frames, fill=True, edges="network", edge_checkpoint=checkpoint)
    assert frames.read == 3 * list(range(FRAMES))
    without = estimate_depth(stack.frames, fill=True, edges="contours")
    np.testing.assert_array_equal(depth.index, without.index)
    np.testing.assert_array_equal(depth.confidence, without.confidence)
    assert (depth.sigma >= without.sigma).all()


def test_a_network_may_move_depths_of_the_command(stack, tmp_path):
    def prefer(network):
        with torch.no_grad():
            network.head.bias[LOW] = 100

    checkpoint = saved(tmp_path / "low", "edgenet", lengths=(3, 300), change=prefer)
    depth = estimate_depth(stack.frames, fill=True, edges="network", edge_checkpoint=checkpoint)
    without = estimate_depth(stack.frames, fill=True, edges="contours")
    assert (depth.index - without.index).mean() < -0.2


def test_a_checkpoint_of_another_architecture_is_refused(stack, tmp_path):
    checkpoint = saved(tmp_path / "other", "fsb")
    with pytest.raises(CheckpointError, match="checkpoint 'other' is a fsb; method sff takes edgenet. There are: "):
        estimate_depth(stack.frames, edges="network", edge_checkpoint=checkpoint)


def test_a_checkpoint_that_is_not_there_is_told(stack, tmp_path):
    with pytest.raises(CheckpointError, match="nowhere"):
        estimate_depth(stack.frames, edges="network", edge_checkpoint=str(tmp_path / "nowhere"))


def test_cancel_is_let_through_in_every_part(stack, monkeypatch):
    monkeypatch.setattr(choosing, "TILE", 40)
    chooser, asked = wild(), []
    with listening(asked.append):
        stack.chosen(chooser)
    steps = [step for step in asked if step is not None]  # how often it asks between them is a matter of time
    assert {"Looking for other depths", "Choosing depths"} <= {step.stage for step in steps}
    for stop in (0, len(steps) // 3, 2 * len(steps) // 3, len(steps) - 1):
        count = iter(range(len(steps)))

        def listener(step, count=count, stop=stop):
            if step is not None and next(count) == stop:
                raise Cancelled

        with pytest.raises(Cancelled), listening(listener):
            stack.chosen(chooser)


@pytest.mark.parametrize("edges", ["contours", "none"])
def test_a_checkpoint_that_nobody_asks_is_an_error(edges):
    frames = np.zeros((4, 16, 16), np.uint8)
    with pytest.raises(ValueError, match=f"edge_checkpoint='mine' is for edges='network', not '{edges}'; choose that"):
        estimate_depth(frames, edges=edges, edge_checkpoint="mine")
