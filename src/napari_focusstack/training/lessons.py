"""What networks are taught: for each loss, of which task it is, and how far an answer is from what is true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from torch import Tensor

from .losses import (
    absolute_error,
    choice_error,
    correction_error,
    depth_error,
    focus_error,
    foreground_error,
    gross_depth_error,
    kernel_error,
    kernel_ratio_error,
    overlap_error,
    smooth_absolute_error,
    squared_error,
)

if TYPE_CHECKING:
    from ..nets.aifdepthnet import Seen
    from ..nets.config import Task
    from ..nets.edgenet import Choice
    from ..nets.network import Network
    from .examples import Examples

__all__ = ["FRAMES", "LESSONS", "Lesson", "lesson_of"]

OVERLAP = 4.0  # of the overlap, beside the paper's error of a mask


@dataclass(frozen=True, slots=True)
class Lesson:
    """A loss, and who learns from it.

    Attributes
    ----------
    task : {"fusion", "depth", "foreground", "refinement", "kernel", "edges", "trust"}
        Of the networks.
    error : callable
        Loss of what such a network said of some examples, as a tensor of one number.
    """

    task: Task
    error: Callable[[Any, Examples], Tensor]


def lesson_of(loss: str, network: Network) -> Lesson:
    """Lesson of a loss's name.

    Raises
    ------
    ValueError
        If a network of this task cannot learn from it; the message says from what it can.
    """
    if LESSONS[loss].task != network.task:
        fitting = " or ".join(repr(name) for name, lesson in LESSONS.items() if lesson.task == network.task)
        raise ValueError(
            f"loss={loss!r} is for the task {LESSONS[loss].task!r}, but {type(network).__name__} learns "
            f"{network.task!r}; choose {fitting}"
        )
    return LESSONS[loss]


def _of_pictures(error: Callable[[Tensor, Tensor], Tensor], found: Tensor, draw: Examples) -> Tensor:
    """Error of a picture (B, C, H, W), or of several at once (B, K, C, H, W)."""
    return error(found, draw.truth if found.ndim == draw.truth.ndim else draw.truth[:, None])


def _of_mask(found: Tensor, draw: Examples) -> Tensor:
    near, far = draw.frames.unbind(1)
    return foreground_error(found, draw.known("mask"), near, far, draw.truth)


def _of_overlap(found: Tensor, draw: Examples) -> Tensor:
    return _of_mask(found, draw) + OVERLAP * overlap_error(found, draw.known("mask"))


def _of_kernel(found: Tensor, draw: Examples) -> Tensor:
    return kernel_error(found, draw.known("sigma"))


def _of_kernel_ratio(found: Tensor, draw: Examples) -> Tensor:
    return kernel_ratio_error(found, draw.known("sigma"))


def _of_depth(found: Seen, draw: Examples) -> Tensor:
    return depth_error(found.depth, draw.shares())


def _of_gross_depth(found: Seen, draw: Examples) -> Tensor:
    return gross_depth_error(found.depth, draw.shares())


def _of_focus(found: Seen, draw: Examples) -> Tensor:
    return focus_error(found, draw.truth, 1 / max(draw.frames.shape[1] - 1, 1))


def _of_both(found: Seen, draw: Examples) -> Tensor:
    return _of_depth(found, draw) + _of_focus(found, draw)


def _of_choice(found: Choice, draw: Examples) -> Tensor:
    return choice_error(found, draw.known("depth"))


def _of_correction(found: Tensor, draw: Examples) -> Tensor:
    return correction_error(found, draw.known("fused"), draw.known("freed"), draw.known("veiled"), draw.truth)


LESSONS: dict[str, Lesson] = {  # by the loss's name in a recipe
    "absolute": Lesson("fusion", partial(_of_pictures, absolute_error)),
    "smooth-absolute": Lesson("fusion", partial(_of_pictures, smooth_absolute_error)),
    "squared": Lesson("fusion", partial(_of_pictures, squared_error)),
    "foreground": Lesson("foreground", _of_mask),
    "foreground-overlap": Lesson("foreground", _of_overlap),
    "refinement-overlap": Lesson("refinement", _of_overlap),
    "kernel": Lesson("kernel", _of_kernel),
    "kernel-ratio": Lesson("kernel", _of_kernel_ratio),
    "depth": Lesson("depth", _of_depth),
    "gross-depth": Lesson("depth", _of_gross_depth),
    "focus": Lesson("depth", _of_focus),
    "depth-and-focus": Lesson("depth", _of_both),
    "choice": Lesson("edges", _of_choice),
    "correction": Lesson("trust", _of_correction),
}
FRAMES: dict[Task, tuple[int, int]] = {  # fewest and most that a network takes
    "fusion": (1, 300),
    "depth": (2, 300),
    "foreground": (2, 2),
    "refinement": (2, 2),
    "kernel": (2, 2),
    "edges": (3, 300),
    "trust": (3, 300),
}
