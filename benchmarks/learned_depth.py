"""The tables of the paper on learned depth, made again: classical measures and networks on few and noisy frames.

Bursts are simulated from held-out pictures (`learned_sets.held_out_library`), with the small misalignment and drift of
the light that training has, as 8-bit pictures; seven in ten have noise. Those of the other domain are such as no
network was trained on: fluorescence, which adds up along the axis, with the spots of a Gaussian, in linear light.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_focusstack import Depth, estimate_depth, fuse
from napari_focusstack.arrays import from_float
from napari_focusstack.metrics import abs_rel, bad_pixels, bumpiness, delta, rmse
from napari_focusstack.simulation import simulate
from napari_focusstack.simulation.batches import Variety
from napari_focusstack.training.sources import Simulated, generator_of
from napari_focusstack.training.tuning import tune

from .depth import rows as classical_rows
from .depth_cases import measured_surfaces
from .depth_score import distance_to_edges, near_unknown, wide
from .learned_sets import SEED, held_out_library
from .tables import markdown

if TYPE_CHECKING:
    from napari_focusstack.simulation.library import Library

    Plane = np.ndarray  # (Y, X)
    Row = Callable[["Stack"], Depth | Plane]

__all__ = ["Score", "Stack", "report"]

LENGTHS = (5, 10, 30)  # frames
OTHER, OF_OTHER = "another domain", 10  # frames
SURFACES = 10  # frames that are left of the 41 of a generated surface
SWEEP = (5.0, 24.0)  # px of blur over the sweep, as in training
BLUR = 1.2  # px for each frame out of focus, in the other domain
NOISE = 1e-3  # variance factor of the shot noise there
BORDER = 8  # px that are not judged
BESIDE = 5.0  # px from a depth edge
NEAREST = 0.1  # of the first frame, where the last is at 1: relative errors need a depth that is never 0
CHECKPOINTS = ("aifdepthnet-small", "aifdepthnet-small-unsupervised")
HEAD = ("MSE", "RMSE", "bumpiness", "AbsRel", "δ", "bad beside edges", "within σ", "measured", "s")
TUNED = " tuned"
MOST_TUNED = 10  # frames, beyond which adapting takes too long for a table


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """A burst (N, Y, X, C), its true depth (Y, X) in frames, and where that counts."""

    frames: np.ndarray
    depth: Plane
    judged: Plane


@dataclass(frozen=True, slots=True)
class Score:
    """Figures of one depth.

    Attributes
    ----------
    set, method : str
        Names.
    number, frames : int
        Of the burst, and its length.
    mse, rmse, bumpiness : float
        Of the depth as a share of the sweep, everywhere, filled where a method says that it does not know.
    abs_rel, delta : float
        Of depths that run from `NEAREST` to 1.
    beside : float or None
        Share of the pixels at most `BESIDE` px from a depth edge that are off by more than a frame; None without edges.
    within, measured : float or None
        Share of the measured pixels away from edges whose error is at most one σ; share that is measured. None where a
        method says neither.
    seconds : float
        Wall time, with adapting where that is part of it.
    """

    set: str
    method: str
    number: int
    frames: int
    mse: float
    rmse: float
    bumpiness: float
    abs_rel: float
    delta: float
    beside: float | None
    within: float | None
    measured: float | None
    seconds: float


def report(
    methods: Sequence[str] | None = None,
    *,
    bursts: int,
    size: int,
    steps: int,
    data: Path | None = None,
    device: str = "auto",
    json_file: Path | None = None,
) -> list[Score]:
    """Measure, print the tables and return the figures of each burst.

    Parameters
    ----------
    methods : sequence of str, optional
        Which rows; all by default.
    bursts : int
        How many in each set.
    size : int
        Height and width of the frames, in px.
    steps : int
        Of adapting a network to a burst; bursts of at most `MOST_TUNED` frames are adapted to.
    data : Path, optional
        Folder that holds the folders of generated surfaces.
    device : str
        Of the networks: "auto", "cpu", "cuda" or "mps".
    json_file : Path, optional
        Where all figures are written.

    Raises
    ------
    ValueError
        If a row is unknown, or there are to be no bursts or steps.
    """
    rows = _rows(steps, device)
    if unknown := set(methods or ()) - set(rows):
        raise ValueError(f"unknown row {', '.join(sorted(unknown))}; choices: {', '.join(rows)}")
    if bursts < 1 or steps < 1:
        raise ValueError(f"bursts={bursts}, steps={steps} make no table; 1 or more of each do")
    chosen = {name: row for name, row in rows.items() if not methods or name in methods}
    scores = []
    for name, stacks in _sets(bursts, size, data).items():
        for number, stack in enumerate(stacks):
            for method, row in chosen.items():
                if not method.endswith(TUNED) or len(stack.frames) <= MOST_TUNED:
                    scores.append(_score(name, method, number, row, stack))
            print(f"{name}: burst {number + 1} done", file=sys.stderr)
    print(_tables(scores))
    if json_file:
        json_file.write_text(json.dumps([asdict(score) for score in scores], indent=2))
    return scores


# --------------------------------------------------------------------
# bursts


def _sets(bursts: int, size: int, data: Path | None) -> dict[str, Iterator[Stack]]:
    """All sets by name; a burst is drawn when its turn comes."""
    library = held_out_library()
    sets = {f"{frames} frames": _drawn(library, frames, bursts, size) for frames in LENGTHS}
    sets[OTHER] = (_glowing(number, size) for number in range(bursts))
    if data:
        sets["generated surfaces"] = (_thinned(surface.make()) for surface in measured_surfaces(data).values())
    return sets


def _drawn(library: Library, frames: int, bursts: int, size: int) -> Iterator[Stack]:
    source = Simulated(library, replace(Variety(), frames=(frames, frames), sweep=SWEEP))
    for number in range(bursts):
        one = source.draw((SEED, frames, number), bursts=1, size=size, frames=frames)
        pictures = one.frames[0].numpy().transpose(0, 2, 3, 1)
        yield _stack(np.stack([from_float(picture, np.uint8) for picture in pictures]), one.known("depth")[0].numpy())


def _glowing(number: int, size: int) -> Stack:
    """A z-stack of fluorescence, whose light adds up along the axis: nothing hides what is behind."""
    turned = generator_of((SEED, number)).initial_seed() % 2**31
    one = simulate(
        "fluorescence",
        frames=OF_OTHER,
        height=size,
        width=size,
        blur=BLUR,
        psf="gaussian",
        noise=NOISE,
        dtype="uint16",
        transfer="linear",
        seed=turned,
    )
    return _stack(one.frames, one.depth)


def _stack(frames: np.ndarray, depth: Plane) -> Stack:
    judged = np.isfinite(depth)
    judged[wide(judged, BORDER)] = False
    return Stack(frames, depth, judged)


def _thinned(target: Stack) -> Stack:
    """A long burst of which `SURFACES` frames are left, evenly spread."""
    last = len(target.frames) - 1
    kept = np.rint(np.linspace(0, last, SURFACES)).astype(int)
    depth = np.interp(target.depth, kept, np.arange(SURFACES)).astype(np.float32)
    return Stack(target.frames[kept], depth, target.judged)


# --------------------------------------------------------------------
# rows


def _rows(steps: int, device: str) -> dict[str, Row]:
    """Everything that makes a depth of a burst, by the name of its row."""
    known = classical_rows()
    rows: dict[str, Row] = {
        name: partial(lambda way, one: way(one.frames).index, known[name]) for name in ("argmax", "guo published")
    }
    for measure in ("tenengrad", "variance", "laplacian", "sml"):
        rows["sff" if measure == "sml" else f"sff {measure}"] = partial(_sff, measure)
    for name in CHECKPOINTS:
        rows[name] = partial(_aif, name, device)
        rows[name + TUNED] = partial(_tuned, name, steps, device)
    return rows


def _sff(measure: str, one: Stack) -> Depth:
    return estimate_depth(one.frames, "sff", fill=True, device="cpu", measure=measure)


def _aif(name: str, device: str, one: Stack) -> Depth:
    return estimate_depth(one.frames, "aif", fill=True, device=device, checkpoint=name)


def _tuned(name: str, steps: int, device: str, one: Stack) -> Depth:
    picture = fuse(one.frames, device="cpu").image
    found = tune(name, one.frames, picture, minutes=60, steps=steps, device=device)
    return found.depth_after


# --------------------------------------------------------------------
# figures


def _score(name: str, method: str, number: int, row: Row, stack: Stack) -> Score:
    began = time.perf_counter()
    found = row(stack)
    seconds = time.perf_counter() - began
    index = found.index if isinstance(found, Depth) else found
    last = len(stack.frames) - 1
    share, truth, judged = index / last, stack.depth / last, stack.judged
    distance = distance_to_edges(stack.depth)
    beside = judged & (distance <= BESIDE)
    within = measured = None
    if isinstance(found, Depth):
        known = judged & found.measured & (distance > BESIDE)
        within = float((np.abs(index - stack.depth) <= found.sigma)[known].mean()) if known.any() else None
        measured = float(found.measured[judged].mean())
    near, far = (NEAREST + (1 - NEAREST) * np.clip(plane, 0, 1) for plane in (share, truth))
    error = rmse(share, truth, mask=judged)
    return Score(
        name,
        method,
        number,
        len(stack.frames),
        error**2,
        error,
        bumpiness(share, truth, mask=judged & ~near_unknown(stack.depth)),
        abs_rel(near, far, mask=judged),
        delta(near, far, mask=judged),
        bad_pixels(index, stack.depth, threshold=1.0, mask=beside) if beside.any() else None,
        within,
        measured,
        seconds,
    )


# --------------------------------------------------------------------
# tables


def _tables(scores: Sequence[Score]) -> str:
    """One table a set, and in how many bursts adapting helped."""
    parts = []
    for name in dict.fromkeys(score.set for score in scores):
        own = [score for score in scores if score.set == name]
        rows = []
        for method in dict.fromkeys(score.method for score in own):
            those = [score for score in own if score.method == method]
            mse = _mean(those, "mse")
            rows.append(
                (
                    method, f"{mse:.4f}", f"{_mean(those, 'rmse'):.4f}", f"{_mean(those, 'bumpiness'):.2f}",
                    f"{_mean(those, 'abs_rel'):.3f}", f"{_mean(those, 'delta'):.1%}", _percent(those, "beside"),
                    _percent(those, "within"), _percent(those, "measured"), f"{_mean(those, 'seconds'):.2f}",
                )
            )  # fmt: skip
        count = len({score.number for score in own})
        head = (
            f"bursts: {count}",
            "MSE",
            "RMSE",
            "bumpiness",
            "AbsRel",
            "δ",
            "bad beside edges",
            "within σ",
            "measured",
            "s",
        )
        parts.append(f"{name}\n\n{markdown(head, rows)}" + _helped(own))
    return "\n\n".join(parts)


def _helped(own: Sequence[Score]) -> str:
    """In how many bursts each adapted network has a smaller error than as it was."""
    errors = {(score.method, score.number): score.rmse for score in own}
    words = []
    for name in CHECKPOINTS:
        pairs = [(errors.get((name, n)), after) for (method, n), after in errors.items() if method == name + TUNED]
        pairs = [(before, after) for before, after in pairs if before is not None]
        if pairs:
            better = sum(after < before for before, after in pairs)
            same = sum(after == before for before, after in pairs)
            words.append(f"{name}: better in {better}, the same in {same}, worse in {len(pairs) - better - same}")
    return f"\n\nAdapting: {'; '.join(words)}." if words else ""


def _mean(scores: Sequence[Score], figure: str) -> float:
    return float(np.mean([getattr(score, figure) for score in scores]))


def _percent(scores: Sequence[Score], figure: str) -> str:
    known = [value for score in scores if (value := getattr(score, figure)) is not None]
    return f"{np.mean(known):.0%}" if known else "–"
