"""A sine of 1 Hz, and a peak near 6: spectra are in radians per unit of x, not in cycles."""

from __future__ import annotations

import numpy as np

from ntkfreq import Normal, error_spectrum, solve_frequency_pde

from .verdict import Case, judge

CASE = Case(
    source="scipy issue 12572",
    kind="units of a frequency",
    right="a peak at 2 pi times the cycles per unit of x, to the resolution of the record",
)


def peak(x, y, around, reach):
    """Angular frequency of the largest magnitude, searched `reach` about a place."""
    grid = np.linspace(around - reach, around + reach, 4001)
    return grid[np.abs(error_spectrum(x, y, grid)).argmax()]


# Beats between the tone and its mirror image move a peak by some hundredths of 2 pi / duration.
@CASE.each(
    one_hertz=(1.0, 10.0, 1000), mains_in_seconds=(50.0, 1.0, 1000), yearly=(1 / 365, 3650.0, 3650)
)
def tone(member):
    cycles, duration, samples = member
    t = np.linspace(0, duration, samples)
    y = np.sin(2 * np.pi * cycles * t)
    return judge(
        lambda: peak(t, y, 2 * np.pi * cycles, 8 / duration), 2 * np.pi * cycles, rtol=5e-3
    )


@CASE.attempt("mains in milliseconds")
def milliseconds():
    t = np.arange(1000.0)
    y = np.sin(2 * np.pi * 0.05 * t)
    return judge(lambda: peak(t, y, 0.314, 0.01), 2 * np.pi * 0.05, rtol=1e-3)


@CASE.attempt("spectrum of a solution, x scaled")
def solution():
    t = np.linspace(0, 10, 1000)
    u = (t - 5) / 5

    def hertz():
        found = solve_frequency_pde(Normal(scale=20.0), (u, np.sin(2 * np.pi * t)), t=[0.0, 1.0])
        largest = np.abs(found.data_spectrum[0]).argmax()
        return found.frequencies[largest] / (2 * np.pi * 5)

    return judge(hertz, 1.0, rtol=0.05)
