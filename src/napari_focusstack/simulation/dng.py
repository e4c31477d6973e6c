"""Raw files: linear light in, colour-filter mosaics and DNG files that raw developers open out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import cv2
import numpy as np
import tifffile
import torch

from ..arrays import to_float
from ..color import to_linear
from ..progress import track
from .noise import add_noise, read_noise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .bursts import Simulated

__all__ = ["Pattern", "RawCamera", "Shot", "mosaic", "write_dng", "write_raw_burst"]

Pattern = Literal["RGGB", "BGGR", "GRBG", "GBRG"]

XYZ_OF_SRGB = np.array(  # IEC 61966-2-1, white D65
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)
BYTE, ASCII, SHORT, RATIONAL, SRATIONAL = 1, 2, 3, 5, 10  # TIFF field types
CFA_PHOTOMETRIC, CFA_RECTANGULAR, ILLUMINANT_D65 = 32803, 1, 21
FIRST_SHOT = datetime(2026, 1, 1, 12)


@dataclass(frozen=True, slots=True)
class RawCamera:
    """What a camera's raw values mean.

    Attributes
    ----------
    pattern : "RGGB", "BGGR", "GRBG" or "GBRG"
        Colours of the mosaic's upper left 2 × 2 pixels, row by row.
    black, white : int
        Stored values of no light and of a full pixel.
    white_balance : (float, float, float)
        Gains of red, green and blue that make white neutral; the smallest is 1.
    xyz_to_camera : 3 × 3 floats
        CIE XYZ (D65) to the sensor's own colours before the white balance, as in DNG's ColorMatrix1.
    lowpass_px : float
        σ of the optical low-pass filter in front of the sensor; without one, fine detail turns into coloured speckle.
    make, model : str
        Names in the file.
    """

    pattern: Pattern = "RGGB"
    black: int = 512
    white: int = 16383
    white_balance: tuple[float, float, float] = (2.1, 1.0, 1.6)
    xyz_to_camera: tuple[tuple[float, float, float], ...] = (
        (0.82, -0.24, -0.07),
        (-0.47, 1.27, 0.22),
        (-0.10, 0.16, 0.55),
    )
    lowpass_px: float = 0.6
    make: str = "napari-focusstack"
    model: str = "Simulated camera"

    def __post_init__(self) -> None:
        if self.pattern not in get_args(Pattern):
            raise ValueError(f"unknown mosaic pattern {self.pattern!r}; choices: {', '.join(get_args(Pattern))}")
        if not 0 <= self.black < self.white <= 65535:
            raise ValueError(
                f"black={self.black}, white={self.white} are no levels; 0 ≤ black < white ≤ 65535 is needed"
            )
        if min(self.white_balance) != 1.0:
            raise ValueError(f"white_balance={self.white_balance} is not normalised; divide it by its smallest gain")

    @property
    def colours(self) -> tuple[int, ...]:
        """Colour (0 red, 1 green, 2 blue) of the mosaic's upper left 2 × 2 pixels."""
        return tuple("RGB".index(letter) for letter in self.pattern)

    @property
    def srgb_to_camera(self) -> NDArray[np.float64]:
        """(3, 3) matrix from linear sRGB to camera colours in which white is (1, 1, 1)."""
        matrix = np.array(self.xyz_to_camera) @ XYZ_OF_SRGB
        white: NDArray[np.float64] = matrix / matrix.sum(1, keepdims=True)
        return white


@dataclass(frozen=True, slots=True)
class Shot:
    """How a frame was taken: what its tags say."""

    exposure_s: float = 1 / 125
    f_number: float = 4.0
    iso: int = 200
    focal_length_mm: float = 60.0
    distance_m: float = 0.2
    time: datetime = FIRST_SHOT


def mosaic(
    light: NDArray[np.floating],
    camera: RawCamera = RawCamera(),
    *,
    noise: float = 0.0,
    generator: torch.Generator | None = None,
) -> NDArray[np.uint16]:
    """(Y, X) raw values, uint16, of a picture in linear light.

    Parameters
    ----------
    light : (Y, X, 3) ndarray
        Linear sRGB, 1.0 is white; Y and X even.
    camera : RawCamera
        Colours, white balance and levels.
    noise : float
        Variance factor of the shot noise (see `simulation.noise`), on raw values in [0, 1]; 0: none.
    generator : torch.Generator, optional
        Draws the noise; seeded with 0 by default.

    Raises
    ------
    ValueError
        If the picture is not RGB or has an odd side.
    """
    if light.ndim != 3 or light.shape[2] != 3 or light.shape[0] % 2 or light.shape[1] % 2:
        raise ValueError(f"a picture of shape {light.shape} cannot be a mosaic; (Y, X, 3) with even Y and X is needed")
    light = light.astype(np.float32, copy=False)
    if camera.lowpass_px:
        light = np.asarray(cv2.GaussianBlur(light, (0, 0), camera.lowpass_px, borderType=cv2.BORDER_REPLICATE))
    from_srgb = camera.srgb_to_camera / np.array(camera.white_balance)[:, None]
    raw = np.empty(light.shape[:2], np.float32)
    for place, colour in enumerate(camera.colours):
        site = (slice(place // 2, None, 2), slice(place % 2, None, 2))
        raw[site] = light[site] @ from_srgb[colour].astype(np.float32)
    if noise:
        generator = generator or torch.Generator().manual_seed(0)
        raw = add_noise(torch.from_numpy(raw), noise, read_noise(noise), generator).numpy()
    levels = np.rint(raw * (camera.white - camera.black) + camera.black)
    return np.clip(levels, 0, camera.white).astype(np.uint16)


def write_dng(path: Path | str, raw: NDArray[np.uint16], camera: RawCamera = RawCamera(), shot: Shot = Shot()) -> None:
    """Write a mosaic as an uncompressed DNG 1.4 file with the tags that raw developers need.

    Parameters
    ----------
    path : Path or str
        The file, overwritten if it exists.
    raw : (Y, X) uint16 ndarray
        The mosaic, as `mosaic` makes it; Y and X even.
    camera : RawCamera
        What its values mean.
    shot : Shot
        How it was taken.

    Raises
    ------
    ValueError
        If the mosaic is of another shape or dtype.
    """
    if raw.ndim != 2 or raw.dtype != np.uint16 or raw.shape[0] % 2 or raw.shape[1] % 2:
        raise ValueError(
            f"an array of shape {raw.shape} and dtype {raw.dtype} is no mosaic; "
            "(Y, X) uint16 with even Y and X is needed: see simulation.mosaic"
        )
    neutral = 1 / np.array(camera.white_balance)
    tags = [
        _tag(271, ASCII, camera.make),
        _tag(272, ASCII, camera.model),
        _tag(33421, SHORT, (2, 2)),  # CFARepeatPatternDim
        _tag(33422, BYTE, bytes(camera.colours)),  # CFAPattern
        _tag(33434, RATIONAL, _ratios([shot.exposure_s], 1_000_000)),
        _tag(33437, RATIONAL, _ratios([shot.f_number], 100)),
        _tag(34855, SHORT, (shot.iso,)),
        _tag(37382, RATIONAL, _ratios([shot.distance_m], 1_000_000)),  # SubjectDistance
        _tag(37386, RATIONAL, _ratios([shot.focal_length_mm], 100)),
        _tag(50706, BYTE, bytes([1, 4, 0, 0])),  # DNGVersion
        _tag(50707, BYTE, bytes([1, 1, 0, 0])),  # DNGBackwardVersion
        _tag(50708, ASCII, f"{camera.make} {camera.model}"),  # UniqueCameraModel
        _tag(50711, SHORT, (CFA_RECTANGULAR,)),
        _tag(50714, SHORT, (camera.black,)),
        _tag(50717, SHORT, (camera.white,)),
        _tag(50721, SRATIONAL, _ratios(np.ravel(camera.xyz_to_camera), 10_000)),  # ColorMatrix1
        _tag(50728, RATIONAL, _ratios(neutral, 1_000_000)),  # AsShotNeutral
        _tag(50778, SHORT, (ILLUMINANT_D65,)),
    ]
    tifffile.imwrite(
        path,
        raw,
        photometric=CFA_PHOTOMETRIC,
        extratags=tags,
        software=camera.make,
        datetime=shot.time,
        metadata=None,
    )


def _tag(code: int, kind: int, value: str | bytes | Sequence[int]) -> tuple[int, int, int, Any, bool]:
    if kind == ASCII:
        return code, kind, 0, value, True
    return code, kind, len(value) // (2 if kind in (RATIONAL, SRATIONAL) else 1), value, True


def _ratios(values: Sequence[float] | NDArray[np.floating], denominator: int) -> list[int]:
    return [part for value in values for part in (round(float(value) * denominator), denominator)]


def write_raw_burst(
    folder: Path | str,
    burst: Simulated,
    camera: RawCamera = RawCamera(),
    *,
    noise: float = 0.0,
    seed: int = 0,
    name: str = "frame",
) -> list[Path]:
    """Write a simulated burst as one DNG file a frame, as a camera would have taken it; return the files.

    Parameters
    ----------
    folder : Path or str
        Where to; made if it is not there.
    burst : Simulated
        RGB, best in float32 and without noise of its own.
    camera : RawCamera
        Mosaic, levels and colours.
    noise : float
        Variance factor of the shot noise in the mosaic; 0: none.
    seed : int
        Of the noise.
    name : str
        The files are `<name>_01.dng` and so on.

    Raises
    ------
    ValueError
        If the burst is not RGB or has an odd side.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(seed)
    paths = []
    for i in track(range(len(burst.frames)), "Writing raw files"):
        light = to_linear(to_float(burst.frames[i]), burst.transfer)
        shot = Shot(distance_m=0.2 + 0.0002 * float(burst.focus[i]), time=FIRST_SHOT + timedelta(seconds=i))
        paths.append(folder / f"{name}_{i + 1:02d}.dng")
        write_dng(paths[-1], mosaic(light, camera, noise=noise, generator=generator), camera, shot)
    return paths
