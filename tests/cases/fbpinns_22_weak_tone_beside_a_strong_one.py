"""When is a weak tone learned beside a strong one, or a daily tone on a temperature in kelvin?"""

from __future__ import annotations

import numpy as np

from ntkfreq import FourierFeatureNet, Normal, solve_frequency_pde, train

from .dense import flow, normal_ntk
from .verdict import Case, judge

CASE = Case(
    source="FBPINNs issue 22",
    kind="a learning time that measures another band's leakage",
    right="the flow is linear: the time of the tone alone by the dense flow, 11.2 for the weak "
    "tone, 332 for the daily one",
)

T = np.r_[0, np.geomspace(1e-2, 1e6, 300)]
X = np.linspace(0, 1, 400)
U = 2 * X - 1
SLOW, FAST = np.sin(2 * np.pi * X), np.sin(2 * np.pi * 20.3 * X)
DAY = np.arange(0, 30, 0.25)
V = (DAY - 15) / 15
DAILY = 0.5 * np.cos(2 * np.pi * DAY)
WEEKLY = np.sin(2 * np.pi * DAY / 7)
PER_DAY = 2 * np.pi * 15
# What is left of the other tones within a band moves a time by some percents.
RTOL = 0.05


def half_time(gram, tone):
    """First time at which the norm of the tone's own error is half of its start."""
    norm = np.linalg.norm(flow(gram, tone, T), axis=1)
    k = int(np.flatnonzero(norm <= norm[0] / 2)[0])
    share = np.log(2 * norm[k - 1] / norm[0]) / np.log(norm[k - 1] / norm[k])
    return T[k - 1] + share * (T[k] - T[k - 1])


def slow(amplitude, offset=0.0):
    sol = solve_frequency_pde(
        Normal(scale=20.0), (U, FAST + amplitude * SLOW + offset), sigma_a=0.0, t=T
    )
    return sol.learning_time((1.5, 4.5))


@CASE.each(**{f"weak_tone_of_{a:g}": a for a in (1.0, 0.1, 0.01)})
def weak(amplitude):
    right = half_time(normal_ntk(U, U, 20.0, 0.0), SLOW)
    return judge(lambda: slow(amplitude), right, rtol=RTOL)


@CASE.attempt("weak tone of 0.001")
def weakest():
    right = half_time(normal_ntk(U, U, 20.0, 0.0), SLOW)
    return judge(lambda: slow(0.001), right, rtol=RTOL, refusal="band=.*(leak|nothing|other)")


@CASE.attempt("strong tone beside the weak one")
def strong():
    right = half_time(normal_ntk(U, U, 20.0, 0.0), FAST)
    centre = np.pi * 20.3

    def call():
        sol = solve_frequency_pde(Normal(scale=20.0), (U, FAST + 0.1 * SLOW), sigma_a=0.0, t=T)
        return sol.learning_time((centre - 3, centre + 3))

    return judge(call, right, rtol=RTOL)


def daily(y, **options):
    return solve_frequency_pde(Normal(scale=40.0), (V, y), sigma_a=0.5, t=T, **options)


@CASE.each(
    **{f"daily_tone_on_an_offset_of_{offset:g}": offset for offset in (0.0, 1.0, 10.0, 280.0)}
)
def offsets(offset):
    right = half_time(normal_ntk(V, V, 40.0, 0.5), DAILY)
    return judge(
        lambda: daily(WEEKLY + DAILY + offset).learning_time((PER_DAY - 3, PER_DAY + 3)),
        right,
        rtol=RTOL,
    )


@CASE.attempt("daily tone on a trend")
def trend():
    right = half_time(normal_ntk(V, V, 40.0, 0.5), DAILY)
    return judge(
        lambda: daily(WEEKLY + DAILY + 20 * V).learning_time((PER_DAY - 3, PER_DAY + 3)),
        right,
        rtol=RTOL,
    )


@CASE.attempt("an empty band beside an offset")
def empty():
    return judge(
        lambda: daily(WEEKLY + 280.0).learning_time((PER_DAY - 3, PER_DAY + 3)),
        None,
        refusal="band=.*nothing",
    )


@CASE.attempt("trained network, frozen inner weights")
def trained():
    net = FourierFeatureNet.sample(Normal(scale=40.0), 512, zero_output=True, rng=0)
    phase = np.outer(V, net.w[:, 0])
    features = np.c_[np.cos(phase), np.sin(phase)] / np.sqrt(512)
    errors = flow(features @ features.T, DAILY, 0.5 * np.arange(2001.0), 0.5)
    grid = np.arange(0.0, 200.0, 0.5)
    # 512 frequencies scatter the tone over all bands: a learning time is about what is in its own.
    inside = grid[np.abs(grid - PER_DAY) <= 3]
    norm = np.linalg.norm(errors @ np.exp(-1j * np.outer(V, inside)), axis=1)
    right = 0.5 * float(np.flatnonzero(norm <= norm[0] / 2)[0])
    history = train(
        net, V, WEEKLY + DAILY + 280.0, step_size=0.5, steps=2000, freeze_frequencies=True,
        record=np.arange(0, 2001, 10), frequencies=grid,
    )  # fmt: skip
    return judge(lambda: history.learning_time((PER_DAY - 3, PER_DAY + 3)), right, rtol=RTOL)
