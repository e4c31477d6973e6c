"""Depth against its truth: our estimator and what others do, on simulated bursts and generated surfaces."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import tifffile

from napari_focusstack import estimate_depth, fuse
from napari_focusstack.arrays import frame
from napari_focusstack.focus import grey

from .depth_cases import CASES, measured_surfaces
from .depth_score import Estimate, Score, read_depth, score
from .peers import FOCUS_STACK_DEPTH, installed
from .process import measure
from .score import filled_up
from .tables import markdown

if TYPE_CHECKING:
    from napari_focusstack.arrays import Frames

    Plane = np.ndarray  # (Y, X)

__all__ = ["report", "rows"]

OURS: dict[str, dict[str, str]] = {  # options of shape from focus, by the name of the row
    "sff": {},
    "sff contours": {"edges": "contours"},
    "sff gaussian": {"peak": "gaussian"},
    "sff parabola": {"peak": "parabola"},
}
NEIGHBOURHOOD = 4.0  # px (σ) that decide together in the naive map
FLOOR, WEAKEST = 10.0, 10.0  # of the Sobel measure on greys 0 to 255, and of its peak above that, in focus-stack's fit
WIDEST = 0.5  # of the sweep: a peak (σ) broader than that is none


def report(
    names: Sequence[str] | None,
    methods: Sequence[str] | None,
    *,
    data: Path | None = None,
    json_file: Path | None = None,
) -> list[Score]:
    """Measure, print the tables and return all figures.

    Parameters
    ----------
    names : sequence of str, optional
        Cases, or how their names begin; all by default.
    methods : sequence of str, optional
        Rows; all by default.
    data : Path, optional
        Folder that holds the folders of generated surfaces.
    json_file : Path, optional
        Where all figures are written.

    Raises
    ------
    ValueError
        If a case or a row is unknown.
    """
    known, there = CASES | (measured_surfaces(data) if data else {}), rows()
    cases = [case for case in known if names is None or case.startswith(tuple(names))]
    for kind, given, choices in (("case", names, known), ("row", methods, there)):
        for name in given or ():
            if not any(choice == name or (kind == "case" and choice.startswith(name)) for choice in choices):
                raise ValueError(f"unknown {kind} {name}; choices: {', '.join(choices)}")
    scores = []
    for case in cases:
        target = known[case].make()
        scores += [score(case, row, there[row](target.frames), target) for row in methods or there]
        print(f"{case} done", file=sys.stderr)
    print(_tables(scores))
    if json_file:
        json_file.write_text(json.dumps([asdict(one) for one in scores], indent=2))
    return scores


# --------------------------------------------------------------------
# rows


def _naive(frames: Frames) -> Estimate:
    """The frame with the largest smoothed Laplacian, whatever its value."""
    shape = frames.shape[1:3]
    largest, index = np.full(shape, -1, np.float32), np.zeros(shape, np.float32)
    for i in range(len(frames)):
        energy = np.abs(cv2.Laplacian(grey(frame(frames, i)), cv2.CV_32F))
        energy = cv2.GaussianBlur(energy, (0, 0), NEIGHBOURHOOD)
        better = energy > largest
        largest[better], index[better] = energy[better], i
    return Estimate(index, np.ones(shape, bool))


def _depthmap(frames: Frames) -> Estimate:
    """What the fusion by a depth map returns as its index."""
    return _filled(fuse(frames, "depthmap", device="cpu").index)


def _guo(frames: Frames) -> Estimate:
    """A Gaussian fitted to all frames, each weighted by its own square, as focus-stack does it before it fills holes.

    With y the Sobel magnitude of the grey less 10, at least 1, the parabola a + b x + c x² that minimises
    Σ y² (ln y - a - b x - c x²)² peaks at -b / 2c (Guo, IEEE Signal Processing Magazine 28(5), 2011). It counts where
    c < -1e-5, inside the sweep, if its σ is less than half of that and it is more than 10 high.
    """
    last = len(frames) - 1
    powers, products = np.zeros((5, *frames.shape[1:3])), np.zeros((3, *frames.shape[1:3]))
    for i in range(len(frames)):
        light = np.rint(grey(frame(frames, i)) * 255)
        y = np.maximum(np.hypot(cv2.Sobel(light, cv2.CV_32F, 1, 0), cv2.Sobel(light, cv2.CV_32F, 0, 1)) - FLOOR, 1)
        weight, x = y.astype(np.float64) ** 2, i - last / 2  # x from the middle: its powers cancel less
        powers += weight * np.power(x, np.arange(5.0))[:, None, None]
        products += weight * np.log(y) * np.power(x, np.arange(3.0))[:, None, None]
    moments = np.stack([powers[0:3], powers[1:4], powers[2:5]]).transpose(2, 3, 0, 1)
    sound = np.linalg.det(moments) > 0
    moments[~sound] = np.eye(3)
    a, b, c = np.moveaxis(np.linalg.solve(moments, np.moveaxis(products, 0, -1)[..., None])[..., 0], -1, 0)
    sound &= c < -1e-5
    c = np.where(sound, c, -1.0)
    peak = -b / (2 * c) + last / 2
    high = a - b * b / (4 * c) > np.log(1 + WEAKEST)
    sound &= (peak >= 0) & (peak <= last) & (np.sqrt(-0.5 / c) <= WIDEST * len(frames)) & high
    return _filled(np.where(sound, peak, np.nan).astype(np.float32))


def _filled(index: Plane) -> Estimate:
    """Unknown pixels take the depth of the nearest known one."""
    known = np.isfinite(index)
    if not known.any():
        return Estimate(np.zeros_like(index), known)
    gaps = (~known).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(gaps, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    by_label = np.zeros(labels.max() + 1, np.float32)
    by_label[labels[known]] = index[known]
    return Estimate(by_label[labels], known)


def _ours(options: dict[str, str], frames: Frames) -> Estimate:
    depth = estimate_depth(frames, "sff", fill=True, device="cpu", **options)
    return Estimate(depth.index, depth.measured, depth.sigma)


def _focus_stack(frames: Frames) -> Estimate:
    """What the program makes of the frames as files; it fills everything."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = [folder / f"{i:04d}.tif" for i in range(len(frames))]
        for i, path in enumerate(inputs):
            tifffile.imwrite(path, np.broadcast_to(frames[i], (*frames.shape[1:3], 3)), photometric="rgb")
        measure(FOCUS_STACK_DEPTH.commands(inputs, folder / "depth.tif"), folder)
        index = filled_up(read_depth(folder / "depth.tif", len(frames)), *frames.shape[1:3])
    return Estimate(index, np.ones(index.shape, bool))


def rows() -> dict[str, Callable[[Frames], Estimate]]:
    """Everything that makes a depth map of aligned frames, by the name of its row."""
    known: dict[str, Callable[[Frames], Estimate]] = {"argmax": _naive, "depthmap": _depthmap, "guo published": _guo}
    if installed([FOCUS_STACK_DEPTH]):
        known["focus-stack"] = _focus_stack
    return known | {name: partial(_ours, options) for name, options in OURS.items()}


# --------------------------------------------------------------------
# tables


def _tables(scores: Sequence[Score]) -> str:
    """Everything about our default; then one table a figure, a row a case, a column a method."""
    methods = list(dict.fromkeys(one.method for one in scores))
    main = "sff" if "sff" in methods else methods[-1]
    parts = [f"All figures of `{main}`\n\n{_details([one for one in scores if one.method == main])}"]
    figures: tuple[tuple[str, Callable[[Score], str]], ...] = (
        ("RMSE of measured pixels / share measured", lambda s: f"{s.rmse:.3f} / {s.measured:.0%}"),
        ("Depth edges found within 1 px / smear beside them", lambda s: _pair(s.edges, s.smear)),
        ("Plain pixels marked / textured pixels lost", lambda s: _pair(s.plain_marked, s.good_lost)),
    )
    if len(methods) > 1:
        parts += [f"{title}\n\n{_comparison(scores, methods, cell)}" for title, cell in figures]
    return "\n\n".join(parts)


def _details(scores: Sequence[Score]) -> str:
    header = (
        "MAE", "RMSE", "MAE filled", "within σ", "measured", "plain marked", "good lost",
        "edges", "smear", "between", "elsewhere", "bumpiness",
    )  # fmt: skip
    rows = [
        (
            s.case, f"{s.mae:.3f}", f"{s.rmse:.3f}", f"{s.all_mae:.3f}", _percent(s.within), _percent(s.measured),
            _percent(s.plain_marked), _percent(s.good_lost), _percent(s.edges), _percent(s.smear),
            _percent(s.between), _percent(s.elsewhere), f"{s.bumpiness:.2f}",
        )
        for s in scores
    ]  # fmt: skip
    return markdown(("case", *header), rows)


def _comparison(scores: Sequence[Score], methods: Sequence[str], cell: Callable[[Score], str]) -> str:
    cells = {(one.case, one.method): cell(one) for one in scores}
    cases = dict.fromkeys(case for (case, _), text in cells.items() if text != "–")
    return markdown(("case", *methods), [(case, *(cells[case, method] for method in methods)) for case in cases])


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def _pair(first: float | None, second: float | None) -> str:
    return "–" if first is second is None else f"{_percent(first)} / {_percent(second)}"
