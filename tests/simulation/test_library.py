import csv

import cv2
import numpy as np
import pytest
import torch

from napari_focusstack.simulation.cutouts import CUTOUTS
from napari_focusstack.simulation.library import Library, drawn_library, held_out, read_library
from napari_focusstack.simulation.textures import TEXTURES


def name_of(split: str, number: int = 0) -> str:
    """Name of an original that belongs to the split."""
    names = (f"original{i}.png" for i in range(1000))
    return [name for name in names if held_out(name) == (split == "test")][number]


def write(path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def test_each_kind_of_procedural_picture_is_drawn_in_turn():
    drawn = drawn_library(len(TEXTURES) + 1, len(CUTOUTS), seed=3, size=48)
    assert drawn.textures.shape == (len(TEXTURES) + 1, 3, 48, 48)
    assert drawn.cutouts.shape == (len(CUTOUTS), 4, 48, 48)
    assert drawn.textures.dtype == drawn.cutouts.dtype == torch.uint8
    spread = drawn.textures.float().std((1, 2, 3))
    assert (spread > 1).all()  # every surface has something to focus on


def test_the_same_seed_draws_the_same_pictures_and_another_others():
    one, same, other = (drawn_library(1, 1, seed=seed, size=32) for seed in (1, 1, 2))
    assert torch.equal(one.textures, same.textures)
    assert torch.equal(one.cutouts, same.cutouts)
    assert not torch.equal(one.textures, other.textures)


def test_libraries_add_up():
    both = drawn_library(2, 0, size=32) + drawn_library(1, 3, size=32)
    assert len(both.textures) == len(both.cutouts) == 3
    assert isinstance(both.to("cpu"), Library)


def test_what_is_opaque_leaves_wings_out_but_keeps_hairs_and_edges():
    drawn = drawn_library(2, 3 * len(CUTOUTS), seed=5, size=256)
    wings = np.array([name == "wing" for name in CUTOUTS] * 3)
    kept = drawn.opaque()
    assert torch.equal(kept.cutouts, drawn.cutouts[torch.from_numpy(~wings)])
    assert torch.equal(kept.textures, drawn.textures)


def test_about_an_eighth_of_the_originals_is_held_out():
    share = np.mean([held_out(f"picture {i}") for i in range(4000)])
    assert 0.13 < share < 0.17


def test_parts_of_one_original_are_never_on_both_sides(tmp_path):
    rows = [(f"tile{i:02d}.png", f"original{i % 20}.png") for i in range(60)]
    for number, (file, _) in enumerate(rows):
        write(tmp_path / "tiles" / file, np.full((8, 8, 3), number, np.uint8))
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("folder", "file", "orig"), *(("tiles", *row) for row in rows)])
    sides = {split: read_library(tmp_path, split, size=8).textures for split in ("train", "test")}
    assert len(sides["train"]) + len(sides["test"]) == 60
    for split, textures in sides.items():
        light = (textures[:, 0, 0, 0].float() / 255) ** 2  # back to the number of the tile
        stored = torch.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
        wanted = [number for number, row in enumerate(rows) if held_out(row[1]) == (split == "test")]
        assert len(stored) == len(wanted)
        assert stored.numpy() == pytest.approx(wanted, abs=3)


def test_an_alpha_channel_makes_a_cutout_and_colours_keep_their_order(tmp_path):
    picture = np.zeros((10, 10, 4), np.uint8)
    picture[..., 2], picture[..., 3] = 255, 128  # red, as OpenCV stores it
    write(tmp_path / name_of("train"), picture)
    read = read_library(tmp_path, size=10)
    assert len(read.textures) == 0
    assert read.cutouts[0, :, 5, 5].tolist() == [255, 0, 0, 128]


def test_silhouettes_are_filled_with_textures_and_grey_photographs_are_textures(tmp_path):
    silhouette = np.zeros((16, 16), np.uint8)
    silhouette[4:12, 4:12] = 255
    photograph = np.full((16, 16), 128, np.uint8)
    write(tmp_path / name_of("train", 0), silhouette)
    alone = read_library(tmp_path, size=16)
    assert len(alone.textures) == 0
    write(tmp_path / name_of("train", 1), photograph)
    read = read_library(tmp_path, size=16)
    assert len(read.textures) == len(read.cutouts) == 1
    assert torch.equal(read.cutouts[0, :3], read.textures[0])
    assert torch.equal(read.cutouts[0, 3], torch.from_numpy(silhouette))


@pytest.mark.parametrize("shape", [(12, 20, 3), (20, 12, 3)])
def test_the_middle_square_is_taken(tmp_path, shape):
    picture = np.zeros(shape, np.uint8)
    rows, columns = (slice((length - 12) // 2, (length + 12) // 2) for length in shape[:2])
    picture[rows, columns] = 255
    write(tmp_path / name_of("train"), picture)
    assert (read_library(tmp_path, size=12).textures == 255).all()


def test_16_bit_pictures_are_as_bright_as_those_of_8(tmp_path):
    write(tmp_path / name_of("train", 0), np.full((8, 8, 3), 100, np.uint8))
    write(tmp_path / name_of("train", 1), np.full((8, 8, 3), 100 * 257, np.uint16))
    one, other = read_library(tmp_path, size=8).textures
    assert torch.equal(one, other)


def test_a_folder_without_pictures_says_so(tmp_path):
    write(tmp_path / name_of("train"), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(FileNotFoundError, match="of the test split; name a folder with more"):
        read_library(tmp_path, "test")


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_a_broken_picture_is_named(tmp_path, content):
    name = name_of("train")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name}: not a picture that can be read; repair or remove it"):
        read_library(tmp_path)


def test_pictures_of_floats_are_refused(tmp_path):
    name = name_of("train")[:-4]
    names = [f"{name}{i}.tif" for i in range(20)]
    name = next(n for n in names if not held_out(n))
    write(tmp_path / name, np.zeros((8, 8, 3), np.float32))
    with pytest.raises(ValueError, match="of type float32; save it with 8 or 16 bit"):
        read_library(tmp_path)
