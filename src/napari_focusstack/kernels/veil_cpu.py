"""The light of nearer surfaces in farther frames: added up pixel by pixel, on the CPU.

Depths are in frames here, ascending from near to far. A pixel's light is spread over its surroundings by the blur that
its depth has in the frame in question, which is another one for each pixel: no layers are cut.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .strips import over_rows

__all__ = ["DISC", "GAUSSIAN", "errors", "spread", "unveil"]

DISC, GAUSSIAN = 0, 1
TAILS = 3.0  # standard deviations at which a Gaussian ends
FINE = 18  # px: radius up to which every pixel around is looked at; beyond, as many in all
LEAST_LEFT = 0.25  # of the light behind: where less comes through, dividing by it would only raise noise
TINY = 1e-6


def spread(radius: float, kind: int) -> np.ndarray:
    """(K, K) point spread function as it is used here, with a sum of about 1.

    Parameters
    ----------
    radius : float
        Radius of a disc, whose variance is radius² / 4, or standard deviation of a Gaussian, in px.
    kind : int
        `DISC` or `GAUSSIAN`.
    """
    reach = math.ceil(radius * (TAILS if kind == GAUSSIAN else 1)) + 1
    return np.asarray(_spread_all(reach, radius, kind))


@njit(cache=True, nogil=True)
def _spread_all(reach, radius, kind):  # type: ignore[no-untyped-def]  # pragma: no cover
    out = np.empty((2 * reach + 1, 2 * reach + 1), np.float32)
    for y in range(-reach, reach + 1):
        for x in range(-reach, reach + 1):
            out[y + reach, x + reach] = _spread(y * y + x * x, radius, kind)
    return out


@njit(cache=True, nogil=True, inline="always")
def _spread(square, radius, kind):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Share of a pixel's light that falls on another one, at a squared distance."""
    if kind == GAUSSIAN:
        sigma = max(radius, 0.4)
        if square > (TAILS * sigma) ** 2:
            return 0.0
        return math.exp(-square / (2 * sigma * sigma)) / (2 * math.pi * sigma * sigma)
    hard = math.sqrt(max(radius * radius - 1 / 3, 0.1))
    covered = hard + 0.5 - math.sqrt(square)
    if covered <= 0:
        return 0.0
    return min(covered, 1.0) / (math.pi * (hard * hard + 1 / 12))


@njit(cache=True, nogil=True, fastmath=True)
def unveil(  # type: ignore[no-untyped-def]
    points, light, surroundings, depth, reach, blur, gap, kind, subtract, opaque, solved, veil, radius, start, stop
):  # pragma: no cover
    """Light of pixels `start` to `stop` of those listed, without what nearer surfaces spread over them.

    Parameters
    ----------
    points : (P, 2) int32
        Rows and columns, such that all pixels nearer than these by `gap` are solved already.
    light : (Y, X, C) float32
        Linear light of each pixel in its own frame.
    surroundings : (Y, X, C) float32
        The same, as well as it is known so far, for what the subtractive form takes from around a pixel.
    depth : (Y, X) float32
        Frames, ascending from near to far.
    reach : (Y, X) uint8
        How far, in px, there may be a pixel whose light reaches this one.
    blur : float
        Blur radius, in px, of a nearer surface for each frame.
    gap : float
        Frames between two surfaces, from which on one veils the other.
    kind : int
        `DISC` or `GAUSSIAN`.
    subtract : bool
        The subtractive form instead of the division.
    opaque : bool
        Nearer surfaces keep away light; else theirs is added to it.
    solved : (Y, X, C) float32
        As `light`, and of solved pixels the result: read and written.
    veil, radius : (Y, X) float32
        Share of the light that was kept away, and the mean blur radius of what did: written.
    """
    height, width, channels = light.shape
    distance, stepped = np.empty((2 * FINE + 1, 2 * FINE + 1), np.float32), 0
    tails = TAILS if kind == GAUSSIAN else 1.0
    for i in range(start, stop):
        y, x = points[i]
        far = depth[y, x]
        window = int(reach[y, x])
        step = max(1, (window + FINE - 1) // FINE)
        cells = window // step
        if step != stepped:
            _measure(distance, step)
            stepped = step
        for first in range(0, channels, 3):
            second, third = min(first + 1, channels - 1), min(first + 2, channels - 1)
            added0 = added1 = added2 = local0 = local1 = local2 = np.float32(0)
            covered, wide, around = np.float32(0), np.float32(0), 0
            for a in range(-cells, cells + 1):
                v = min(max(y + a * step, 0), height - 1)
                across = int(math.sqrt((cells + 0.5) ** 2 - a * a))
                for b in range(-across, across + 1):
                    u = min(max(x + b * step, 0), width - 1)
                    frames = far - depth[v, u]
                    if frames < gap:
                        if subtract:
                            around += 1
                            local0 += surroundings[v, u, first]
                            local1 += surroundings[v, u, second]
                            local2 += surroundings[v, u, third]
                        continue
                    size, far_off = frames * blur, distance[a + FINE, b + FINE]
                    if far_off > size * tails + 1:
                        continue
                    share = _spread(far_off * far_off, size, kind) * step * step
                    covered += share
                    wide += share * size
                    added0 += share * solved[v, u, first]
                    added1 += share * solved[v, u, second]
                    added2 += share * solved[v, u, third]
            if covered <= 0:
                continue
            excess = max(covered, np.float32(1))  # sums of so few samples may be above the whole
            radius[y, x] = wide / covered
            covered /= excess
            veil[y, x] = covered
            left = 1 - covered
            trust = min(max((left - LEAST_LEFT / 2) / (LEAST_LEFT / 2), 0.0), 1.0)
            for c, added, local in ((first, added0, local0), (second, added1, local1), (third, added2, local2)):
                if not opaque:
                    found = light[y, x, c] - added
                elif subtract:
                    found = light[y, x, c] - added / excess + covered * local / max(around, 1)
                else:
                    found = (light[y, x, c] - added / excess) / max(left, LEAST_LEFT)
                solved[y, x, c] = light[y, x, c] + trust * (max(found, 0.0) - light[y, x, c])


def errors(points, solved, light, depth, reach, deep, near, far, gap, kind, frames, seen, curve, least, opaque):  # type: ignore[no-untyped-def]
    """By how much, at most, frames that are rendered again differ from what was seen: (2, P) float32, in stored values.

    The first is of the solved light, the second of the light as it was.

    Parameters
    ----------
    points : (P, 2) int32
        Rows and columns.
    solved, light, depth, reach, gap, kind
        As of `unveil`.
    deep : (P,) float32
        How many frames nearer the surface is that veils a pixel: frames that are focused in front of it are left out.
    near, far : float
        Blur radius, in px for each frame, of surfaces nearer than a frame's focus, and of those behind it.
    frames : (K,) float32
        Depths that the frames are focused at.
    seen : (K, P, C) uint8
        Stored values of these pixels in the frames; 255 is white.
    curve : (L,) float32
        Stored values of linear light from 0 to 1.
    least : float
        Frames that a pixel lies behind a frame's focus at least, for this frame to count.
    opaque : bool
        As of `unveil`.
    """
    worst = np.zeros((2, len(points)), np.float32)
    hard, share = np.empty_like(depth), np.empty_like(depth)
    for k, focus in enumerate(frames):
        over_rows(_spots, len(depth), depth, focus, near, far, gap, kind, hard, share)
        seen_by = points, solved, light, depth, hard, share, reach, deep, near, far, focus
        over_rows(_differ, len(points), *seen_by, kind, seen[k], curve, least, opaque, worst)
    return worst


@njit(cache=True, nogil=True, fastmath=True)
def _spots(depth, focus, near, far, gap, kind, hard, share, start, stop):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Of each pixel's spot in a frame: its size, as `_differ` uses it, and its height, negative where it veils."""
    for y in range(start, stop):
        for x in range(depth.shape[1]):
            before = focus - depth[y, x]
            size = before * near if before > 0 else -before * far
            if kind == GAUSSIAN:
                sigma = max(size, 0.4)
                hard[y, x] = 1 / (2 * sigma * sigma)
                height = 1 / (2 * math.pi * sigma * sigma)
            else:
                square = max(size * size - 1 / 3, 0.1)
                hard[y, x] = math.sqrt(square) + 0.5
                height = 1 / (math.pi * (square + 1 / 12))
            share[y, x] = -height if before >= gap else height


@njit(cache=True, nogil=True, inline="always")
def _measure(distance, step):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Distances of samples `step` px apart from the middle one."""
    for a in range(-FINE, FINE + 1):
        for b in range(-FINE, FINE + 1):
            distance[a + FINE, b + FINE] = step * math.sqrt(a * a + b * b)


@njit(cache=True, nogil=True, fastmath=True)
def _differ(  # type: ignore[no-untyped-def]
    points,
    solved,
    light,
    depth,
    hard,
    share,
    reach,
    deep,
    near,
    far,
    focus,
    kind,
    seen,
    curve,
    least,
    opaque,
    worst,
    start,
    stop,
):  # pragma: no cover
    height, width, channels = solved.shape
    top = len(curve) - 1
    distance, stepped = np.empty((2 * FINE + 1, 2 * FINE + 1), np.float32), 0
    tails = TAILS if kind == GAUSSIAN else 1.0
    for i in range(start, stop):
        y, x = points[i]
        before = depth[y, x] - focus
        if not least <= before <= deep[i] + least:
            continue
        own = before * far * tails + 2
        step = max(1, (int(min(max(float(reach[y, x]), own), 64.0)) + FINE - 1) // FINE)
        # nearer surfaces are blurred less than in the pixel's own frame, for which `reach` is meant
        window = int(min(max(reach[y, x] - before * near * tails, own), 64.0))
        cells = window // step
        if step != stepped:
            _measure(distance, step)
            stepped = step
        for first in range(0, channels, 3):
            second, third = min(first + 1, channels - 1), min(first + 2, channels - 1)
            # of what veils, and of what is behind it: freed, and as it was
            veils0 = veils1 = veils2 = veiled0 = veiled1 = veiled2 = np.float32(0)
            freed0 = freed1 = freed2 = given0 = given1 = given2 = np.float32(0)
            covered, there = np.float32(0), np.float32(TINY)
            for a in range(-cells, cells + 1):
                v = min(max(y + a * step, 0), height - 1)
                across = int(math.sqrt((cells + 0.5) ** 2 - a * a))
                for b in range(-across, across + 1):
                    u = min(max(x + b * step, 0), width - 1)
                    far_off, spot = distance[a + FINE, b + FINE], share[v, u]
                    if kind == GAUSSIAN:
                        exponent = far_off * far_off * hard[v, u]
                        if exponent > TAILS * TAILS / 2:
                            continue
                        spot *= math.exp(-exponent)
                    else:
                        inside = hard[v, u] - far_off
                        if inside <= 0:
                            continue
                        spot *= min(inside, np.float32(1))
                    if spot < 0:
                        covered -= spot
                        veils0 -= spot * solved[v, u, first]
                        veils1 -= spot * solved[v, u, second]
                        veils2 -= spot * solved[v, u, third]
                        veiled0 -= spot * light[v, u, first]
                        veiled1 -= spot * light[v, u, second]
                        veiled2 -= spot * light[v, u, third]
                    else:
                        if step > 1:  # a spot that is smaller than the distance of the samples
                            spot = min(spot, np.float32(1 / (step * step)))
                        there += spot
                        freed0 += spot * solved[v, u, first]
                        freed1 += spot * solved[v, u, second]
                        freed2 += spot * solved[v, u, third]
                        given0 += spot * light[v, u, first]
                        given1 += spot * light[v, u, second]
                        given2 += spot * light[v, u, third]
            covered *= step * step
            excess = max(covered, np.float32(1)) if opaque else np.float32(1)
            left = 1 - covered / excess if opaque else np.float32(1)
            for which, c, added, behind in (
                (0, first, veils0, freed0),
                (0, second, veils1, freed1),
                (0, third, veils2, freed2),
                (1, first, veiled0, given0),
                (1, second, veiled1, given1),
                (1, third, veiled2, given2),
            ):
                value = added * step * step / excess + left * behind / there
                bright = min(max(float(value), 0.0), 1.0)
                again = curve[int(bright * top + 0.5)]
                worst[which, i] = max(worst[which, i], abs(again - seen[i, c] / 255))
