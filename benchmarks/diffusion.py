"""Diffusion elimination: the table of pairs and the figure of kernels made again, whole stacks, and the time."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_focusstack.diffusion.pair import find_blur, find_foreground
from napari_focusstack.diffusion.reblurring import blurred
from napari_focusstack.metrics import psnr, ssim
from napari_focusstack.simulation.library import read_library

from . import diffusion_pairs as pairs
from . import diffusion_stacks as stacks
from .learned_sets import held_out_library
from .tables import markdown

__all__ = ["PARTS", "report", "report_folder"]

PARTS = ("pairs", "kernels", "stacks", "robustness", "time")
QUALITY = ("Q_MI", "Q_AB/F", "Q_Y")
OF_TRUTH, OF_FOLDER = (*QUALITY, "mIoU", "mIoU, broad", "PSNR, dB", "beside edges, dB"), (*QUALITY, "Q_CV", "mIoU")
DIGITS = {"PSNR, dB": 2, "beside edges, dB": 2, "Q_CV": 1}  # 3 for all others
NETWORKS = {name: name for name in ("fsb", "frb", "keb")}  # checkpoints, by architecture
TIMED = (1000, 20), (1000, 100)  # px of a side, and frames

Figures = dict[str, float]


def report(
    parts: Sequence[str] | None = None,
    *,
    count: int,
    size: int,
    corpus: Path | None = None,
    networks: Mapping[str, str] = NETWORKS,
    device: str = "auto",
    timed: Sequence[tuple[int, int]] = TIMED,
    json_file: Path | None = None,
) -> dict[str, Any]:
    """Measure, print the tables and return all figures.

    Parameters
    ----------
    parts : sequence of str, optional
        Which of the `PARTS`; all by default.
    count : int
        How many pairs, with noise and without.
    size : int
        Height and width of frames, in px.
    corpus : Path, optional
        Folder of pictures: its test split is added to the simulator's own.
    networks : mapping of str to str
        Checkpoints, names or paths of folders, that find the foreground ("fsb"), refine it ("frb") and find the kernel
        ("keb"). Rows that lack theirs are left out.
    device : str
        Of the networks: "auto", "cpu", "cuda" or "mps".
    timed : sequence of (int, int)
        Side in px and frames of the stacks whose time is taken.
    json_file : Path, optional
        Where all figures are written.

    Raises
    ------
    ValueError
        If a part is unknown, or there are to be no pairs.
    """
    if unknown := set(parts or ()) - set(PARTS):
        raise ValueError(f"unknown part {', '.join(sorted(unknown))}; choices: {', '.join(PARTS)}")
    if count < 1:
        raise ValueError(f"pairs={count} make no table; 1 or more do")
    chosen = parts or PARTS
    found: dict[str, Any] = {}
    if {"pairs", "kernels"} & set(chosen):
        library = held_out_library() + read_library(corpus, "test") if corpus else held_out_library()
        library = library.opaque()
        for noise in pairs.NOISE:
            several = [pairs.simulated(library, noise, i, size) for i in range(count)]
            if "pairs" in chosen:
                found[f"pairs {noise}"] = _of_pairs(pairs.rows_of(networks, device, truth=True), several)
                print(f"pairs {noise}\n\n{_table(found[f'pairs {noise}'], OF_TRUTH, count)}\n")
            if "kernels" in chosen:
                found[f"kernels {noise}"] = _of_kernels(several, networks, device)
                print(f"kernels {noise}\n\n{_kernel_table(found[f'kernels {noise}'], count)}\n")
    for part, measured in (("stacks", _of_stacks), ("robustness", _of_robustness)):
        if part in chosen:
            found[part] = measured(size)
    if "time" in chosen:
        found["time"] = [_of_time(size, frames) for size, frames in timed]
    if json_file:
        json_file.write_text(json.dumps(found, indent=2))
    return found


def report_folder(
    folder: Path, *, networks: Mapping[str, str] = NETWORKS, device: str = "auto", json_file: Path | None = None
) -> dict[str, list[Figures]]:
    """The same figures of pairs without a truth, in a folder as `diffusion_pairs.of_folder` reads it.

    Raises
    ------
    FileNotFoundError
        If there are no pairs.
    """
    found = _of_pairs(pairs.rows_of(networks, device, truth=False), pairs.of_folder(folder))
    print(_table(found, OF_FOLDER, len(next(iter(found.values())))))
    if json_file:
        json_file.write_text(json.dumps(found, indent=2))
    return found


# --------------------------------------------------------------------
# pairs


def _of_pairs(rows: pairs.Rows, several: Iterable[pairs.Pair]) -> dict[str, list[Figures]]:
    """Figures of every pair, by the name of the row."""
    found: dict[str, list[Figures]] = {name: [] for name in rows}
    for pair in several:
        for name, row in rows.items():
            found[name].append(pairs.figures(row(pair), pair))
        print(f"pair {pair.name} done", file=sys.stderr)
    return found


def _table(found: dict[str, list[Figures]], names: Sequence[str], count: int) -> str:
    """One row a method: means over the pairs that have the figure."""
    shown = [name for name in names if any(name in one for each in found.values() for one in each)]
    rows = []
    for method, each in found.items():
        means = [_mean(one[name] for one in each if name in one) for name in shown]
        cells = (
            f"{mean:.{DIGITS.get(name, 3)}f}" if mean is not None else "–"
            for name, mean in zip(shown, means, strict=True)
        )
        rows.append((method, *cells))
    return markdown((f"pairs: {count}", *shown), rows)


def _mean(values: Iterable[float]) -> float | None:
    known = [value for value in values if math.isfinite(value)]
    return float(np.mean(known)) if known else None


# --------------------------------------------------------------------
# kernels


def _of_kernels(several: Iterable[pairs.Pair], networks: Mapping[str, str], device: str) -> dict[str, list[Figures]]:
    """How near a picture blurred by the estimate comes to one blurred by the truth; nothing where it is refused."""
    ways: dict[str, Callable[[pairs.Pair, Any], float]] = {
        "search": lambda pair, mask: find_blur(*pair.frames, mask, method="search", transfer="srgb")
    }
    if pairs.there(networks["keb"]):
        network = {"checkpoint": networks["keb"], "device": device}
        ways["KEB"] = lambda pair, mask: find_blur(*pair.frames, mask, method="network", **network)
        ways["search, else KEB"] = lambda pair, mask: find_blur(*pair.frames, mask, transfer="srgb", **network)
    masks: dict[str, Callable[[pairs.Pair], Any]] = {
        f"mask by {name}": lambda pair, how=how: find_foreground(*pair.frames, **how) > 0.5
        for name, how in pairs.masks_of(networks, device).items()
    }
    masks = {"true mask": lambda pair: pair.mask} | masks
    found: dict[str, list[Figures]] = {f"{way}, {kind}": [] for kind in masks for way in ways}
    for pair in several:
        for kind, masked in masks.items():
            mask = masked(pair)
            for way, estimate in ways.items():
                try:
                    found[f"{way}, {kind}"].append(_kernel_figures(pair, estimate(pair, mask)))
                except ValueError:
                    continue  # the foreground does not tell
    return found


def _kernel_figures(pair: pairs.Pair, sigma: float) -> Figures:
    assert pair.truth is not None
    assert pair.sigma is not None
    true, estimated = (blurred(pair.truth, max(width, 0.1)) for width in (pair.sigma, sigma))
    error = abs(sigma / pair.sigma - 1)
    return {"SSIM": ssim(estimated, true), "PSNR": psnr(estimated, true), "error": error, "sigma": sigma}


def _kernel_table(found: dict[str, list[Figures]], count: int) -> str:
    rows = []
    for name, each in found.items():
        means = [_mean(one[figure] for one in each) for figure in ("SSIM", "PSNR")]
        middle = f"{np.median([one['error'] for one in each]):.1%}" if each else "–"
        cells = [f"{mean:.{digits}f}" if mean is not None else "–" for mean, digits in zip(means, (4, 2), strict=True)]
        rows.append((name, *cells, middle, f"{len(each) / count:.0%}"))
    return markdown((f"pairs: {count}", "SSIM", "PSNR, dB", "median error of σ", "answered"), rows)


# --------------------------------------------------------------------
# stacks


def _of_stacks(size: int) -> dict[str, dict[str, stacks.Score]]:
    """PSNR of every row on every scene; prints the table, whole / beside depth edges, and what elimination gains."""
    found: dict[str, dict[str, stacks.Score]] = {}
    for name in stacks.SCENES:
        found[name] = stacks.scores(stacks.stack(name, size=size))
        print(f"{name} done", file=sys.stderr)
    gains = [one["pyramid, no diffusion"][1] - one["pyramid"][1] for one in found.values()]
    methods = list(next(iter(found.values())))
    rows = [
        (name, *("{:.1f} / {:.1f}".format(*one[method]) for method in methods), f"{gain:+.2f}")
        for (name, one), gain in zip(found.items(), gains, strict=True)
    ]
    rows.append(("median", *("" for _ in methods), f"{np.median(gains):+.2f}"))
    print("stacks: PSNR / PSNR beside depth edges, dB\n")
    print(markdown((f"{size} px", *methods, "gain beside edges, dB"), rows) + "\n")
    return found


def _of_robustness(size: int) -> dict[str, dict[str, tuple[stacks.Score, stacks.Score]]]:
    """PSNR before and after elimination where something is wrong; prints the gains in the band."""
    found: dict[str, dict[str, tuple[stacks.Score, stacks.Score]]] = {}
    for name in stacks.TRIED:
        found[name] = {wrong: (before, after) for wrong, before, after in stacks.robustness(name, size=size)}
        print(f"{name} done", file=sys.stderr)
    rows = []
    for wrong in stacks.ROBUSTNESS:
        both = [one.get(wrong) for one in found.values()]
        rows.append((wrong, *(f"{pair[1][1] - pair[0][1]:+.2f}" if pair else "–" for pair in both)))
    print("robustness: gain beside depth edges, dB\n")
    print(markdown((f"{size} px", *found), rows) + "\n")
    return found


def _of_time(size: int, frames: int) -> dict[str, float]:
    """CPU time of one stack; prints it relative to the fusion."""
    one = stacks.times(size, frames)
    rows = [
        (name, f"{seconds:.1f}", f"{seconds / one.fusion:.2f}")
        for name, seconds in (("pyramid", one.fusion), ("depth", one.depth), ("elimination", one.elimination))
    ]
    print(markdown((f"{one.megapixels:g} MP × {one.frames} frames", "CPU seconds", "of the fusion"), rows) + "\n")
    return {"fusion": one.fusion, "depth": one.depth, "elimination": one.elimination}
