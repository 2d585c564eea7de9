"""A directive that draws a figure from the code of its own page.

``.. page-figure:: solution.plot()`` runs the doctests above it on the page, evaluates the
expression, which is a Matplotlib figure or axes, and shows the picture. A page cannot show a figure
that its code does not make. The content of the directive is the caption. ``:needs:`` names a module
without which the figure is left out.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import matplotlib as mpl
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata, OptionSpec

# Dots per inch: sharp on dense screens, and below 300 kB a picture.
_DPI = 130


class PageFigure(SphinxDirective):
    """Run the page down to here and show a figure of its session."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec: ClassVar[OptionSpec] = {
        "alt": directives.unchanged_required,
        "width": directives.unchanged,
        "needs": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        """The figure with its caption; nothing where the gallery is switched off as well."""
        if not self.config.sphinx_gallery_conf["plot_gallery"]:
            return []
        needed = self.options.pop("needs", None)
        if needed is not None and find_spec(needed) is None:
            return self.parse_text_to_nodes(
                f"*The figure here is drawn where {needed} is installed.*"
            )
        session = self.env.temp_data.setdefault("page_session", Session())
        source = Path(str(self.env.doc2path(self.env.docname))).read_text(encoding="utf-8")
        figure = session.figure(source, self.lineno, self.arguments[0])
        folder = Path(self.env.doctreedir) / "page_figures"
        folder.mkdir(parents=True, exist_ok=True)
        name = self.env.docname.replace("/", "-")
        picture = folder / f"{name}-{self.env.new_serialno('page-figure')}.png"
        # Without the version of Matplotlib the same figure is the same file.
        figure.savefig(picture, dpi=_DPI, metadata={"Software": None})
        here = Path(str(self.env.doc2path(self.env.docname))).parent
        lines = [f".. figure:: {Path(os.path.relpath(picture, here)).as_posix()}"]
        lines += [f"   :{key}: {text}" for key, text in self.options.items()]
        return self.parse_text_to_nodes("\n".join([*lines, "", *(f"   {c}" for c in self.content)]))


class Session:
    """One Python session a page, run as far as the last figure asked for."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.line = 0

    def figure(self, source: str, line: int, expression: str) -> Any:
        """Run the examples between the last figure and a line; evaluate the expression."""
        import matplotlib.pyplot as plt

        with mpl.rc_context(), warnings.catch_warnings():
            plt.close("all")
            warnings.simplefilter("error")  # as in the tests, which run the same lines
            for example in doctest.DocTestParser().get_examples(source):
                if self.line <= example.lineno < line:
                    self.execute(example)
            self.line = line
            return eval(expression, self.names).figure  # noqa: S307

    def execute(self, example: doctest.Example) -> None:
        """One example; what it prints is compared by the tests and not here."""
        code = compile(example.source, "<page>", "single")
        refused = Exception if example.exc_msg is not None else ()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(refused):
            exec(code, self.names)  # noqa: S102


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    mpl.use("Agg")
    app.add_directive("page-figure", PageFigure)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
