"""Pages that write themselves: methods from their signatures and docstrings, the command line from its parsers.

What stands between ``<!-- scenes -->`` and ``<!-- /scenes -->`` in a page, and so for ``methods: ALIGNERS``, ``focus
measures`` and ``help: stack``, is written anew by::

    python docs/_scripts/fill.py
"""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

from docstring_parser import parse

from napari_focusstack import ALIGNERS, DEPTH_ESTIMATORS, FUSERS, simulation
from napari_focusstack.cli import main
from napari_focusstack.focus import FOCUS_MEASURES
from napari_focusstack.methods import Method, Option, options_of, summary_of

TABLES = {"ALIGNERS": ALIGNERS, "DEPTH_ESTIMATORS": DEPTH_ESTIMATORS, "FUSERS": FUSERS}


BLOCK = re.compile(r"<!-- (methods|help|focus measures|scenes)(?:: ([\w ]+))? -->\n(?:.*?)<!-- /\1 -->", re.DOTALL)
DOCS = Path(__file__).parents[1]


def filled(markdown: str) -> str:
    """Page with its blocks as the program is now."""
    return BLOCK.sub(_block, markdown)


def _block(found: re.Match[str]) -> str:
    kind, what = found[1], found[2]
    text = {
        "methods": lambda: _methods(TABLES[what]),
        "help": lambda: _help(what.split()),
        "focus measures": lambda: _list(FOCUS_MEASURES),
        "scenes": lambda: _list(simulation.SCENES),
    }[kind]()
    name = f"{kind}: {what}" if what else kind
    return f"<!-- {name} -->\n\n{text}\n\n<!-- /{kind} -->"


def _methods(table: dict[str, Method]) -> str:
    return "\n\n".join(_method(name, method) for name, method in table.items())


def _method(name: str, method: Method) -> str:
    """Heading, summary, table of options, and the rest of the docstring."""
    doc = parse(method.__doc__ or "")
    parts = [f"### {name}", _markdown(summary_of(method)), _markdown(doc.long_description or "")]
    rows = [_row(option) for option in options_of(method).values()]
    if rows:
        parts.append("| option | values | default | |\n| :-- | :-- | :-- | :-- |\n" + "\n".join(rows))
    ends = [section for section in doc.meta if section.args and section.args[0] in ("notes", "references")]
    parts += [_markdown(section.description or "") for section in ends]
    return "\n\n".join(part for part in parts if part)


def _row(option: Option) -> str:
    if option.choices:
        values = ", ".join(f"`{choice}`" for choice in option.choices)
    elif option.type is bool:
        values = "yes or no"
    elif option.minimum is not None:
        values = (
            f"{option.minimum:g} to {option.maximum:g}" if option.maximum is not None else f"from {option.minimum:g}"
        )
        values += ", whole" if option.type is int else ""
    else:
        values = {int: "a whole number", float: "a number"}.get(option.type, "a text")
    if option.optional:
        values += ", or none"
    return f"| `{option.name}` | {values} | `{option.default}` | {_markdown(option.text)} |"


def _list(table: dict[str, Any]) -> str:
    return "\n".join(f"- `{name}`: {_markdown(summary_of(function))}" for name, function in table.items())


def _markdown(text: str) -> str:
    """Docstring text as Markdown: literals in single backticks, references as a list."""
    text = text.replace("``", "`").replace("|", "\\|")
    text = re.sub(r"^\.\. \[(\d+)\] ", r"[\1] ", text, flags=re.MULTILINE)
    return re.sub(r"\[(\d+)\]_", r"[\1]", text)


def _help(words: list[str]) -> str:
    """Write what the program prints for `focusstack WORDS --help`, 100 characters wide."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit), _columns(100):
        main([*words, "--help"])
    return f"```text\n{printed.getvalue().rstrip()}\n```"


@contextlib.contextmanager
def _columns(width: int) -> Any:
    import os

    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(width)
    try:
        yield
    finally:
        os.environ.pop("COLUMNS") if before is None else os.environ.update(COLUMNS=before)


if __name__ == "__main__":
    for page in DOCS.glob("*.md"):
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
