"""Python calls as data: trees that are JSON, become objects, and print as the call they stand for.

A node is a JSON scalar, a list, or a mapping with one of the keys "f" (call of a named function),
"m" (call of a method), "n" (a named thing), "t" (tuple) and "d" (dictionary). Names are looked up
in modules listed here; nothing is evaluated as text.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import math
from typing import Any


def f(name: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Call of a named function."""
    return {"f": name, "a": list(args), "k": kwargs}


def m(of: Any, name: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Call of a method; a name that starts with "." is an attribute instead."""
    return {"m": name, "of": of, "a": list(args), "k": kwargs}


def t(*items: Any) -> dict[str, Any]:
    """A tuple."""
    return {"t": list(items)}


def named(dotted: str) -> dict[str, Any]:
    """A named thing itself, not called."""
    return {"n": dotted}


def d(**items: Any) -> dict[str, Any]:
    """A dictionary."""
    return {"d": items}


def number(value: float) -> Any:
    """A float as a node: JSON has neither infinity nor NaN."""
    value = float(value)
    return value if math.isfinite(value) else f("float", repr(value))


def numbers(values: Any) -> Any:
    """Nested numbers as nested nodes."""
    if hasattr(values, "tolist"):
        values = values.tolist()
    if isinstance(values, list):
        return [numbers(value) for value in values]
    return number(values) if isinstance(values, float) else values


def lookup(name: str) -> Any:
    """The function of a dotted name, from a short list of modules."""
    import numpy as np

    head, _, rest = name.partition(".")
    if head == "np":
        found: Any = np
    elif head == "pd":
        import pandas as found
    elif head == "xr":
        import xarray as found
    elif head == "torch":
        import torch as found
    elif head == "stats":
        from scipy import stats as found
    elif head == "h":
        from . import helpers as found
    elif head == "ntkfreq":
        import ntkfreq as found
    elif head == "datetime":
        found = datetime
    elif not rest and head in _BUILTINS:
        return _BUILTINS[head]
    else:
        raise KeyError(name)
    for part in rest.split("."):
        found = getattr(found, part)
    return found


_BUILTINS = {
    "float": float,
    "int": int,
    "complex": complex,
    "bytes": lambda text: text.encode(),
    "set": set,
    "range": range,
    "iter": iter,
    "Decimal": decimal.Decimal,
    "Fraction": fractions.Fraction,
    "pow": pow,
}


def build(node: Any, made: list[Any] | None = None) -> Any:
    """The object a node stands for; what functions of other libraries made is added to `made`."""
    if isinstance(node, list):
        return [build(item, made) for item in node]
    if not isinstance(node, dict):
        return node
    if "n" in node:
        return lookup(node["n"])
    if "t" in node:
        return tuple(build(item, made) for item in node["t"])
    if "d" in node:
        return {key: build(item, made) for key, item in node["d"].items()}
    args = [build(item, made) for item in node["a"]]
    kwargs = {key: build(item, made) for key, item in node["k"].items()}
    if "f" in node:
        found = lookup(node["f"])
        value = found(*args, **kwargs) if callable(found) else found
        if made is not None and not node["f"].startswith("ntkfreq."):
            made.append(value)
        return value
    owner = build(node["of"], made)
    if node["m"].startswith("."):
        return getattr(owner, node["m"][1:])
    return getattr(owner, node["m"])(*args, **kwargs)


def text(node: Any) -> str:
    """The Python expression of a node."""
    if isinstance(node, list):
        return "[" + ", ".join(map(text, node)) + "]"
    if not isinstance(node, dict):
        return repr(node)
    if "n" in node:
        return str(node["n"]).removeprefix("ntkfreq.")
    if "t" in node:
        items = [text(item) for item in node["t"]]
        return "(" + ", ".join(items) + ("," if len(items) == 1 else "") + ")"
    if "d" in node:
        return "{" + ", ".join(f"{key!r}: {text(item)}" for key, item in node["d"].items()) + "}"
    words = [text(item) for item in node["a"]]
    words += [f"{key}={text(item)}" for key, item in node["k"].items()]
    call = "(" + ", ".join(words) + ")"
    if "f" in node:
        name = node["f"].removeprefix("ntkfreq.")
        if name == "bytes":
            return repr(node["a"][0].encode())
        return name if name in _CONSTANTS else name + call
    name = node["m"]
    return text(node["of"]) + (name if name.startswith(".") else "." + name + call)


# Names that are values, not calls.
_CONSTANTS = {"np.nan", "pd.NA", "pd.NaT", "np.ma.masked", "datetime.timezone.utc"}
