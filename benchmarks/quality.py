"""Quality on the simulated suite: every method, the peers and the references against the truth, in one table."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import tifffile

from napari_focusstack import FUSERS, Recipe, fuse, run
from napari_focusstack.arrays import from_float, to_float
from napari_focusstack.metrics import psnr, ssim

from . import references
from .cases import CASES, Case
from .peers import FUSING, STACKING, Tool, installed
from .process import measure
from .score import filled_up, on_truth, read_picture, scored_area
from .tables import markdown

if TYPE_CHECKING:
    from napari_focusstack.simulation import Simulated

__all__ = ["Score", "fused_by", "report"]

Row = Callable[["Simulated", Case], np.ndarray | None]  # -> (Y, X, C) float32, None where it does not apply


@dataclass(frozen=True)
class Score:
    """Figures of one picture.

    Attributes
    ----------
    case, method : str
        Names.
    psnr, ssim : float
        Of the whole picture (less a border where the burst moves); dB and up to 1.
    band : float or None
        PSNR in the band beside depth edges, dB; None where the scene has none.
    noise : float or None
        Noise in plain areas relative to that of one frame; None where there is no noise or no plain area.
    """

    case: str
    method: str
    psnr: float
    ssim: float
    band: float | None
    noise: float | None


def report(
    names: Sequence[str] | None,
    methods: Sequence[str] | None,
    *,
    size: int,
    pictures: Path | None = None,
    json_file: Path | None = None,
) -> list[Score]:
    """Measure, print the tables and return all figures.

    Parameters
    ----------
    names, methods : sequence of str, optional
        Which cases and which rows; all by default.
    size : int
        Height and width of the frames, in px.
    pictures : Path, optional
        Folder where every picture is written.
    json_file : Path, optional
        Where all figures are written.

    Raises
    ------
    ValueError
        If a case or a row is unknown.
    """
    rows = _rows()
    for kind, given, known in (("case", names, CASES), ("row", methods, rows)):
        if unknown := set(given or ()) - set(known):
            raise ValueError(f"unknown {kind} {', '.join(sorted(unknown))}; choices: {', '.join(known)}")
    scores = []
    for name in names or CASES:
        burst = CASES[name].make(size)
        for method in methods or rows:
            picture = rows[method](burst, CASES[name])
            if picture is None:
                continue
            scores.append(_score(name, method, picture, burst))
            if pictures:
                _write(pictures / name / f"{method}.png", picture)
        if pictures:
            _write(pictures / name / "truth.png", burst.truth)
        print(f"{name} done", file=sys.stderr)
    print(_tables(scores))
    if json_file:
        json_file.write_text(json.dumps([asdict(score) for score in scores], indent=2))
    return scores


# --------------------------------------------------------------------
# rows


def _rows() -> dict[str, Row]:
    """Everything that makes a picture of a burst, by the name of its row."""
    rows: dict[str, Row] = {
        "best single frame": _still(lambda burst: references.best_single_frame(burst.frames, burst.truth)),
        "true depth": _still(lambda burst: references.hard_pick(burst.frames, burst.depth)),
        "mean": _still(lambda burst: references.mean(burst.frames)),
        "signed Laplacian": _still(lambda burst: references.signed_laplacian(burst.frames)),
        "modulus wavelet": _still(lambda burst: references.modulus_wavelet(burst.frames)),
    }
    rows.update({name: partial(_ours, name) for name in FUSERS})
    moving = {tool.name: tool for tool in STACKING}
    chains = {"focus-stack": moving["focus-stack"], "enfuse": moving["align_image_stack + enfuse"]}
    rows.update({tool.name: partial(_peer, tool, chains[tool.name]) for tool in installed(FUSING)})
    return rows


def _still(reference: Callable[[Simulated], np.ndarray]) -> Row:
    """References are made from frames that need no alignment."""
    return lambda burst, case: None if case.moves else reference(burst)


def _ours(method: str, burst: Simulated, case: Case) -> np.ndarray:
    if case.moves:
        return to_float(run(burst.frames, Recipe(fuse=method, device="cpu"), transfer=burst.transfer).image)
    image = fuse(burst.frames, method, device="cpu").image
    return to_float(from_float(image, burst.frames.dtype))  # as the peers' pictures: in steps of the frames' type


def _peer(still: Tool, moving: Tool, burst: Simulated, case: Case) -> np.ndarray | None:
    tool = moving if case.moves else still
    if not installed([tool]):
        return None
    return fused_by(tool, burst.frames)


def fused_by(tool: Tool, frames: np.ndarray) -> np.ndarray:
    """(Y, X, C) float32 picture that a program makes of frames (N, Y, X, C)."""
    colour = frames.shape[3] == 3
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = [folder / f"{i:04d}.tif" for i in range(len(frames))]
        for path, image in zip(inputs, frames, strict=True):
            tifffile.imwrite(path, image if colour else image[..., 0], photometric="rgb" if colour else "minisblack")
        measure(tool.commands(inputs, folder / "out.tif"), folder)
        picture = read_picture(folder / "out.tif")
    return filled_up(picture if colour else picture[..., :1], *frames.shape[1:3])


# --------------------------------------------------------------------
# figures


def _score(name: str, method: str, picture: np.ndarray, burst: Simulated) -> Score:
    case = CASES[name]
    truth, frame = burst.truth, to_float(burst.frames[burst.reference])
    band, plain = case.band(burst), case.plain(burst)
    if case.moves:
        area = scored_area(*truth.shape[:2])
        picture = on_truth(picture, truth)[area]
        truth, frame, band, plain = (np.ascontiguousarray(whole[area]) for whole in (truth, frame, band, plain))
    noise = None
    if case.more.get("noise") and plain.mean() > 0.01:
        noise = float(np.std((picture - truth)[plain]) / np.std((frame - truth)[plain]))
    in_band = psnr(picture, truth, mask=band) if band.mean() > 0.01 else None
    return Score(name, method, psnr(picture, truth), ssim(picture, truth), in_band, noise)


def _tables(scores: Sequence[Score]) -> str:
    """One row a method, one column a case: PSNR, with the band where there is one; then SSIM; then noise."""
    parts = [
        ("PSNR / PSNR beside depth edges, dB", lambda s: f"{s.psnr:.1f}" + (f" / {s.band:.1f}" if s.band else "")),
        ("SSIM", lambda s: f"{s.ssim:.3f}"),
        ("Noise in plain areas, one frame = 1", lambda s: f"{s.noise:.2f}" if s.noise is not None else ""),
    ]
    return "\n\n".join(f"{title}\n\n{_table(scores, cell)}" for title, cell in parts)


def _table(scores: Sequence[Score], cell: Callable[[Score], str]) -> str:
    cells = {(score.method, score.case): text for score in scores if (text := cell(score))}
    cases = [name for name in CASES if any(case == name for _, case in cells)]
    methods = list(dict.fromkeys(score.method for score in scores))
    rows = [(method, *(cells.get((method, case), "–") for case in cases)) for method in methods]
    return markdown(("", *cases), rows)


def _write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.ascontiguousarray(from_float(picture, np.uint8)[..., ::-1]))
