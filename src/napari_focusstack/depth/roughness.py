"""Roughness of a measured surface: a region of a depth map in, height parameters of ISO 25178-2 out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ..progress import track
from ..units import symbol
from .result import Depth

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Form", "Roughness", "roughness"]

Form = Literal["plane", "quadric", "none"]

TERMS: dict[str, int] = {"none": 1, "plane": 3, "quadric": 6}  # of the polynomial that is taken off
STRIP = 64  # rows at a time


@dataclass(frozen=True, slots=True)
class Roughness:
    """Height parameters of ISO 25178-2, of heights z from which the form was taken off.

    Attributes
    ----------
    sa, sq : float
        Arithmetic mean of abs(z), and root mean square of z, in `unit`.
    sp, sv, sz : float
        Highest peak, deepest valley (both positive), and their sum, in `unit`.
    ssk, sku : float
        Skewness and kurtosis of z (3 for a normal distribution); NaN for a surface without any roughness.
    noise : float
        Root mean square of the depth's own standard deviation, in `unit`: `sq` tells of the surface only where it is
        well above. NaN where no error is known.
    pixels : int
        Number of pixels with a depth that took part.
    form : {"plane", "quadric", "none"}
        What was taken off: a plane, a second-order surface, or the mean alone.
    unit : str
        Of all lengths.
    """

    sa: float
    sq: float
    sp: float
    sv: float
    sz: float
    ssk: float
    sku: float
    noise: float
    pixels: int
    form: Form
    unit: str

    def report(self) -> str:
        """Return the parameters in words, a line each."""
        unit = symbol(self.unit)
        form = {"plane": "a plane was", "quadric": "a second-order surface was", "none": "only the mean was"}[self.form]
        lines = [
            f"Sa   {self.sa:.4g} {unit}   arithmetic mean height",
            f"Sq   {self.sq:.4g} {unit}   root mean square height",
            f"Sz   {self.sz:.4g} {unit}   maximum height (Sp {self.sp:.4g} + Sv {self.sv:.4g})",
            f"Ssk  {self.ssk:.3g}   skewness",
            f"Sku  {self.sku:.3g}   kurtosis",
            f"From {self.pixels} pixels; {form} taken off. Error of single depths: {self._error()}.",
        ]
        if self.sq < 2 * self.noise:
            lines.append("The heights are hardly above the error of the depth: take this as an upper limit.")
        return "\n".join(lines)

    def _error(self) -> str:
        return "not known" if math.isnan(self.noise) else f"{self.noise:.2g} {symbol(self.unit)}"


def roughness(depth: Depth, region: NDArray[np.bool_] | None = None, *, form: Form = "plane") -> Roughness:
    """Height parameters of a region of a depth map.

    Parameters
    ----------
    depth : Depth
        Of one burst, planes (Y, X). Pixels without a depth take no part.
    region : (Y, X) bool, optional
        Which pixels; all by default.
    form : {"plane", "quadric", "none"}
        What is taken off by least squares before: the tilt, tilt and curvature, or the mean alone.

    Returns
    -------
    Roughness
        In the depth's unit.

    Raises
    ------
    ValueError
        If the region does not fit the depth, holds too few pixels with a depth, or the form is unknown.

    Notes
    -----
    With z the heights left over: Sa = mean abs(z), Sq = (mean z²)^½, Sz = max z - min z, Ssk = mean z³ / Sq³,
    Sku = mean z⁴ / Sq⁴ (ISO 25178-2:2021, 4.2). No filter is applied: the shortest wavelength is that of the focus
    measure's neighbourhood, the longest that of the region.
    """
    if form not in get_args(Form):
        raise ValueError(f"form={form!r} is not one of {', '.join(map(repr, get_args(Form)))}")
    if depth.position.ndim != 2:
        raise ValueError(f"roughness is that of one map (Y, X), not of {depth.position.shape}; choose one burst")
    if region is not None and region.shape != depth.position.shape:
        raise ValueError(f"the region is {region.shape} px, but the depth is {depth.position.shape}")
    part = np.isfinite(depth.position) & (True if region is None else np.asarray(region, bool))
    count = int(part.sum())
    if count < 2 * TERMS[form] + 2:
        raise ValueError(
            f"the region holds {count} pixels with a depth, too few for a roughness; choose a larger one, or fill gaps"
        )
    box = tuple(slice(int(at.min()), int(at.max()) + 1) for at in (np.flatnonzero(part.any(axis)) for axis in (1, 0)))
    position, part, terms = depth.position[box], part[box], TERMS[form]
    means, sp, sv = _moments(position, part, _form(position, part, terms))
    sa, variance, third, fourth = (float(mean) for mean in means)
    sq, nan = math.sqrt(variance), float("nan")
    single = np.finfo(np.float32)
    rough = sq > single.eps * max(float(np.abs(position[part]).max()), float(single.tiny))  # more than rounding makes
    ssk, sku = (third / sq**3, fourth / sq**4) if rough else (nan, nan)
    return Roughness(sa, sq, sp, sv, sp + sv, ssk, sku, _noise(depth.sigma[box], part), count, form, depth.unit)


def _form(position: NDArray[np.float32], part: NDArray[np.bool_], terms: int) -> NDArray[Any]:
    """Coefficients of the least-squares polynomial."""
    left, right = np.zeros((terms, terms)), np.zeros(terms)
    for basis, heights in _strips(position, part, terms):
        left += basis @ basis.T
        right += basis @ heights
    return np.linalg.lstsq(left, right, rcond=None)[0]


def _moments(
    position: NDArray[np.float32], part: NDArray[np.bool_], weights: NDArray[Any]
) -> tuple[NDArray[np.float64], float, float]:
    """Means of abs(z), z², z³ and z⁴, highest peak and deepest valley, of what the polynomial leaves."""
    sums, peak, valley, count = np.zeros(4), 0.0, 0.0, 0
    for basis, heights in _strips(position, part, len(weights)):
        heights -= weights @ basis
        size, squares = np.abs(heights), heights * heights
        sums += np.array([size.sum(), squares.sum(), squares @ heights, squares @ squares])
        peak, valley = max(peak, float(heights.max())), max(valley, float(-heights.min()))
        count += heights.size
    return sums / count, peak, valley


def _strips(
    position: NDArray[np.float32], part: NDArray[np.bool_], terms: int
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Terms of the polynomial, (terms, pixels), and heights above one of them, some rows at a time."""
    start = float(position.flat[part.argmax()])  # heights from there have more digits
    for row in track(range(0, len(part), STRIP)):
        y, x = np.nonzero(part[row : row + STRIP])
        if y.size:
            heights = position[row : row + STRIP][y, x].astype(np.float64) - start
            y, x = (y + row) / part.shape[0] - 0.5, x / part.shape[1] - 0.5
            yield np.stack([np.ones_like(y), y, x, y * y, y * x, x * x][:terms]), heights


def _noise(sigma: NDArray[np.float32], part: NDArray[np.bool_]) -> float:
    """Root mean square of the standard deviations that are known, NaN if none is."""
    errors = sigma[part & np.isfinite(sigma)]
    return math.sqrt(float(np.mean(np.square(errors), dtype=np.float64))) if errors.size else float("nan")
