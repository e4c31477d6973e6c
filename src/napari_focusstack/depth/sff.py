"""Shape from focus: depth where a focus measure peaks along the sweep, with its uncertainty."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..arrays import Frames, visit
from ..focus import Greys, grey
from ..kernels import load
from ..kernels.strips import over_rows
from ..progress import apart
from .choosing import chosen, load_chooser
from .edges import placed
from .grain import Grain
from .regularise import regularised, supported
from .result import RELIABLE, Depth
from .scatter import calibrated
from .trust import judged

if TYPE_CHECKING:
    from ..kernels.sff_cpu import Curves

    Plane = NDArray[np.float32]  # (Y, X)

__all__ = ["contrast_of", "estimate_sff", "full_size", "measured", "observed", "positioned"]

PEAKS = ("gaussian", "parabola", "guo", "lorentzian")  # as `sff_fit` numbers them
RADIUS = 2.0  # px
EDGENET = "edgenet"  # checkpoint that comes with the program
SAMPLED = 8  # px between pixels that stand for all of them
EDGE = 0.05  # of the picture's contrast
TINY = 1e-12


def estimate_sff(
    frames: Frames,
    positions: NDArray[np.float64],
    guide: NDArray[np.float32] | None = None,
    *,
    measure: Literal["sml", "laplacian", "tenengrad", "variance"] = "sml",
    radius: Annotated[float, {"min": 1.0, "max": 30.0}] = RADIUS,
    peak: Literal["lorentzian", "guo", "gaussian", "parabola"] = "lorentzian",
    smoothing: Annotated[float, {"min": 0.0, "max": 20.0}] = 1.0,
    noise_floor: Annotated[float, {"min": 0.0, "max": 10.0}] = 1.7,
    edges: Literal["network", "contours", "none"] = "network",
    edge_checkpoint: Annotated[str, {"architectures": ("edgenet",)}] = EDGENET,
    channel: Annotated[int, {"min": -1, "max": 63}] = -1,
    device: str = "auto",
) -> Depth:
    """Depth from where each pixel is sharpest, between the frames, with its standard deviation.

    Parameters
    ----------
    frames : Frames
        (N, Y, X, C), aligned, in the order of `positions`.
    positions : ndarray
        (N,) float64, ascending, however spaced.
    guide : ndarray, optional
        (Y, X, C) float32 all-in-focus picture, whose edges the depth may follow; by default the sharpest frames' grey.
    measure : {"sml", "laplacian", "tenengrad", "variance"}
        Focus measure.
    radius : float
        Neighbourhood that decides together, in px (standard deviation). Larger for weak texture and much noise,
        smaller for fine details at different depths.
    peak : {"lorentzian", "guo", "gaussian", "parabola"}
        How the peak is found between the frames: by a power of a Lorentzian or by a Gaussian, fitted to all frames
        around it, by a Gaussian through three frames, or by a parabola through three.
    smoothing : float
        Distance, in px, over which measured depths are smoothed, within their uncertainty. 0: not at all.
    noise_floor : float
        How many times above the noise the focus measure of a pixel must be for its depth to count as measured.
    edges : {"network", "contours", "none"}
        Put depth edges where they belong, to the pixel, instead of where the neighbourhood lost them: by the contours
        in the frames before and behind an edge, for which these are read a second time; or, after that and a third
        time, by a network that chooses among the depths at which a pixel is sharp, and finds hairs, too.
    edge_checkpoint : str
        Network: name of a checkpoint that came with the program, or path of its folder.
    channel : int
        Channel whose sharpness decides; -1: all jointly.
    device : str
        "auto", "cpu", "cuda", "mps".

    Returns
    -------
    Depth
        Finite everywhere; `confidence` from 0.5 on where it was measured.

    Raises
    ------
    ValueError
        If a checkpoint is named that nobody asks.
    CheckpointError
        If there is no such checkpoint, it is damaged, or no EdgeNet.

    Notes
    -----
    The focus measure of frame k is F_k = G_radius * measure(grey_k). The pass keeps, of every pixel, its largest value
    and the few before and behind it; memory does not grow with the frames. A power of a Lorentzian, of which F^(-0.7)
    is a parabola, is fitted to these over the frames' positions, with the weights of Guo (2011). Its peak is the depth
    at the centre of gravity of the neighbourhood's sharpness, from where it is carried to the pixel along the slope of
    the surface. As the curves are not quite such, it is drawn to the frames, by as much as slopes tell, which is taken
    back, see `locking`.

    The variance of the depth is the sum of four. Noise: F has the standard deviation 0.3 px / radius times its value
    for noise alone (for "sml"; it is a mean over so many pixels), which the derivatives of the fit carry to the depth.
    Misfit: what the samples differ from the fit beyond the noise is taken for noise, too. Place: 0.2 px times the
    slope. These are held against how depths scatter, see `scatter`, and smoothing makes them less. What draws a flat
    surface to the frames as a whole does not scatter, and comes last: about 0.01 frames where frames are many to a
    peak, up to 0.05 where there are three. The value of F for noise alone is learnt from differences of frames, see
    `Grain`.

    A peak in the first or last frame counts as measured if it lies within half a frame of the sweep: as the frames
    beyond are missing, the fit takes its width from the other peaks of the stack. Where blur grows by several px from
    frame to frame, these do not tell the width well, and what is sharp in the first or last frame may not be measured.
    """
    if edges != "network" and edge_checkpoint != EDGENET:
        raise ValueError(
            f"edge_checkpoint={edge_checkpoint!r} is for edges='network', not {edges!r}; choose that, or leave it out"
        )
    how: dict[str, Any] = {"measure": measure, "radius": radius, "peak": peak, "smoothing": smoothing}
    found = measured(frames, positions, guide, **how, noise_floor=noise_floor, channel=channel, device=device)
    index, sigma, confidence, light = found
    known = confidence >= RELIABLE
    if edges != "none":
        contrast = contrast_of(light)
        index, sigma, backwards = placed(frames, index, sigma, known, contrast=contrast, radius=radius, channel=channel)
    if edges == "network":
        chooser = apart(load_chooser, edge_checkpoint, device)
        index, sigma = chosen(Greys(frames, channel), index, sigma, known, light, chooser, backwards=backwards)
    return positioned(index, sigma, confidence, positions)


def measured(
    frames: Frames,
    positions: NDArray[np.float64],
    guide: NDArray[np.float32] | None = None,
    *,
    measure: str = "sml",
    radius: float = RADIUS,
    peak: str = "lorentzian",
    smoothing: float = 1.0,
    noise_floor: float = 1.7,
    channel: int = -1,
    device: str = "auto",
) -> tuple[Plane, Plane, Plane, Plane]:
    """Depth as a number of a frame, its standard deviation, confidence, and the grey it follows, before edges; (Y, X).

    Arguments as of `estimate_sff`.
    """
    curves, grain = observed(frames, measure, radius, channel, device)
    light = curves.picture if guide is None else grey(guide, channel if channel < guide.shape[2] else -1)
    judge = partial(judged, curves, grain, positions, measure=measure, radius=radius, peak=PEAKS.index(peak))
    found = apart(judge, noise_floor=noise_floor, smoothing=smoothing)
    index, sigma, common, confidence = (full_size(plane, light.shape) for plane in found)
    del curves, judge, found  # what follows needs the memory
    confidence = supported(index, sigma, confidence, radius=radius)
    index, sigma = regularised(index, sigma, confidence, light, contrast=contrast_of(light), smoothing=smoothing)
    sigma = np.hypot(sigma * _left(index, sigma, confidence), common)
    return index, sigma, confidence, light


def _left(index: Plane, sigma: Plane, confidence: Plane) -> Plane:
    """Share of the standard deviation that smoothing left, where depth was measured."""
    from ..kernels.sff_cpu import GRID

    index, before, confidence = (plane[::GRID, ::GRID] for plane in (index, sigma, confidence))
    share = calibrated(index, before, confidence) / np.maximum(before, np.float32(TINY))
    return full_size(share.astype(np.float32), sigma.shape)


def observed(frames: Frames, measure: str, radius: float, channel: int, device: str) -> tuple[Curves, Grain]:
    """Curves of sharpness around their peaks, and what the measure makes of the noise: the pass over the frames."""
    kernels = load("sff", device)
    state = kernels.curves(*frames.shape[1:3])
    grain = Grain(measure, radius, frames.dtype)
    for k, light in visit(Greys(frames, channel), "Measuring depth"):
        kernels.observe(state, light, k, measure, radius, -1)
        grain.see(light[..., 0])
    return kernels.found(state), grain


def contrast_of(light: Plane) -> float:
    """Step of the picture that is an edge."""
    low, high = np.quantile(light[::SAMPLED, ::SAMPLED], (0.01, 0.99))
    return max(EDGE * float(high - low), TINY)


def full_size(plane: Plane, shape: tuple[int, ...]) -> Plane:
    """Plane of the curves' grid in full size, bilinear."""
    from ..kernels.grids import enlarged
    from ..kernels.sff_cpu import GRID

    out = np.empty(shape, np.float32)

    def rows(start: int, stop: int) -> None:
        out[start:stop] = enlarged(plane, GRID, start, stop, shape[1])

    over_rows(rows, shape[0], align=GRID)
    return out


def positioned(index: Plane, sigma: Plane, confidence: Plane, positions: NDArray[np.float64]) -> Depth:
    """Frames turned into positions."""
    numbers, steps = np.arange(len(positions)), np.gradient(positions)
    position, scaled = np.empty_like(index), np.empty_like(sigma)

    def rows(start: int, stop: int) -> None:
        part = slice(start, stop)
        index[part] = np.clip(index[part], 0, numbers[-1])
        position[part] = np.interp(index[part], numbers, positions)
        scaled[part] = sigma[part] * np.interp(index[part], numbers, steps)

    over_rows(rows, len(index))
    return Depth(position, scaled, index, confidence, positions)
