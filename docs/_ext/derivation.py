"""A directive that runs a derivation of ntkfreq.symbolic and prints its steps.

``.. derivation:: heat_equation`` calls that function while the page is built, so a page cannot
show a formula that SymPy did not confirm. Words after the name are arguments of the function.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

import sympy as sp
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata
from sympy.core.function import AppliedUndef
from sympy.printing.latex import LatexPrinter

from ntkfreq import symbolic

# Longer formulas are broken before the equality sign.
_LINE = 190
_NAMES = {
    "rho_fold": r"\rho_{\mathrm{fold}}",
    "mean": r"\mathbb{E}",
    **{name: rf"\mathrm{{{name}}}" for name in ("agm", "tr", "det")},
}


class Printer(LatexPrinter):
    """Formulas as the theory page writes them: what a derivative acts on cannot be misread."""

    _operators: ClassVar[tuple[type, ...]] = (sp.Derivative, sp.Sum, sp.Integral, sp.Subs)

    def _print_Derivative(self, expr: Any) -> str:
        operators = "".join(
            rf"\partial_{{{self._print(symbol)}}}" + (f"^{{{count}}}" if count > 1 else "")
            for symbol, count in expr.variable_count
        )
        inner = self._print(expr.expr)
        plain = expr.expr.is_Symbol or expr.expr.is_Function
        return f"{operators} {inner}" if plain else rf"{operators} \left({inner}\right)"

    def _print_Function(self, expr: Any, exp: Any = None) -> str:
        if not isinstance(expr, AppliedUndef):
            return str(super()._print_Function(expr, exp))
        name = expr.func.__name__
        head = _NAMES.get(name) or self._print(sp.Symbol(name))
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"{head}{power}\left({', '.join(map(self._print, expr.args))}\right)"

    def _print_Subs(self, expr: Any) -> str:
        inner, old, new = expr.args
        where = ", ".join(
            f"{self._print(a)} = {self._print(b)}" for a, b in zip(old, new, strict=True)
        )
        return rf"\left[{self._print(inner)}\right]_{{{where}}}"

    def _rank(self, factor: Any) -> int:
        """Numbers, symbols, exponentials, fields, brackets, then what reaches to the right."""
        kinds = (factor.is_number, factor.is_Symbol or factor.is_Pow, isinstance(factor, sp.exp))
        for rank, fits in enumerate((*kinds, factor.is_Function, factor.is_Add)):
            if fits:
                return rank
        return 6 if isinstance(factor, self._operators) else 5

    def _print_Mul(self, expr: Any) -> str:
        rest = -expr if expr.could_extract_minus_sign() else expr
        if not rest.is_Mul or sp.fraction(rest, exact=True)[1] != 1:
            return str(super()._print_Mul(expr))
        factors = sorted(rest.as_ordered_factors(), key=self._rank)
        texts = [self._print(factor) for factor in factors]
        for j, factor in enumerate(factors):
            last = j == len(factors) - 1
            if factor.is_Add or (isinstance(factor, self._operators) and not last):
                texts[j] = rf"\left({texts[j]}\right)"
        return ("" if rest is expr else "- ") + " ".join(texts)

    def _as_ordered_terms(self, expr: Any, order: Any = None) -> list[Any]:
        """Terms with derivatives first, else the simplest first."""
        terms = super()._as_ordered_terms(expr, order)
        return sorted(terms, key=lambda term: (not term.has(sp.Derivative), term.count_ops()))


def formula(expression: Any) -> str:
    """LaTeX of a step."""
    printer = Printer()
    text = str(printer.doprint(expression))
    if isinstance(expression, sp.Eq) and len(text) > _LINE:
        left, right = map(printer.doprint, expression.args)
        return rf"& {left} \\ & \quad = {right}"  # Sphinx aligns the lines
    return text


def plain(text: str) -> str:
    """Words, in which no character is markup."""
    return re.sub(r"([*_`|\\])", r"\\\1", text)


class Derivation(SphinxDirective):
    """Run one derivation and print it as a numbered list."""

    required_arguments = 1
    optional_arguments = 9

    def run(self) -> list[nodes.Node]:
        """Nodes of the list."""
        name, *arguments = self.arguments
        lines: list[str] = []
        for step in getattr(symbolic, name)(*arguments):
            lines += [f"#. {plain(step.statement)}", "", "   .. math::", ""]
            lines += [f"      {formula(step.expression)}", ""]
            if step.proof:
                lines += [f"   *Checked:* {plain(step.proof)}.", ""]
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("derivation", Derivation)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
