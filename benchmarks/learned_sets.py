"""Bursts for the learned methods: drawn from pictures that no training sees, as photographs or as raw files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focusstack import read_burst
from napari_focusstack.arrays import from_float
from napari_focusstack.color import to_stored
from napari_focusstack.metrics import band_beside_depth_edges
from napari_focusstack.simulation.batches import Batch, Variety, draw_batch
from napari_focusstack.simulation.dng import XYZ_OF_SRGB, RawCamera, write_dng
from napari_focusstack.simulation.library import Library, drawn_library
from napari_focusstack.training.data import DRAWN, SEEDS
from napari_focusstack.training.sources import generator_of

from .cases import VEIL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focusstack import Burst

__all__ = ["SETS", "Scene", "Set", "held_out_library", "scene"]

SEED = 2**41  # no training step, and none of its validations, has this number
WHITE = 65535  # of the raw files: counts of 12 and 14 bit fit in to a hundredth of their step
HIGH_ISO = 6e-3  # shot-noise variance factor (Brooks et al., CVPR 2019)


@dataclass(frozen=True, slots=True)
class Set:
    """What kind of files the bursts are.

    Attributes
    ----------
    raw : bool
        Mosaics of a camera, each burst of another one, instead of 8-bit pictures.
    noise : float
        Shot-noise factor of all bursts; 0: none.
    glints : bool
        Whether some surfaces have specular points brighter than white.
    """

    raw: bool
    noise: float = 0.0
    glints: bool = True

    @property
    def variety(self) -> Variety:
        """As training has it, but for the noise: the small misalignment and the drift of the light stay."""
        seen = Variety() if self.glints else Variety(glints=0.0)
        return replace(seen, noisy=1.0, shot=(self.noise, self.noise)) if self.noise else replace(seen, noisy=0.0)


SETS = {
    "RGB, clean": Set(raw=False),
    "RGB, noisy": Set(raw=False, noise=HIGH_ISO),
    "raw, clean": Set(raw=True),
    "raw, noisy": Set(raw=True, noise=HIGH_ISO),
}


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A burst and what is true of it.

    Attributes
    ----------
    frames : (N, Y, X, 3) uint8 or uint16
        sRGB curve. Of raw files: as LibRaw develops them.
    truth : (Y, X, 3) float32
        All in focus, free of noise, in the values of `frames`.
    band : (Y, X) bool
        Background beside depth edges, which nearer surfaces veil.
    raw : Burst, optional
        The raw files, where these are some.
    """

    frames: NDArray[Any]
    truth: NDArray[np.float32]
    band: NDArray[np.bool_]
    raw: Burst | None = None


def held_out_library() -> Library:
    """Procedural pictures of the test split."""
    return drawn_library(*DRAWN["test"], seed=SEEDS["test"])


@contextmanager
def scene(kind: Set, library: Library, number: int, *, size: int, frames: int) -> Iterator[Scene]:
    """Burst that follows from its number: the same scene, sweep and motion in every set.

    Parameters
    ----------
    kind : Set
        What it is seen with.
    library : Library
        What it is drawn from; on the CPU.
    number : int
        Which one.
    size, frames : int
        Height and width in px, even; number of frames.

    Notes
    -----
    What a camera sees is taken for sRGB colours after its white balance: so neither the truth nor the frames go
    through a colour matrix, which would amplify the noise of some cameras more than that of others, and the classical
    methods get what `read_burst` gives, by LibRaw's default demosaicing (AHD). LibRaw's constants differ from
    IEC 61966-2-1 in the fourth digit, so that a matrix of 1 ± 1e-4 is left: the truth is developed with it, too.
    """
    batch = draw_batch(
        library, kind.variety, generator_of((SEED, number)), bursts=1, size=size, frames=frames, mosaic=kind.raw
    )
    light = np.clip(batch.truth[0].numpy().transpose(1, 2, 0), 0, 1)
    if not kind.raw:
        seen = np.clip(batch.frames[0].numpy().transpose(0, 2, 3, 1), 0, 1)
        pictures = np.stack([from_float(to_stored(one).astype(np.float32), np.uint8) for one in seen])
        yield Scene(pictures, to_stored(light).astype(np.float32), _veiled(batch))
        return
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), batch)
        burst = read_burst(folder)
        pictures = np.stack([burst[i] for i in range(frames)])
        yield Scene(pictures, burst.developed(light), _veiled(batch), burst)


def _write(folder: Path, batch: Batch) -> None:
    """The planes of the batch's only burst, as its sensor counted them, as one DNG file a frame."""
    assert batch.gains is not None
    red, green, _, blue = batch.gains[0].tolist()
    own = np.linalg.inv(XYZ_OF_SRGB).tolist()
    camera = RawCamera(
        black=0, white=WHITE, white_balance=(red, green, blue), xyz_to_camera=tuple(map(tuple, own)), lowpass_px=0
    )
    counts = (batch.frames / batch.gains[:, None, :, None, None])[0].clamp(0, 1).mul(WHITE).round().numpy()
    height, width = counts.shape[2:]
    for number, planes in enumerate(counts):
        mosaic = planes.reshape(2, 2, height, width).transpose(2, 0, 3, 1).reshape(2 * height, 2 * width)
        write_dng(folder / f"{number:04d}.dng", mosaic.astype(np.uint16), camera)


def _veiled(batch: Batch) -> NDArray[np.bool_]:
    """Background beside depth edges, as wide as half the largest blur; a jump below `VEIL` px of blur is none."""
    near, far = batch.depths[0, 0].mean(), batch.depths[0, -1].mean()
    return band_beside_depth_edges(
        batch.depth[0].numpy(),
        width=max(3.0, batch.blur * batch.frames.shape[1] / 2),
        step=VEIL / batch.blur,
        order="near-to-far" if near <= far else "far-to-near",
    )
