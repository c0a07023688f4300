"""Sphinx reads this. `python -m docs.build` is how it is run."""

from __future__ import annotations

import tomllib
from pathlib import Path

_project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]

project = "Assay"
author = "the Assay authors"
copyright = author
version = release = _project["version"]

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "tools", "Thumbs.db"]
myst_enable_extensions = ["colon_fence", "deflist", "attrs_block"]
myst_heading_anchors = 4
nitpicky = True

html_theme = "furo"
html_title = "Assay"
html_static_path = ["_static"]
html_css_files = ["assay.css"]
html_show_sphinx = False
html_copy_source = False
html_theme_options: dict[str, list[str]] = {"top_of_page_buttons": []}
