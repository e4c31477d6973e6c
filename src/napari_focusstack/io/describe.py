"""What a burst holds, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .burst import Burst

__all__ = ["describe"]

UNITS = {"um": "µm"}


def describe(burst: Burst) -> str:
    """Facts about a burst, a line each: what, how many, how large, where in focus, which camera, what was left out."""
    sizes = burst.sizes
    colours = "RGB" if sizes.get("S") == 3 else f"{sizes.get('S', sizes.get('C', 1))} channels"
    kind = "mono" if colours == "1 channels" else colours
    lines = [
        burst.name,
        f"  frames    {len(burst)} of {sizes['X']} × {sizes['Y']} px, {kind}, {burst.dtype}",
        f"  axes      {', '.join(f'{axis} {size}' for axis, size in sizes.items())}",
        f"  light     {'linear' if burst.transfer == 'linear' else 'sRGB curve'}",
    ]
    if burst.channel_names:
        lines.append(f"  channels  {', '.join(burst.channel_names)}")
    if burst.pixel_size:
        height, width = burst.pixel_size
        lines.append(f"  pixel     {width:.4g} × {height:.4g} {UNITS.get(burst.unit or '', burst.unit)}")
    if burst.positions and burst.position_unit:
        unit = UNITS.get(burst.position_unit, burst.position_unit)
        step = f", step {burst.step:.4g} {unit}" if burst.step else ""
        lines.append(f"  focus     {burst.positions[0]:.4g} to {burst.positions[-1]:.4g} {unit}{step}")
    if burst.camera:
        lines.append(f"  camera    {burst.camera}")
    lines.append(f"  from      {burst.sources[0]}")
    if len(burst.sources) > 1:
        lines.append(f"  to        {burst.sources[-1]}")
    lines += [f"  left out  {source}: {problem}" for source, problem in burst.skipped]
    return "\n".join(lines)
