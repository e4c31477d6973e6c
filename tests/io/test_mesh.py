"""Meshes written and read back by another library."""

import numpy as np
import pytest
import trimesh

from napari_focusstack import Cancelled, listening
from napari_focusstack.io.mesh import MESHES, check_mesh_writable, write_mesh


def square():
    """Vertices z, y, x of a square 2 wide and 3 down, its far right corner raised; red, green, blue, yellow."""
    vertices = np.array([[0, 0, 0], [0, 3, 0], [0, 0, 2], [1, 3, 2]], np.float32)
    faces = np.array([[0, 1, 2], [2, 1, 3]], np.int32)
    texcoords = np.array([[0.25, 0.75], [0.25, 0.25], [0.75, 0.75], [0.75, 0.25]], np.float32)
    texture = np.array([[[255, 0, 0], [0, 0, 255]], [[0, 255, 0], [255, 255, 0]]], np.uint8)
    return vertices, faces, {"texcoords": texcoords, "texture": texture, "colors": texture[[0, 1, 0, 1], [0, 0, 1, 1]]}


@pytest.mark.parametrize("extension", MESHES)
def test_shape_comes_back_in_the_right_place(tmp_path, extension):
    vertices, faces, looks = square()
    path = write_mesh(tmp_path / f"m{extension}", vertices, faces, **looks, unit="um")
    mesh = trimesh.load(path, force="mesh", process=False)
    corners = mesh.vertices[mesh.faces]
    np.testing.assert_allclose(corners[0], [[0, 0, 0], [0, -3, 0], [2, 0, 0]])
    np.testing.assert_allclose(corners[1], [[2, 0, 0], [0, -3, 0], [2, -3, 1]])
    assert mesh.face_normals[0][2] > 0.99


@pytest.mark.parametrize("extension", [".glb", ".obj"])
def test_the_texture_lies_the_right_way_round(tmp_path, extension):
    vertices, faces, looks = square()
    write_mesh(tmp_path / f"m{extension}", vertices, faces, **looks)
    mesh = trimesh.load(tmp_path / f"m{extension}", force="mesh", process=False)
    colors = mesh.visual.to_color().vertex_colors[:, :3]
    by_place = {tuple(np.round(v)): tuple(c) for v, c in zip(mesh.vertices, colors.tolist(), strict=True)}
    assert by_place[(0, 0, 0)] == (255, 0, 0)
    assert by_place[(0, -3, 0)] == (0, 255, 0)
    assert by_place[(2, 0, 0)] == (0, 0, 255)


def test_ply_carries_colours(tmp_path):
    vertices, faces, looks = square()
    write_mesh(tmp_path / "m.ply", vertices, faces, **looks, unit="um")
    mesh = trimesh.load(tmp_path / "m.ply", process=False)
    np.testing.assert_array_equal(mesh.visual.vertex_colors[:, :3], looks["colors"])


def test_the_unit_is_noted(tmp_path):
    vertices, faces, _ = square()
    for extension in MESHES:
        write_mesh(tmp_path / f"m{extension}", vertices, faces, unit="um")
    assert trimesh.load(tmp_path / "m.glb").metadata["unit"] == "um"
    assert b"comment unit um" in (tmp_path / "m.ply").read_bytes()
    assert b"# unit um" in (tmp_path / "m.obj").read_bytes()
    assert (tmp_path / "m.stl").read_bytes().startswith(b"unit um")


def test_obj_comes_with_its_companions_and_nothing_else(tmp_path):
    vertices, faces, looks = square()
    write_mesh(tmp_path / "beetle wing.obj", vertices, faces, **looks)
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names[0] == "beetle wing.mtl"
    assert names[1] == "beetle wing.obj"
    assert [p.rpartition(".")[2] for p in names] == ["mtl", "obj", "png"]


def test_what_cannot_be_written_is_refused(tmp_path):
    vertices, faces, _ = square()
    with pytest.raises(ValueError, match=r"m\.fbx: extension '\.fbx' is not one of a mesh; \.glb, \.ply, \.obj, \.stl"):
        check_mesh_writable(tmp_path / "m.fbx")
    with pytest.raises(ValueError, match="extension '' is not one of a mesh"):
        write_mesh(tmp_path / "m", vertices, faces)
    with pytest.raises(ValueError, match="a mesh without triangles cannot be written"):
        write_mesh(tmp_path / "m.glb", vertices, faces[:0])
    with pytest.raises(OSError, match="could not be written"):
        write_mesh(tmp_path / "none" / "m.glb", vertices, faces)
    assert not list(tmp_path.iterdir())


def test_cancelled_writing_leaves_nothing(tmp_path, monkeypatch):
    import time

    from napari_focusstack.io import mesh

    packed = mesh._packed
    monkeypatch.setattr(mesh, "_packed", lambda *all_: (time.sleep(0.3), packed(*all_))[1])

    def stop(_):
        raise Cancelled

    vertices, faces, _ = square()
    with listening(stop), pytest.raises(Cancelled):
        write_mesh(tmp_path / "m.glb", vertices, faces)
    assert not list(tmp_path.iterdir())
    time.sleep(0.4)  # the thread ends by itself
