"""A network over pictures of any size: tile by tile, each with a halo as wide as the network's receptive field.

The halo makes tiles exact, not only nearly so: every pixel is computed from the same others as in one piece. Hence
there is nothing to blend, and tiles may become smaller on the way, when memory runs short.

A tile needs all frames, a burst gives one at a time: so the frames go into a temporary file first, decoded once each.
Its room on disk is checked before. A network that is given a tile's frames one by one keeps the memory that it needs
for the longest burst; where one tile is all there is, frames need no file, and are decoded whenever they are asked for.
"""

from __future__ import annotations

import errno
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..arrays import Frames, decoded, unit, visit
from ..devices import pick_device
from ..progress import apart, track, wait

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .network import Network

__all__ = ["Tile", "infer", "tiles_of", "with_halo"]

log = logging.getLogger(__name__)

SMALLEST = 64  # px, side of the tiles that memory must suffice for
AFTER = 5  # frames that one of these computes as long after the last as in a pass, to correct what it has merged
PASSES = 2  # over the frames of a tile, of a network that is given them one by one
SPARE = 2**28  # bytes that are left free on the disk

Read = Callable[["Tile"], Iterator["NDArray[Any]"]]


class Tile(NamedTuple):
    """Rectangle in px."""

    top: int
    left: int
    height: int
    width: int


def infer(
    network: Network,
    frames: Frames,
    *,
    tile: int = 512,
    device: str = "auto",
    function: Callable[[Tensor], Tensor] | None = None,
    streamed: Callable[[Iterable[Tensor]], Tensor] | None = None,
    stage: str = "Fusing",
) -> NDArray[np.float32]:
    """What the network says of a burst, (Y, X, K) float32, computed in tiles; as in one piece, up to rounding.

    Where memory does not suffice, tiles are halved; if that does not help, the CPU takes over: both with a warning.
    On CUDA, features are in half precision.

    Parameters
    ----------
    network : Network
        It is moved to the device, and stays there.
    frames : Frames
        (N, Y, X, C); each is read once.
    tile : int
        Side in px of the tiles, without halo; where the picture ends and there is no halo, they are as much larger.
    device : str
        "auto" (CUDA, then MPS, then CPU), "cpu", "cuda" or "mps".
    function : callable, optional
        What to ask the network: takes bursts (1, N, C, H, W) float32 in the scale of `to_float`, gives (1, K, H, W).
        The network itself by default.
    streamed : callable, optional
        The same for frames (1, C, H, W) that come one by one, and are asked for twice.
    stage : str
        Name of the stage for the progress bar.

    Raises
    ------
    ValueError
        If `tile` is not positive, or the device is not there.
    OSError
        If there is no room for the frames in the folder of temporary files.
    """
    if tile < 1:
        raise ValueError(f"tile={tile} px is not possible; 512 is usual")
    count, height, width = frames.shape[:3]
    scale, cores = network.scale, tiles_of(height, width, tile, network.multiple, halo=network.halo)
    steps = track(range(len(cores) * (PASSES * count + AFTER)), stage) if streamed else None
    runner = _Runner(network, function or network, pick_device(device), tile, streamed, steps)
    result: NDArray[np.float32] | None = None
    pool = ThreadPoolExecutor(1, "network")  # so that Cancel is felt while a tile is computed
    try:
        with _windows(frames, again=streamed is not None and len(cores) == 1) as read:
            for core in track(cores, "" if streamed else stage):
                for part, values in runner.run(core, tuple(frames.shape), read, pool):
                    if result is None:
                        result = np.empty((scale * height, scale * width, values.shape[2]), np.float32)
                    top, left, tall, wide = (scale * px for px in part)
                    result[top : top + tall, left : left + wide] = values
                for _ in zip(range(AFTER), steps or (), strict=False):
                    pass
        if steps:
            next(steps, None)  # the last one is done
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    assert result is not None  # there is at least one tile
    return result


def tiles_of(
    height: int, width: int, side: int, multiple: int = 1, top: int = 0, left: int = 0, halo: int = 0
) -> list[Tile]:
    """Tiles of at most `side` px, or `multiple` if that is more, that cover a rectangle once, by rows.

    Each begins on a multiple of `multiple` if the rectangle does. With a `halo`, which ends where the rectangle does,
    the outer tiles are larger by what they have less of it. They are as equal as all this allows, halo included.
    """

    def cuts(size: int) -> list[int]:
        edge, step = halo // multiple * multiple, max(multiple, side // multiple * multiple)
        inside = max(1, size - 2 * edge)
        step = -(-inside // -(-inside // step))  # as many tiles, but equal ones
        step = -(-step // multiple) * multiple
        return [0, *range(edge + step, size - edge, step), size]

    rows, columns = cuts(height), cuts(width)
    return [
        Tile(top + rows[i], left + columns[j], rows[i + 1] - rows[i], columns[j + 1] - columns[j])
        for i in range(len(rows) - 1)
        for j in range(len(columns) - 1)
    ]


def with_halo(tile: Tile, size: tuple[int, int], halo: int, multiple: int = 1) -> Tile:
    """Tile with what is around it, up to the picture's borders, ending on multiples inside."""

    def grown(start: int, length: int, end: int) -> tuple[int, int]:
        first = max(0, (start - halo) // multiple * multiple)
        return first, min(end, -(-(start + length + halo) // multiple) * multiple) - first

    (top, height), (left, width) = grown(tile.top, tile.height, size[0]), grown(tile.left, tile.width, size[1])
    return Tile(top, left, height, width)


class _Runner:
    """Runs the network on tiles; on a smaller scale, and at last on the CPU, where memory does not suffice."""

    def __init__(
        self,
        network: Network,
        function: Callable[[Tensor], Tensor],
        device: str,
        side: int,
        streamed: Callable[[Iterable[Tensor]], Tensor] | None = None,
        steps: Iterator[int] | None = None,
    ) -> None:
        self.network, self.function, self.streamed, self.steps = network, function, streamed, steps
        self.largest = self.side = side
        self.device = torch.device(device)
        self.half = device == "cuda"
        network.to(self.device)

    def run(
        self, core: Tile, shape: tuple[int, ...], read: Read, pool: ThreadPoolExecutor
    ) -> Iterator[tuple[Tile, NDArray[np.float32]]]:
        """Yield the values of a tile, in one piece or in parts."""
        count, height, width, channels = shape
        waiting = [core]
        while waiting:
            part = waiting.pop()
            if self.side < self.largest and max(part.height, part.width) > max(self.side, self.network.multiple):
                pieces = tiles_of(part.height, part.width, self.side, self.network.multiple, part.top, part.left)
                waiting += pieces[::-1]
                continue
            window = with_halo(part, (height, width), self.network.halo, self.network.multiple)
            try:
                if self.streamed:
                    burst: Tensor | _Frames = _Frames(self, read, window)
                else:
                    burst = self._burst(read(window), (count, *window[2:], channels))
                values = wait(pool.submit(copy_context().run, self._values, burst, part, window))
            except (RuntimeError, MemoryError) as error:
                if not _is_memory(error):
                    raise
                values = None
            if values is None:
                self._shrink()
                waiting.append(part)
            else:
                yield part, values

    def _burst(self, images: Iterator[NDArray[Any]], shape: tuple[int, ...]) -> Tensor:
        """Burst (1, N, C, H, W) on the device, in the scale of `to_float`, of images in their stored type."""
        burst = torch.empty(shape, device=self.device)
        for i, image in enumerate(track(images)):
            burst[i] = self.frame(image)
        return burst.permute(0, 3, 1, 2)[None]

    def frame(self, image: NDArray[Any]) -> Tensor:
        """Frame (H, W, C) float32 on the device, in the scale of `to_float`, of an image in its stored type."""
        known = image.dtype in (np.uint8, np.uint16, np.float32) and image.dtype.isnative
        values = torch.from_numpy(np.array(image, image.dtype if known else np.float32)).to(self.device)
        return values.float().mul_(1 / unit(image.dtype))

    def _values(self, burst: Tensor | _Frames, part: Tile, window: Tile) -> NDArray[np.float32]:
        """Values (H, W, K) of a tile, from the burst in its window; runs on a thread of its own."""
        with torch.inference_mode():
            found = self._found(burst)
            if self.half and not bool(torch.isfinite(found).all()):
                self.half = False
                log.warning("features are too large for half precision; going on in single precision")
                found = self._found(burst)
            scale = self.network.scale
            top, left = scale * (part.top - window.top), scale * (part.left - window.left)
            cut = found[0, :, top : top + scale * part.height, left : left + scale * part.width]
            return cut.permute(1, 2, 0).float().cpu().numpy()

    def _found(self, burst: Tensor | _Frames) -> Tensor:
        with torch.autocast(self.device.type, dtype=torch.float16, enabled=self.half):
            if isinstance(burst, Tensor):
                return self.function(burst)
            assert self.streamed is not None
            return self.streamed(burst)

    def _shrink(self) -> None:
        """Take tiles of half the side; where they are small already, take the CPU."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if self.side // 2 >= max(SMALLEST, self.network.multiple):
            self.side //= 2
            log.warning("the memory of %s does not suffice; going on with tiles of %d px", self.device, self.side)
        elif self.device.type != "cpu":
            log.warning("the memory of %s does not suffice; going on with the CPU", self.device)
            self.device, self.half, self.side = torch.device("cpu"), False, self.largest
            self.network.to(self.device)
        else:
            raise MemoryError(f"memory does not suffice even for tiles of {self.side} px; close other programs")


class _Frames:
    """Frames (1, C, H, W) of a tile, one by one, each time they are asked for; Cancel is felt at each."""

    def __init__(self, runner: _Runner, read: Read, window: Tile) -> None:
        self.runner, self.read, self.window = runner, read, window

    def __iter__(self) -> Iterator[Tensor]:
        assert self.runner.steps is not None
        for image in self.read(self.window):
            next(self.runner.steps, None)  # there are no more where a tile is computed again
            yield self.runner.frame(image).permute(2, 0, 1)[None]


def _is_memory(error: BaseException) -> bool:
    """Whether an allocation failed: each device says it in its own words."""
    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        words in text for words in ("out of memory", "can't allocate memory", "not enough memory")
    )


@contextmanager
def _windows(frames: Frames, *, again: bool) -> Iterator[Read]:
    """Function that yields the part of each frame that lies in a tile; from a temporary file unless all is an array.

    Nor is there a file where frames may be decoded `again` each time they are asked for.
    """
    if isinstance(frames, np.ndarray):
        for i in range(len(frames)):
            apart(decoded, frames, i)
        yield lambda tile: (_cut(image, tile) for image in frames)
        return
    if again:
        yield lambda tile: (_cut(image, tile) for _, image in visit(frames, ""))
        return
    dtype, shape = np.dtype(frames.dtype).newbyteorder("="), tuple(frames.shape)
    size = dtype.itemsize * int(np.prod(shape[1:]))
    needed, place = shape[0] * size, tempfile.gettempdir()
    if shutil.disk_usage(place).free < needed + SPARE:
        raise OSError(
            errno.ENOSPC,
            f"{needed / 2**30:.1f} GiB are needed for the frames while the network runs; make room, or set TMPDIR to a "
            "folder that has it",
            place,
        )
    with tempfile.TemporaryFile(prefix="focusstack-") as file:
        for _, image in visit(frames, "Reading"):
            file.write(np.ascontiguousarray(image, dtype).data)
        file.flush()

        def read(tile: Tile) -> Iterator[NDArray[Any]]:
            for k in range(shape[0]):  # each by itself, so that what was read before is let go
                yield _cut(np.memmap(file, dtype, "r", k * size, shape[1:]), tile)

        yield read


def _cut(image: NDArray[Any], tile: Tile) -> NDArray[Any]:
    return image[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width]
