"""Densities of users: their three methods, checked at every call and compared with each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ntkfreq._support.arrays import brief
from ntkfreq._support.guard import users_own
from ntkfreq._support.types import FloatArray

if TYPE_CHECKING:
    from ntkfreq.problem.density.base import Density

_DRAWS = 20_000
# Displacements, in units of one over the median frequency, at which the three are compared.
_STEPS = (0.3, 1.0, 2.5)
# Allowed difference in standard errors of a mean; chance exceeds it once in 1e9.
_ERRORS = 6.0
# Dimension up to which powers of a distance stay within double precision over all tails.
_MOST_DIM = 8


def adapted_methods(cls: type[Density]) -> None:
    """Move a user's `pdf`, `kernel` (or `k`) and `sample` behind the methods of the package.

    Those check and shape their arguments; the results of the user's methods are checked here.
    """
    for names, hook, adapt in (
        (("pdf",), "_pdf", _pdf),
        (("kernel", "k"), "kernel_values", _kernel),
        (("sample",), "_sample", _sample),
    ):
        for name in names:
            own = cls.__dict__.get(name)
            if own is not None and hook not in cls.__dict__:
                setattr(cls, hook, adapt(own))
                delattr(cls, name)
                cls.users_own = True
    if cls.users_own:
        cls.has_pdf = getattr(cls, "_pdf", None) is not _plain_pdf(cls)


def _plain_pdf(cls: type[Density]) -> Any:
    """The method of the base class, which refuses."""
    base = next(one for one in reversed(cls.__mro__) if "_pdf" in one.__dict__)
    return base.__dict__["_pdf"]


def _argument(points: FloatArray) -> FloatArray:
    """Points (n, d) as users' methods take them: (n,) in one dimension."""
    return points[:, 0].copy() if points.shape[1] == 1 else points.copy()


def _called(what: str, own: Callable[..., Any], *arguments: Any) -> FloatArray:
    try:
        with users_own():
            return np.asarray(own(*arguments), dtype=np.float64)
    except Exception as error:
        raise ValueError(
            f"{what} failed: {brief(error)}; see ntkfreq.Density for its form"
        ) from error


def _pdf(own: Callable[..., Any]) -> Callable[[Any, FloatArray], FloatArray]:
    def _pdf(self: Density, w: FloatArray) -> FloatArray:
        what = f"rho_w={type(self).__name__}: pdf"
        values = _called(what, own, self, _argument(w))
        if values.shape != (len(w),):
            raise ValueError(
                f"{what} returned shape {values.shape} for {len(w)} frequencies; return one value "
                "for each"
            )
        if not np.all(np.isfinite(values)) or np.any(values < 0):
            raise ValueError(
                f"{what} is negative or not finite at some frequencies; return a density that is "
                "at least 0 and finite everywhere"
            )
        return values

    return _pdf


def _kernel(own: Callable[..., Any]) -> Callable[[Any, FloatArray], FloatArray]:
    def kernel_values(self: Density, z: FloatArray) -> FloatArray:
        what = f"rho_w={type(self).__name__}: kernel"
        flat = z.reshape(-1, z.shape[-1])
        values = _called(what, own, self, _argument(flat))
        if values.shape != (len(flat),):
            raise ValueError(
                f"{what} returned shape {values.shape} for {len(flat)} displacements; return one "
                "value for each"
            )
        if not np.all(np.isfinite(values)):
            raise ValueError(
                f"{what} is not finite at some displacements; write its limit there (numpy.sinc "
                "and numpy.where help)"
            )
        return values.reshape(z.shape[:-1])

    return kernel_values


def _sample(own: Callable[..., Any]) -> Callable[[Any, int, np.random.Generator], FloatArray]:
    def _sample(self: Density, size: int, rng: np.random.Generator) -> FloatArray:
        what = f"rho_w={type(self).__name__}: sample"
        drawn = _called(what, own, self, size, rng)
        if drawn.shape not in ((size, self.dim), (size,) if self.dim == 1 else (size, self.dim)):
            raise ValueError(
                f"{what} returned shape {drawn.shape} for size={size} and dim={self.dim}; return "
                f"({size}, {self.dim})"
            )
        if not np.all(np.isfinite(drawn)):
            raise ValueError(f"{what} drew frequencies that are not finite; draw numbers")
        return drawn.reshape(size, self.dim)

    return _sample


def refuse_inconsistent(density: Density) -> None:
    """Refuse a user's density whose pdf, kernel and samples contradict each other.

    Raises
    ------
    ValueError
        With what contradicts what, and by how much.
    """
    name = type(density).__name__
    draws = density._sample(_DRAWS, np.random.default_rng(0))
    typical = float(np.median(np.linalg.norm(draws, axis=1)))
    if typical == 0:
        raise ValueError(f"rho_w={name}: more than half of its samples are 0; draw frequencies")
    rng = np.random.default_rng(1)
    directions = rng.standard_normal((len(_STEPS), density.dim))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    z = np.concatenate(
        [np.zeros((1, density.dim)), directions * np.array(_STEPS)[:, None] / typical]
    )
    said = density.kernel_values(z)
    if abs(said[0] - 1) > 1e-9:
        raise ValueError(
            f"rho_w={name}: kernel at 0 is {said[0]:.6g}; it must be 1, the integral of the density"
        )
    waves = np.cos(z[1:] @ draws.T)
    for k, row in enumerate(waves):
        off = abs(float(row.mean()) - said[k + 1])
        if off > _ERRORS * max(float(row.std()), 1e-3) / np.sqrt(_DRAWS):
            raise ValueError(
                f"rho_w={name}: kernel at z={z[k + 1]} is {said[k + 1]:.4g}, the mean of cos(w.z) "
                f"over its samples {row.mean():.4g}; they must be of one density (frequencies in "
                "radians per unit of x, kernel E cos(w.z))"
            )
    # Beyond two dimensions the pdf is of use where all is radial, and its mass is one integral.
    if density.has_pdf and (density.dim <= 2 or (density.dim <= _MOST_DIM and density.isotropic)):
        _refuse_other_pdf(density, typical, name)


def _refuse_other_pdf(density: Density, typical: float, name: str) -> None:
    tails = density.tail_masses
    mass = tails.total
    # The mean over angles is exact where nothing depends on them.
    angles = 0.0 if density.dim == 1 or density.isotropic else 1e-2
    if abs(mass - 1) > max(1e-6 if density.dim == 1 else 1e-4, angles):
        raise ValueError(
            f"rho_w={name}: pdf integrates to {mass:.5g}, not 1; divide it by its integral"
        )
    # Half of the pdf must lie within the median distance of the samples.
    share = tails.beyond(typical)
    if abs(share - 0.5) > _ERRORS * 0.5 / np.sqrt(_DRAWS) + angles:
        raise ValueError(
            f"rho_w={name}: half of its samples lie within {typical:.4g} of 0, and {1 - share:.3g} "
            "of its pdf; they must be of one density"
        )
