"""Networks of names and shapes only: what is in a file is held against them before memory is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

__all__ = ["hollow"]

DRAWN = (torch.Tensor.normal_, torch.Tensor.uniform_)


@contextmanager
def hollow() -> Iterator[None]:
    """Networks that are built here lie on the device "meta", and can be neither run nor trained."""
    with torch.device("meta"), _Undrawn():
        yield


class _Undrawn(TorchFunctionMode):
    """No weights are drawn: there is nothing to fill, and torch would load its compiler for it, in a second."""

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if function in DRAWN or getattr(function, "__module__", None) == torch.nn.init.__name__:
            return args[0] if args else named["tensor"]
        return function(*args, **named)
