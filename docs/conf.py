"""Configuration of the documentation: Sphinx, Markdown pages by MyST, a reference by AutoAPI.

AutoAPI parses the source without importing it: the documentation needs no torch, and has an environment of its own.
"""

import re
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parent.parent

project = "lit-adv"
author = "The lit-adv developers"
release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

extensions = ["myst_parser", "sphinx.ext.napoleon", "autoapi.extension"]
exclude_patterns = ["results/*"]
myst_heading_anchors = 3
html_theme = "furo"
napoleon_use_ivar = True
html_title = "lit-adv"
html_show_copyright = False

autoapi_dirs = [str(ROOT / package) for package in ("lit_adv", "callbacks", "datamodules", "trainers")]
autoapi_root = "reference/api"
autoapi_options = ["members"]
autoapi_member_order = "bysource"
autoapi_add_toctree_entry = False
autoapi_keep_files = False


def literal(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Turns a docstring's plain text into reStructuredText: `code` is literal, |, * and _ mean themselves."""
    for index, line in enumerate(lines):
        parts = re.split(r"(?<!`)`([^`]+)`(?!`)", line)
        parts[::2] = [re.sub(r"([|*_])", r"\\\1", part) for part in parts[::2]]
        parts[1::2] = [f"``{part}``" for part in parts[1::2]]
        lines[index] = "".join(parts)


def setup(app: Sphinx) -> None:
    """Runs `literal` before napoleon."""
    app.connect("autodoc-process-docstring", literal, priority=400)
