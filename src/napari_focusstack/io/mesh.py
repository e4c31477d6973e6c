"""Triangle meshes to files: GLB, PLY, OBJ and STL, for viewers, slicers and printers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..files import write_files
from ..progress import wait
from .origin import marked_png

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MESHES", "check_mesh_writable", "colors_at", "write_mesh"]

MESHES = (".glb", ".ply", ".obj", ".stl")
STL_HEADER = 80  # bytes
WHITE, BLACK = (255, 255, 255, 255), (0, 0, 0, 255)


def write_mesh(
    path: Path | str,
    vertices: NDArray[np.float32],
    faces: NDArray[np.int32],
    *,
    colors: NDArray[np.uint8] | None = None,
    texcoords: NDArray[np.float32] | None = None,
    texture: NDArray[np.uint8] | None = None,
    unit: str = "px",
    made_of: str = "",
) -> Path:
    """Write a mesh; the file appears only when it is complete.

    The extension decides: ``.glb`` and ``.obj`` carry the texture (OBJ in two more files beside it, NAME.mtl and
    NAME_texture.png), ``.ply`` the colours of the vertices, by default those of the texture, ``.stl`` the shape alone.
    Numbers are written as they are, and the unit is noted where the format has a place for it: programs that take glTF
    to be in metres show a surface in µm a million times too large, but in its true proportions.

    Parameters
    ----------
    path : path
        Where to write.
    vertices : (V, 3) float
        z (towards the viewer), y (down the picture), x (to its right). In the file they are x, -y, z: x to the right,
        y up, z towards the viewer.
    faces : (F, 3) int
        Numbers of the vertices of each triangle.
    colors : (V, 3) uint8, optional
        Of the vertices.
    texcoords : (V, 2) float, optional
        u from left to right, v from bottom to top, 0 to 1.
    texture : (H, W, 3) uint8, optional
        The picture that covers the mesh; needs `texcoords`.
    unit : str
        Of the vertices.
    made_of : str
        Name of the first file of the burst, which an OBJ's picture notes, to be no frame of that burst.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If the extension is none of the four, the mesh has no triangle, a place is not finite, or colours, texcoords or
        texture do not fit.
    OSError
        If the folder does not exist or cannot be written, or the disk is full; nothing is left behind.
    """
    path = Path(path)
    check_mesh_writable(path)
    _check(path, vertices, faces, colors, texcoords, texture)
    places = np.ascontiguousarray(vertices[:, ::-1], np.float64) * (1, -1, 1)
    pool = ThreadPoolExecutor(1, "mesh")
    try:
        future = pool.submit(_packed, path, places, faces, colors, texcoords, texture, unit, made_of)
        files = wait(future)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    write_files(files)  # the mesh itself comes last
    return path


def colors_at(texcoords: NDArray[np.float32], texture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(V, 3) colours of a texture (H, W, 3) at places (V, 2) in it: u from left to right, v from bottom to top."""
    height, width = texture.shape[:2]
    x = np.clip(texcoords[:, 0] * width, 0, width - 1).astype(np.intp)
    y = np.clip((1 - texcoords[:, 1]) * height, 0, height - 1).astype(np.intp)
    colors: NDArray[np.uint8] = texture[y, x]
    return colors


def check_mesh_writable(path: Path | str) -> None:
    """Raise what `write_mesh` would raise for a file of that name, before the mesh is made.

    Raises
    ------
    ValueError
        If the extension is none of the four.
    """
    extension = Path(path).suffix.lower()
    if extension not in MESHES:
        raise ValueError(f"{path}: extension {extension!r} is not one of a mesh; {', '.join(MESHES)} are")


def _check(path: Path, vertices: Any, faces: Any, colors: Any, texcoords: Any, texture: Any) -> None:
    count = len(vertices)
    if not len(faces):
        raise ValueError(f"{path}: a mesh without triangles cannot be written")
    if vertices.shape != (count, 3) or not np.isfinite(vertices).all():
        raise ValueError(f"{path}: vertices must be (V, 3) finite numbers; leave out those without a depth")
    if faces.shape[1:] != (3,) or faces.min() < 0 or faces.max() >= count:
        raise ValueError(f"{path}: faces must be (F, 3) numbers of the {count} vertices, from 0 to {count - 1}")
    for name, values, columns in (("colors", colors, 3), ("texcoords", texcoords, 2)):
        if values is not None and values.shape != (count, columns):
            raise ValueError(f"{path}: {name} of shape {values.shape} do not fit; ({count}, {columns}) is needed")
    if texture is not None and texcoords is None:
        raise ValueError(f"{path}: a texture needs texcoords, the place of each vertex in it")
    if texture is not None and (texture.ndim != 3 or texture.shape[2] != 3 or texture.dtype != np.uint8):
        raise ValueError(f"{path}: a texture must be (H, W, 3) uint8, not {texture.shape} {texture.dtype}")


def _packed(
    path: Path,
    places: NDArray[np.float64],
    faces: NDArray[np.int32],
    colors: NDArray[np.uint8] | None,
    texcoords: NDArray[np.float32] | None,
    texture: NDArray[np.uint8] | None,
    unit: str,
    made_of: str,
) -> dict[Path, bytes]:
    """Contents of the files by their names."""
    import trimesh
    from trimesh.exchange import gltf, obj, ply, stl

    to_glb: Any = gltf.export_glb  # untyped
    to_obj: Any = obj.export_obj
    extension = path.suffix.lower()
    normals = _normals(places, faces) if extension == ".glb" else None  # without, viewers show each triangle flat
    mesh: Any = trimesh.Trimesh(places, faces, vertex_normals=normals, process=False)
    if extension == ".stl":
        header = f"unit {unit}".encode("ascii", "replace").ljust(STL_HEADER)
        return {path: header + stl.export_stl(mesh)[STL_HEADER:]}
    if extension == ".ply":
        if colors is None and texture is not None and texcoords is not None:
            colors = colors_at(texcoords, texture)
        if colors is not None:
            mesh.visual = trimesh.visual.ColorVisuals(mesh, vertex_colors=colors)
        packed: bytes = ply.export_ply(mesh, vertex_normal=False)
        return {path: packed.replace(b"\nelement", f"\ncomment unit {unit}\nelement".encode(), 1)}
    name = "_".join(path.stem.split())  # OBJ parts names by spaces
    if texture is not None and texcoords is not None:
        mesh.visual = _textured(trimesh, texcoords, texture, f"{name}_texture", physical=extension == ".glb")
    elif colors is not None:
        mesh.visual = trimesh.visual.ColorVisuals(mesh, vertex_colors=colors)
    if extension == ".glb":
        scene = trimesh.Scene(mesh, metadata={"unit": unit})
        return {path: to_glb(scene)}
    text, companions = to_obj(mesh, return_texture=True, header=f"unit {unit}", mtl_name=f"{name}.mtl")
    files = {
        path.with_name(file): marked_png(data, made_of) if file.endswith(".png") else data
        for file, data in companions.items()
    }
    return {**files, path: text.encode()}


def _normals(places: NDArray[np.float64], faces: NDArray[np.int32]) -> NDArray[np.float64]:
    """(V, 3) unit normals of the vertices: of their triangles, weighted by area."""
    a, b, c = (places[faces[:, i]] for i in range(3))
    doubled = np.cross(b - a, c - a)  # as long as twice the area
    corners = faces.ravel()
    sums = [np.bincount(corners, np.repeat(part, 3), minlength=len(places)) for part in doubled.T]
    normals = np.stack(sums, -1)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(length > 0, normals / np.where(length > 0, length, 1), (0.0, 0.0, 1.0))


def _textured(
    trimesh: Any, texcoords: NDArray[np.float32], texture: NDArray[np.uint8], name: str, *, physical: bool
) -> Any:
    from PIL import Image

    picture = Image.fromarray(texture)
    if physical:
        material = trimesh.visual.material.PBRMaterial(
            baseColorTexture=picture, metallicFactor=0.0, roughnessFactor=1.0, doubleSided=True
        )
    else:
        material = trimesh.visual.material.SimpleMaterial(
            image=picture, name=name, diffuse=WHITE, ambient=WHITE, specular=BLACK
        )  # what is not white darkens the picture
    return trimesh.visual.TextureVisuals(uv=texcoords, material=material)
