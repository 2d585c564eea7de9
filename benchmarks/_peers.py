r"""The problem, its dense reference, and one function a solver for `work_precision.py`.

The error spectrum of both targets is real and even, so every solver works on the half-line and
carries no imaginary part (it vanishes). Peers start from the closed form of the initial data, and
from a truncation of the line that costs less than their error.

A solver function takes the problem, a resolution, a tolerance (or number or length of steps) and a
limit of seconds; it does what is not to be timed and returns the call that is. The call returns an
Outcome, whose `at` evaluates the result between the unknowns, outside the clock: by the shape
functions of finite elements, by polynomials of degree 5 through
cell values.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import skfem
from scipy import integrate, linalg, sparse
from scipy.sparse.linalg import splu
from skfem.helpers import d, dot

from ntkfreq import Normal, Target, solve_frequency_pde
from ntkfreq.pde.elements.mesh import DEGREE, first_mesh
from ntkfreq.pde.line.system import LineSystem
from ntkfreq.problem.equation import FrequencyEquation

SCALE, SIGMA_A = 3.0, 0.7
FREQUENCIES = np.linspace(0.0, 24.0, 2001)
# Where the package cuts the line at rtol = 1e-6, or a little further.
PY_PDE_END = 22.0


class TooSlowError(Exception):
    """A run was stopped, or refused, at the limit of seconds."""


@dataclass(frozen=True, eq=False)
class Problem:
    """Learn exp(-x^2 / (2 window^2)) (cos 2x + cos 6x) from f = 0."""

    name: str
    window: float
    half_width: float
    times: Any = field(default_factory=lambda: np.geomspace(1e-3, 1e3, 64))

    def target(self, x: Any) -> Any:
        return np.exp(-(x**2) / (2 * self.window**2)) * (np.cos(2 * x) + np.cos(6 * x))

    @property
    def support(self) -> float:
        """Where the target has fallen to 1e-14."""
        return 8.1 * self.window

    def initial(self, xi: Any) -> Any:
        """Minus the transform of the target, in closed form."""
        shifted = (np.exp(-((self.window * (xi - tone)) ** 2) / 2) for tone in (-6, -2, 2, 6))
        return -self.window * np.sqrt(np.pi / 2) * sum(shifted)

    @cached_property
    def equation(self) -> FrequencyEquation:
        return FrequencyEquation.create(Normal(scale=SCALE), self.target, sigma_a=SIGMA_A)

    @cached_property
    def reference(self) -> Reference:
        return Reference(self, self.half_width, 0.1)


SMOOTH = Problem("smooth", 2.0, 24.0)
SPIKY = Problem("spiky", 10.0, 80.0)


class Reference:
    """Gradient flow in x: eigenvectors of the NTK Gram matrix on a trapezoid grid.

    Shares nothing with the equation in frequency but the problem.
    """

    def __init__(self, problem: Problem, half_width: float, spacing: float) -> None:
        count = round(half_width / spacing)
        x = spacing * np.arange(-count, count + 1)
        kernel = np.exp(-((SCALE * (x[:, None] - x)) ** 2) / 2)
        rates, modes = linalg.eigh(spacing * (1 + SIGMA_A**2 * np.outer(x, x)) * kernel)
        self._rates = np.maximum(rates, 0.0)
        self._start = -modes.T @ problem.target(x)
        self._spectra = (spacing * np.cos(np.outer(FREQUENCIES, x)) @ modes).T

    def spectrum(self, times: Any) -> Any:
        """At FREQUENCIES, shape (T, F)."""
        return (np.exp(-np.outer(times, self._rates)) * self._start) @ self._spectra

    def error(self, times: Any, values: Any) -> float:
        r"""Largest :math:`\|\delta\hat e(t)\|_2/\|\hat e(0)\|_2` over the times."""
        scale = np.linalg.norm(self.spectrum([0.0]))
        return float(np.linalg.norm(values - self.spectrum(times), axis=1).max() / scale)


@dataclass(frozen=True)
class Outcome:
    """States at the times a solver stopped at, and how to evaluate them at frequencies."""

    times: Any
    at: Callable[[Any], Any]

    def error(self, problem: Problem) -> float:
        return problem.reference.error(self.times, self.at(FREQUENCIES))


Run = Callable[[], Outcome]


def ours(problem: Problem, _: None, rtol: float, limit: float) -> Run:
    """The package, end to end; it chooses its mesh itself and estimates its error."""
    target = Target.from_function(problem.target, support=(-problem.support, problem.support))

    def run() -> Outcome:
        solution = solve_frequency_pde(
            Normal(scale=SCALE),
            target,
            sigma_a=SIGMA_A,
            t=problem.times,
            frequencies=FREQUENCIES[:1],
            rtol=rtol,
        )
        return Outcome(problem.times, lambda xi: solution.at(frequencies=xi).data_spectrum.real)

    return run


def rho(xi: Any) -> Any:
    return np.exp(-((xi / SCALE) ** 2) / 2) / (SCALE * np.sqrt(2 * np.pi))


def _end(problem: Problem, rtol: float) -> float:
    """Where the line is cut: as the package does."""
    return float(first_mesh(problem.equation, problem.times[-1], rtol).intervals[-1][-1])


def _between_cells(end: float, cells: int, states: Any) -> Callable[[Any], Any]:
    """Polynomial of degree 5 through the nearest cell centres, mirrored at 0; states (T, cells)."""

    def at(xi: Any) -> Any:
        place = np.minimum(xi, end) * cells / end - 0.5
        first = np.minimum(np.floor(place).astype(int) - 2, cells - 6)
        nodes = np.arange(6)
        ratio = (place - first)[:, None, None] - nodes
        ratio = ratio / np.where(np.eye(6, dtype=bool), 1, nodes[:, None] - nodes)
        weights = np.where(np.eye(6, dtype=bool), 1.0, ratio).prod(axis=-1)
        index = first[:, None] + nodes
        values = np.einsum("tfj,fj->tf", states[:, np.where(index < 0, -1 - index, index)], weights)
        # Beyond the truncation lies less than the tolerance it was chosen for.
        return np.where(xi <= end, values, 0.0)

    return at


def _integrate(
    problem: Problem,
    method: str,
    rhs: Callable[[Any], Any],
    jac: Any,
    start: Any,
    rtol: float,
    limit: float,
) -> Any:
    """States (T, n) of u' = rhs(u), error weights relative to the largest initial value."""
    stop = time.perf_counter() + limit

    def watched(_: float, u: Any) -> Any:
        if time.perf_counter() > stop:
            raise TooSlowError
        return rhs(u)

    solve: Any = integrate.solve_ivp  # its types know no method given as a variable
    atol, span = rtol * np.abs(start).max(), (0.0, problem.times[-1])
    result = solve(watched, span, start, method, problem.times, rtol=rtol, atol=atol, jac=jac)
    assert result.success, result.message
    return result.y.T


def finite_differences(
    problem: Problem, cells: int, rtol: float, limit: float, *, method: str
) -> Run:
    """Conservative second-order differences on cells, no flux at 0 (parity) and at the end."""
    end = _end(problem, rtol)

    def run() -> Outcome:
        h = end / cells
        centres = (np.arange(cells) + 0.5) * h
        flux = SIGMA_A**2 / h**2 * rho(np.arange(1, cells) * h)
        loss = rho(centres)
        loss[1:] += flux
        loss[:-1] += flux
        matrix = 2 * np.pi * sparse.diags_array([flux, -loss, flux], offsets=[-1, 0, 1])
        rows = matrix.tocsr()
        start = problem.initial(centres)
        states = _integrate(problem, method, rows.dot, matrix.tocsc(), start, rtol, limit)
        return Outcome(problem.times, _between_cells(end, cells, states))

    return run


class Elements:
    """Finite elements of the package's degree on its mesh, by scikit-fem alone."""

    def __init__(self, problem: Problem, mesh_rtol: float) -> None:
        self.frequency_mesh = first_mesh(problem.equation, problem.times[-1], mesh_rtol)
        (self.nodes,) = self.frequency_mesh.intervals
        self.problem, self.mesh = problem, skfem.MeshLine(self.nodes)

    def _basis(self, order: int) -> Any:
        # A fresh element each time: ElementLinePp keeps the values of its last call and takes
        # them for those of the next one with as many points.
        return skfem.Basis(self.mesh, skfem.ElementLinePp(DEGREE), intorder=order)

    def assemble(self) -> tuple[Any, Any, Any]:
        """Operator, mass and load."""
        basis = self._basis(2 * DEGREE + 8)
        xi = basis.global_coordinates()[0]

        def damped_heat(u: Any, v: Any, w: Any) -> Any:
            return 2 * np.pi * w.rho * (u * v + SIGMA_A**2 * dot(d(u), d(v)))

        operator = skfem.BilinearForm(damped_heat).assemble(basis, rho=rho(xi))
        mass = skfem.BilinearForm(lambda u, v, _: u * v).assemble(basis)
        start = self.problem.initial(xi)
        load = skfem.LinearForm(lambda v, w: w.start * v).assemble(basis, start=start)
        return operator.tocsc(), mass.tocsc(), load

    def at(self, states: Any) -> Callable[[Any], Any]:
        """Evaluate states (T, n) by the shape functions."""

        def evaluate(xi: Any) -> Any:
            inside = xi <= self.nodes[-1]
            values = np.zeros((len(states), xi.size))
            values[:, inside] = (self._basis(2).probes(xi[None, inside]) @ states.T).T
            return values

        return evaluate


def finite_elements(
    problem: Problem, mesh_rtol: float, rtol: float, limit: float, *, method: str, inverse: str
) -> Run:
    """On the matrices of the package; `inverse` is how M^-1 A u is had: "dense" or "splu".

    The Jacobian is dense either way: solve_ivp takes no mass matrix, and M^-1 A is full. The
    assembly of the initial data is not timed.
    """
    mesh = first_mesh(problem.equation, problem.times[-1], mesh_rtol)
    load = LineSystem(problem.equation, mesh, DEGREE).blocks[0].load

    def run() -> Outcome:
        system = LineSystem(
            problem.equation, first_mesh(problem.equation, problem.times[-1], mesh_rtol), DEGREE
        )
        system.__dict__["_loads"] = (0 * load, -load + 0j)
        even = system.blocks[0]
        operator, mass = even.operator.tocsc(), even.mass.tocsc()
        factors = splu(mass)
        jac = -factors.solve(operator.toarray())
        rhs = jac.dot if inverse == "dense" else lambda u: -factors.solve(operator @ u)
        states = _integrate(problem, method, rhs, jac, factors.solve(load), rtol, limit)
        nothing = np.zeros((len(states), system.blocks[1].size))
        return Outcome(problem.times, lambda xi: system.series([states, nothing], xi[:, None]).real)

    return run


def crank_nicolson(
    problem: Problem, mesh_rtol: float, steps: int, limit: float, *, damped: bool
) -> Run:
    """`steps` equal steps from each output time to the next, one factorization for all of them.

    With `damped`, the first two steps are four half steps of backward Euler, which damp what
    Crank-Nicolson would only turn over; they use the same matrix.
    """

    def run() -> Outcome:
        stop = time.perf_counter() + limit
        elements = Elements(problem, mesh_rtol)
        operator, mass, load = elements.assemble()
        u, states = splu(mass).solve(load), []
        for interval, (low, high) in enumerate(pairwise([0.0, *problem.times])):
            count = max(steps, 2) if interval == 0 else steps
            half = splu(mass + (high - low) / (2 * count) * operator)
            if damped and interval == 0:
                for _ in range(4):
                    u = half.solve(mass @ u)
                count -= 2
            for _ in range(count):
                u = 2 * half.solve(mass @ u) - u
            states.append(u)
            if time.perf_counter() > stop:
                raise TooSlowError
        return Outcome(problem.times, elements.at(np.array(states)))

    return run


@cache
def _compiled(solver: str, cells: int, knob: float, backend: str) -> tuple[Any, Any, Any, Any]:
    """Grid, solver, its stepper and first step; for states that are at most 1 in size."""
    import pde
    from pde import solvers

    grid = pde.CartesianGrid([[0.0, PY_PDE_END]], cells)
    xi = grid.axes_coords[0]
    density = pde.ScalarField(grid, rho(xi))
    slope = pde.ScalarField(grid, -xi / SCALE**2 * rho(xi))
    equation = pde.PDE(
        {"u": "c * (s * (density * laplace(u) + slope * d_dx(u)) - density * u)"},
        bc={"x-": {"derivative": 0}, "x+": {"derivative": 0}},
        consts={"c": 2 * np.pi, "s": SIGMA_A**2, "density": density, "slope": slope},
    )
    settings: dict[str, Any]
    if solver == "runge-kutta":
        first, settings = 1e-5, {"adaptive": True, "tolerance": knob}
        made = solvers.RungeKuttaSolver(equation, backend=backend, **settings)
    elif solver == "implicit":
        rate = 2 * np.pi * rho(0.0) * (1 + (2 * SIGMA_A * cells / PY_PDE_END) ** 2)
        first, settings = min(knob, 0.7 / rate), {"maxiter": 200, "maxerror": 1e-9}
        made = solvers.ImplicitSolver(equation, backend=backend, **settings)
    else:
        band = sparse.diags_array([1.0, 1.0, 1.0], offsets=[-1, 0, 1], shape=(cells, cells))
        first, settings = None, {"rtol": knob, "atol": knob, "jac_sparsity": band}
        made = solvers.ScipySolver(equation, backend=backend, method="BDF", **settings)
    nothing = pde.ScalarField(grid)
    stepper = made.make_stepper(nothing, dt=first)
    stepper(nothing, 0.0, 1e-6)  # compiles
    return grid, made, stepper, first


def py_pde(
    problem: Problem,
    cells: int,
    knob: float,
    limit: float,
    *,
    solver: str,
    backend: str = "numba",
) -> Run:
    """py-pde on `cells` cells, no flux at both ends; its solvers and the knob of each:

    - "runge-kutta", explicit, adaptive: tolerance relative to the largest initial value;
    - "implicit", backward Euler by fixed-point iteration: time step, lowered to 0.7 over the
      largest rate where the iteration would not converge. It stops at multiples of the step and
      is judged at the times where it stopped;
    - "scipy", BDF on py-pde's right-hand side: relative tolerance; knows the band of the Jacobian.
    """
    import pde

    grid, made, stepper, first = _compiled(solver, cells, knob, backend)

    def run() -> Outcome:
        begin, t = time.perf_counter(), 0.0
        initial = problem.initial(grid.axes_coords[0])
        top = np.abs(initial).max()
        state = pde.ScalarField(grid, initial / top)
        if solver == "runge-kutta":
            made.info["dt"] = first  # not that of the run before
        times, states = [], []
        for output in problem.times:
            if solver != "implicit" or output > t + first / 2:
                t = stepper(state, t, output)
            times.append(t)
            states.append(top * state.data)
            spent = time.perf_counter() - begin
            # Neither explicit steps nor those of the iteration can grow: time goes like t.
            whole = spent / t * problem.times[-1] if solver != "scipy" and spent > 1 else spent
            if spent > limit or whole > 1.5 * limit:
                raise TooSlowError
        return Outcome(np.array(times), _between_cells(PY_PDE_END, cells, np.array(states)))

    return run
