"""The table of the paper on learned fusion, made again: learned, classical and published rows, as photographs and raw.

Bursts are simulated from held-out pictures (`learned_sets`). They keep the small misalignment (a shift of 0.15 px),
breathing (0.05 %), flicker (1 %) and drift of the light (2 %) of training's bursts, as if they had been aligned and
evened out; nothing aligns or evens them again, and the truth has none of it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focusstack import Recipe
from napari_focusstack.arrays import to_float
from napari_focusstack.metrics import psnr, ssim
from napari_focusstack.simulation.batches import Variety
from napari_focusstack.stages import fuse_burst
from napari_focusstack.training.evaluate import METHODS

from . import learned_lengths, references
from .learned_sets import SETS, Scene, held_out_library, scene
from .tables import markdown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focusstack.simulation.library import Library

    Picture = NDArray[np.float32]  # (Y, X, 3)

__all__ = ["Score", "report"]

UNET, PICTURES, MOSAICS = "unet-small", "focusdeep-small", "focusdeep-small-raw"  # checkpoints
BORDER = 8  # px that are not judged: demosaicing has no neighbours there
LEAST = 0.01  # share of the pixels that the band beside depth edges needs to be judged

Row = Callable[[Scene], "Picture | None"]  # None where it does not apply


@dataclass(frozen=True, slots=True)
class Score:
    """Figures of one picture.

    Attributes
    ----------
    set, method : str
        Names.
    number, frames : int
        Of the burst, and its length.
    psnr, ssim : float
        Of the whole picture, less a border; dB and up to 1.
    band : float or None
        PSNR in the band beside depth edges, dB; None where the scene has none.
    """

    set: str
    method: str
    number: int
    frames: int
    psnr: float
    ssim: float
    band: float | None


def report(
    methods: Sequence[str] | None = None,
    *,
    bursts: int,
    size: int,
    device: str = "auto",
    json_file: Path | None = None,
) -> list[Score]:
    """Measure, print the tables and return the figures of each burst.

    Parameters
    ----------
    methods : sequence of str, optional
        Which rows; all by default.
    bursts : int
        How many in each set: 2 to 30 frames, evenly spread.
    size : int
        Height and width of the frames, in px.
    device : str
        What fuses: "auto", "cpu", "cuda" or "mps". Bursts are always drawn on the CPU, so that they stay the same.
    json_file : Path, optional
        Where all figures are written.

    Raises
    ------
    ValueError
        If a row is unknown, or there are to be no bursts.
    """
    rows = _rows(device)
    if unknown := set(methods or ()) - set(rows):
        raise ValueError(f"unknown row {', '.join(sorted(unknown))}; choices: {', '.join(rows)}")
    if bursts < 1:
        raise ValueError(f"bursts={bursts} make no table; 1 or more do")
    chosen = {name: row for name, row in rows.items() if not methods or name in methods}
    library = held_out_library()
    scores = []
    for name in SETS:
        scores += _scores(name, chosen, library, bursts, size)
    print(_tables(scores, bursts))
    figures: dict[str, Any] = {"scores": [asdict(score) for score in scores]}
    if PICTURES in chosen:
        lengths = learned_lengths.measure(
            rows[PICTURES], library, scenes=max(1, bursts // learned_lengths.SHARE), size=size, border=BORDER
        )
        print("\n" + learned_lengths.table(lengths, PICTURES))
        figures["lengths"] = [asdict(length) for length in lengths]
    if json_file:
        json_file.write_text(json.dumps(figures, indent=2))
    return scores


# --------------------------------------------------------------------
# rows


def _rows(device: str) -> dict[str, Row]:
    """Everything that makes a picture of a burst, by the name of its row."""
    rows: dict[str, Row] = {
        "mean of the frames": lambda one: references.mean(one.frames),
        "best single frame": _best_single,
        "best frame at each pixel": lambda one: references.best_single_frame(one.frames, one.truth),
        "Laplace as published": lambda one: references.signed_laplacian(one.frames),
        "Wavelets as published": lambda one: references.modulus_wavelet(one.frames),
    }
    recipes = {method: Recipe(align="none", fuse=method, device=device) for method in METHODS}
    for method, name in (("unet", UNET), ("focusdeep", PICTURES), ("focusdeep", MOSAICS)):
        recipes[name] = Recipe(align="none", fuse=method, fuse_options={"checkpoint": name}, device=device)
    return rows | {name: partial(_ours, recipe, name == MOSAICS) for name, recipe in recipes.items()}


def _best_single(one: Scene) -> Picture:
    """Return the frame that is nearest to the truth."""
    return min(map(to_float, one.frames), key=lambda frame: float(np.square(frame - one.truth).mean()))


def _ours(recipe: Recipe, mosaics: bool, one: Scene) -> Picture | None:
    if mosaics and one.raw is None:
        return None
    fusion = fuse_burst(one.frames, None, recipe, one.raw)
    assert fusion is not None
    return fusion.image


# --------------------------------------------------------------------
# figures


def _scores(name: str, rows: dict[str, Row], library: Library, bursts: int, size: int) -> list[Score]:
    """Figures of all rows on the bursts of one set."""
    scores = []
    lengths = np.rint(np.linspace(*Variety().frames, bursts)).astype(int).tolist()
    for number, frames in enumerate(lengths):
        with scene(SETS[name], library, number, size=size, frames=frames) as one:
            for method, row in rows.items():
                picture = row(one)
                if picture is not None:
                    scores.append(Score(name, method, number, frames, *_figures(picture, one)))
        print(f"{name}: burst {number + 1} of {bursts} done", file=sys.stderr)
    return scores


def _figures(picture: Picture, one: Scene) -> tuple[float, float, float | None]:
    """PSNR, SSIM and PSNR in the band; pictures are clipped to black and white, as files are."""
    judged = slice(BORDER, -BORDER), slice(BORDER, -BORDER)
    seen, truth, band = np.clip(picture[judged], 0, 1), one.truth[judged], one.band[judged]
    beside = psnr(seen, truth, mask=band) if band.mean() > LEAST else None
    return psnr(seen, truth), ssim(seen, truth), beside


def _tables(scores: Sequence[Score], bursts: int) -> str:
    """One table a set: means over its bursts, in the band over those that have one."""
    parts = []
    for name in SETS:
        own = [score for score in scores if score.set == name]
        rows = []
        for method in dict.fromkeys(score.method for score in own):
            those = [score for score in own if score.method == method]
            beside = [score.band for score in those if score.band is not None]
            whole = [np.mean([getattr(score, figure) for score in those]) for figure in ("psnr", "ssim")]
            cells = f"{whole[0]:.2f}", f"{whole[1]:.4f}", f"{np.mean(beside):.2f}" if beside else "–"
            rows.append((method, *cells))
        if rows:
            parts.append(f"{name}\n\n" + markdown((f"bursts: {bursts}", "PSNR, dB", "SSIM", "beside edges, dB"), rows))
    return "\n\n".join(parts)
