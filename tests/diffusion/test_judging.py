"""What a network is told of a correction, and what its judgement does to the picture."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from checkpointed import saved
from napari_focusstack import estimate_depth, fuse
from napari_focusstack.diffusion import eliminate_diffusion, judging
from napari_focusstack.diffusion.judging import PLANES, Judge, case_of, check_judge, judged
from napari_focusstack.diffusion.solving import solve
from napari_focusstack.nets import build, trustnet
from napari_focusstack.nets.checkpoint import CheckpointError
from napari_focusstack.simulation import simulate

SIDE = 120


@pytest.fixture(scope="module")
def stack():
    burst = simulate("occluders", frames=8, height=SIDE, width=SIDE, blur=1.2, seed=3)
    picture = fuse(burst.frames, "pyramid").image
    depth = estimate_depth(burst.frames, guide=picture, fill=True, edges="contours")
    return SimpleNamespace(frames=burst.frames, picture=picture, index=depth.index, known=depth.measured)


def corrected(stack, **options):
    given = stack.frames, stack.picture, stack.index, stack.known
    return eliminate_diffusion(*given, transfer="srgb", **options)


def case_in(stack, frames=None, index=None, picture=None, **options):
    frames, index = stack.frames if frames is None else frames, stack.index if index is None else index
    picture = stack.picture if picture is None else picture
    found = solve(frames, picture, index, stack.known, transfer="srgb", **options)
    return case_of(found, picture, stack.known)


@pytest.fixture(scope="module")
def case(stack):
    return case_in(stack)


def whole(case):
    return case.planes((slice(0, SIDE), slice(0, SIDE)), case.places())


def with_bias(tmp_path, value):
    def change(network):
        with torch.no_grad():
            network.head.bias[0] = value

    return saved(tmp_path / f"bias{value}", "trustnet", lengths=(3, 300), change=change)


def test_the_network_has_as_many_planes_and_finds_the_rules_among_them(case):
    assert (PLANES, trustnet.PLANES) == (17, 17)
    found = whole(case)[trustnet.RULES]
    where = tuple(case.correction.work.evidence.points[case.which].T)
    np.testing.assert_array_equal(found[where], case.rules)
    assert np.count_nonzero(found) == np.count_nonzero(case.rules) > 500


def test_planes_say_what_is_known(case, stack):
    planes, correction = whole(case), case.correction
    there = case.places() >= 0
    np.testing.assert_allclose(planes[0], stack.picture.mean(axis=2) - 0.5, atol=1e-6)
    np.testing.assert_array_equal(planes[13] > 0, stack.known)
    np.testing.assert_array_equal(planes[14] > 0, there)
    np.testing.assert_array_equal(planes[8], 2 * correction.solved.veil)
    for plane in (5, 6, 7, 10, 11, 12):  # nothing is told of what nothing veils
        assert not planes[plane][~there].any()
    nearer = 1 if correction.law.nearest == "first" else -1
    y, x = np.argwhere(there & (stack.index * nearer < (stack.index * nearer).max()))[0]
    window = stack.index[max(0, y - 7) : y + 8, max(0, x - 7) : x + 8]
    if window.shape == (15, 15):
        assert planes[15, y, x] == pytest.approx(nearer * (stack.index[y, x] - window.mean()) / 4, abs=1e-4)
    assert (np.abs(planes) < 8).all()


def test_what_was_freed_is_told_beside_what_was_fused(case):
    planes = whole(case)
    acted = case.places() >= 0
    assert (planes[2] >= np.abs(planes[1]) - 1e-5).all()  # a root mean square, and a mean
    assert np.abs(planes[1][acted]).mean() > 0.02


def test_a_part_is_told_what_the_whole_is(case):
    places, planes = case.places(), whole(case)
    box = slice(10, 70), slice(33, 120)
    np.testing.assert_allclose(case.planes(box, places)[:15], planes[:15, *box], atol=1e-6)
    np.testing.assert_allclose(case.planes(box, places)[15:], planes[15:, *box], atol=1e-5)


def test_a_reversed_sweep_is_the_same_case(stack, case):
    count = len(stack.frames)
    turned = case_in(stack, frames=stack.frames[::-1], index=(count - 1 - stack.index).astype(np.float32))
    assert turned.correction.law.nearest != case.correction.law.nearest
    assert (np.abs(whole(turned) - whole(case)) < 0.02).mean() > 0.998  # frames are looked up in 8 bit, and may tie


def test_grey_frames_are_told_as_colour_is(stack):
    grey = stack.frames[..., 1:2]
    picture = np.ascontiguousarray(stack.picture[..., 1:2])
    one = case_in(stack, frames=grey, picture=picture)
    three = case_in(stack, frames=grey.repeat(3, axis=-1), picture=picture.repeat(3, axis=-1))
    np.testing.assert_allclose(whole(one), whole(three), atol=1e-3)


def wild():
    torch.manual_seed(1)
    network = build("trustnet", {}).eval()
    for layer in (network.up, network.head):
        torch.nn.init.normal_(layer.weight)
    return Judge(network.to(memory_format=torch.channels_last), "cpu")


def eager():
    """Keeps everything."""
    network = build("trustnet", {}).eval()
    with torch.no_grad():
        network.head.bias[0] = 100
    return Judge(network.to(memory_format=torch.channels_last), "cpu")


def test_tiles_give_the_same_as_one_piece(case, monkeypatch):
    at_once = judged(case, wild())
    assert at_once.std() > 0.1
    monkeypatch.setattr(judging, "TILE", 32)
    assert (np.abs(judged(case, wild()) - at_once) < 0.05).mean() > 0.99  # convolutions may be of short floats


def test_what_the_frames_do_not_bear_out_is_never_kept(stack, tmp_path, case):
    assert not case.borne.sound.all()
    shares = judged(case, eager())
    np.testing.assert_array_equal(shares > 0.99, case.borne.sound)
    assert not shares[~case.borne.sound].any()
    found = corrected(stack, judge_checkpoint=with_bias(tmp_path, 100.0))
    untouched = np.ones((SIDE, SIDE), bool)
    untouched[tuple(case.correction.work.evidence.points[case.which[case.borne.sound]].T)] = False
    untouched &= case.correction.work.depth == case.correction.given
    assert not found.acted[untouched].any()
    np.testing.assert_array_equal(found.image[untouched], stack.picture[untouched])


def test_a_network_is_not_believed_where_the_rules_understand_nothing(case):
    network = wild()
    assert judged(case, network).max() > 0.5
    assert not judged(replace(case, rules=np.zeros_like(case.rules)), network).any()
    some = np.random.default_rng(0).random(len(case.rules)) < 0.05
    few = judged(replace(case, rules=some.astype(np.float32)), eager())
    assert 0.1 < few[case.borne.sound].mean() < 0.3  # 5 % are a fifth of a quarter


def test_an_untrained_network_says_what_the_rules_say(stack, tmp_path):
    network = corrected(stack, judge_checkpoint=with_bias(tmp_path, 0.0))
    rules = corrected(stack, judge="rules")
    assert rules.acted.max() == 1
    assert 0.01 < np.abs(network.acted - rules.acted).max() < 0.021


def test_one_that_keeps_nothing_leaves_the_picture(stack, tmp_path):
    found = corrected(stack, judge_checkpoint=with_bias(tmp_path, -100.0))
    drawn_back = found.acted > 0.5
    np.testing.assert_allclose(found.image[~drawn_back], stack.picture[~drawn_back], atol=1e-6)


def test_pairs_are_judged_by_the_rules(stack, tmp_path):
    pair = stack.frames[[0, -1]]
    index = (stack.index > 3).astype(np.float32)
    picture = np.where(index[..., None] > 0, pair[1], pair[0]).astype(np.float32) / 255
    found, rules = (
        eliminate_diffusion(pair, picture, index, transfer="srgb", nearest="first", blur=3.0, **how)
        for how in ({"judge_checkpoint": with_bias(tmp_path, -100.0)}, {"judge": "rules"})
    )
    np.testing.assert_array_equal(found.image, rules.image)


def test_checkpoints_that_cannot_judge_are_refused_before_frames_are_read(tmp_path):
    class Unread:
        shape, dtype = (5, 8, 8, 3), np.dtype(np.uint8)

        def __len__(self):
            return 5

        def __getitem__(self, _):
            raise AssertionError

    other = saved(tmp_path / "other", "fsb", lengths=(2, 2))
    with pytest.raises(CheckpointError, match="checkpoint 'other' is a fsb; method diffusion takes trustnet. There ar"):
        eliminate_diffusion(Unread(), np.zeros((8, 8, 3)), np.zeros((8, 8)), judge_checkpoint=other)
    with pytest.raises(CheckpointError, match="there is no checkpoint 'nobody'"):
        check_judge("nobody")
    with pytest.raises(ValueError, match="judge_checkpoint='mine' is for judge='network', not 'rules'; choose that, "):
        eliminate_diffusion(Unread(), np.zeros((8, 8, 3)), np.zeros((8, 8)), judge="rules", judge_checkpoint="mine")
