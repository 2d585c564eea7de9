"""Many samples behind hidden layers: products against the matrix, and refusals."""

import numpy as np
import pytest

from ntkfreq import Normal, expected_losses, solve_frequency_pde

RHO = Normal(scale=20.0)
T = np.append(0.0, np.geomspace(0.1, 100.0, 12))


def problem(count, dim=1):
    x = np.random.default_rng(0).uniform(-1, 1, (count, dim))
    y = np.sin(3 * x[:, 0]) + np.sin(15 * x[:, -1])
    return (x[:, 0] if dim == 1 else x), y


@pytest.mark.parametrize("train_frequencies", [True, False])
@pytest.mark.parametrize("activation", ["tanh", "sine"])
def test_products_solve_what_the_matrix_does(activation, train_frequencies):
    layers = {"depth": 2, "activation": activation, "train_frequencies": train_frequencies}
    data = problem(400)
    test = (np.array([-0.4, 0.77]), np.zeros(2))
    by = {
        method: solve_frequency_pde(RHO, data, t=T, method=method, test=test, rtol=1e-7, **layers)
        for method in ("gram", "lanczos")
    }
    for name in ("train_loss", "test_loss"):
        one, other = (getattr(by[method], name) for method in by)
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
    assert "products behind hidden layers" in by["lanczos"].stats["method"]
    assert by["lanczos"].learning_time((14, 16)) == pytest.approx(
        by["gram"].learning_time((14, 16)), rel=1e-5
    )
    assert by["lanczos"].status.startswith("converged")


def test_momentum_and_two_dimensions():
    data, rho = problem(300, 2), Normal(scale=5.0, dim=2)
    by = [
        solve_frequency_pde(
            rho, data, depth=1, activation="tanh", optimizer="heavy_ball", step_size=0.1,
            t=0.1 * np.array([0, 5, 40]), method=method,
        )
        for method in ("gram", "lanczos")
    ]  # fmt: skip
    np.testing.assert_allclose(by[0].train_loss, by[1].train_loss, rtol=1e-5)


def test_more_points_than_a_matrix_takes():
    data = problem(30_000)
    solution = solve_frequency_pde(RHO, data, depth=1, activation="tanh", t=[0.0, 1.0, 10.0])
    assert "products" in solution.stats["method"]
    some = slice(None, None, 25)
    fewer = solve_frequency_pde(
        RHO, (data[0][some], data[1][some]), depth=1, activation="tanh", t=[0.0, 1.0, 10.0],
        method="gram",
    )  # fmt: skip
    # Samples of one density: 1200 of them know the losses to some per cent.
    np.testing.assert_allclose(solution.train_loss, fewer.train_loss, rtol=0.1)
    # Outputs at more points than pairs are evaluated one by one for.
    x = np.linspace(-0.9, 0.9, 2000)
    wide = solution.output(x)
    np.testing.assert_allclose(wide[:, ::500], solution.output(x[::500]), atol=1e-5)
    assert solution.output(data[0])[-1, :3] == pytest.approx(
        solution.output(data[0][:3])[-1], abs=1e-5
    )


def test_ways_without_products_are_refused():
    data = problem(50)
    with pytest.raises(ValueError, match=r"method='lanczos' with activation='relu'"):
        solve_frequency_pde(RHO, data, depth=1, method="lanczos")
    with pytest.raises(ValueError, match=r"method='frequency' with depth=1.*leave method out"):
        solve_frequency_pde(RHO, data, depth=1, method="frequency")
    many = problem(13_000)
    with pytest.raises(ValueError, match="above the 12000"):
        solve_frequency_pde(RHO, many, depth=1, activation="relu")
    with pytest.raises(ValueError, match="above the 12000"):
        solve_frequency_pde(RHO, many, depth=1, activation="tanh", readout_decay=0.1)
    with pytest.raises(ValueError, match="above the 12000"):
        expected_losses(RHO, many, depth=1, activation="tanh", t=[0.0, 1.0])
