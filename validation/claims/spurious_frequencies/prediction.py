r"""What is predicted of a tone above the Nyquist frequency: by formula, and by the equation.

The tone is even and its own spectrum is known, so the formula needs no transform: for frozen w the
output ends as :math:`\hat f(\xi)=\rho_w(\xi)/\rho_{fold}(\xi)\sum_h\hat y(\xi+h)`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq import FrequencySolution, Grid, Normal, Points, Target, solve_frequency_pde

TONE, ENVELOPE, HALF = 7.0, 1.5, 6.0  # rad per unit of x, units of x, units of x
X_TEST = np.linspace(-HALF, HALF, 301)
ALIASES = np.arange(-6, 5)
OWN = int(np.flatnonzero(ALIASES == 0)[0])
FREQUENCIES = np.linspace(0.0, 30.0, 301)  # of energies


def target(x: np.ndarray) -> np.ndarray:
    """A cosine under a Gaussian."""
    return np.asarray(np.exp(-(x**2) / (2 * ENVELOPE**2)) * np.cos(TONE * x))


def samples(spacing: float) -> np.ndarray:
    """Regular samples (N,) of [-6, 6], one of them at 0; the target ends at 3e-4."""
    most = int(HALF / spacing)
    return spacing * np.arange(-most, most + 1)


def lines(spacing: float) -> np.ndarray:
    """The tone and its aliases, (A,)."""
    return TONE + 2 * np.pi / spacing * ALIASES


def formula(spacing: float, scale: float) -> np.ndarray:
    """Alias shares (A,) for frozen w: density at the alias over folded density."""
    rho = np.exp(-(lines(spacing) ** 2) / (2 * scale**2))
    return np.asarray(rho / rho.sum())


def first_order(spacing: float, scale: float) -> np.ndarray:
    r"""Derivative (A,) of the shares in sigma_a^2 at zero.

    At the centre of a line that meets no other it is :math:`s_g'\,(\ln\rho_{fold})'`. The tails of
    other lines tilt the folded target, :math:`s_g'\,(\ln\rho_{fold}/\hat y_{fold})'`, which is what
    remains where the folded density is flat.
    """
    places, shares = lines(spacing), formula(spacing, scale)
    slope = -places / scale**2
    fold = shares @ slope
    away = np.array([places - TONE, places + TONE])
    y = np.exp(-(away**2) * ENVELOPE**2 / 2)
    tilt = -np.sum(away * y) * ENVELOPE**2 / np.sum(y)
    return np.asarray(shares * (slope - fold) * (fold - tilt))


def formula_spectrum(spacing: float, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Spectra (F,) of output and target over `FREQUENCIES`, for frozen w."""
    reach = 2 * np.pi / spacing * np.arange(-12, 13)
    aliases = FREQUENCIES[:, None] + reach
    rho = np.exp(-(aliases**2) / (2 * scale**2))
    y = sum(np.exp(-((aliases - side) ** 2) * ENVELOPE**2 / 2) for side in (-TONE, TONE))
    share = rho[:, reach == 0][:, 0] / rho.sum(axis=1)
    return share * np.sum(y, axis=1), np.asarray(y)[:, reach == 0][:, 0]


def own_band(spacing: float) -> np.ndarray:
    """Which of `FREQUENCIES` (F,) are nearer to the tone than to any alias of it."""
    both = np.abs(lines(spacing))
    away = np.abs(np.delete(both, OWN) - TONE).min() / 2
    return np.asarray(np.abs(FREQUENCIES - TONE) < away)


def spurious(spacing: float, output: np.ndarray, y: np.ndarray) -> float:
    """Energy of an output's spectrum (F,) outside of the tone's band, over that of the target."""
    outside = ~own_band(spacing)
    return float(np.sum(np.abs(output[outside]) ** 2) / np.sum(np.abs(y) ** 2))


def on_samples(spacing: float, scale: float, sigma_a: float, **options: Any) -> FrequencySolution:
    """The equation on the very samples, tested on `X_TEST`; its clock is that of training."""
    return solve_frequency_pde(
        Normal(scale=scale),
        target,
        measure=Points(samples(spacing)),
        sigma_a=sigma_a,
        test=(X_TEST, target(X_TEST)),
        **options,
    )


def on_lattice(
    spacing: float, scale: float, sigma_a: float, end: float, rtol: float = 1e-6
) -> dict[str, Any]:
    """Shares (A,), spurious energy and test loss over its start by the equation of the lattice.

    `end` is a time on the clock of training; that of the lattice is slower by the sampled length.
    """
    where = lines(spacing)
    solution = solve_frequency_pde(
        Normal(scale=scale),
        Target.from_function(target, support=(-10.5, 10.5)),
        measure=Grid(spacing),
        sigma_a=sigma_a,
        t=[0.0, end / (samples(spacing).size * spacing)],
        frequencies=np.concatenate([where, FREQUENCIES]),
        rtol=rtol,
    )
    assert solution.spectrum is not None
    assert solution.test_loss is not None
    output, y = solution.spectrum[-1] - solution.spectrum[0], -solution.spectrum[0]
    return {
        "shares": (output[: where.size] / y[OWN]).real,
        "spurious": spurious(spacing, output[where.size :], y[where.size :]),
        "test": float(solution.test_loss[-1] / solution.test_loss[0]),
    }


def shares_of(spectrum: np.ndarray) -> np.ndarray:
    """Shares (A,) from the error's spectrum (T, A) at the lines, the output being zero at first."""
    return np.asarray(((spectrum[-1] - spectrum[0]) / -spectrum[0, OWN]).real)
