"""Settings of the documentation site: ``make docs``.

Pages are the Markdown files of this folder, readable on their own as well. What is said about the
code (commands, settings, functions, columns) is made from it while the site is built, by
``_extensions``. Nothing is fetched, neither here nor by the pages.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

from roadex import __version__

project = "roadex"
author = "The roadex developers"
copyright = author  # noqa: A001 - as Sphinx calls it
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "from_code",
    "commands",
]
exclude_patterns = ["_build", "_extensions", "pictures"]
root_doc = "index"
language = "en"

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
"""Headings down to this level can be linked to, under the names GitHub gives them."""

highlight_language = "bash"
"""Of indented blocks, which are commands."""

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_type_aliases = {"Pixels": "Pixels"}
autodoc_default_options = {"members": True}
python_use_unqualified_type_names = True
napoleon_google_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"roadex {release}"
html_static_path = ["_static"]
html_css_files = ["roadex.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#b3470a", "color-brand-content": "#0b6aa8"},
    "dark_css_variables": {"color-brand-primary": "#ff9a52", "color-brand-content": "#6cb8ea"},
}
