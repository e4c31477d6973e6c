"""Motion between two frames: known answers, and votes that only a real motion gets."""

import cv2
import numpy as np
import pytest

from napari_focusstack.alignment.motion import grid, on_pixels
from napari_focusstack.alignment.pair import fit, view
from napari_focusstack.kernels.ecc_cpu import reduced

HEIGHT, WIDTH = 480, 640


def scene(matrix=None, height=HEIGHT, width=WIDTH, seed=0):
    """Smooth random scene around 0.5, computed exactly where `matrix` takes the pixels."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(width, dtype=float), np.arange(height, dtype=float))
    if matrix is not None:
        x, y, w = np.tensordot(matrix, np.stack([x, y, np.ones_like(x)]), 1)
        x, y = x / w, y / w
    picture = np.zeros_like(x)
    for _ in range(60):
        fx, fy = rng.uniform(-0.4, 0.4, 2)
        picture += np.cos(fx * x + fy * y + rng.uniform(0, 6.3)) / (1 + 10 * np.hypot(fx, fy))
    return (0.5 + 0.1 * picture).astype(np.float32)


def about_middle(scale=1.0, degrees=0.0, x=0.0, y=0.0, shear=0.0, tilt=0.0):
    turn = np.radians(degrees)
    linear = scale * np.array([[np.cos(turn), -np.sin(turn) + shear], [np.sin(turn), np.cos(turn)]])
    middle = np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])
    return np.vstack([np.column_stack([linear, middle - linear @ middle + [x, y]]), [tilt, 0, 1]])


def seen(picture, factor=1):
    return view(reduced(picture[..., None], factor), factor, picture.shape)


def corner_error(found, truth):
    """Root mean square distance of the corners in px."""
    corners = np.array([[0, 0, 1], [WIDTH, 0, 1], [0, HEIGHT, 1], [WIDTH, HEIGHT, 1]], float).T
    a, b = found @ corners, truth @ corners
    return np.sqrt(((a[:2] / a[2] - b[:2] / b[2]) ** 2).sum(0).mean())


def matrix_of(found):
    return on_pixels(found.motion, grid((HEIGHT, WIDTH), 1))


def deviations(found):
    return found.votes[0] / np.sqrt(found.votes[1])


GOLDEN = about_middle(1.02, x=0.7, y=-0.4)
MOTIONS = {
    "translation": about_middle(x=13.3, y=-7.6),
    "euclidean": about_middle(degrees=1.2, x=3.3, y=-2.6),
    "similarity": GOLDEN,
    "affine": about_middle(0.99, 0.3, 2.2, 1.1, shear=0.004),
    "homography": about_middle(1.01, x=1.5, tilt=2e-5),
}


@pytest.mark.parametrize("kind", MOTIONS)
def test_a_known_motion_is_found(kind):
    found = fit(seen(scene()), seen(scene(np.linalg.inv(MOTIONS[kind]))), kind)
    assert corner_error(matrix_of(found), MOTIONS[kind]) < 0.01
    assert found.correlation > 0.999
    assert deviations(found) > 5


@pytest.mark.parametrize("factor", [2, 4])
def test_at_reduced_size_it_is_found_to_a_fraction_of_a_pixel(factor):
    found = fit(seen(scene(), factor), seen(scene(np.linalg.inv(GOLDEN)), factor), "similarity")
    assert corner_error(matrix_of(found), GOLDEN) < 0.02


def test_the_matrix_leads_from_the_template_to_the_image_as_in_opencv():
    image = scene(np.linalg.inv(GOLDEN))
    matrix = matrix_of(fit(seen(scene()), seen(image), "similarity"))
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    aligned = cv2.warpAffine(image, matrix[:2], (WIDTH, HEIGHT), flags=flags)
    assert np.abs(aligned - scene())[20:-20, 20:-20].mean() < 2e-3
    wrong = cv2.warpAffine(image, matrix[:2], (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC)
    assert np.abs(wrong - scene())[20:-20, 20:-20].mean() > 0.02


def test_large_steps_are_found():
    for truth in (about_middle(1.06, x=20, y=-30), about_middle(0.93, 2)):
        found = fit(seen(scene()), seen(scene(np.linalg.inv(truth))), "similarity")
        assert corner_error(matrix_of(found), truth) < 0.02


def test_a_shift_by_a_fifth_of_the_picture_is_found():
    rng = np.random.default_rng(6)
    spectrum = np.fft.rfft2(rng.standard_normal((400, 500)))
    spectrum /= np.hypot(np.fft.fftfreq(400)[:, None], np.fft.rfftfreq(500)) ** 1.2 + 0.003
    world = np.fft.irfft2(spectrum).astype(np.float32)
    found = fit(seen(world[60:, 100:]), seen(world[:-60, :-100]), "similarity")
    np.testing.assert_allclose(on_pixels(found.motion, grid((340, 400), 1))[:2, 2], [100, 60], atol=0.02)


@pytest.mark.parametrize("shape", [(96, 120), (HEIGHT, WIDTH)])
def test_views_are_left_as_they_are(shape):
    pair = [seen(scene(seed=s)[: shape[0], : shape[1]]) for s in (1, 2)]
    before = [level.copy() for one in pair for level in one.levels]
    fit(*pair, "similarity")
    for level, was in zip([level for one in pair for level in one.levels], before, strict=True):
        np.testing.assert_array_equal(level, was)


def test_a_guess_helps_where_the_start_is_too_far():
    truth = about_middle(1.35, 20)
    image = seen(scene(np.linalg.inv(truth)))
    to_middle = grid((HEIGHT, WIDTH), 1)
    guess = to_middle @ about_middle(1.3, 19) @ np.linalg.inv(to_middle)
    assert corner_error(matrix_of(fit(seen(scene()), image, "similarity", [guess])), truth) < 0.05


def test_exposure_does_not_matter():
    image = 0.3 * scene(np.linalg.inv(GOLDEN)) + 0.1
    assert corner_error(matrix_of(fit(seen(scene()), seen(image), "similarity")), GOLDEN) < 0.01


def test_half_the_pixels_tell_the_doubt_of_the_scale():
    rng = np.random.default_rng(3)
    errors, doubts = [], []
    for _ in range(6):
        noisy = [p + 0.05 * rng.standard_normal(p.shape) for p in (scene(), scene(np.linalg.inv(GOLDEN)))]
        found = fit(seen(noisy[0].astype(np.float32)), seen(noisy[1].astype(np.float32)), "similarity")
        errors.append(np.log(np.linalg.det(matrix_of(found)[:2, :2])) / 2 - np.log(1.02))
        doubts.append(found.doubt)
    assert 1 / 4 < np.sqrt(np.mean(np.square(errors))) / np.sqrt(np.mean(np.square(doubts))) < 4


def test_the_response_keeps_the_fit_where_the_texture_is():
    left = scene()
    left[:, WIDTH // 3 :] = 0.5
    found = fit(seen(left), seen(left), "similarity")
    assert found.response[3] == pytest.approx(1)
    texture = -1 + 1 / 3  # middle of the textured third, in the grid's coordinates
    assert found.response[0] == pytest.approx(-texture, abs=0.05)  # a growth about that point
    assert fit(seen(left), seen(left), "euclidean").response.size == 0


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.2])
def test_frames_that_stand_still_get_no_votes(noise):
    rng = np.random.default_rng(1)
    blurred = cv2.GaussianBlur(scene(), (0, 0), 2)
    frames = [(p + noise * rng.standard_normal(p.shape)).astype(np.float32) for p in (scene(), blurred)]
    found = fit(seen(frames[0]), seen(frames[1]), "similarity")
    assert found.votes[0] <= 5 * np.sqrt(found.votes[1])
    assert found.votes[0] < 0.01 * found.votes[2]


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_a_third_of_a_pixel_gets_votes(noise):
    rng = np.random.default_rng(2)
    truth = about_middle(x=0.3)
    pair = [scene(), scene(np.linalg.inv(truth))]
    found = fit(*(seen((p + noise * rng.standard_normal(p.shape)).astype(np.float32)) for p in pair), "similarity")
    assert deviations(found) > 5


def test_dust_on_the_sensor_does_not_hold_a_moving_specimen():
    rng = np.random.default_rng(4)
    dust = np.ones((HEIGHT, WIDTH), np.float32)
    for x, y in rng.uniform(0, (WIDTH, HEIGHT), (40, 2)):
        cv2.circle(dust, (int(x), int(y)), int(rng.uniform(2, 6)), 0.6, -1)
    dust = cv2.GaussianBlur(dust, (0, 0), 1)
    truth = about_middle(x=3, y=2)
    found = fit(seen(dust * scene()), seen(dust * scene(np.linalg.inv(truth))), "similarity")
    assert corner_error(matrix_of(found), truth) < 0.1


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (15, 15)])
def test_a_picture_too_small_to_measure_by_moves_nothing(shape):
    noise = np.random.default_rng(0).random(shape).astype(np.float32)
    found = fit(seen(noise), seen(noise[::-1].copy()), "similarity")
    np.testing.assert_array_equal(found.motion, np.eye(3))
    assert found.votes[0] == 0


@pytest.mark.parametrize("shape", [(16, 16), (40, 40), (20, 300)])
def test_small_pictures_are_measured(shape):
    rng = np.random.default_rng(0)
    noise = rng.random(shape).astype(np.float32)
    found = fit(seen(noise), seen(noise), "homography")
    assert np.abs(found.motion - np.eye(3)).max() < 1e-3


def test_flat_and_missing_pixels_do_no_harm():
    flat = np.full((HEIGHT, WIDTH), 0.4, np.float32)
    found = fit(seen(flat), seen(scene()), "affine")
    assert np.isfinite(found.motion).all()
    assert found.votes[0] <= 0
    holes = scene()
    holes[100:110, 50:300] = np.nan
    found = fit(seen(holes), seen(scene(np.linalg.inv(GOLDEN))), "similarity")
    assert corner_error(matrix_of(found), GOLDEN) < 0.05


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.int16])
@pytest.mark.parametrize("factor", [1, 3])
def test_reduced_pixels_are_means_of_blocks(dtype, factor):
    rng = np.random.default_rng(0)
    top = 1 if dtype is np.float32 else np.iinfo(dtype).max
    image = (rng.random((50, 71, 3)) * top).astype(dtype)
    cut = image[: 50 // factor * factor, : 71 // factor * factor].astype(float) / top
    means = cut.reshape(50 // factor, factor, 71 // factor, factor, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(reduced(image, factor), means, atol=1e-5)
