"""Pages that write themselves: methods from their signatures and docstrings, the command line from its parsers.

A comment ``<!-- methods: ALIGNERS -->``, ``<!-- focus measures -->`` or ``<!-- help: stack -->`` in a page is
replaced when the site is built.
"""

from __future__ import annotations

import contextlib
import io
import re
from typing import Any

from docstring_parser import parse

from napari_focusstack import ALIGNERS, DEPTH_ESTIMATORS, FUSERS, simulation
from napari_focusstack.cli import main
from napari_focusstack.focus import FOCUS_MEASURES
from napari_focusstack.methods import Method, Option, options_of, summary_of

TABLES = {"ALIGNERS": ALIGNERS, "DEPTH_ESTIMATORS": DEPTH_ESTIMATORS, "FUSERS": FUSERS}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the comments of a page; called by mkdocs."""
    markdown = re.sub(r"<!-- methods: (\w+) -->", lambda found: _methods(TABLES[found[1]]), markdown)
    markdown = re.sub(r"<!-- help: ([\w ]*) -->", lambda found: _help(found[1].split()), markdown)
    markdown = markdown.replace("<!-- focus measures -->", _list(FOCUS_MEASURES))
    return markdown.replace("<!-- scenes -->", _list(simulation.SCENES))


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
