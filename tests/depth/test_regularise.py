"""Depth without gaps, specks and misplaced edges: laws of the regulariser, and edges against the truth."""

import cv2
import numpy as np
import pytest

from napari_focusstack.depth import estimate_depth
from napari_focusstack.depth.edges import placed
from napari_focusstack.depth.regularise import regularised, supported
from napari_focusstack.kernels import contours
from napari_focusstack.progress import Cancelled, listening

SHAPE = 96, 120
BORDER = 8  # px that are left out


def plane(value, shape=SHAPE):
    return np.full(shape, value, np.float32)


def edge_pairs(truth):
    """Of either axis: where neighbours differ by more than a frame, by how much, and half-way between them."""
    for axis in (0, 1):
        jump = np.diff(truth, axis=axis)
        inner = np.zeros(jump.shape, bool)
        inner[BORDER:-BORDER, BORDER:-BORDER] = True
        first = truth[: jump.shape[0], : jump.shape[1]]
        yield axis, np.nonzero(inner & (np.abs(jump) > 1)), np.sign(jump), first + jump / 2


def edges_found(found, truth, without=None):
    """Share of the pairs of neighbours across a depth edge that the map parts, in the same sense, within 1 px."""
    hits = []
    for axis, (y, x), sign, middle in edge_pairs(truth):
        if without is not None:
            y, x = y[~without[y, x]], x[~without[y, x]]
        hit = np.zeros(len(y), bool)
        for dy, dx in ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)):
            near, far = found[y + dy, x + dx], found[y + dy + (axis == 0), x + dx + (axis == 1)]
            hit |= ((near - middle[y, x]) * sign[y, x] < 0) & ((far - middle[y, x]) * sign[y, x] > 0)
        hits.append(hit)
    return float(np.concatenate(hits).mean())


def beside_edges(truth):
    """Pixels 1 to 6 px from the nearest pixel of a depth edge."""
    away = np.ones(truth.shape, np.uint8)
    for axis, (y, x), _, _ in edge_pairs(truth):
        away[y, x] = away[y + (axis == 0), x + (axis == 1)] = 0
    distance = cv2.distanceTransform(away, cv2.DIST_L2, 5)
    inner = np.zeros(truth.shape, bool)
    inner[BORDER:-BORDER, BORDER:-BORDER] = True
    return inner & (distance >= 1) & (distance <= 6)


def test_the_score_of_edges_knows_hits_shifts_and_senses():
    truth = plane(2)
    truth[:, 60:] = 6
    assert edges_found(truth, truth) == 1
    assert edges_found(np.roll(truth, 1, axis=1), truth) == 1
    assert edges_found(np.roll(truth, 2, axis=1), truth) == 0
    assert edges_found(8 - truth, truth) == 0
    assert edges_found(plane(4), truth) == 0


@pytest.fixture(scope="module")
def bursts():
    pytest.importorskip("torch")
    from napari_focusstack.simulation import simulate

    size = {"frames": 10, "height": 192, "width": 192}
    return {
        "steps": simulate("steps", **size),
        "noisy steps": simulate("steps", noise=1e-3, order="far-to-near", **size),
        "occluders": simulate("occluders", **size),
        "noisy occluders": simulate("occluders", noise=1e-3, order="far-to-near", **size),
    }


@pytest.mark.parametrize(
    ("scene", "all_of_them", "but_hairs", "smear"),
    [("steps", 0.9, 0.9, 0.05), ("noisy steps", 0.9, 0.9, 0.05), ("occluders", 0.42, 0.7, 0.1),
     ("noisy occluders", 0.4, 0.65, 0.12)],
)  # fmt: skip
def test_depth_edges_lie_within_a_pixel_and_do_not_smear(bursts, scene, all_of_them, but_hairs, smear):
    """Hairs that the measure's neighbourhood does not see at all cannot be found; of the others most are."""
    burst = bursts[scene]
    sharp, soft = (estimate_depth(burst.frames, fill=True, edges=edges) for edges in ("contours", "none"))
    hairs = cv2.dilate((burst.masks[1] > 0.3).astype(np.uint8), np.ones((9, 9))) > 0 if "occ" in scene else None
    beside = beside_edges(burst.depth)
    off = [(np.abs(depth.index - burst.depth)[beside] > 0.5).mean() for depth in (sharp, soft)]
    share = edges_found(sharp.index, burst.depth)
    assert share > all_of_them
    assert share > edges_found(soft.index, burst.depth) + 0.15
    assert edges_found(sharp.index, burst.depth, hairs) > but_hairs
    assert off[0] < smear
    assert off[0] < 0.6 * off[1]


def test_a_doubtful_side_shows_in_sigma(bursts):
    burst = bursts["occluders"]
    depth = estimate_depth(burst.frames, fill=True, edges="contours")
    wrong = np.abs(depth.index - burst.depth) > 2
    beside = beside_edges(burst.depth)
    assert np.median(depth.sigma[beside & wrong]) > 4 * np.median(depth.sigma[beside & ~wrong])


def scene_of_two(blur=3.0):
    """Frames 0 and 1: a textured bright disc in front, sharp in frame 0; a textured ground, sharp in frame 1."""
    draw = np.random.default_rng(0)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    disc = ((y - 48) ** 2 + (x - 60) ** 2 < 25**2).astype(np.float32)
    near, far = (draw.uniform(low, high, SHAPE).astype(np.float32) for low, high in ((0.5, 0.9), (0.1, 0.5)))
    soft = [cv2.GaussianBlur(part, (0, 0), blur) for part in (near * disc, disc, far)]
    frames = [near * disc + (1 - disc) * soft[2], soft[0] + (1 - soft[1]) * far]
    return np.stack(frames)[..., None], disc > 0


@pytest.mark.parametrize("grow", [-3, 3])
@pytest.mark.parametrize("turned", [False, True])
def test_a_jump_moves_to_the_contour_from_either_side(grow, turned):
    frames, disc = scene_of_two()
    size = np.ones((2 * abs(grow) + 1,) * 2, np.uint8)
    seen = (cv2.dilate if grow > 0 else cv2.erode)(disc.astype(np.uint8), size) > 0
    truth, index = (np.where(part, 0, 4).astype(np.float32) for part in (disc, seen))
    frames = np.stack([frames[0], *[frames.mean(axis=0)] * 3, frames[1]])
    if turned:
        frames, truth, index = frames[::-1], 4 - truth, 4 - index
    depth, sigma, backwards = placed(frames, index, plane(0.1), plane(1) > 0, contrast=0.04, radius=2.0)
    assert backwards == turned
    assert (np.abs(index - truth) > 1).mean() > 0.03
    assert (np.abs(depth - truth) > 1).mean() < 0.002
    apart = cv2.distanceTransform((cv2.Canny(seen.astype(np.uint8) * 255, 50, 100) == 0).astype(np.uint8), 2, 5) > 12
    np.testing.assert_array_equal(depth[apart], index[apart])
    np.testing.assert_array_equal(sigma[apart], np.float32(0.1))


def test_slopes_and_unmeasured_depths_have_no_jumps():
    x = np.mgrid[: SHAPE[0], : SHAPE[1]][1]
    low, high = contours.beside_jumps((0.4 * x).astype(np.float32), plane(1) > 0, 1.0, 5)
    np.testing.assert_array_equal(low, high)
    step = np.where(x < 60, 0, 5).astype(np.float32)
    low, high = contours.beside_jumps(step, x < 55, 1.0, 5)
    np.testing.assert_array_equal(low, high)
    low, high = contours.beside_jumps(step, x >= 0, 1.0, 5)
    assert (low[:, 60] == 0).all()
    assert (high[:, 60] == 5).all()
    np.testing.assert_array_equal(low[:, :50], high[:, :50])


def test_frames_are_not_read_again_where_nothing_jumps():
    class Unread:
        shape, dtype = (5, *SHAPE, 1), np.dtype(np.uint8)

        def __len__(self):
            return 5

        def __getitem__(self, i):
            raise AssertionError("read")

    index = plane(2)
    depth, _, backwards = placed(Unread(), index, plane(0.1), plane(1) > 0, contrast=0.04, radius=2.0)
    assert not backwards
    np.testing.assert_array_equal(depth, index)


def test_gaps_take_the_depth_of_their_side_and_know_how_far_that_reaches():
    index, confidence, picture = plane(2), plane(1), plane(0.2)
    index[:, 60:], picture[:, 60:] = 7, 0.8
    confidence[30:66, 20:100] = 0
    index[30:66, 20:100] = 9  # what is not measured does not matter
    depth, sigma = regularised(index, plane(0.1), confidence, picture, contrast=0.05)
    assert np.abs(depth[:, :56] - 2).max() < 0.3
    assert np.abs(depth[:, 64:] - 7).max() < 0.3
    assert sigma[48, 40] > sigma[33, 40] > 2 * sigma[20, 40]
    again, _ = regularised(index + 3 * (confidence == 0), plane(0.1), confidence, picture, contrast=0.05)
    np.testing.assert_allclose(again, depth, atol=1e-4)


def test_a_gap_between_depths_that_disagree_is_uncertain():
    index, confidence = plane(2), plane(1)
    confidence[:, 50:70] = 0
    alike = regularised(index, plane(0.1), confidence, plane(0.5), contrast=0.05)[1]
    index[:, 60:] = 6
    unlike = regularised(index, plane(0.1), confidence, plane(0.5), contrast=0.05)[1]
    assert (unlike[:, 58:62] > 1).all()
    assert (alike[:, 58:62] < 0.2).all()


def test_measured_depths_are_smoothed_within_their_error():
    draw = np.random.default_rng(1)
    truth = (np.arange(SHAPE[1], dtype=np.float32) * 0.02 + plane(3)).astype(np.float32)
    index = truth + draw.normal(0, 0.1, SHAPE).astype(np.float32)
    depth, _ = regularised(index, plane(0.1), plane(1), plane(0.5), contrast=0.05)
    assert np.abs(depth - index).max() <= 0.1 + 1e-5
    assert np.std(depth - truth) < 0.6 * np.std(index - truth)
    same, _ = regularised(index, plane(0.1), plane(1), plane(0.5), contrast=0.05, smoothing=0)
    np.testing.assert_allclose(same, index, atol=1e-6)


def test_nothing_measured_stays_as_it_is():
    index = np.arange(SHAPE[0] * SHAPE[1], dtype=np.float32).reshape(SHAPE)
    depth, sigma = regularised(index, plane(3), plane(0), plane(0.5), contrast=0.05)
    np.testing.assert_array_equal(depth, index)
    np.testing.assert_array_equal(sigma, plane(3))


def test_specks_lose_confidence_and_surfaces_and_clear_lines_do_not():
    index, confidence = plane(3), plane(0.6)
    confidence[:, :60] = 0
    confidence[40:44, 20:24], index[40:44, 20:24] = 0.6, 8
    confidence[70:75, :60], index[70:75, :60] = 0.95, 8
    result = supported(index, plane(0.1), confidence, radius=2.0)
    assert (result[40:44, 20:24] < 0.5).all()
    assert (result[70:75, 5:55] >= 0.5).all()
    assert (result[10:-10, 70:-10] >= 0.5).all()
    assert (result <= confidence + 1e-6).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_all_types_of_frames_give_the_same_edges(dtype):
    frames, disc = scene_of_two()
    top = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
    frames = np.stack([frames[0], *[frames.mean(axis=0)] * 3, frames[1]]) * top
    index = np.where(cv2.dilate(disc.astype(np.uint8), np.ones((7, 7))) > 0, 0, 4).astype(np.float32)
    depth, *_ = placed(frames.astype(dtype), index, plane(0.1), plane(1) > 0, contrast=0.04, radius=2.0)
    assert (np.abs(depth - np.where(disc, 0, 4)) > 1).mean() < 0.002


def test_cancel_is_let_through_in_every_part():
    frames, disc = scene_of_two()
    frames = np.stack([frames[0], *[frames.mean(axis=0)] * 3, frames[1]])
    index = np.where(disc, 0, 4).astype(np.float32)

    def run():
        depth, sigma = regularised(index, plane(0.1), plane(1), plane(0.5), contrast=0.04)
        return placed(frames, depth, sigma, plane(1) > 0, contrast=0.04, radius=2.0)

    asked = []
    with listening(asked.append):
        run()
    steps = [step for step in asked if step is not None]  # how often it asks between them is a matter of time
    for stop in (0, len(steps) // 2, len(steps) - 1):
        count = iter(range(len(steps)))

        def listener(step, count=count, stop=stop):
            if step is not None and next(count) == stop:
                raise Cancelled

        with pytest.raises(Cancelled), listening(listener):
            run()
