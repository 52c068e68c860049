"""The documentation site: Markdown pages and the API from its docstrings. `make docs` builds it."""

from importlib.metadata import version as installed

project = "NeuroGraph"
version = release = installed("neurograph")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"NeuroGraph {release}"
myst_heading_anchors = 3
napoleon_use_ivar = True
autodoc_typehints = "description"
autodoc_member_order = "bysource"
