"""How Sphinx turns these pages into HTML. They are plain Markdown and read well without it, too."""

import re
from importlib.metadata import version as version_of

project = "pytest-conc"
version = release = version_of("pytest-conc")

extensions = ["myst_parser"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"pytest-conc {release}"
html_copy_source = html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["pages.css"]
nitpicky = True


def without_test_marks(app, docname, source):
    """Takes out the comments that tell the tests how to run a block; a reader has no use for them."""
    source[0] = re.sub(r"^<!-- .* -->$", "", source[0], flags=re.MULTILINE)


def setup(app):
    app.connect("source-read", without_test_marks)
    return {"parallel_read_safe": True}
