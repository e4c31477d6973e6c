"""A pair of frames whose foreground covers pixels in part, made without the simulator."""

import numpy as np

from napari_focusstack.diffusion.reblurring import blurred

SIZE, FRONT, BEHIND = 128, 3.0, 2.0


def soft_pair(psf="gaussian", *, noise=0.0, shape="disc"):
    """Near and far frame (Y, X, 3) in linear light, the truth, and the coverage (Y, X), of 4 × 4 samples a pixel."""
    chance = np.random.default_rng(5)
    y, x = (np.mgrid[: 4 * SIZE, : 4 * SIZE] + 0.5) / 4
    inside = np.hypot(y - 61.3, x - 64.8) < 30.4 if shape == "disc" else np.abs((x - 0.31 * y) % 24 - 9.2) < 0.8
    alpha = inside.reshape(SIZE, 4, SIZE, 4).mean(axis=(1, 3)).astype(np.float32)
    front = np.float32([0.75, 0.5, 0.2]) + chance.normal(0, 0.02, (SIZE, SIZE, 3)).astype(np.float32)
    back = np.float32([0.2, 0.3, 0.5]) + blurred(chance.normal(0, 0.3, (SIZE, SIZE, 1)).astype(np.float32), 1.0)
    front, back, share = np.clip(front, 0, 1), np.clip(back, 0, 1), alpha[..., None]
    near = share * front + (1 - share) * blurred(back, BEHIND, psf)
    far = blurred(share * front, FRONT, psf) + (1 - blurred(alpha, FRONT, psf))[..., None] * back
    near, far = (np.clip(one + chance.normal(0, noise, one.shape), 0, 1).astype(np.float32) for one in (near, far))
    return near, far, share * front + (1 - share) * back, alpha
