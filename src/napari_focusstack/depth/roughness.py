"""Roughness of a measured surface: a region of a depth map in, height parameters of ISO 25178-2 out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from .positions import symbol
from .result import Depth

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Form", "Roughness", "roughness"]

Form = Literal["plane", "quadric", "none"]

TERMS: dict[str, int] = {"none": 1, "plane": 3, "quadric": 6}  # of the polynomial that is taken off


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
        well above.
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
            f"From {self.pixels} pixels; {form} taken off. Error of single depths: {self.noise:.2g} {unit}.",
        ]
        if self.sq < 2 * self.noise:
            lines.append("The heights are hardly above the error of the depth: take this as an upper limit.")
        return "\n".join(lines)


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
    heights = depth.position[part].astype(np.float64)
    heights -= heights.mean()
    if form != "none":
        heights -= _form(np.nonzero(part), heights, TERMS[form])
    size = np.abs(heights)
    sq = float(np.sqrt(np.mean(heights**2)))
    tiny = 1e-9 * max(1.0, float(np.abs(depth.position[part]).max()))  # what float32 makes of a plane
    ssk, sku = (float(np.mean(heights**n) / sq**n) if sq > tiny else float("nan") for n in (3, 4))
    noise = float(np.sqrt(np.nanmean(depth.sigma[part].astype(np.float64) ** 2)))
    sp, sv = float(heights.max()), float(-heights.min())
    return Roughness(float(size.mean()), sq, sp, sv, sp + sv, ssk, sku, noise, count, form, depth.unit)


def _form(places: tuple[NDArray[np.intp], ...], heights: NDArray[np.float64], terms: int) -> NDArray[np.float64]:
    """Least-squares polynomial of second order in the places, or its first three terms."""
    y, x = ((axis - axis.mean()) / max(1.0, float(np.ptp(axis))) for axis in places)
    basis = np.stack([np.ones_like(y), y, x, y * y, y * x, x * x][:terms])
    weights = np.linalg.lstsq(basis @ basis.T, basis @ heights, rcond=None)[0]
    fitted: NDArray[np.float64] = weights @ basis
    return fitted
