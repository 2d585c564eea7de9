"""The line law: against the whole recursion on long lines, and its closed numbers."""

from __future__ import annotations

import numpy as np
import pytest

from ntkfreq import (
    Adam,
    Empirical,
    GradientDescent,
    Normal,
    RMSProp,
    SignDescent,
    learning_steps,
    solve_frequency_pde,
)

RHO = Normal(scale=4.0)
TONES = {2.0: 1.0, 5.0: 0.3, 8.0: 0.1}
STEP, WIDTH = 0.005, 1


def windowed(phase=0.0):
    """Tones in a window of length 2, side lobes of which end within the gaps."""

    def y(x):
        waves = [size * np.cos(tone * x + phase) for tone, size in TONES.items()]
        return np.exp(-(x**2) / 8) * np.sum(waves, axis=0)

    return y


@pytest.mark.parametrize("phase", [0.0, np.pi / 2])
@pytest.mark.parametrize(("rule", "within"), [(Adam(), 0.01), (SignDescent(), 0.015)])
def test_law_is_the_recursion_on_a_long_line(rule, within, phase):
    x = np.linspace(-30, 30, 601)
    y = windowed(phase)
    options = {"optimizer": rule, "step_size": STEP, "width": WIDTH}
    law = learning_steps(y, RHO, frequencies=list(TONES), **options)
    whole = solve_frequency_pde(
        RHO,
        (x, y(x)),
        sigma_a=0.0,
        frequencies=list(TONES),
        steps=np.unique(np.rint(np.geomspace(1, 2 * law.steps.max(), 300)).astype(int)),
        rtol=3e-3,
        **options,
    )
    start = 0.1 * 2 * np.pi * np.abs(law.amplitude)
    assert (start > 0).all()
    left = np.abs(whole.data_spectrum)
    for k, steps in enumerate(law.steps):
        size = np.abs(np.interp(steps, whole.step, left[:, k]))
        # Within 1 % of the time: the error falls by half over it.
        first = law.amplitude[k] / 60.1
        assert size == pytest.approx(abs(first) / 2, rel=2 * within)


def test_closed_numbers():
    """Half-times over a, alone on the line (ratios of the scalar recursion of Adam)."""
    rho_w = Normal(scale=1.0)
    a = np.array([10.0, 100.0, 1000.0, 10_000.0])
    expected = [0.508, 0.547, 0.584, 0.548]
    for one, ratio in zip(a, expected, strict=True):
        # At frequency 0 the gain is sqrt(2 pi), as is the transform of this target.
        law = learning_steps(
            lambda x, one=one: one * np.exp(-(x**2) / 2),
            rho_w, optimizer=Adam(epsilon=0.0), step_size=1.0, width=1, frequencies=[0.0],
        )  # fmt: skip
        assert law.steps[0] / one == pytest.approx(ratio, abs=0.002)
    law = learning_steps(
        lambda x: 1000 * np.exp(-(x**2) / 2),
        rho_w, optimizer=SignDescent(), step_size=1.0, width=1, frequencies=[0.0],
    )  # fmt: skip
    assert law.steps[0] == pytest.approx(500, rel=1e-6)


def test_gradient_descent_forgets_the_amplitude():
    options = {"optimizer": GradientDescent(), "step_size": 1e-3}
    law = learning_steps(windowed(), RHO, frequencies=list(TONES), **options)
    gain = 2 * np.pi * RHO.pdf(np.array(list(TONES)))
    np.testing.assert_allclose(law.steps, np.log(0.5) / np.log1p(-1e-3 * gain), rtol=1e-3)


def test_text_plot_and_empty_parts():
    law = learning_steps(windowed(), RHO, optimizer=Adam(), step_size=1e-3, width=1024)
    assert str(law).startswith("LearningSteps(rule=Adam")
    assert np.isnan(law.imaginary).all()
    axes = law.plot()
    assert axes.get_xlabel().startswith("frequency")
    assert axes.has_data()
    x = np.linspace(-12, 12, 481)
    again = learning_steps(
        (x, windowed()(x)),
        RHO,
        optimizer=Adam(),
        step_size=1e-3,
        width=1024,
        frequencies=[2.0, 5.0],
    )
    plain = learning_steps(
        windowed(), RHO, optimizer=Adam(), step_size=1e-3, width=1024, frequencies=[2.0, 5.0]
    )
    np.testing.assert_allclose(again.steps, plain.steps, rtol=1e-3)


def test_refusals():
    options = {"optimizer": Adam(), "step_size": 1e-3, "width": 64}
    with pytest.raises(ValueError, match=r"rho_w=Empirical.*has no pdf, and the line law divides"):
        learning_steps(np.cos, Empirical([1.0]), **options)
    with pytest.raises(ValueError, match=r"frequencies must be given in more than one dimension"):
        learning_steps(lambda x: x[:, 0], Normal(dim=2), **options)
    two = Normal(dim=2)
    with pytest.raises(ValueError, match=r"target is a function in 2 dimensions; give samples"):
        learning_steps(lambda x: x[:, 0], two, frequencies=[[1.0, 0.0]], **options)
    with pytest.raises(ValueError, match=r"fraction=2 must lie between 0 and 1"):
        learning_steps(windowed(), RHO, fraction=2.0, **options)
    with pytest.raises(ValueError, match=r"optimizer=RMSProp needs width"):
        learning_steps(windowed(), RHO, optimizer=RMSProp(), step_size=1e-3)
    with pytest.raises(
        ValueError, match=r"most=1000000000: this takes .* give fewer steps, or a l"
    ):
        learning_steps(windowed(), RHO, most=10**9, **options)
    message = (
        r"target has 1 sample\(s\) x without extent in 1 of 1 dimension\(s\), so that they fil"
    )
    with pytest.raises(ValueError, match=message):
        learning_steps(([0.5], [1.0]), RHO, frequencies=[2.0], **options)
