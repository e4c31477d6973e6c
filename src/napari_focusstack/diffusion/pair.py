"""Pairs of frames: what is in focus in the nearer one, and how much the other one blurs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import cv2
import numpy as np

from ..arrays import check_dtype, to_float, unit
from ..color import Transfer
from ..focus import grey, image_noise, modified_laplacian, smoothed
from ..progress import apart, track
from .crf import check_shares, refined
from .law import Psf
from .reblurring import blurred, light_of, measured_blur, squares, veiling_blur
from .rehearsal import rehearsed

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ..nets.network import Network

    Plane = NDArray[np.float32]  # (Y, X)
    Picture = NDArray[np.float32]  # (Y, X, C)

__all__ = ["by_sharpness", "find_blur", "find_foreground", "fuse_pair"]

PRE_BLUR, SHARPER = 0.7, 3.0  # px: before detail is measured, and over which it is compared
ALIKE = 1.5  # px: over which a frame is compared with the other one, blurred
LEFT = 0.004  # of white, beside noise, by which they may differ
AGAIN = 2  # times that blurs are measured and the mask is found
OTHERWISE = 2.0  # px: blurs that are not told


def find_foreground(
    near: ArrayLike,
    far: ArrayLike,
    *,
    method: Literal["network", "sharpness"] = "network",
    checkpoint: Annotated[str, {"architectures": ("fsb",)}] = "fsb",
    refine: Literal["auto", "network", "field", "none"] = "auto",
    refinement: Annotated[str, {"architectures": ("frb",)}] = "frb",
    transfer: Transfer = "linear",
    device: str = "auto",
) -> Plane:
    """Mask (Y, X) float32 in [0, 1] of the foreground: what is in focus in `near` and not in `far`.

    Parameters
    ----------
    near, far : (Y, X, C) or (Y, X) array_like
        Aligned frames, focused on the foreground and behind it, in stored values.
    method : {"network", "sharpness"}
        A trained network, which measures better on simulated pairs; or without one, by detail and blur.
    checkpoint : str
        Network: name of a checkpoint that came with the program, or path of its folder.
    refine : {"auto", "network", "field", "none"}
        "field": let a dense random field move the mask's edges to where those of `near` are, see `crf.refined`. It
        harms where the foreground has the colours of what is behind it. "network": then, let another network find what
        is wrong, from what the frames would look like if the mask were true, see `rehearsal.rehearsed`. "auto": that
        after a network, the field alone after "sharpness".
    refinement : str
        That other network: name of a checkpoint that came with the program, or path of its folder.
    transfer : {"linear", "srgb"}
        How stored values relate to light, which is blurred to see what the frames would look like.
    device : str
        Network: "auto", "cpu", "cuda", "mps".

    Returns
    -------
    ndarray
        Above 0.5: rather foreground. `eliminate_diffusion` takes ``index=(mask <= 0.5)`` with ``nearest="first"``.

    Raises
    ------
    ValueError
        If the two frames differ in shape or type, values are no numbers, or an option is unknown.
    TypeError
        If the frames are of 64-bit integers, or of no numbers.
    CheckpointError
        If there is no such checkpoint, it is damaged, or of another architecture.

    Notes
    -----
    "sharpness" begins with what has more detail. Then it measures how `near` has to be blurred to look like `far`
    where the foreground is, and the other way round elsewhere: so each frame tells what the other would look like if
    a pixel were foreground, or were not. The hypothesis with the smaller error over 1.5 px wins. Other than detail
    alone, this finds the foreground's own edges, which spread in `far`.
    """
    _check_choices(
        ("method", method, ("network", "sharpness")),
        ("refine", refine, ("auto", "network", "field", "none")),
        ("transfer", transfer, get_args(Transfer)),
    )
    first, second = _checked(near, far)
    finding = _loaded(checkpoint, "fsb", device) if method == "network" else None
    refining = _loaded(refinement, "frb", device) if refine == "network" or (refine == "auto" and finding) else None
    pair = _pair(first, second)
    if finding:
        mask = _mask_by(finding, pair, device, "Finding the foreground")
    else:
        mask = by_sharpness(to_float(first), to_float(second))
    if refine != "none":
        mask = refined(mask, pair[0])
    return _mask_by(refining, _rehearsed(pair, mask, transfer), device, "Refining the mask") if refining else mask


def find_blur(
    near: ArrayLike,
    far: ArrayLike,
    mask: ArrayLike,
    *,
    method: Literal["auto", "search", "network"] = "auto",
    psf: Psf = "gaussian",
    checkpoint: Annotated[str, {"architectures": ("keb",)}] = "keb",
    transfer: Transfer = "linear",
    device: str = "auto",
) -> float:
    """σ (Gaussian) or radius (disc), in px, of the blur that the foreground has in `far`.

    Parameters
    ----------
    near, far : (Y, X, C) or (Y, X) array_like
        Aligned frames, focused on the foreground and behind it, in stored values.
    mask : (Y, X) array_like
        Of the foreground, 0 to 1.
    method : {"auto", "search", "network"}
        The blur of `near` that looks most like `far`, and where the foreground is plain or narrower than that, the one
        that explains best what it veils; or what a trained network says. "auto": that where neither is told.
    psf : {"gaussian", "disc"}
        Point spread function. A network says the σ of a Gaussian; a disc of that variance has twice the radius.
    checkpoint : str
        Network: name of a checkpoint that came with the program, or path of its folder.
    transfer : {"linear", "srgb"}
        How stored values relate to light.
    device : str
        Network: "auto", "cpu", "cuda", "mps".

    Raises
    ------
    ValueError
        If shapes or types do not fit, values are no numbers, the two are the same, the mask has no edge, an option is
        unknown, or with "search", if the foreground does not tell: it is much too blurred, or not in focus in `near`.
    TypeError
        If the frames are of 64-bit integers, or of no numbers.
    CheckpointError
        If there is no such checkpoint, it is damaged, or no KEB.
    """
    _check_choices(
        ("method", method, ("auto", "search", "network")),
        ("psf", psf, get_args(Psf)),
        ("transfer", transfer, get_args(Transfer)),
    )
    first, second = _checked(near, far)
    inside = _mask(mask, first)
    where = inside > 0.5
    if where.all() or not where.any():
        raise ValueError("the mask has no edge: all of it is foreground, or none; give one of what is in focus in near")
    if np.array_equal(first, second):
        raise ValueError("near and far are the same picture; give the frames focused on the foreground and behind it")
    if method != "network":
        sharp, soft = (apart(light_of, frame, transfer) for frame in (first, second))
        seen = sharp, soft, where.astype(np.float32)
        found = measured_blur(*seen, psf=psf) or veiling_blur(*seen, psf=psf)
        if found is not None:
            return found
        if method == "search":
            raise ValueError(
                "the foreground does not tell how it is blurred: it is much too blurred, or not in focus in near; ask "
                "a network (method='network'), or give the blur in px"
            )
    return _blur_by_network(first, second, inside, checkpoint, device) * (2 if psf == "disc" else 1)


def fuse_pair(near: ArrayLike, far: ArrayLike, mask: ArrayLike) -> Picture:
    """(Y, X, C) float32 picture M N + (1 - M) F, the paper's R_init (eq. 9), of a pair and its mask (Y, X), 0 to 1.

    Raises
    ------
    ValueError
        If shapes or types do not fit, or values are no numbers.
    TypeError
        If the frames are of 64-bit integers, or of no numbers.
    """
    first, second = _checked(near, far)
    share = _mask(mask, first)[..., None]
    return share * to_float(first) + (1 - share) * to_float(second)


# --------------------------------------------------------------------
# without a network


def by_sharpness(near: Picture, far: Picture) -> Plane:
    """Mask (Y, X) of the foreground by detail and blur, of frames (Y, X, C) float32: see `find_foreground`."""
    mask = _share(apart(_detail, near), apart(_detail, far))
    floor = LEFT**2 + max(image_noise(frame) for frame in (near, far)) ** 2
    for _ in range(AGAIN):
        wrong = []
        for sharp, soft, where in ((near, far, mask > 0.5), (far, near, mask < 0.5)):
            width = measured_blur(sharp, soft, where.astype(np.float32))
            if width is None:
                return mask
            wrong.append(apart(_unlike, sharp, soft, width) + floor)
        mask = _share(wrong[1], wrong[0])
    return mask


def _detail(frame: Picture) -> Plane:
    measure = modified_laplacian(cv2.GaussianBlur(grey(frame), (0, 0), PRE_BLUR))
    return smoothed(np.square(measure), SHARPER) + np.float32(1e-9)


def _unlike(sharp: Picture, soft: Picture, width: float) -> Plane:
    """Mean squared difference of a frame from the other one, blurred."""
    return smoothed(np.square(blurred(sharp, width) - soft).mean(axis=2), ALIKE)


def _share(one: NDArray[Any], other: NDArray[Any]) -> Plane:
    return np.asarray(one / (one + other), np.float32)


# --------------------------------------------------------------------
# by networks


def _mask_by(network: Network, pictures: NDArray[np.float32], device: str, stage: str) -> Plane:
    from ..nets.tiles import infer

    return np.ascontiguousarray(infer(network, pictures, device=device, stage=stage)[..., 0])


def _rehearsed(pair: NDArray[np.float32], draft: Plane, transfer: Transfer) -> NDArray[np.float32]:
    """(5, Y, X, 3): the pair, and what it would look like if the draft were true."""
    near, far = (apart(light_of, frame, transfer) for frame in pair)
    inside = (draft > 0.5).astype(np.float32)
    front = measured_blur(near, far, inside) or veiling_blur(near, far, inside) or OTHERWISE
    behind = measured_blur(far, near, 1 - inside) or OTHERWISE
    return np.concatenate([pair, apart(rehearsed, pair, draft, front, behind, transfer)])


def _blur_by_network(near: NDArray[Any], far: NDArray[Any], mask: Plane, checkpoint: str, device: str) -> float:
    """Median over the parts of the picture that tell most."""
    network = _loaded(checkpoint, "keb", device)
    pair = _pair(near, far)
    windows = squares(pair[0].mean(axis=2), mask)
    return float(np.median([apart(_asked, network, pair, mask, w) for w in track(windows, "Measuring the blur")]))


def _asked(network: Network, pair: NDArray[np.float32], mask: Plane, window: tuple[slice, slice]) -> float:
    import torch

    device = next(network.parameters()).device
    frames = torch.from_numpy(np.ascontiguousarray(pair[:, *window])).permute(0, 3, 1, 2)[None]
    inside = torch.from_numpy(np.ascontiguousarray(mask[window]))[None, None]
    with torch.inference_mode():
        return float(network(frames.to(device), inside.to(device)))


def _loaded(checkpoint: str, architecture: str, device: str) -> Network:
    from ..nets.checkpoint import check_architecture, load_network, read_checkpoint

    described = read_checkpoint(checkpoint)
    check_architecture(described, (architecture,), "network")
    return apart(load_network, described, device)  # torch, too, the first time


def _pair(near: NDArray[Any], far: NDArray[Any]) -> NDArray[np.float32]:
    """(2, Y, X, 3) float32 in [0, 1], as networks for pairs take it; the mean of other channels, three times."""
    white = np.float32(_white(near, far))
    pair = np.stack([to_float(frame) / white for frame in (near, far)])
    return pair if pair.shape[3] == 3 else np.repeat(pair.mean(axis=3, keepdims=True), 3, axis=3)


def _white(near: NDArray[Any], far: NDArray[Any]) -> float:
    """Value that stands for white: 1 for integers, which are scaled so; of floats, the largest if it is more."""
    return max(1.0, *(float(frame.max()) for frame in (near, far))) if near.dtype.kind == "f" else 1.0


def _check_choices(*options: tuple[str, str, tuple[str, ...]]) -> None:
    for name, value, choices in options:
        if value not in choices:
            raise ValueError(f"unknown {name} {value!r}; choices: {', '.join(choices)}")


def _checked(near: ArrayLike, far: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    first, second = (frame[..., None] if frame.ndim == 2 else frame for frame in (np.asarray(near), np.asarray(far)))
    for frame in (first, second):
        check_dtype(frame.dtype)
    if first.ndim != 3 or 0 in first.shape or first.shape != second.shape or unit(first.dtype) != unit(second.dtype):
        raise ValueError(
            f"frames of shapes {first.shape} and {second.shape}, {first.dtype} and {second.dtype}, are no pair; give "
            "two pictures (Y, X, C) of one size and type, aligned"
        )
    for name, frame in (("near", first), ("far", second)):
        if frame.dtype.kind == "f" and not np.isfinite(frame).all():
            raise ValueError(f"{name} has values that are no numbers (NaN) or infinite; give it without")
    return first, second


def _mask(mask: ArrayLike, frame: NDArray[Any]) -> Plane:
    inside = np.asarray(mask, np.float32)
    if inside.shape != frame.shape[:2]:
        raise ValueError(
            f"a mask of shape {inside.shape} does not fit frames of shape {frame.shape[:2]}; cut all alike"
        )
    return check_shares(inside)
