"""A tilted plane, each column of it in focus at its own depth: the golden stack of the depth map."""

import cv2
import numpy as np

BLUR = 0.8  # px of blur per frame out of focus
STEP = 0.1  # px between the blurs of the bank


def texture(height, width, seed=0):
    rng = np.random.default_rng(seed)
    octaves = [cv2.GaussianBlur(rng.normal(size=(height, width)), (0, 0), s) * s for s in (1.4, 3, 8)]
    plain = sum(octaves)
    return (0.5 + 0.15 * plain / plain.std()).clip(0, 1).astype(np.float32)


def tilted(frames=10, height=64, width=384, noise=0.0, seed=0):
    """Frames (N, Y, X, 1), truth (Y, X, 1) and depth (Y, X) in frames."""
    truth = texture(height, width, seed)
    bank = [truth]
    while len(bank) * STEP < BLUR * frames:
        bank.append(cv2.GaussianBlur(truth, (0, 0), len(bank) * STEP))
    bank = np.stack([*bank, bank[-1]])
    depth = np.linspace(0, frames - 1, width, dtype=np.float32)
    stack = []
    for k in range(frames):
        place = BLUR * np.abs(k - depth) / STEP
        below = place.astype(int)
        columns = np.arange(width)
        share = place - below
        stack.append(bank[below, :, columns].T * (1 - share) + bank[below + 1, :, columns].T * share)
    stack = np.stack(stack)[..., None]
    stack += np.random.default_rng(seed + 1).normal(0, noise, stack.shape) if noise else 0
    return stack.astype(np.float32), truth[..., None], np.broadcast_to(depth, truth.shape)


def nearest(stack, depth):
    """The hard pick by true depth."""
    picks = np.rint(depth).astype(int)[None, ..., None]
    return np.take_along_axis(stack, picks, 0)[0]


def psnr(image, truth):
    return -10 * np.log10(np.mean((image - truth) ** 2))
