"""The site's configuration: ``make docs`` builds it, with warnings as errors."""

import importlib.util
import re
import sys
from pathlib import Path

import kronvec.operators

sys.path.insert(0, str(Path(__file__).parent))
from _gallery import choose, finish_pages  # noqa: E402

project = "kronvec"
author = "The kronvec developers"
copyright = author
release = version = kronvec.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}

# ---- pages ------------------------------------------------------------------------------

myst_heading_anchors = 3  # a link may end in #a-heading
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = "kronvec"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
SINGLE = ("index", "tutorial", "conventions", "performance", "peers", "changelog")
html_sidebars = {page: [] for page in SINGLE}  # nothing below them

# ---- the reference, from the docstrings ---------------------------------------------------

default_role = "py:obj"  # what is no object of ours is shown as code
autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"  # the docstrings name shapes and kinds
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = True
numpydoc_show_class_members = False  # _templates/autosummary/class.rst lists them
numpydoc_xref_param_type = False
# Modules of an extra that is absent are read all the same.
FOREIGN = ("array_api_compat", "dask", "distributed", "jax", "jaxlib", "llvmlite", "numba", "torch")
autodoc_mock_imports = [name for name in FOREIGN if importlib.util.find_spec(name) is None]
viewcode_follow_imported_members = True

nitpicky = True
nitpick_ignore_regex = [
    # other packages' names, and operands named in a sentence
    ("py:.*", r"(array_api_compat|dask|distributed|jax|jnp|numba|np|numpy|scipy|torch)(\..*)?"),
    ("py:.*", r"[a-z]"),
]

# ---- the gallery: scripts whose packages are here are run -----------------------------------

EXAMPLES = choose(Path(__file__).parents[1] / "examples")
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": EXAMPLES.run,
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "show_memory": False,
    "write_computation_times": False,
    "remove_config_comments": True,
    "min_reported_time": 1,
    "plot_gallery": True,
}
suppress_warnings = ["config.cache"]  # the gallery's settings hold what cannot be pickled


def link_attributes(app, what, name, obj, options, lines):
    """Attributes that a class inherits lead to the page of the base, where they are described."""
    if what != "class":
        return

    def linked(match):
        indent, attribute = match.groups()
        if hasattr(kronvec.operators.Operator, attribute):
            return f"{indent}:obj:`{attribute} <kronvec.operators.Operator.{attribute}>`"
        return f"{indent}**{attribute}**"

    for i, line in enumerate(lines):
        lines[i] = re.sub(r"^(\s*):obj:`(\w+) <\.\w+>`", linked, line)


def setup(app):
    """Listen to what Sphinx reads."""
    app.connect("source-read", finish_pages(EXAMPLES))
    app.connect("autodoc-process-docstring", link_attributes, priority=600)  # after numpydoc
