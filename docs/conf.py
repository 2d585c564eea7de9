# Sphinx configuration. The built pages load nothing from the network: the theme brings its own
# fonts and scripts, and MathJax is copied into the pages.

import logging
import os
import sys
from importlib import metadata
from pathlib import Path

logging.getLogger("skfem").setLevel(logging.WARNING)  # its chatter would fill the build log

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "ntkfreq"
author = "the ntkfreq developers"
copyright = "2026, the ntkfreq developers"
release = metadata.version("ntkfreq")
version = release

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "sphinx-mathjax-offline",
    "sphinx_copybutton",
    "derivation",  # docs/_ext
    "page_figure",
    "public_names",
    "results",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "gallery/**/GALLERY_HEADER.rst"]
default_role = "code"

html_theme = "furo"
html_title = f"ntkfreq {release}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_show_sourcelink = False
mathjax_path = "mathjax/tex-chtml.js"

# The button copies the input alone, without prompts.
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True

autosummary_generate = True
autodoc_typehints = "none"  # the numpydoc sections say what each argument is
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

suppress_warnings = ["sphinx_gallery.space_in_filename"]  # a checkout may sit anywhere

nitpicky = True
# Other packages' pages are on the network, so their names cannot be resolved here.
nitpick_ignore_regex = [
    (r"py:.*", r"(numpy|np|scipy|xarray|xr|matplotlib|torch|pathlib|collections)\b.*")
]

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"[/\\][a-z0-9][a-z0-9_]*\.py$",
    "ignore_pattern": r"[/\\]_[^/\\]*\.py$",
    "image_srcset": ["2x"],
    "download_all_examples": False,
    "show_signature": False,  # a link to the gallery extension's site
    "show_memory": False,
    "min_reported_time": 1e9,  # run times differ from machine to machine
    "write_computation_times": False,
    "abort_on_example_error": False,
    "plot_gallery": os.environ.get("NTKFREQ_GALLERY", "1") != "0",
}
