"""What a user's file may and may not say to a type checker; read by test_types.py, never run.

A line that must be refused ends in a comment with the code of its error.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

import ntkfreq
from ntkfreq import (
    Adam,
    Box,
    Comparison,
    Cosine,
    Density,
    Empirical,
    FourierFeatureMLP,
    FourierFeatureNet,
    FrequencySolution,
    GradientDescent,
    Grid,
    HeavyBall,
    Mixture,
    Nesterov,
    Normal,
    Optimizer,
    Points,
    RMSProp,
    SignDescent,
    StudentT,
    Target,
    Uniform,
    Warmup,
    as_density,
    band_energy,
    compare,
    default_frequencies,
    empirical_ntk_gram,
    error_spectrum,
    expected_losses,
    expected_output,
    gram_flow,
    grokking_onset,
    ntk_gram,
    ntk_operator,
    ntk_regression,
    ntk_spectrum,
    solve_frequency_pde,
    train,
    train_many,
)

from ntkfreq import Spectrum  # isort: skip  # E: attr-defined

Floats = npt.NDArray[np.float64]


def y(x: Floats) -> Floats:
    return np.asarray(np.exp(-(x**2) / 8) * np.cos(2 * x))


x, t = np.linspace(-1, 1, 40), np.array([0.0, 1.0])
density: Density = Mixture([Normal(scale=3.0), StudentT(3.0, loc=1.0, scale=2.0)])
flat: Density = Uniform(loc=[1.0, 2.0], scale=3.0, dim=2)
frozen = as_density(stats.norm(scale=3.0))
tent = as_density(lambda w: 1 - abs(w), support=(-1, 1), kinks=(0,))

# Densities.
Normal(18)  # E: call-arg
Normal(1.0, 2.0)  # E: call-arg
Normal(scales=3.0)  # E: call-arg
Normal(scale="3")  # E: arg-type
StudentT(3.0, 18.0)  # E: call-arg
Mixture(3.0)  # E: arg-type
Empirical([1.0, 2.0], weight=[0.5, 0.5])  # E: call-arg
print(density.pdf([0.0, 1.0]).shape, frozen.kernel(x)[0], tent.sample(3, rng=0).mean())
density.pdfs(x)  # E: attr-defined
name: str = density.pdf(x)  # E: assignment

# Measures and targets.
Box(-1.0, 1.0), Grid(np.timedelta64(6, "h"), np.datetime64("2020-01-01"))
print(Points(x).extent + Box([0, 0], [1, 2]).volume + Grid(0.5).nyquist)
Box(-1.0)  # E: call-arg
Grid(0.5).spacings  # E: attr-defined
goal = Target.from_samples(x, y(x))
Target.from_function(3.0)  # E: arg-type

# The solver.
solution: FrequencySolution = solve_frequency_pde(Normal(scale=3.0), y)
samples = solve_frequency_pde(stats.norm(scale=3.0), (x, y(x)), t=[0, 1], test=(x, y(x)))
steps = solve_frequency_pde(density, goal, measure=Box(-1, 1), initial_output=y, step_size=0.1)
solve_frequency_pde(Normal(scale=3.0), y, tolerance=1e-3)  # E: call-arg
solve_frequency_pde(3.0, y)  # E: arg-type
solve_frequency_pde(density, y, measure=3.0)  # E: arg-type
solve_frequency_pde(density, y, test=3.0)  # E: arg-type
solve_frequency_pde(density, y, rtol="1e-3")  # E: arg-type
print(solution.train_loss.sum(), solution.status.upper(), solution.max_step_size + 1)
solution.loss  # E: attr-defined
if solution.test_loss is not None:
    print(solution.test_loss[-1])
solution.test_loss[-1]  # E: index
early: str = solution.learning_time((1.0, 2.0))  # E: assignment
solution.learning_time((1.0, 2.0, 3.0))  # E: arg-type
late: FrequencySolution = solution.at(t=[0.0, 0.5])
print(late.output(x).mean(), samples.error(x).shape, steps.equation.measure)
losses = expected_losses(density, (x, y(x)), t=t)
print(losses.train_mean[0] + losses.train_std[0])
expected_losses(density, y, frequencies=x)  # E: call-arg
spread = expected_output(density, (x, y(x)), x, t=t)
print(spread.mean[0] + spread.std[0])
expected_output(density, y)  # E: call-arg

# Networks.
net = FourierFeatureNet.sample(Normal(scale=4.0), 100, zero_output=True, rng=0)
deep = FourierFeatureMLP.sample(Normal(scale=4.0), 100, depth=3)
rule: Optimizer = Adam(beta2=0.98, clip=1.0, schedule=Warmup(10, Cosine(100)))
run = train(net, x, y(x), step_size=0.1, steps=100, optimizer=rule, test=(x, y(x)))
many = train_many([net, deep], x, y(x), step_size=[0.1, 0.2], steps=10, optimizer=HeavyBall(0.9))
train(net, x, y(x), step_size=0.1)  # E: call-arg
train(net, x, y(x), step_size=0.1, steps=100, optimiser="adam")  # E: call-arg
train(3.0, x, y(x), step_size=0.1, steps=100)  # E: arg-type
train_many([net], x, y(x), step_size=0.1, steps=10, optimiser="adam")  # E: call-arg
Nesterov(betas=0.9)  # E: call-arg
print(RMSProp(0.9, momentum=0.5).epsilon, SignDescent(0.9).momentum)
RMSProp(centered=True)  # E: call-arg
GradientDescent(schedule=0.5)  # E: arg-type
train(net, (x, y(x)), step_size=0.1, steps=100)
print(run.train_loss.min(), many[0].status.upper(), run.optimizer.clip)
many.status  # E: attr-defined
number: int = run.learning_time((1.0, 2.0))  # E: assignment

# Both.
both: Comparison = compare(solution, run)
compare(run, solution)  # E: arg-type
print(both.learning_times([(1.0, 2.0)])[0])
onset = grokking_onset(run.t, run.train_loss, run.train_loss, threshold=0.1)
print(onset.delay + 1, onset.phase.upper())
onset.start  # E: attr-defined

# Kernels and spectra.
gram = ntk_gram(density, x)
operator = ntk_operator(density, x)
print(gram_flow(gram, y(x), t)[0] + gram_flow(operator, y(x), t)[0], operator @ y(x))
print(ntk_regression(density, x, y(x)).sum() + ntk_spectrum(gram, x).eigenvalues[0])
print(empirical_ntk_gram(net, x).trace(), ntk_spectrum(density, x, count=3).frequency)
wave = error_spectrum(x, y(x), [1.0, 2.0])
print(band_energy([1.0, 2.0], wave, [(0.5, 3.0)]), default_frequencies(x[:, None], y(x), 3.0))
ntk_gram(density, x, sigma=1.0)  # E: call-arg
gram_flow(gram, y(x), t, method=3)  # E: arg-type
ntk_regression(density)  # E: call-arg
real: Floats = wave  # E: assignment
ntkfreq.solve_frequency_pdf(density, y)  # E: attr-defined
