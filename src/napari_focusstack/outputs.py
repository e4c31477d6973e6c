"""What the command line writes: checked before anything is computed, written when all is done."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from .depth import Depth
    from .io import Burst
    from .pipeline import Result
    from .recipe import Recipe

__all__ = ["check_burst", "check_file", "check_outputs", "write_outputs"]

log = logging.getLogger(__name__)

OUTPUTS = (
    "out",
    "index_out",
    "confidence_out",
    "diffusion_out",
    "depth_out",
    "sigma_out",
    "mesh_out",
    "alignment_out",
    "recipe_out",
    "tune_out",
)


def check_outputs(chosen: argparse.Namespace) -> None:
    """Refuse files that could not be written, before anything is read.

    Raises
    ------
    OSError
        If one is there already, or its folder is not there or cannot be written.
    ValueError
        If two have the same name.
    """
    paths = _outputs(chosen)
    for path in [*paths, *_companions(chosen.mesh_out)]:
        check_file(path, overwrite=chosen.overwrite, folder=path == chosen.tune_out)
        if paths.count(path) > 1:
            raise ValueError(f"{path} is named for two outputs; give each its own name")


def _outputs(chosen: argparse.Namespace) -> list[Path]:
    return [path for path in (getattr(chosen, name) for name in OUTPUTS) if path]


def _companions(mesh: Path | None) -> list[Path]:
    """Files that are written beside a mesh."""
    if mesh is None or mesh.suffix.lower() != ".obj":
        return []
    name = "_".join(mesh.stem.split())
    return [mesh.with_name(f"{name}.mtl"), mesh.with_name(f"{name}_texture.png")]


def check_file(path: Path, *, overwrite: bool, folder: bool = False) -> None:
    """Refuse a file, or a folder, that could not be written.

    Raises
    ------
    OSError
        If it is a folder or there already, or its own folder is not there or cannot be written.
    """
    if path.is_dir() and not folder:
        raise IsADirectoryError(f"{path} is a folder; name a file in it")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} is there already; give another name, or --overwrite")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent} is not a folder; make it first, or write elsewhere")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"{path.parent} cannot be written; write elsewhere")


def check_burst(burst: Burst, recipe: Recipe, chosen: argparse.Namespace) -> None:
    """Refuse what cannot be stacked or written as it is asked for, before anything is computed.

    Raises
    ------
    ValueError
        If there are too few frames for a depth, no such channel, an output would replace a frame, or a format does not
        take such a picture.
    """
    from .depth import LEAST
    from .io import check_writable

    read = {source.path.resolve() for source in (*burst.sources, *(source for source, _ in burst.skipped))}
    for path in _outputs(chosen):
        if path.resolve() in read:
            raise ValueError(f"{path} is one of the frames, which would be lost; give another name")
    frames = burst.sizes.get("Z", 1) if burst.is_series else len(burst)
    if frames < LEAST and recipe.depth != "none":
        raise ValueError(
            f"only {frames} frame{'s' * (frames != 1)} of {burst.name}; a depth needs at least {LEAST}: give all files "
            "of the burst, or a folder with all of them"
        )
    axes = burst.axes.replace("Z", "") if burst.is_series else "YXC"
    sizes = {**burst.sizes, "C": burst.sizes.get("C") or burst.sizes.get("S", 1)}
    if isinstance(recipe.channels, int) and recipe.channels >= sizes["C"]:
        raise ValueError(f"channel {recipe.channels} is not there; channels are numbered 0 to {sizes['C'] - 1}")
    if chosen.out:
        check_writable(chosen.out, [sizes[a] for a in axes], burst.dtype, like=burst, axes=axes)
    if chosen.diffusion_out:
        check_writable(chosen.diffusion_out, [sizes[a] for a in axes], "float32", like=burst, axes=axes)
    one = axes.replace("C", "").replace("S", "")
    maps = axes if recipe.channels == "separate" else one
    for path in filter(None, (chosen.index_out, chosen.confidence_out)):
        check_writable(path, [sizes[a] for a in maps], "float32", like=burst, axes=maps)
    if chosen.depth_out:
        from .io.depth import check_depth_writable

        check_depth_writable(chosen.depth_out, [sizes[a] for a in one], axes=one)
    if chosen.sigma_out:
        check_writable(chosen.sigma_out, [sizes[a] for a in one], "float32", like=burst, axes=one)
    if chosen.mesh_out:
        from .io.mesh import check_mesh_writable

        check_mesh_writable(chosen.mesh_out)
        if one != "YX":
            raise ValueError(f"{burst.name} holds several bursts; a mesh is made of one: open it in napari instead")


def write_outputs(result: Result, burst: Burst, chosen: argparse.Namespace) -> None:
    """Write all that was asked for, one after the other.

    Raises
    ------
    KeyboardInterrupt
        If it is interrupted; its argument says what was written.
    OSError
        If a file cannot be written; what was written before it is told, and stays.
    """
    written: list[str] = []
    try:
        for path, write in _writing(result, burst, chosen):
            write(path)
            written.append(str(path))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_told(written) if written else "nothing was written") from None
    except OSError:
        if written:
            log.warning("focusstack: %s", _told(written))
        raise


def _told(written: list[str]) -> str:
    return f"{', '.join(written)} {'was' if len(written) == 1 else 'were'} written, the rest was not"


def _writing(
    result: Result, burst: Burst, chosen: argparse.Namespace
) -> Iterator[tuple[Path, Callable[[Path], object]]]:
    """Yield the files that were asked for, and what writes each."""
    from .io import write_image

    depth, pictures = result.depth, [(chosen.out, result.image, result.axes)]
    pictures += [(chosen.index_out, result.index, result.index_axes)]
    pictures += [(chosen.confidence_out, result.confidence, result.index_axes)]
    if result.diffusion is not None:
        pictures += [(chosen.diffusion_out, result.diffusion.component, result.axes)]
    for path, picture, axes in pictures:
        if path:
            yield path, partial(write_image, image=picture, axes=axes, like=burst)
    if depth is not None:
        from .io.depth import write_depth, write_sigma

        how: dict[str, Any] = {"unit": depth.unit, "like": burst, "axes": result.depth_axes}
        if chosen.depth_out:
            yield chosen.depth_out, partial(write_depth, position=depth.position, **how)
        if chosen.sigma_out:
            yield chosen.sigma_out, partial(write_sigma, sigma=depth.sigma, **how)
        if chosen.mesh_out:
            yield chosen.mesh_out, partial(_write_mesh, depth=depth, result=result, burst=burst, chosen=chosen)
    if chosen.alignment_out and result.alignments:
        yield chosen.alignment_out, result.alignments[0].save
    if chosen.recipe_out:
        yield chosen.recipe_out, result.recipe.save


def _write_mesh(path: Path, *, depth: Depth, result: Result, burst: Burst, chosen: argparse.Namespace) -> None:
    from .depth.surface import surface_of
    from .io.mesh import write_mesh
    from .units import factor

    size = burst.pixel_size
    if chosen.pixel_size:
        size = (chosen.pixel_size, chosen.pixel_size)
    elif size is not None and depth.unit != "frame":
        scale = factor(burst.unit or "um", depth.unit)
        size = (size[0] * scale, size[1] * scale)
    if size is None or depth.unit == "frame":
        log.warning(
            "%s is in px, its heights are stretched to look natural: for true proportions give --step, --unit and "
            "--pixel-size",
            path,
        )
    nearer = burst.position_unit != "m" or depth.unit == "frame"
    surface = surface_of(depth, result.image, pixel_size=size, larger_is_nearer=nearer)
    write_mesh(
        path,
        surface.vertices,
        surface.faces,
        texcoords=surface.texcoords,
        texture=surface.texture,
        unit=surface.unit,
        made_of=burst.made_of,
    )
