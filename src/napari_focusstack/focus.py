"""Focus measures: a frame in, how sharp it is at every pixel out; and the noise they have to stand out from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from .arrays import Frames, Selection, unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Grey = NDArray[Any]  # (Y, X) float32; OpenCV's stubs do not tell dtypes

__all__ = [
    "FOCUS_MEASURES",
    "Greys",
    "check_channel",
    "grey",
    "image_noise",
    "laplacian",
    "modified_laplacian",
    "noise_sigma",
    "refine_peak",
    "smoothed",
    "tenengrad",
    "variance",
]

STRIP = 64  # rows converted at a time: they stay in the cache
PRE_BLUR = 0.7  # px: standard deviation of a blur that costs noise much and sharpness little
MAD_TO_SIGMA = 1 / 0.6745  # of a normal distribution
NOISE_PIXELS = 1 << 18  # that many are plenty for a median


def check_channel(channel: int, channels: int) -> None:
    """Raise a ValueError if there is no such channel; -1 stands for all of them."""
    if not -1 <= channel < channels:
        raise ValueError(f"channel={channel} is not there; allowed are 0 to {channels - 1}, or -1 for all")


def grey(image: NDArray[Any], channel: int = -1) -> Grey:
    """Mean of the channels, or one of them, as float32 in the scale of `to_float`.

    All channels count alike: they may be red, green and blue or four fluorescent dyes, and none may be overlooked.
    The weights are the same for all frames, so that greys of one burst can be compared.

    Parameters
    ----------
    image : ndarray
        (Y, X, C), integers or floats.
    channel : int
        The channel to take; -1 for the mean of all.

    Returns
    -------
    ndarray
        (Y, X) float32.

    Raises
    ------
    ValueError
        If there is no such channel.
    """
    channels = image.shape[2]
    check_channel(channel, channels)
    if image.dtype == np.float32 and channels == 1:
        return np.ascontiguousarray(image[..., 0])
    weights = np.full((1, channels), 1 / channels) if channel < 0 else np.eye(channels)[channel : channel + 1]
    weights = (weights / unit(image.dtype)).astype(np.float32)
    out = np.empty(image.shape[:2], np.float32)
    for row in range(0, len(image), STRIP):
        part = np.ascontiguousarray(image[row : row + STRIP], dtype=np.float32)
        out[row : row + STRIP] = cv2.transform(part, weights)
    return out


class Greys:
    """Greys of frames, as Frames (N, Y, X, 1) float32, see `grey`.

    Frames that are resampled as they are read have a method `grey` that mixes the channels before, not after: a third
    of the work, and the same, as both are linear.
    """

    def __init__(self, frames: Frames, channel: int = -1) -> None:
        check_channel(channel, frames.shape[3])
        self._frames, self._channel = frames, channel
        self.shape, self.dtype = (*frames.shape[:3], 1), np.dtype(np.float32)
        self.sources = getattr(frames, "sources", ())  # whose values are no numbers is said by name

    def __len__(self) -> int:
        """Count them."""
        return int(self.shape[0])

    def __getitem__(self, i: int) -> Grey:
        """Return one, (Y, X, 1)."""
        frames: Any = self._frames
        if isinstance(frames, Selection):
            frames, i = frames.frames, frames.kept[i]
        light = frames.grey(i, self._channel) if hasattr(frames, "grey") else grey(np.asarray(frames[i]), self._channel)
        return light[..., None]


def noise_sigma(grey: Grey) -> float:
    """Standard deviation of the noise, from the median size of the finest diagonal differences.

    Of every block of 2 × 2 pixels the diagonal Haar coefficient (a - b - c + d) / 2 is taken: white noise passes
    unchanged, pictures hardly. sigma = median |coefficient| / 0.6745 (Donoho and Johnstone, Biometrika 1994). Blocks
    that are clipped to the lowest or the highest value of the image say nothing and are left out.

    Parameters
    ----------
    grey : ndarray
        (Y, X) float32.

    Returns
    -------
    float
        In the scale of `grey`; 0 for an image without any 2 × 2 block.
    """
    height, width = grey.shape[0] // 2 * 2, grey.shape[1] // 2 * 2
    if not (height and width):
        return 0.0
    step = _noise_step(height, width)
    top, bottom = grey[0:height:step, :width], grey[1:height:step, :width]
    corners = np.stack([top[:, 0::2], top[:, 1::2], bottom[:, 0::2], bottom[:, 1::2]])
    total = corners.sum(axis=0)
    clipped = (total <= 4 * corners.min()) | (total >= 4 * corners.max())
    coefficient = np.abs(corners[0] - corners[1] - corners[2] + corners[3])[~clipped] / 2
    return float(np.median(coefficient)) * MAD_TO_SIGMA if coefficient.size else 0.0


def image_noise(image: NDArray[Any], channel: int = -1) -> float:
    """`noise_sigma` of the grey of an image (Y, X, C), from so many of its rows as are needed."""
    step = _noise_step(*image.shape[:2])
    rows = np.arange(len(image) // 2 * 2)
    return noise_sigma(grey(image[rows[rows % step < 2]], channel))


def _noise_step(height: int, width: int) -> int:
    """Distance of the pairs of rows that are looked at."""
    return 2 * max(1, height * width // NOISE_PIXELS)


def laplacian(grey: Grey) -> Grey:
    """Size of the Laplacian, abs(∂²I/∂x² + ∂²I/∂y²), with the four neighbours of each pixel.

    The size, not the signed value: a decision by the signed value loses half of the edges.
    """
    response = cv2.Laplacian(grey, cv2.CV_32F, borderType=cv2.BORDER_REPLICATE)
    return np.abs(response, out=response)


def tenengrad(grey: Grey) -> Grey:
    """Size of the gradient, sqrt(Gx² + Gy²), per pixel of distance, with Sobel's 3 × 3 kernels (Tenenbaum 1970)."""
    gx = cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=1 / 8, borderType=cv2.BORDER_REFLECT_101)
    gy = cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=1 / 8, borderType=cv2.BORDER_REFLECT_101)
    return cv2.magnitude(gx, gy)


def variance(grey: Grey) -> Grey:
    """Variance in a window of 5 × 5 pixels, mirrored at the border (Forster et al. 2004)."""
    # In float64: in float32, mean(I²) - mean(I)² would lose the small variances of bright images.
    window, border = (5, 5), cv2.BORDER_REFLECT_101
    square = cv2.sqrBoxFilter(grey, cv2.CV_64F, window, normalize=True, borderType=border)
    mean = cv2.boxFilter(grey, cv2.CV_64F, window, normalize=True, borderType=border)
    return np.maximum(square - mean * mean, 0).astype(np.float32)


def modified_laplacian(grey: Grey) -> Grey:
    """Sum-modified Laplacian in a window of 3 × 3 pixels (Nayar and Nakagawa, PAMI 1994, eq. 5 and 6).

    ML = abs(2 I - I(x - 1) - I(x + 1)) + abs(2 I - I(y - 1) - I(y + 1)): second derivatives of opposite sign do not
    cancel as they do in the Laplacian. Without the paper's threshold; the noise is the caller's to compare with.
    """
    kernel = np.array([[-1, 2, -1]], np.float32)
    across = cv2.filter2D(grey, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT_101)
    down = cv2.filter2D(grey, cv2.CV_32F, kernel.T, borderType=cv2.BORDER_REFLECT_101)
    size = cv2.add(np.abs(across), np.abs(down))
    return cv2.boxFilter(size, cv2.CV_32F, (3, 3), normalize=False, borderType=cv2.BORDER_REFLECT_101)


FOCUS_MEASURES: dict[str, Callable[[Grey], Grey]] = {
    "laplacian": laplacian,
    "sml": modified_laplacian,
    "tenengrad": tenengrad,
    "variance": variance,
}
"""Focus measures by name: each takes a (Y, X) float32 grey and returns (Y, X) float32, larger where sharper."""


def smoothed(measure: Grey, radius: float) -> Grey:
    """Gaussian mean of a focus measure with a standard deviation of `radius` px; 0 leaves it as it is.

    A decision by single pixels is far worse than one by neighbourhoods: a pixel on a line's ridge is sharp, its
    neighbour on the slope is not.
    """
    if radius <= 0:
        return measure
    return cv2.GaussianBlur(measure, (0, 0), radius, borderType=cv2.BORDER_REFLECT_101)


def refine_peak(before: Grey, best: Grey, after: Grey) -> Grey:
    """Offset of the peak from the best frame, in frames from -0.5 to 0.5, by a Gaussian through three measures.

    δ = (ln F₋ - ln F₊) / (2 (ln F₋ - 2 ln F₀ + ln F₊)) (Nayar and Nakagawa, PAMI 1994, eq. 11).

    Parameters
    ----------
    before, best, after : ndarray
        (Y, X) focus measures of the frame before the best one, of the best and of the one after it.

    Returns
    -------
    ndarray
        (Y, X) float32; 0 where the three do not form a peak (at the ends of the burst, on a plateau).
    """
    tiny = np.float32(np.finfo(np.float32).tiny)
    low, top, high = (np.log(np.maximum(part, tiny)) for part in (before, best, after))
    bend = low - 2 * top + high
    peak = (bend < 0) & (before > 0) & (after > 0)
    offset: Grey = np.divide(low - high, 2 * bend, out=np.zeros_like(bend), where=peak)
    return np.clip(offset, -0.5, 0.5)
