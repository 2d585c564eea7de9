"""Tries of what is computed from kernels and spectra on points."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg

from .attempts import (
    ANSWERED,
    Try,
    Verdict,
    column,
    compare,
    dated,
    must_refuse,
    no_reference,
    number,
    places,
    rho,
    rows,
    samples,
    second_dates,
    times,
    worst,
)
from .awkward import awkward
from .kernels import gram
from .nodes import f, m
from .scalars import option, whole
from .values import REFUSE, UNKNOWN, Arg, Draw, plain

NAMES = (
    "rho_w", "x", "x2", "x_test", "y", "sigma_a", "ridge", "method", "tolerance", "rtol", "gram",
    "error0", "t",
    "net", "kernel", "count", "frequencies", "values", "weights", "spectrum", "bands", "band",
    "v", "loc", "scale", "df", "dim", "components", "atoms", "freeze_frequencies", "z", "w",
    "size", "rng", "train_spectrum", "test_spectrum", "widths", "optimizer", "fraction",
    "kinks", "support",
)  # fmt: skip


def _exact_gram(args: dict[str, Arg], dim: int) -> tuple[np.ndarray, np.ndarray, float] | Verdict:
    """The Gram matrix of the meanings, the points, and its error; or what is wrong with them."""
    x = rows(args["x"].meaning, dim)
    other = rows(args["x2"].meaning, dim) if "x2" in args else x
    family = args["rho_w"].meaning
    if x is None or other is None or family.dim != dim:
        return must_refuse("points and density are of different dimensions")
    with np.errstate(all="ignore"):
        matrix = gram(family, x, other, float(args["sigma_a"].meaning))
    far = max(np.abs(x).max(), np.abs(other).max()) * family.far()
    if not np.all(np.isfinite(matrix)) or far > 1e6:
        return ANSWERED
    return matrix, x, (1e-11 + 1e-15 * far) * float(np.abs(matrix).max())


def _gram_args(rng: Draw, dim: int, n: int, *, second: bool) -> dict[str, Arg]:
    args = {"rho_w": rho(rng, dim), "x": places(rng, "x", n, dim)}
    if second and ("x2" in rng.bad or rng.chance(0.3)):
        args["x2"] = second_dates(args["x"], places(rng, "x2", 4, dim))
    if dim > 1 and args["rho_w"].kind == "borrowed density" and dated(args["x"]):
        # Both in one dimension, where more were meant: they fit.
        args["rho_w"] = Arg(args["rho_w"].node, UNKNOWN, args["rho_w"].kind)
        args["x"] = Arg(args["x"].node, UNKNOWN, args["x"].kind)
    args["sigma_a"] = number(rng, "sigma_a", 0.7)
    return args


def limit_gram(rng: Draw) -> Try:
    """ntk_gram."""
    dim = rng.choice([1, 1, 2, 3])
    rng.hostile("rho_w", "x", "x2", "sigma_a")
    args = _gram_args(rng, dim, rng.choice([1, 3, 9, 30]), second=True)
    more = [args["x2"].node] if "x2" in args else []
    node = f(
        "ntkfreq.ntk_gram", args["rho_w"].node, args["x"].node, *more, sigma_a=args["sigma_a"].node
    )

    def judge(result: Any) -> Verdict:
        exact = _exact_gram(args, dim)
        if isinstance(exact, Verdict):
            return exact
        return compare(result, exact[0], exact[2], "Gram matrix")

    return Try("ntk_gram", node, args, NAMES, judge)


def operator(rng: Draw) -> Try:
    """ntk_operator and its products."""
    dim = rng.choice([1, 1, 2])
    rng.hostile("rho_w", "x", "sigma_a", "v", "tolerance", "method")
    n = rng.choice([3, 9, 30])
    args = _gram_args(rng, dim, n, second=False)
    args["v"] = samples(rng, "v", n)
    if args["v"].kind == "columns":  # several vectors, as documented
        args["v"] = Arg(args["v"].node, UNKNOWN, "columns")
    args["tolerance"] = number(rng, "tolerance", 1e-9)
    if (
        isinstance(args["tolerance"].meaning, float)
        and not 1e-13 <= args["tolerance"].meaning <= 0.1
    ):
        args["tolerance"] = Arg(args["tolerance"].node, REFUSE, args["tolerance"].kind)
    method = rng.choice(["auto", "dense", "nufft", "toeplitz", "blocks", "features"])
    if "method" in rng.bad:
        args["method"] = option(rng)
        method = args["method"].node
    node = m(
        f("ntkfreq.ntk_operator", args["rho_w"].node, args["x"].node, sigma_a=args["sigma_a"].node,
          tolerance=args["tolerance"].node, method=method),
        "matvec", args["v"].node,
    )  # fmt: skip

    def judge(result: Any) -> Verdict:
        exact = _exact_gram(args, dim)
        if isinstance(exact, Verdict):
            return exact
        matrix, x, error = exact
        v = np.asarray(args["v"].meaning)
        if v.ndim > 2 or len(v) != len(x):
            return must_refuse("v does not fit")
        lifted = 1 + float(args["sigma_a"].meaning) ** 2 * float(np.max(np.sum(x**2, axis=1)))
        slack = (3 * float(args["tolerance"].meaning) * lifted + error) * float(np.abs(v).sum())
        return compare(np.ravel(result), np.ravel(matrix @ v), slack + 1e-300, "product")

    return Try("ntk_operator", node, args, NAMES, judge)


def spectrum(rng: Draw) -> Try:
    """ntk_spectrum."""
    dim = rng.choice([1, 1, 2])
    rng.hostile("rho_w", "x", "sigma_a", "count")
    args = _gram_args(rng, dim, rng.choice([3, 9, 30]), second=False)
    options = {}
    if "count" in rng.bad:
        args["count"] = whole(rng, 3)
        options["count"] = args["count"].node
    node = f(
        "ntkfreq.ntk_spectrum",
        args["rho_w"].node,
        args["x"].node,
        sigma_a=args["sigma_a"].node,
        **options,
    )

    def judge(result: Any) -> Verdict:
        exact = _exact_gram(args, dim)
        if isinstance(exact, Verdict):
            return exact
        matrix, x, error = exact
        found = linalg.eigvalsh(matrix)[::-1][: len(result.eigenvalues)] / len(x)
        return compare(result.eigenvalues, found, error, "eigenvalues")

    return Try("ntk_spectrum", node, args, NAMES, judge)


def regression(rng: Draw) -> Try:
    """ntk_regression."""
    dim = rng.choice([1, 1, 2])
    rng.hostile("rho_w", "x", "x2", "y", "sigma_a", "ridge", "method", "rtol")
    n = rng.choice([2, 5, 9])
    args = _gram_args(rng, dim, n, second=True)
    args["y"] = samples(rng, "y", n)
    args["ridge"] = number(rng, "ridge", rng.choice([0.1, 0.01]))
    options = {"sigma_a": args["sigma_a"].node, "ridge": args["ridge"].node}
    if "method" in rng.bad:
        args["method"] = option(rng)
        options["method"] = args["method"].node
    if "rtol" in rng.bad:
        args["rtol"] = number(rng, "rtol", 1e-8)
        options |= {"rtol": args["rtol"].node, "method": rng.choice(["cg", "auto"])}
    more = [args["x2"].node] if "x2" in args else []
    node = f(
        "ntkfreq.ntk_regression",
        args["rho_w"].node,
        args["x"].node,
        args["y"].node,
        *more,
        **options,
    )

    def judge(result: Any) -> Verdict:
        inner = {key: arg for key, arg in args.items() if key != "x2"}
        exact, wide = _exact_gram(inner, dim), _exact_gram(args, dim)
        if isinstance(exact, Verdict):
            return exact
        if isinstance(wide, Verdict):
            return wide
        matrix, x, _ = exact
        y = column(args["y"].meaning, len(x))
        if y is None:
            return must_refuse("y is not one value for each x")
        ridge = float(args["ridge"].meaning)
        top = float(np.abs(matrix).sum(axis=0).max())
        if not 1e-8 * top < len(x) * ridge < 1e12 * top or "rtol" in args:
            return ANSWERED
        shares = linalg.solve(matrix + len(x) * ridge * np.eye(len(x)), y, assume_a="pos")
        across = wide[0].T if "x2" in args else matrix
        condition = top / (len(x) * ridge) + 1
        size = float(np.abs(shares).sum()) * float(np.abs(across).max())
        return compare(result, across @ shares, 1e-11 * condition * size + 1e-300, "output")

    return Try("ntk_regression", node, args, NAMES, judge)


def fixed_flow(rng: Draw) -> Try:
    """gram_flow of a matrix."""
    rng.hostile("gram", "error0", "t", "method", "rtol")
    n = 5
    base = np.reshape(rng.normal(n * n), (n, n))
    matrix = np.round(base @ base.T, 3)
    args = {
        "gram": awkward(rng, matrix, "other") if "gram" in rng.bad else plain(matrix),
        "error0": samples(rng, "error0", n),
        "t": times(rng),
    }
    options = {}
    if "method" in rng.bad:
        args["method"] = option(rng)
        options["method"] = args["method"].node
    if "rtol" in rng.bad:
        args["rtol"] = number(rng, "rtol", 1e-6)
        options |= {"rtol": args["rtol"].node, "method": "lanczos"}
    node = f("ntkfreq.gram_flow", args["gram"].node, args["error0"].node, args["t"].node, **options)

    def judge(result: Any) -> Verdict:
        kernel = np.asarray(args["gram"].meaning)
        error0 = column(args["error0"].meaning, n)
        clock = np.atleast_1d(args["t"].meaning)
        if kernel.shape != (n, n) or error0 is None:
            return must_refuse("gram and error0 do not fit")
        with np.errstate(all="ignore"):
            symmetric = np.abs(kernel - kernel.T).max() <= 1e-6 * np.abs(kernel).max()
            rates = np.linalg.eigvalsh(kernel / n) if symmetric else np.array([-1.0])
        if not symmetric or rates[0] < -1e-6 * max(abs(rates[-1]), 1e-300):
            return must_refuse("gram is no kernel: not symmetric, or negative")
        size = float(np.abs(error0).max())
        if clock[-1] * rates[-1] > 1e6 or not 1e-140 < size < 1e140 or "rtol" in args:
            return ANSWERED
        wanted = np.array([linalg.expm(-kernel / n * time) @ error0 for time in clock])
        slack = 1e-9 * size * (1 + 1e-3 * clock[-1] * rates[-1])
        return compare(result, wanted, slack, "errors")

    return Try("gram_flow", node, args, NAMES, judge)


def densities(rng: Draw) -> Try:
    """Methods of densities at awkward places."""
    dim = rng.choice([1, 1, 2, 3])
    rng.hostile("rho_w", "z", "z", "size") if rng.chance(0.5) else rng.hostile("z")
    args = {"rho_w": rho(rng, dim)}
    name = rng.choice(["kernel", "kernel", "pdf", "even_pdf", "sample"])
    owner = args["rho_w"].node
    if not (isinstance(owner, dict) and str(owner.get("f", "")).startswith("ntkfreq.")):
        owner = f("ntkfreq.as_density", owner)
    if name == "sample":
        args["size"] = whole(rng, 5)
        node = m(owner, "sample", args["size"].node, rng=0)
        return Try("density", node, args, NAMES, no_reference)
    args["z"] = second_dates(None, places(rng, "z", 5, dim, 2.0))
    node = m(owner, name, args["z"].node)

    def judge(result: Any) -> Verdict:
        z, family = rows(args["z"].meaning, dim), args["rho_w"].meaning
        if z is None or family.dim != dim:
            return must_refuse("z is of another dimension than the density")
        if np.abs(z).max() * family.far() > 1e6 or (
            name != "kernel" and family.name == "empirical"
        ):
            return ANSWERED
        with np.errstate(all="ignore"):
            if name == "kernel":
                return compare(result, family.kernel(z), 1e-11, "kernel")
            wanted = family.pdf(z)
            if name == "even_pdf":
                wanted = (wanted + family.pdf(-z)) / 2
            return worst(compare(result, wanted, 1e-11 * np.abs(wanted) + 1e-300, name))

    return Try("density", node, args, NAMES, judge)
