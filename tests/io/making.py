"""Files for the tests of reading: pictures of known values, EXIF blocks, raw files."""

import io
import struct
from fractions import Fraction

import numpy as np
import tifffile
from PIL import Image

PATTERNS = {"RGGB": (0, 1, 1, 2), "BGGR": (2, 1, 1, 0), "GRBG": (1, 0, 2, 1), "GBRG": (1, 2, 0, 1)}
ICC_RGB = bytes(16) + b"RGB " + bytes(108)  # enough of a profile to be carried


def picture(i=0, height=12, width=16, channels=3, dtype=np.uint8):
    """(Y, X, C), every value different from its neighbours and from the same one of another frame."""
    values = np.arange(height * width * channels, dtype=np.int64).reshape(height, width, channels) * 7 + 31 * i
    return (values % 251).astype(dtype)


def exif_block(orientation=1, maker="ACME", model="ACME One", distance=None, order="<", note=b"", thumbnail=b""):
    """EXIF block, written out by hand: main directory, inner directory, maker's notes, thumbnail directory."""
    text = {0x010F: maker.encode() + b"\0", 0x0110: model.encode() + b"\0"}
    inner = [(0xA002, 4, 1, struct.pack(order + "I", 999)), (0xA003, 4, 1, struct.pack(order + "I", 888))]
    if distance is not None:
        fraction = Fraction(distance).limit_denominator(10**6)
        inner.insert(0, (0x9206, 5, 1, struct.pack(order + "II", fraction.numerator, fraction.denominator)))
    if note:
        inner.insert(-2, (0x927C, 7, len(note), note))
    main = [(tag, 2, len(value), value) for tag, value in text.items()]
    main.append((0x0112, 3, 1, struct.pack(order + "HH", orientation, 0)))
    head = b"II*\0" if order == "<" else b"MM\0*"
    size = 8 + 2 + 12 * (len(main) + 1) + 4 + sum(len(v) + len(v) % 2 for *_, v in main if len(v) > 4)
    inner_bytes = _directory(order, inner, size, 0)
    after = size + len(inner_bytes)
    main.append((0x8769, 4, 1, struct.pack(order + "I", size)))
    out = head + struct.pack(order + "I", 8) + _directory(order, main, 8, after if thumbnail else 0) + inner_bytes
    if thumbnail:
        begin = after + 2 + 24 + 4
        tags = [
            (0x0201, 4, 1, struct.pack(order + "I", begin)),
            (0x0202, 4, 1, struct.pack(order + "I", len(thumbnail))),
        ]
        out += _directory(order, tags, after, 0) + thumbnail
    return out


def _directory(order, entries, at, following):
    out, values = struct.pack(order + "H", len(entries)), b""
    behind = at + 2 + 12 * len(entries) + 4
    for tag, kind, count, value in sorted(entries):
        where = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(order + "I", behind + len(values))
        values += value + b"\0" * (len(value) % 2) if len(value) > 4 else b""
        out += struct.pack(order + "HHI", tag, kind, count) + where
    return out + struct.pack(order + "I", following) + values


def write_jpeg(path, pixels, exif=b"", icc=b"", **options):
    """JPEG that is nearly lossless."""
    pixels = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    extras = {**({"exif": b"Exif\0\0" + exif} if exif else {}), **({"icc_profile": icc} if icc else {}), **options}
    Image.fromarray(pixels).save(path, "JPEG", **{"quality": 100, "subsampling": 0, **extras})


def decoded(path):
    """Pixels of a JPEG as Pillow sees them, (Y, X, C), not turned."""
    with Image.open(path) as image:
        pixels = np.asarray(image)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def write_dng(path, mosaic, pattern="RGGB", black=512, white=16383, balance=(2.0, 1.0, 1.6), orientation=1, extra=()):
    """Raw file of a mosaic (Y, X) uint16, whose camera sees linear sRGB."""
    xyz_to_camera = (3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570)
    neutral = np.array([1 / gain for gain in balance])
    blacks = np.broadcast_to(black, 4).tolist()
    tags = [
        (50706, 1, 4, bytes([1, 4, 0, 0]), True),
        (50707, 1, 4, bytes([1, 1, 0, 0]), True),
        (50708, 2, 0, "Test camera", True),
        (33421, 3, 2, (2, 2), True),
        (33422, 1, 4, bytes(PATTERNS[pattern]), True),
        (50711, 3, 1, 1, True),
        (50713, 3, 2, (2, 2), True),
        (50714, 3, 4, blacks, True),
        (50717, 3, 1, white, True),
        (50721, 10, 9, _rationals(xyz_to_camera), True),
        (50728, 5, 3, _rationals(neutral / neutral.max()), True),
        (50778, 3, 1, 21, True),
        (271, 2, 0, "ACME", True),
        (272, 2, 0, "ACME Raw", True),
        (274, 3, 1, orientation, True),
    ]
    tags = [tag for tag in tags if tag[0] not in {other[0] for other in extra}] + list(extra)
    tifffile.imwrite(path, mosaic, photometric=32803, planarconfig=None, extratags=tags, metadata=None)


def _rationals(values):
    return [part for value in values for part in (round(value * 1_000_000), 1_000_000)]


def mosaic_of(planes, pattern="RGGB"):
    """Mosaic (2 Y, 2 X) with the colours red, green, green, blue of `planes` (Y, X, 4) at the pattern's places."""
    height, width, _ = planes.shape
    out = np.empty((2 * height, 2 * width), np.uint16)
    greens = iter((1, 2) if pattern in ("RGGB", "GRBG") else (2, 1))
    for place, colour in enumerate(PATTERNS[pattern]):
        plane = {0: 0, 1: None, 2: 3}[colour]
        out[place // 2 :: 2, place % 2 :: 2] = planes[..., next(greens) if plane is None else plane]
    return out


def truncated(path, part=0.5):
    """Cut a file off."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])


def png_bytes(image, **options):
    out = io.BytesIO()
    image.save(out, "PNG", **options)
    return out.getvalue()
