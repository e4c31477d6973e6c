"""A run that takes a second: bursts of lines, sharp in one frame on the left and in another on the right."""

from dataclasses import dataclass

import torch
from torch.nn.functional import avg_pool2d

from napari_focusstack.training.examples import Examples
from napari_focusstack.training.recipe import DataPart, TrainingRecipe
from napari_focusstack.training.sources import generator_of


@dataclass(frozen=True)
class Lines:
    """Bursts (B, 4, 1, S, S) of noise, blurred everywhere but in frame 1 on the left and frame 2 on the right."""

    def draw(self, seed, *, bursts, size, frames=None):
        truth = torch.rand(bursts, 1, size, size, generator=generator_of(seed))
        soft = avg_pool2d(truth, 5, 1, 2, count_include_pad=False)
        stack = torch.stack([soft] * 4, 1)
        stack[:, 1, ..., : size // 2] = truth[..., : size // 2]
        stack[:, 2, ..., size // 2 :] = truth[..., size // 2 :]
        return Examples(stack, truth)


LINES = Lines()
TINY = TrainingRecipe(
    arguments={"size": "small", "frames": 4},
    data=(DataPart("stack", name="lines"),),
    size=48,
    frames=(4, 4),
    batch=2,
    steps=6,
    learning_rate=1e-3,
    warmup=0,
    held_out=1,
    validate_every=100,
    save_every=100,
    seed=3,
)
