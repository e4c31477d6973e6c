"""Meshes written and read back by another library."""

import json

import numpy as np
import pytest
import trimesh

from napari_focusstack import Cancelled, Depth, listening
from napari_focusstack.depth.surface import surface_of
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
    write_mesh(tmp_path / "t.ply", vertices, faces, texcoords=looks["texcoords"], texture=looks["texture"])
    mesh = trimesh.load(tmp_path / "t.ply", process=False)
    np.testing.assert_array_equal(mesh.visual.vertex_colors[:, :3], looks["colors"])


def test_the_unit_is_noted(tmp_path):
    vertices, faces, _ = square()
    for extension in MESHES:
        write_mesh(tmp_path / f"m{extension}", vertices, faces, unit="um")
    assert trimesh.load(tmp_path / "m.glb").metadata["unit"] == "um"
    assert b"comment unit um" in (tmp_path / "m.ply").read_bytes()
    assert b"# unit um" in (tmp_path / "m.obj").read_bytes()
    assert (tmp_path / "m.stl").read_bytes().startswith(b"unit um")


def test_obj_comes_with_its_companions_and_touches_nothing_else(tmp_path):
    vertices, faces, looks = square()
    for name in ("picture.png", "beetle wing.png", "beetle_wing.png"):
        (tmp_path / name).write_text("mine")
    write_mesh(tmp_path / "beetle wing.obj", vertices, faces, **looks)
    texts = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    mine = {name for name, text in texts.items() if text == b"mine"}
    assert mine == {"picture.png", "beetle wing.png", "beetle_wing.png"}
    assert texts.keys() - mine == {"beetle wing.obj", "beetle_wing.mtl", "beetle_wing_texture.png"}
    assert b"mtllib beetle_wing.mtl\n" in texts["beetle wing.obj"]
    assert b"map_Kd beetle_wing_texture.png" in texts["beetle_wing.mtl"]
    assert b"Kd 1.0" in texts["beetle_wing.mtl"]  # anything else darkens the picture


def test_two_objs_in_a_folder_keep_their_textures(tmp_path):
    vertices, faces, looks = square()
    for i in range(2):
        looks["texture"] = np.full((2, 2, 3), 100 * i, np.uint8)
        write_mesh(tmp_path / f"m{i}.obj", vertices, faces, **looks)
    for i in range(2):
        mesh = trimesh.load(tmp_path / f"m{i}.obj", force="mesh", process=False)
        assert (np.asarray(mesh.visual.material.image) == 100 * i).all()


def test_glb_is_lit_smoothly_from_both_sides(tmp_path):
    vertices, faces, looks = square()
    write_mesh(tmp_path / "m.glb", vertices, faces, **looks)
    data = (tmp_path / "m.glb").read_bytes()
    length = int.from_bytes(data[12:16], "little")
    tree, binary = json.loads(data[20 : 20 + length]), data[28 + length :]
    place = tree["accessors"][tree["meshes"][0]["primitives"][0]["attributes"]["NORMAL"]]
    offset = tree["bufferViews"][place["bufferView"]]["byteOffset"]
    normals = np.frombuffer(binary, "<f4", 12, offset).reshape(4, 3)
    first, second = np.array([0, 0, 6.0]), np.cross([-2, -3, 0], [0, -3, 1.0])  # twice the areas
    both = (first + second) / np.linalg.norm(first + second)
    np.testing.assert_allclose(normals, [first / 6, both, both, second / np.linalg.norm(second)], atol=1e-6)
    assert tree["materials"][0]["doubleSided"]


@pytest.mark.parametrize("extension", MESHES)
def test_colours_alone_will_do(tmp_path, extension):
    vertices, faces, looks = square()
    write_mesh(tmp_path / f"m{extension}", vertices, faces, colors=looks["colors"])
    mesh = trimesh.load(tmp_path / f"m{extension}", force="mesh", process=False)
    if extension != ".stl":
        np.testing.assert_array_equal(mesh.visual.vertex_colors[:, :3], looks["colors"])
    assert [path.suffix for path in tmp_path.iterdir()] == [extension]


@pytest.mark.parametrize("extension", [".glb", ".ply", ".obj"])
def test_the_whole_way_from_depth_to_file(tmp_path, extension):
    y, x = np.mgrid[:30, :40].astype(np.float32)
    position = 0.2 * x + 0.1 * y
    position[5:9, 20:30] = np.nan
    depth = Depth(position, np.full_like(position, 0.1), position, np.isfinite(position), np.arange(9.0), "um")
    picture = np.stack([6 * x, 8 * y, 0 * x], -1).astype(np.uint8)
    surface = surface_of(depth, picture, pixel_size=(0.5, 0.25))
    looks = {"texcoords": surface.texcoords, "texture": surface.texture}
    path = write_mesh(tmp_path / f"m{extension}", surface.vertices, surface.faces, **looks, unit=surface.unit)
    mesh = trimesh.load(path, force="mesh", process=False)
    assert len(mesh.faces) == len(surface.faces)
    x, y, z = mesh.vertices.T
    column, row = x / 0.25, -y / 0.5
    np.testing.assert_allclose(z, 0.2 * column + 0.1 * row, atol=1e-4)
    colors = (mesh.visual.to_color() if extension != ".ply" else mesh.visual).vertex_colors
    np.testing.assert_allclose(colors[:, 0], 6 * column, atol=0.6)
    np.testing.assert_allclose(colors[:, 1], 8 * row, atol=0.6)


def test_what_cannot_be_written_is_refused(tmp_path):
    vertices, faces, _ = square()
    with pytest.raises(ValueError, match=r"m\.fbx: extension '\.fbx' is not one of a mesh; \.glb, \.ply, \.obj, \.stl"):
        check_mesh_writable(tmp_path / "m.fbx")
    with pytest.raises(ValueError, match="extension '' is not one of a mesh"):
        write_mesh(tmp_path / "m", vertices, faces)
    with pytest.raises(ValueError, match="a mesh without triangles cannot be written"):
        write_mesh(tmp_path / "m.glb", vertices, faces[:0])
    for keywords, words in (
        ({"colors": np.zeros((3, 3), np.uint8)}, r"m\.glb: colors of shape \(3, 3\) do not fit; \(4, 3\) is needed"),
        ({"texcoords": np.zeros((4, 3))}, r"texcoords of shape \(4, 3\) do not fit; \(4, 2\) is needed"),
        ({"texture": np.zeros((2, 2, 3), np.uint8)}, "a texture needs texcoords"),
        ({"texture": np.zeros((2, 2)), "texcoords": np.zeros((4, 2))}, r"a texture must be .*, not \(2, 2\) float64"),
    ):
        with pytest.raises(ValueError, match=words):
            write_mesh(tmp_path / "m.glb", vertices, faces, **keywords)
    with pytest.raises(ValueError, match=r"vertices must be \(V, 3\) finite numbers; leave out those without a depth"):
        write_mesh(tmp_path / "m.glb", vertices + np.float32(np.nan), faces)
    with pytest.raises(ValueError, match=r"faces must be \(F, 3\) numbers of the 4 vertices, from 0 to 3"):
        write_mesh(tmp_path / "m.glb", vertices, faces + 1)
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
