"""Kernels as users give them: a Gram matrix, or an operator known by its products."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.types import FloatArray

# Products of entries must stay within double precision.
_LARGEST = 1e100


def is_operator(gram: Any) -> bool:
    """Whether this has products but is no array."""
    return hasattr(gram, "matvec") or type(gram).__module__.startswith("scipy.sparse")


def as_operator(name: str, gram: Any) -> Any:
    """The operator, after two products that must be those of a real symmetric matrix."""
    from scipy.sparse.linalg import aslinearoperator

    # An operator of this package has the error of its kernel besides its products.
    operator: Any = gram if hasattr(gram, "kernel_error") else aslinearoperator(gram)
    rows, columns = operator.shape
    if rows != columns or rows == 0:
        raise ValueError(f"{name} has shape {operator.shape}; it must be square, K(x, x)")
    u, v = np.random.default_rng(0).standard_normal((2, rows))
    images = np.asarray(operator.matvec(u)), np.asarray(operator.matvec(v))
    if any(np.iscomplexobj(image) or not np.all(np.isfinite(image)) for image in images):
        raise ValueError(f"{name} times a real vector is complex, NaN or infinite; it must be real")
    one, other = float(v @ images[0]), float(u @ images[1])
    size = float(np.linalg.norm(images[0]) * np.linalg.norm(v))
    if abs(one - other) > 1e-8 * size:
        raise ValueError(
            f"{name} is not symmetric: two products that must agree are {one:.8g} and {other:.8g}; "
            "pass K(x, x)"
        )
    return operator


def symmetric_gram(name: str, gram: Any) -> FloatArray:
    """A symmetric matrix (n, n), checked."""
    matrix = checks.real_array(name, gram, 2)
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"{name} has shape {matrix.shape}; it must be square, K(x, x)")
    scale = float(np.abs(matrix).max())
    if scale > _LARGEST:
        raise ValueError(
            f"{name} reaches {scale:.3g}; its entries must be of magnitude {_LARGEST:g} at most: "
            "choose other units"
        )
    asymmetry = float(np.abs(matrix - matrix.T).max())
    if asymmetry > 1e-10 * scale:
        raise ValueError(f"{name} differs from its transpose by {asymmetry:.3g}; pass K(x, x)")
    return matrix
