"""Where a run stands, told after every step."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Report"]


@dataclass(frozen=True, slots=True)
class Report:
    """Where a run stands after a step.

    Attributes
    ----------
    step, steps : int
        Steps done and to do in all.
    loss : float
        Of this step.
    rate : float
        Learning rate.
    psnr, psnr_mean, psnr_single : float or None
        Of held-out pictures, in dB, where they were looked at after this step: the network's, that of the mean of the
        frames, and that of each burst's best frame. Of networks that find no picture, see `validation.SCORES`.
    seconds : float
        That the run has taken, also before it was resumed.
    seconds_left : float
        At the pace of the latest steps.
    saved : bool
        Whether the checkpoint is of this step.
    """

    step: int
    steps: int
    loss: float
    rate: float
    psnr: float | None
    psnr_mean: float | None
    psnr_single: float | None
    seconds: float
    seconds_left: float
    saved: bool
