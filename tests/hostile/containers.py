"""The same numbers in every container that users hold them in: to be understood as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .nodes import f, m, numbers, t
from .values import Arg, Draw

Dress = Callable[[Draw, np.ndarray], Arg]


def _array(values: np.ndarray, *more: Any, **options: Any) -> Any:
    return f("np.array", numbers(values), *more, **options)


def _rounded(dtype: str) -> Dress:
    def dress(rng: Draw, base: np.ndarray) -> Arg:
        rounded = base.astype(dtype).astype(np.float64)
        return Arg(_array(base, dtype), rounded, f"dtype {dtype}")

    return dress


def _integers(dtype: str) -> Dress:
    def dress(rng: Draw, base: np.ndarray) -> Arg:
        whole = np.rint(20 * (base - (base.min() if dtype.startswith("u") else 0.0)))
        info = np.iinfo(dtype)
        whole = np.clip(whole, float(info.min), min(float(info.max), 2.0**52))
        return Arg(_array(whole.astype(np.int64), dtype), whole, f"dtype {dtype}")

    return dress


def _nested(rng: Draw, base: np.ndarray) -> Arg:
    rows = [t(*numbers(row)) if base.ndim > 1 else numbers(row) for row in base]
    return Arg(t(*rows), base, "tuple")


def _listed(rng: Draw, base: np.ndarray) -> Arg:
    return Arg(numbers(base), base, "list")


def _fortran(rng: Draw, base: np.ndarray) -> Arg:
    return Arg(f("np.asfortranarray", _array(base)), base, "Fortran order")


def _backwards(rng: Draw, base: np.ndarray) -> Arg:
    return Arg(f("np.flip", _array(base[::-1]), 0), base, "negative strides")


def _strided(rng: Draw, base: np.ndarray) -> Arg:
    return Arg(f("h.every_other", _array(base)), base, "strided")


def _read_only(rng: Draw, base: np.ndarray) -> Arg:
    return Arg(f("h.read_only", _array(base)), base, "read-only")


def _big_endian(rng: Draw, base: np.ndarray) -> Arg:
    return Arg(_array(base, ">f8"), base, "big-endian")


def _series(rng: Draw, base: np.ndarray) -> Arg:
    index = list(range(len(base)))
    rng.shuffle(index)
    name = "pd.Series" if base.ndim == 1 else "pd.DataFrame"
    return Arg(f(name, numbers(base), index=index), base, "pandas")


def _nullable(rng: Draw, base: np.ndarray) -> Arg:
    if base.ndim > 1:
        return _series(rng, base)
    return Arg(f("pd.Series", numbers(base), dtype="Float64"), base, "pandas nullable")


def _labelled(rng: Draw, base: np.ndarray) -> Arg:
    dims = ["sample", "axis"][: base.ndim]
    return Arg(
        f("xr.DataArray", _array(base), dims=dims, attrs={"d": {"units": "km"}}), base, "xarray"
    )


def _tensor(dtype: str, gradient: bool) -> Dress:
    def dress(rng: Draw, base: np.ndarray) -> Arg:
        meaning = base if dtype == "float64" else base.astype(np.float32).astype(np.float64)
        node = f("h.tensor", numbers(base), dtype, gradient)
        if dtype == "bfloat16":
            bits = base.astype(np.float32).view(np.uint32).astype(np.uint64)
            # Rounded to nearest even in the upper half of the bits.
            bits = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16 << 16
            meaning = bits.astype(np.uint32).view(np.float32).astype(np.float64)
        kind = "torch requires_grad" if gradient else f"torch {dtype}"
        return Arg(node, meaning, kind)

    return dress


def _unmasked(rng: Draw, base: np.ndarray) -> Arg:
    return Arg(f("np.ma.masked_array", numbers(base), mask=False), base, "masked, none masked")


def _objects(rng: Draw, base: np.ndarray) -> Arg:
    return Arg(_array(base, "object"), base, "object floats")


def _exact(maker: str) -> Dress:
    def dress(rng: Draw, base: np.ndarray) -> Arg:
        quarters = np.rint(16 * base) / 16
        nodes = [
            [f(maker, value) for value in row] if base.ndim > 1 else f(maker, row)
            for row in quarters.tolist()
        ]
        return Arg(nodes, quarters, f"{maker} exact")

    return dress


def _column(rng: Draw, base: np.ndarray) -> Arg:
    if base.ndim > 1:
        return _listed(rng, base)
    return Arg(m(_array(base), "reshape", -1, 1), base, "shape (N, 1)")


def _numpy_scalars(rng: Draw, base: np.ndarray) -> Arg:
    if base.ndim > 1:
        return _listed(rng, base)
    return Arg([f("np.float64", value) for value in numbers(base)], base, "NumPy scalars")


CONTAINERS: dict[str, Dress] = {
    "float32": _rounded("float32"),
    "float16": _rounded("float16"),
    "longdouble": _rounded("longdouble"),
    **{name: _integers(name) for name in ("int8", "int16", "int32", "int64")},
    **{name: _integers(name) for name in ("uint8", "uint16", "uint32", "uint64")},
    "tuple": _nested,
    "list": _listed,
    "fortran": _fortran,
    "backwards": _backwards,
    "strided": _strided,
    "read-only": _read_only,
    "big-endian": _big_endian,
    "series": _series,
    "nullable": _nullable,
    "labelled": _labelled,
    "tensor": _tensor("float64", False),
    "tensor32": _tensor("float32", False),
    "bfloat16": _tensor("bfloat16", False),
    "gradient": _tensor("float64", True),
    "unmasked": _unmasked,
    "objects": _objects,
    "decimal": _exact("Decimal"),
    "fraction": _exact("Fraction"),
    "column": _column,
    "scalars": _numpy_scalars,
}
