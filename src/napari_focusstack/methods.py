"""Tables of methods and what their signatures say: one lookup, one check, one description for form, flags and docs.

A stage's table is a literal dict from name to function. The function's keyword-only arguments are the method's options;
their annotations (`Annotated[float, {"min": 0.5, "max": 20.0}]`, `Literal[...]`, of checkpoints
`Annotated[str, {"architectures": ("unet",)}]`), defaults and numpydoc texts are all that the panel, the command line,
the docs and a recipe know of it.
"""

from __future__ import annotations

import difflib
import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union

from docstring_parser import parse

__all__ = ["Option", "check_options", "options_of", "pick", "summary_of"]

Method = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Option:
    """One keyword-only argument of a method, as its signature and docstring describe it."""

    name: str
    type: type  # int, float, bool, str or Path
    default: Any
    choices: tuple[Any, ...] | None
    minimum: float | None
    maximum: float | None
    optional: bool  # None is allowed
    text: str
    architectures: tuple[str, ...] = ()  # of the networks that a checkpoint may hold; empty: any

    @property
    def range(self) -> str:
        """What is allowed, in words; empty if everything is."""
        low, high = self.minimum, self.maximum
        if low is None or high is None:
            return f"at least {low}" if low is not None else f"at most {high}" if high is not None else ""
        return f"{low} to {high}"

    def check(self, value: Any) -> None:
        """Raise if `value` is not allowed."""
        if value is None and self.optional:
            return
        if self.choices is not None:
            if value not in self.choices:
                raise ValueError(f"{self.name}={value!r} is not one of {', '.join(map(repr, self.choices))}")
            return
        allowed = (int, float) if self.type is float else (str, self.type) if self.type is not int else (int,)
        if not isinstance(value, allowed) or (isinstance(value, bool) and self.type is not bool):
            raise TypeError(f"{self.name}={value!r} is not of type {self.type.__name__}")
        if not isinstance(value, int | float):
            return
        low, high = self.minimum, self.maximum
        if not ((low is None or value >= low) and (high is None or value <= high)):  # so, NaN is out of range
            raise ValueError(f"{self.name}={value!r} is out of range; {self.range} is allowed")


def pick(table: Mapping[str, Method], name: str, stage: str) -> Method:
    """Return the method of that name, or raise a ValueError that lists the choices."""
    try:
        return table[name]
    except (KeyError, TypeError):
        raise ValueError(_unknown(f"{stage} method", name, table)) from None


@cache
def options_of(method: Method) -> dict[str, Option]:
    """Return the options of a method by name, in the order of its signature; of a class, those it is built with."""
    hints = typing.get_type_hints(method.__init__ if inspect.isclass(method) else method, include_extras=True)
    texts = {p.arg_name: " ".join((p.description or "").split()) for p in parse(method.__doc__ or "").params}
    return {
        p.name: _option(p.name, hints[p.name], p.default, texts.get(p.name, ""))
        for p in inspect.signature(method).parameters.values()
        if p.kind is p.KEYWORD_ONLY and p.name not in NOT_OPTIONS
    }


NOT_OPTIONS = {
    "device",
    "transfer",
    "exposure",
}  # set by the recipe for all methods alike, not a method's own choice


def summary_of(method: Method) -> str:
    """First paragraph of a method's docstring."""
    return " ".join((parse(method.__doc__ or "").short_description or "").split())


def check_options(method: Method, name: str, options: Mapping[str, Any]) -> None:
    """Raise a ValueError or TypeError, naming what is allowed, if `options` are not options of the method."""
    known = options_of(method)
    for key, value in options.items():
        if key not in known:
            raise ValueError(_unknown(f"option of {name!r}", key, known))
        known[key].check(value)


def _unknown(what: str, name: object, choices: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(name), list(choices), n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    return f"unknown {what} {name!r}{hint} Choices: {', '.join(choices) or 'none'}"


def _option(name: str, hint: Any, default: Any, text: str) -> Option:
    ranges: dict[str, Any] = {}
    if typing.get_origin(hint) is Annotated:
        hint, *extras = typing.get_args(hint)
        ranges = next((extra for extra in extras if isinstance(extra, dict)), {})
    optional = False
    if typing.get_origin(hint) in (Union, UnionType):
        alternatives = [part for part in typing.get_args(hint) if part is not NoneType]
        optional, hint = len(alternatives) < len(typing.get_args(hint)), alternatives[0]
    choices = typing.get_args(hint) if typing.get_origin(hint) is Literal else None
    kind = type(choices[0]) if choices else hint
    architectures = tuple(ranges.get("architectures", ()))
    return Option(name, kind, default, choices, ranges.get("min"), ranges.get("max"), optional, text, architectures)
