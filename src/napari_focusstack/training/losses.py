"""What training minimises: the losses of the three papers, all in float32, as means over bursts and pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from ..nets.aifdepthnet import Seen
    from ..nets.edgenet import Choice

__all__ = [
    "BORDER",
    "absolute_error",
    "depth_error",
    "focus_error",
    "foreground_error",
    "gross_depth_error",
    "kernel_error",
    "kernel_ratio_error",
    "overlap_error",
    "psnr_of",
    "smooth_absolute_error",
    "smoothness",
    "squared_error",
]

BORDER = 4  # px at each side that do not count: what lies outside is unknown there
GROSS = 4.0  # weight of squared errors of depth
ROOT = 1e-3  # of the smooth modulus: √(t² + ROOT²)


def absolute_error(found: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute error of pictures (..., C, H, W), without a border of 4 px (arXiv 2311.17846, section 5)."""
    return (_inner(found.float()) - _inner(truth.float())).abs().mean()


def smooth_absolute_error(found: Tensor, truth: Tensor) -> Tensor:
    """Mean of √(e² + 10⁻⁶), the absolute error with a round tip (Charbonnier et al. 1994), without a border of 4 px."""
    error = _inner(found.float()) - _inner(truth.float())
    return (error.square() + ROOT**2).sqrt().mean()


def squared_error(found: Tensor, truth: Tensor) -> Tensor:
    """Mean squared error of pictures (B, C, H, W), without a border of 4 px: what PSNR is measured by."""
    return (_inner(found.float()) - _inner(truth.float())).square().mean()


def foreground_error(mask: Tensor, true_mask: Tensor, near: Tensor, far: Tensor, truth: Tensor) -> Tensor:
    """Error of a foreground's mask (AAAI 2024, eq. 10 and 11): 2 mean (Δ truth - Δ fused)² + 8 mean |true mask - mask|.

    Parameters
    ----------
    mask, true_mask : (B, 1, H, W) float32
        1 where the foreground is.
    near, far, truth : (B, C, H, W) float32
        Frames focused on the foreground and on the background, and the picture without blur. Fused is what is taken
        from `near` under the mask and from `far` elsewhere.
    """
    mask, near, far, truth = (value.float() for value in (mask, near, far, truth))
    fused = mask * near + (1 - mask) * far
    gradients = _inner(_laplacian(truth) - _laplacian(fused)).square().mean()
    return 2 * gradients + 8 * _inner(true_mask.float() - mask).abs().mean()


def overlap_error(mask: Tensor, true_mask: Tensor, *, least: float = 1e-6) -> Tensor:
    """How far a foreground's mask is from covering just what it should: 1 - soft mIoU, and its cross entropy.

    Parameters
    ----------
    mask, true_mask : (B, 1, H, W) float32
        1 where the foreground is.
    least : float
        Probability that counts for none.

    Notes
    -----
    Of foreground and background, each as a share s of every pixel beside its truth t, the overlap of each picture is
    Σ s t / Σ (s + t - s t). Absolute errors make of an unsure pixel background wherever foregrounds are rarer, and
    what is sure and wrong hardly moves; a small foreground matters as much as a large one here.
    """
    found, true = _inner(mask.float()), _inner(true_mask.float())
    overlap, wrong = found.new_zeros(()), found.new_zeros(())
    for share, truth in ((found, true), (1 - found, 1 - true)):
        both = (share * truth).sum((1, 2, 3))
        either = (share + truth - share * truth).sum((1, 2, 3))
        overlap = overlap + (both / either.clamp_min(1)).mean() / 2
        wrong = wrong - (truth * (share + least).log()).mean()
    return 1 - overlap + wrong


def kernel_error(sigma: Tensor, true_sigma: Tensor) -> Tensor:
    """Mean absolute error of blurs, in px (AAAI 2024, eq. 12)."""
    return (sigma.float() - true_sigma.float()).abs().mean()


def kernel_ratio_error(sigma: Tensor, true_sigma: Tensor) -> Tensor:
    """Mean absolute logarithm of the ratio of blurs: a tenth more or less counts alike, however wide the blur is."""
    return (sigma.float() / true_sigma.float()).log().abs().mean()


def depth_error(depth: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute error of depth (B, H, W) where the truth is known, that is finite (ICCV 2021, supervised)."""
    known = torch.isfinite(truth)
    return (depth.float()[known] - truth.float()[known]).abs().sum() / known.sum().clamp_min(1)


def gross_depth_error(depth: Tensor, truth: Tensor) -> Tensor:
    """`depth_error` and `GROSS` times the mean squared error, to which what is off by half the sweep matters most."""
    known = torch.isfinite(truth)
    squares = (depth.float()[known] - truth.float()[known]).square().sum() / known.sum().clamp_min(1)
    return depth_error(depth, truth) + GROSS * squares


def smoothness(depth: Tensor, picture: Tensor, *, edge: float = 20.0) -> Tensor:
    """How rough depth is where the picture is plain (ICCV 2021): ½ Σ over x and y of mean w √(∂d² + 10⁻⁶).

    Parameters
    ----------
    depth : (B, H, W) float32
        From 0 to 1 over the sweep.
    picture : (B, C, H, W) float32
        All in focus, in [0, 1].
    edge : float
        In w = exp(-mean over channels of (edge · ∂ picture)²). The paper's code has 150, for which a single level of
        8 bit is an edge; real pictures have noise.
    """
    depth, picture = depth.float(), picture.float()
    total = torch.zeros((), device=depth.device)
    for axis in (-1, -2):
        weight = torch.exp(-(edge * picture.diff(dim=axis)).square().mean(1))
        total = total + (weight * (depth.diff(dim=axis).square() + ROOT**2).sqrt()).mean()
    return total / 2


def focus_error(
    seen: Seen,
    truth: Tensor,
    step: float,
    *,
    noise: float = 0.0,
    weight: float = 0.04,
    edge: float = 20.0,
    tie: float = 0.1,
) -> Tensor:
    """Error without depth truth: mean |P - truth|, `smoothness` of D, and how far D is off where P is from.

    Parameters
    ----------
    seen : Seen
        What the network saw in bursts whose positions are from 0 to 1.
    truth : (B, 3, H, W)
        Picture that is all in focus.
    step : float
        From each frame to the next, as a share of the sweep.
    noise : float
        What P and the truth may differ by at no cost, where the truth was made of the frames themselves.
    weight, edge : float
        Of the smoothness, and the contrast that ends it.
    tie : float
        Of depth that is off the frame which the picture is from by more than half a step, as far as that is decided.

    Notes
    -----
    Wang et al. (ICCV 2021, unsupervised) have the first two. But the picture stays the same if all logits of a pixel
    grow by as much, while the weights of depth become alike, and depth smooth, and wrong: a way out that training
    finds. The third bars it. No gradient flows through where the picture is from: only depth follows.
    """
    picture = ((seen.picture.float() - truth.float()).abs() - noise).clamp_min(0).mean()
    off = ((seen.depth - seen.source.detach()).abs() - step / 2).clamp_min(0)
    tied = (seen.decided.detach() * off).mean()
    return picture + weight * smoothness(seen.depth, truth, edge=edge) + tie * tied


def choice_error(
    choice: Choice, depth: Tensor, *, most: float = 3.0, alike: float = 0.45, sorted_out: float = 3.0
) -> Tensor:
    """Mean error of a choice between depths, weighted by their probabilities, and of its logits where it matters.

    Parameters
    ----------
    choice : Choice
        What the network says.
    depth : (B, H, W)
        The truth, in numbers of frames.
    most : float
        Frames: larger errors count as much.
    alike : float
        Frames by which a candidate may be worse than the best and be as right.
    sorted_out : float
        Weight of the second.

    Notes
    -----
    With e_i = min(|d_i - D|, most), the first is Σ p_i (e_i - min e), in units of `most`. It hardly moves a choice that
    is sure and wrong. So the second is the cross entropy -log Σ p_i over the candidates that are right, where one is
    less than a frame off and another one more than that farther.
    """
    error = (choice.depths - depth[:, None]).abs().clamp_max(most).nan_to_num(0.0)  # all are right where nobody knows
    best = error.amin(1, keepdim=True)
    right = error - best < alike
    matters = (best[:, 0] < 1) & (error.amax(1) - best[:, 0] > 1)
    shares = choice.logits.softmax(1)
    wrong = choice.logits.logsumexp(1) - choice.logits.masked_fill(~right, -torch.inf).logsumexp(1)
    return (shares * (error - best)).sum(1).mean() * (10 / most) + sorted_out * (wrong * matters).mean()


def correction_error(
    shares: Tensor, fused: Tensor, freed: Tensor, veiled: Tensor, truth: Tensor, *, least: float = 3e-6
) -> Tensor:
    """Squared error that is left of a picture where it may be corrected, as a share of what there was.

    Parameters
    ----------
    shares, veiled : (B, 1, H, W)
        How much of the correction is kept, and how much there is at all, 0 to 1.
    fused, freed, truth : (B, C, H, W)
        Pictures as they were, corrected, and true, in stored values.
    least : float
        Mean squared error of a whole picture that counts as one: little can be won where there was hardly any.
    """
    found = fused + veiled * shares * (freed - fused)
    left, before = (((picture.float() - truth).square() * (veiled > 0)).mean((1, 2, 3)) for picture in (found, fused))
    return (left / (before + least)).mean()


def psnr_of(found: Tensor, truth: Tensor) -> Tensor:
    """(B,) peak signal-to-noise ratio in dB of pictures (B, C, H, W) with white at 1, without a border of 4 px."""
    error = _inner(found.float()) - _inner(truth.float())
    return -10 * torch.log10(error.square().mean((1, 2, 3)).clamp_min(1e-10))


def _inner(planes: Tensor) -> Tensor:
    return planes[..., BORDER:-BORDER, BORDER:-BORDER]


def _laplacian(planes: Tensor) -> Tensor:
    """Second derivatives' sum: the four neighbours less four times the pixel."""
    kernel = planes.new_tensor(((0, 1, 0), (1, -4, 1), (0, 1, 0)))[None, None]
    channels = planes.flatten(0, 1)[:, None]
    around = functional.pad(channels, (1, 1, 1, 1), mode="replicate")
    return functional.conv2d(around, kernel).view_as(planes)
