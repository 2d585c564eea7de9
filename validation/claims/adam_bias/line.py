"""The law of single frequencies, against the whole recursion and against its closed number."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkfreq import Adam, Normal, learning_steps, solve_frequency_pde
from validation.claims.adam_bias.times import half_steps

# Tones in a window of length 2, and how many windows the line reaches each way.
TONES, AMPLITUDES, WINDOW, REACH = (2.0, 5.0, 8.0), (1.0, 0.3, 0.1), 2.0, 15
DENSITY, SPACING = Normal(scale=4.0), 0.1
# Half of a part is learned after about so many steps times its amplitude over its density.
HALF, AMPLITUDES_OVER_DENSITY = 0.55, tuple(np.geomspace(10.0, 1e4, 13))


def along_the_line(draw: int, eta0: float) -> dict[str, Any]:
    """Steps to halve real and imaginary part of every tone (3, 2): by the law, by the recursion.

    Draw 0 has cosines, which have no imaginary part (nan); others have random phases.
    """
    phase = np.zeros(3) if draw == 0 else np.random.default_rng(draw).uniform(0, 2 * np.pi, 3)

    def y(x: np.ndarray) -> np.ndarray:
        waves = [a * np.cos(k * x + p) for a, k, p in zip(AMPLITUDES, TONES, phase, strict=True)]
        return np.asarray(np.exp(-(x**2) / (2 * WINDOW**2)) * np.sum(waves, axis=0))

    options: dict[str, Any] = {"optimizer": Adam(epsilon=0.0), "step_size": eta0, "width": 1}
    law = learning_steps(y, DENSITY, frequencies=list(TONES), **options)
    parts = np.stack([law.real, law.imaginary], axis=1)
    half = REACH * WINDOW
    x = np.linspace(-half, half, round(2 * half / SPACING) + 1)
    step = np.arange(int(1.2 * np.nanmax(parts)) + 2)
    whole = solve_frequency_pde(
        DENSITY,
        (x, y(x)),
        sigma_a=0.0,
        frequencies=list(TONES),
        steps=step,
        rtol=3e-3,
        **options,
    )
    spectrum = whole.data_spectrum
    found = np.stack([half_steps(step, spectrum.real), half_steps(step, spectrum.imag)], axis=1)
    return {"law": parts, "recursion": np.where(np.isnan(parts), np.nan, found)}


def half_times() -> np.ndarray:
    """Steps of Adam to halve a part, over its amplitude over its density, at 13 of these (13,)."""
    found = []
    for ratio in AMPLITUDES_OVER_DENSITY:

        def y(x: np.ndarray, ratio: float = ratio) -> np.ndarray:
            # At frequency 0 its transform is `ratio` times 2 pi density, here sqrt(2 pi).
            return np.asarray(ratio * np.exp(-(x**2) / 2))

        law = learning_steps(
            y,
            Normal(scale=1.0),
            optimizer=Adam(epsilon=0.0),
            step_size=1.0,
            width=1,
            frequencies=[0.0],
        )
        found.append(float(law.steps[0]) / ratio)
    return np.array(found)
