"""Directives that print the committed full-size results of the validation scripts.

``.. results::`` makes a section of each result: what the script does, in the words of its own
docstring, its claims and their verdicts, its figure, and how it was made. ``.. results-summary::``
counts the claims. Both read `validation/claims/NAME/result.json` while the page is built, so the
page cannot say anything else than the files.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from derivation import plain
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

FOLDER = Path(__file__).parents[2] / "validation"
sys.path.insert(0, str(FOLDER.parent))  # the scripts are no part of the installed package

from validation.engine.readme import read_results, summary  # noqa: E402
from validation.engine.result import Result  # noqa: E402
from validation.engine.script import Script, find_scripts  # noqa: E402
from validation.engine.table import HEAD, rows  # noqa: E402

# Longer tables are folded, unless something fails in them.
_LONG = 16


class Summary(SphinxDirective):
    """How many claims there are, and whether they hold."""

    def run(self) -> list[nodes.Node]:
        """One paragraph."""
        depend(self)
        return self.parse_text_to_nodes(f"**{plain(summary(read_results(FOLDER)))}**")


class Results(SphinxDirective):
    """One section a result."""

    def run(self) -> list[nodes.Node]:
        """Sections."""
        depend(self)
        scripts = find_scripts(FOLDER)
        lines: list[str] = []
        for name, result in read_results(FOLDER).items():
            lines += section(scripts[name], result)
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def depend(directive: SphinxDirective) -> None:
    """Have the page built again when a script or a result changes."""
    for path in [*FOLDER.glob("claims/*/*.py"), *FOLDER.glob("claims/*/result.json")]:
        directive.env.note_dependency(str(path))


def section(script: Script, result: Result) -> list[str]:
    """Lines of a section, as reStructuredText."""
    lines = [f".. _result-{script.name}:", "", script.title, "~" * len(script.title), ""]
    lines += [*script.text.splitlines(), "", *table(script.name, result), ""]
    picture = Path("claims", script.name, "figure.png")
    if (FOLDER / picture).is_file():
        # Sphinx copies it into the pages.
        lines += [f".. figure:: ../validation/{picture.as_posix()}", f"   :alt: {script.caption}"]
        lines += ["   :width: 100%", "", f"   {plain(script.caption)}", ""]
    return lines + folded("How it was made", made(script, result))


def table(name: str, result: Result) -> list[str]:
    """Claims, tolerances, values and verdicts."""
    found = list(rows(result))
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 54 21 13 12"]
    lines += ["   :class: results", ""]
    for row in (HEAD, *found):
        texts = ["**FAILS**" if text == "FAILS" else plain(text) for text in row]
        lines += [f"   {'* -' if k == 0 else '  -'} {text}" for k, text in enumerate(texts)]
    if len(found) <= _LONG:
        return lines
    title = summary({name: result}).replace(" of 1 script", "").rstrip(".")
    return folded(title, lines, unfolded=not result.holds)


def made(script: Script, result: Result) -> list[str]:
    """Command, settings, versions and time of a result, as a list of fields."""
    config, origin = result.config, result.origin
    assert origin is not None
    rule = config.get("optimizer", "")
    if isinstance(rule, dict):
        rule = "; ".join(f"{name}: {text}" for name, text in rule.items())
    versions = dict(origin.environment)
    machine = versions.pop("machine")
    home = f"validation/claims/{script.name}"
    fields = {
        "Command": f"``ntkfreq validate {script.name} --size {origin.size} --out validation``",
        "Seeds": str(config.get("seeds", "")),
        "Width": width(config),
        "Optimizer": plain(rule),
        "Versions": ", ".join(f"{name} {text}" for name, text in versions.items())
        + f", on {machine}",
        "Code": f"``{origin.code[:12]}`` (SHA-256 of the package and the script)"
        if origin.code
        else "",
        "Computing time": duration(origin.cell_seconds or origin.seconds),
        "Files": f"``{home}/claim.py``, ``{home}/result.json``",
    }
    return [f":{name}: {text}" for name, text in fields.items() if text]


def width(config: Mapping[str, Any]) -> str:
    """Widths of the networks: one, or the range of several."""
    if "widths" in config:
        widths = config["widths"]
        return f"{len(widths)} widths from {min(widths)} to {max(widths)}"
    return str(config.get("width", ""))


def duration(seconds: float) -> str:
    """A time in words; empty where it is not known."""
    if not seconds:
        return ""
    for unit, name in ((3600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}, added up over all processes"
    return f"{seconds:.0f} seconds, added up over all processes"


def folded(title: str, lines: list[str], *, unfolded: bool = False) -> list[str]:
    """Lines under a title that opens them."""
    state = " open" if unfolded else ""
    head = f'   <details class="results"{state}><summary>{title}</summary>'
    return [".. raw:: html", "", head, "", *lines, "", ".. raw:: html", "", "   </details>", ""]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directives."""
    app.add_directive("results", Results)
    app.add_directive("results-summary", Summary)
    app.add_css_file("results.css")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
