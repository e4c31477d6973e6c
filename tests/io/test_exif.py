"""EXIF blocks: what is read of them, and what a picture inherits."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import ICC_RGB, exif_block
from PIL import Image

from napari_focusstack.io.exif import Facts, exif_of_tiff, facts_of, fitting_profile, inherited


def parsed(block):
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + block)
    return exif


@pytest.mark.parametrize("order", ["<", ">"])
def test_facts(order):
    assert facts_of(exif_block(6, distance=0.25, order=order)) == Facts(6, "ACME One", 0.25)
    assert facts_of(exif_block(1, "NIKON CORPORATION", "NIKON D3100", order=order)).camera == "NIKON D3100"
    assert facts_of(exif_block(1, "ACME", "One", order=order)).camera == "ACME One"
    assert facts_of(exif_block(9, order=order)).orientation == 1


def test_a_damaged_block_says_nothing_and_is_not_inherited():
    block = exif_block(6, distance=0.25)
    for damaged in (b"", b"hello", block[:20], block[:4] + b"\xff" * 4 + block[8:]):
        assert facts_of(damaged) == Facts()
        assert inherited(damaged, 10, 10) == b""


@given(st.binary(max_size=80), st.integers(8, 100))
def test_nonsense_never_raises(nonsense, at):
    block = exif_block(6, distance=0.25, thumbnail=b"tiny")
    broken = block[:at] + nonsense + block[at + len(nonsense) :]
    assert 1 <= facts_of(broken).orientation <= 8
    inherited(broken, 10, 10)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_picture_inherits_all_but_rotation_size_and_thumbnail(order):
    note = b"maker's notes that count from the start of the block" * 3
    thumbnail = b"\xff\xd8 the scene as it was \xff\xd9"
    block = exif_block(6, order=order, distance=0.25, note=note, thumbnail=thumbnail)
    child = inherited(block, 480, 640)
    exif = parsed(child)
    assert exif[0x0112] == 1
    assert exif[0x010F] == "ACME"
    inner = exif.get_ifd(0x8769)
    assert (inner[0xA002], inner[0xA003]) == (640, 480)
    assert float(inner[0x9206]) == 0.25
    assert inner[0x927C] == note
    assert child.index(note) == block.index(note)
    assert exif.get_ifd(0x0201) == {}
    assert thumbnail not in child
    assert len(child) == len(block) - len(thumbnail)


def test_a_thumbnail_that_is_not_last_is_blanked():
    thumbnail = b"\xff\xd8 the scene as it was \xff\xd9"
    block = exif_block(thumbnail=thumbnail) + b"something else"
    child = inherited(block, 10, 10)
    assert len(child) == len(block)
    assert thumbnail not in child
    assert child.endswith(b"something else")


def test_exif_of_a_tiff_structure():
    source = Image.Exif()
    source.load(b"Exif\0\0" + exif_block(6, distance=0.25))
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "TIFF", exif=source)
    file.seek(0)
    assert facts_of(exif_of_tiff(file)) == Facts(6, "ACME One", 0.25)
    assert 0x0100 not in parsed(exif_of_tiff(io.BytesIO(file.getvalue())))  # the file's own width
    assert exif_of_tiff(io.BytesIO(b"no TIFF at all")) == b""
    plain = io.BytesIO()
    Image.new("RGB", (8, 8)).save(plain, "TIFF")
    plain.seek(0)
    assert exif_of_tiff(plain) == b""


def test_profiles_fit_colour_or_grey():
    grey = ICC_RGB.replace(b"RGB ", b"GRAY")
    assert fitting_profile(ICC_RGB, "YXS") == ICC_RGB
    assert fitting_profile(ICC_RGB, "YX") == b""
    assert fitting_profile(grey, "YX") == grey
    assert fitting_profile(b"", "YXS") == b""
