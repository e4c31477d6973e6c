"""Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["markdown"]


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Table with aligned columns: the first to the left, all others to the right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [_line(head, widths), "| " + " | ".join(rule) + " |", *(_line(row, widths) for row in rows)]
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = zip(cells, widths, strict=True)
    padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
    return "| " + " | ".join(padded) + " |"
