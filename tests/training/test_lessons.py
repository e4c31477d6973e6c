"""Lessons and scores of each task, against numbers worked out by hand."""

import math
from dataclasses import replace
from typing import get_args

import pytest
import torch
from tiny_run import LINES, TINY

from napari_focusstack.nets.aifdepthnet import Seen
from napari_focusstack.nets.config import Task
from napari_focusstack.nets.edgenet import Choice
from napari_focusstack.nets.network import Network
from napari_focusstack.training import Trainer
from napari_focusstack.training.examples import Examples
from napari_focusstack.training.lessons import FRAMES, LESSONS, lesson_of
from napari_focusstack.training.validation import SCORES, measured, pictured

SIDE = 24
CHANCE = torch.Generator().manual_seed(4)
TRUTH = torch.rand(2, 3, SIDE, SIDE, generator=CHANCE)
MASK = (torch.arange(SIDE) < 12).float().expand(2, 1, SIDE, SIDE)
BLURRED = torch.full_like(TRUTH, 0.5)
PAIR = Examples(
    torch.stack([MASK * TRUTH + (1 - MASK) * BLURRED, (1 - MASK) * TRUTH + MASK * BLURRED], 1),
    TRUTH,
    mask=MASK,
    sigma=torch.tensor([2.0, 3.0]),
    rehearsal=torch.rand(2, 3, 3, SIDE, SIDE, generator=CHANCE),
)
BURST = Examples(TRUTH[:, None].expand(-1, 5, -1, -1, -1), TRUTH, torch.full((2, SIDE, SIDE), 3.0))


class Says(Network):
    """A network that says the same of everything, and keeps what it was given."""

    channels, multiple, halo = 3, 1, 0

    def __init__(self, task, said):
        super().__init__()
        self.task, self.said, self.given = task, said, ()

    def forward(self, *given):
        self.given = given
        return self.said


def scores(task, said, draw):
    return measured(Says(task, said), [draw], torch.no_grad)


def test_every_task_has_lessons_scores_and_numbers_of_frames():
    assert set(SCORES) == set(FRAMES) == {lesson.task for lesson in LESSONS.values()} == set(get_args(Task))


def test_a_loss_of_another_task_is_refused(tmp_path):
    with pytest.raises(ValueError, match="loss='kernel' is for the task 'kernel', but UNet learns 'fusion'; choose "):
        Trainer(replace(TINY, loss="kernel"), tmp_path / "run", stacks={"lines": LINES}, device="cpu")
    with pytest.raises(ValueError, match="learns 'depth'; choose 'depth' or 'gross-depth' or 'focus'"):
        lesson_of("squared", Says("depth", None))


@pytest.mark.parametrize("task", sorted({*get_args(Task)} - {"edges", "trust"}))  # which have tests of their own
def test_networks_are_given_what_their_task_asks_for(task):
    draw = replace(PAIR, frames=PAIR.frames.repeat(1, 2, 1, 1, 1)) if task == "depth" else PAIR
    given = draw.asked(Says(task, None))
    assert torch.equal(given[0][:, :2], draw.frames[:, :2])
    if task == "refinement":
        assert torch.equal(given[0][:, 2:], draw.rehearsal)
    else:
        assert given[0] is draw.frames
    if task == "depth":
        assert torch.allclose(given[1], torch.tensor([0, 1 / 3, 2 / 3, 1]).expand(2, -1))
    elif task == "kernel":
        assert given[1] is draw.mask
    else:
        assert len(given) == 1


@pytest.mark.parametrize("name", ["mask", "sigma", "sigma_behind", "rehearsal", "depth", "noise"])
def test_what_nobody_knows_is_named(name):
    with pytest.raises(ValueError, match=f"nobody knows the {name} of these examples; train on others"):
        Examples(PAIR.frames, TRUTH).known(name)


def test_the_true_mask_has_no_error_and_full_scores():
    assert float(LESSONS["foreground"].error(MASK, PAIR)) == pytest.approx(0, abs=1e-9)
    found = scores("foreground", MASK, PAIR)
    assert found["miou"] == 1
    assert found["psnr"] == 100  # as good as it is counted
    assert found["psnr_single"] < 20


def test_masks_are_taught_what_they_cover_beside_the_paper_s_error():
    unsure = torch.full_like(MASK, 0.5)
    paper, both = (float(LESSONS[name].error(unsure, PAIR)) for name in ("foreground", "foreground-overlap"))
    assert both - paper == pytest.approx(4 * (1 - 1 / 3 + math.log(2)), rel=1e-5)
    assert float(LESSONS["foreground-overlap"].error(MASK, PAIR)) == pytest.approx(0, abs=1e-4)


def test_a_mask_s_mean_iou():
    half = MASK.clone()
    half[..., :12, :] = 0  # of the foreground's half, which is half of all: IoU 1/2, and 1/2 over 3/4 behind
    assert scores("foreground", half, PAIR)["miou"] == pytest.approx((1 / 2 + 2 / 3) / 2, abs=1e-4)
    assert scores("foreground", 1 - MASK, PAIR)["miou"] == 0


def test_blurs_are_measured_in_px_and_by_what_they_do():
    exact = scores("kernel", PAIR.sigma, PAIR)
    assert exact == {"psnr": 100, "sigma_error": 0}
    near, off = (scores("kernel", PAIR.sigma * factor, PAIR) for factor in (1.05, 1.5))
    assert off["sigma_error"] == pytest.approx(1.25)
    assert off["psnr"] < near["psnr"] < 100
    assert float(LESSONS["kernel"].error(PAIR.sigma * 1.5, PAIR)) == pytest.approx(1.25)
    assert float(LESSONS["kernel-ratio"].error(PAIR.sigma * 1.5, PAIR)) == pytest.approx(math.log(1.5), rel=1e-5)


def test_depth_is_a_share_of_the_sweep():
    depth = torch.full((2, SIDE, SIDE), 0.5)
    found = Seen(depth, TRUTH, depth, torch.ones_like(depth))
    dark = found._replace(picture=TRUTH - 0.1)
    assert float(LESSONS["depth"].error(found, BURST)) == pytest.approx(0.25)
    squares = float((0.5 - BURST.shares()).square().mean())
    assert float(LESSONS["gross-depth"].error(found, BURST)) == pytest.approx(0.25 + 4 * squares)
    assert scores("depth", found, BURST)["depth_error"] == pytest.approx(0.25)
    unknown = replace(BURST, depth=None)
    assert scores("depth", found, unknown) == {"psnr": 100, "psnr_mean": 100, "psnr_single": 100}
    focus = float(LESSONS["focus"].error(dark, unknown))
    assert focus == pytest.approx(0.1, abs=1e-4)  # flat depth: hardly any roughness
    both = float(LESSONS["depth-and-focus"].error(dark, BURST))
    assert both == pytest.approx(0.25 + focus, abs=1e-6)
    with pytest.raises(ValueError, match="nobody knows the depth"):
        LESSONS["depth"].error(found, unknown)


def test_depths_are_wrong_by_more_than_a_frame():
    depths = torch.full((2, 5, SIDE, SIDE), 9.0)
    depths[:, 0] = 4.5  # off by 1.5 of BURST's
    depths[0, 2, :12], depths[1, 3] = 3.9, 3.0
    logits = torch.zeros_like(depths)
    logits[0, 2], logits[1, 3] = 1, 1
    found = Choice(logits, depths)
    means = {name: float(shares.mean()) for name, shares in SCORES["edges"](found, BURST).items()}
    assert means == {"wrong": 0.25, "wrong_before": 1}
    with pytest.raises(ValueError, match="nobody knows the depth of"):
        SCORES["edges"](found, replace(BURST, depth=None))


def test_what_there_is_to_look_at():
    frames = PAIR.frames[0].movedim(1, -1).numpy()
    ways = {"tile": 512, "device": "cpu"}
    assert pictured(Says("kernel", None), frames, **ways) is None
    assert pictured(Says("edges", None), frames, **ways) is None
    depth = Says("depth", (torch.full((1, SIDE, SIDE), 0.25), None))
    seen = pictured(depth, frames, **ways)
    assert seen.shape == (SIDE, SIDE, 1) and (seen == 0.25).all()
    assert depth.given[1].tolist() == [[0, 1]]
    mask = Says("foreground", MASK[:1])
    seen = pictured(mask, frames[[0, 0, 1]], **ways)
    assert seen.shape == (SIDE, SIDE, 1) and (seen[:, :12] == 1).all() and not seen[:, 12:].any()
    assert torch.equal(mask.given[0], PAIR.frames[:1])
