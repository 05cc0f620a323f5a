"""Configuration of the documentation: Sphinx, Markdown pages and notebooks by MyST, a reference by AutoAPI.

AutoAPI parses the source without importing it: the documentation needs no torch, and has an environment of its own.
"""

import re
import runpy
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config, GoogleDocstring

ROOT = Path(__file__).parent.parent

project = "lit-adv"
author = "The lit-adv developers"
release = runpy.run_path(str(ROOT / "lit_adv" / "__init__.py"))["__version__"]

extensions = ["myst_nb", "sphinx.ext.autodoc", "autoapi.extension"]
exclude_patterns = ["results/*", "tutorial/*.py"]
nb_execution_mode = "off"  # notebooks are stored with what their cells show
myst_heading_anchors = 3
html_theme = "furo"
html_static_path = ["style"]
html_css_files = ["wide.css"]
html_title = "lit-adv"
html_show_copyright = False

autoapi_dirs = [str(ROOT / package) for package in ("lit_adv", "callbacks", "datamodules", "trainers")]
autoapi_root = "reference/api"
autoapi_options = ["members", "show-inheritance"]
autoapi_member_order = "bysource"
autoapi_add_toctree_entry = False
autoapi_keep_files = False


def translate(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Turns a docstring into reStructuredText: `code` is literal, |, * and _ mean themselves, Args: is a list."""
    example = False
    for index, line in enumerate(lines):
        example = bool(line.strip()) and (example or line.lstrip().startswith(">>>"))
        if example:
            continue
        parts = re.split(r"(?<!`)`([^`]+)`(?!`)", line)
        parts[::2] = [re.sub(r"([|*_])", r"\\\1", part) for part in parts[::2]]
        parts[1::2] = [f"``{part}``" for part in parts[1::2]]
        lines[index] = "".join(parts)
    if what not in ("attribute", "data", "property"):  # where Napoleon takes the words before a colon for a type
        sections = Config(napoleon_custom_sections=[("Attributes", "params_style")])
        lines[:] = str(GoogleDocstring(lines, sections, app, what, name)).splitlines()


def skip(app: Sphinx, what: str, name: str, thing: Any, skipped: bool, options: object) -> bool:
    """Whether to leave a member out: shows the fields of dataclasses, with types and defaults."""
    return skipped and not (what == "attribute" and thing.annotation and not name.rpartition(".")[2].startswith("_"))


def setup(app: Sphinx) -> None:
    """Connects both."""
    app.connect("autodoc-process-docstring", translate)
    app.connect("autoapi-skip-member", skip)
