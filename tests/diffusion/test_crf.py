"""Masks refined by a dense random field: against the same inference with all pairs of pixels written out."""

from __future__ import annotations

import numpy as np
import pytest

from napari_focusstack.diffusion import crf
from napari_focusstack.diffusion.crf import refined
from napari_focusstack.focus import image_noise
from napari_focusstack.kernels.lattice_cpu import Lattice
from napari_focusstack.progress import Cancelled, listening


def two_colors(height: int = 60, width: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """A picture (Y, X, 3) of two colours, with grain, and the mask of one of them."""
    y, x = np.mgrid[:height, :width]
    mask = (x > width / 2 + 6 * np.sin(y / 8)).astype(np.float32)
    grain = np.random.default_rng(0).normal(0, 0.02, (height, width, 3))
    return (np.where(mask[..., None] > 0, [0.7, 0.4, 0.3], [0.3, 0.5, 0.4]) + grain).astype(np.float32), mask


def by_all_pairs(mask: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """Mean field in which every pixel talks to every other one, in float64."""
    height, width = mask.shape
    at = np.stack(np.meshgrid(range(height), range(width), indexing="ij"), -1).reshape(-1, 2).astype(float)
    colors = picture.reshape(-1, 3).astype(float)
    apart = np.square(at[:, None] - at).sum(-1)
    unlike = np.square(colors[:, None] - colors).sum(-1)
    around = np.exp(-apart / (2 * 80**2))
    kernels = [np.exp(-apart / (2 * 3**2)), around * np.exp(-unlike / (2 * (13 / 255) ** 2)), around]
    kernels = [k / np.sqrt(k.sum(1)[:, None] * k.sum(1)) for k in kernels]
    p = np.clip(mask.ravel().astype(float), 1e-5, 1 - 1e-5)
    q = p
    for _ in range(5):
        message = sum(w * k @ (2 * q - 1) for w, k in zip((1, 8, -6.4), kernels, strict=True))
        q = 1 / (1 + np.exp(-np.log(p / (1 - p)) - message))
    return q.reshape(mask.shape)


def test_the_lattice_filters_like_the_gaussian_itself():
    picture, mask = two_colors(24, 30)
    found = Lattice(picture * np.float32(255 / 20), 10.0)(mask)
    y, x = (axis.ravel() / 10.0 for axis in np.mgrid[:24, :30])
    features = np.column_stack([y, x, picture.reshape(-1, 3) * 255 / 20])
    kernel = np.exp(-np.square(features[:, None] - features).sum(-1) / 2)
    kernel /= np.sqrt(kernel.sum(1)[:, None] * kernel.sum(1))
    expected = (kernel @ mask.ravel()).reshape(mask.shape)
    assert np.abs(found - expected).max() < 0.12
    assert np.abs(found - expected).mean() < 0.02


@pytest.mark.parametrize("seed", [0, 1])
def test_it_infers_what_all_pairs_of_pixels_do(seed, monkeypatch):
    monkeypatch.setattr(crf, "MATTINGS", 0)
    picture, mask = two_colors(24, 30)
    noisy = np.clip(0.3 + 0.4 * mask + np.random.default_rng(seed).normal(0, 0.25, mask.shape), 0.02, 0.98)
    found, expected = refined(noisy, picture, color=13), by_all_pairs(noisy, picture)
    assert found.dtype == np.float32
    assert np.abs(found - expected).mean() < 0.02
    assert ((found > 0.5) == (expected > 0.5)).mean() > 0.985


def by_squares(q: np.ndarray, picture: np.ndarray, noise: float) -> np.ndarray:
    """Ridge regression on colour in every square of 9 × 9 px, each by least squares, and the mean of all, twice."""
    side, ways = 9, 4
    for _ in range(2):
        padded = np.pad(q.astype(float), 2 * ways, mode="reflect")
        seen = np.pad(picture.astype(float), ((2 * ways,) * 2, (2 * ways,) * 2, (0, 0)), mode="reflect")
        total, told = np.zeros_like(q, float), np.zeros_like(q, float)
        for y, x in np.ndindex(q.shape[0] + 2 * ways, q.shape[1] + 2 * ways):
            colors, share = seen[y : y + side, x : x + side].reshape(-1, 3), padded[y : y + side, x : x + side].ravel()
            colors, off = colors - colors.mean(0), share - share.mean()
            ridge = np.vstack([colors / side, noise * np.eye(3)]), np.append(off / side, np.zeros(3))
            slope = np.linalg.lstsq(*ridge, rcond=None)[0]
            for i, j in np.ndindex(side, side):
                row, column = y + i - 2 * ways, x + j - 2 * ways
                if 0 <= row < q.shape[0] and 0 <= column < q.shape[1]:
                    total[row, column] += (share.mean() + colors[i * side + j] @ slope) / side**2
                    told[row, column] += min(1, (colors @ slope @ off) / (off @ off + 81e-4) / 0.2) / side**2
        q = np.clip(q + told * (total - q), 0, 1)
    return q


def test_matting_is_the_mean_of_the_fits_in_all_squares(monkeypatch):
    picture, mask = two_colors(16, 20)
    rough = np.clip(mask + np.random.default_rng(4).normal(0, 0.2, mask.shape), 0, 1).astype(np.float32)
    monkeypatch.setattr(crf, "_inferred", lambda p, *_: p)
    found = refined(rough, picture)
    expected = by_squares(np.clip(rough, 1e-5, 1 - 1e-5), picture, image_noise(picture))
    inner = (slice(5, -5),) * 2  # beyond the picture, squares are padded otherwise
    assert np.abs(found - expected)[inner].max() < 1e-3


def test_an_edge_moves_to_where_the_colours_next_to_it_change():
    picture, mask = two_colors()
    late = np.roll(mask, 2, axis=1)
    late[:, :2] = 0
    found = refined(0.3 + 0.4 * late, picture)
    assert ((found > 0.5) != (mask > 0.5)).mean() < 0.1 * (late != mask).mean()


def test_specks_go_and_edges_stay_where_the_colours_change():
    picture, mask = two_colors()
    wrong = np.random.default_rng(3).random(mask.shape) < 0.2
    given = np.where(wrong, 1 - mask, mask) * 0.8 + 0.1
    found = refined(given, picture)
    assert ((found > 0.5) == (mask > 0.5)).mean() > 0.99
    assert ((given > 0.5) == (mask > 0.5)).mean() < 0.85


def test_what_is_rare_stays_if_it_has_a_colour_of_its_own():
    picture, mask = np.full((80, 80, 3), 0.4, np.float32), np.zeros((80, 80), np.float32)
    picture[::16], mask[::16] = 0.6, 1  # wires
    found = refined(0.3 + 0.3 * mask, picture)
    np.testing.assert_array_equal(found > 0.5, mask > 0.5)


def test_where_colours_do_not_tell_what_is_rare_stays_too():
    mask = np.zeros((80, 80), np.float32)
    mask[30:40, 30:40] = 1
    found = refined(0.1 + 0.8 * mask, np.full((80, 80, 3), 0.5, np.float32))
    assert ((found > 0.5) == (mask > 0.5)).mean() > 0.99


def test_a_mask_that_is_everything_stays_everything():
    picture, mask = two_colors()
    assert refined(np.ones_like(mask), picture).min() > 0.999
    assert refined(np.zeros_like(mask), picture).max() < 0.001


@pytest.mark.parametrize("kind", ["grey", "two channels", "8 bit"])
def test_pictures_of_any_kind_will_do(kind):
    picture, mask = two_colors()
    seen = {"grey": picture[..., 0], "two channels": picture[..., :2], "8 bit": (picture * 255).astype(np.uint8)}[kind]
    found = refined(0.2 + 0.6 * mask, seen)
    assert ((found > 0.5) == (mask > 0.5)).mean() > 0.99


def test_tiles_differ_little_from_one_piece(monkeypatch):
    picture, mask = two_colors(120, 160)
    given = np.clip(mask + np.random.default_rng(1).normal(0, 0.4, mask.shape), 0.1, 0.9)
    whole = refined(given, picture)
    monkeypatch.setattr(crf, "TILE", 64)
    monkeypatch.setattr(crf, "HALO", 48)
    steps = []
    with listening(lambda step: steps.append(step) if step else None):
        tiled = refined(given, picture)
    assert ((tiled > 0.5) == (whole > 0.5)).mean() > 0.99
    assert steps[-1].total == steps[-1].done == 6


def test_it_can_be_cancelled():
    picture, mask = two_colors()

    def no(step):
        raise Cancelled

    with listening(no), pytest.raises(Cancelled):
        refined(mask, picture)


def test_sizes_have_to_fit():
    picture, mask = two_colors()
    with pytest.raises(ValueError, match=r"a mask of shape \(59, 80\) does not fit a picture of shape \(60, 80, 3\)"):
        refined(mask[1:], picture)
    with pytest.raises(ValueError, match="color=1 tells every two colours apart; give 3 or more"):
        refined(mask, picture, color=1)


@pytest.mark.parametrize(
    ("mask", "seen", "message"),
    [
        (np.nan, 0.5, "a mask with values that are no numbers"),
        (255.0, 0.5, "a mask with values from 0 to 255; give shares from 0 to 1"),
        (1.0, np.nan, "a picture with values from nan to nan; give it in the scale of the fused picture"),
        (1.0, 255.0, "a picture with values from 0 to 255; give it in the scale of the fused picture"),
    ],
)
def test_values_have_to_be_in_their_scale(mask, seen, message):
    given, picture = np.zeros((8, 9), np.float32), np.zeros((8, 9, 3), np.float32)
    given[2, 3], picture[2, 3] = mask, seen
    with pytest.raises(ValueError, match=message):
        refined(given, picture)
