"""What a problem will take, known before it is solved; refused with the call that works."""

from __future__ import annotations

from ntkfreq._support.sizes import refuse_memory
from ntkfreq.numerics.dense import MAX_ROWS, refuse_rows
from ntkfreq.problem.equation import FrequencyEquation
from ntkfreq.problem.measure import Points

# Arrays of times x unknowns (or points, or frequencies) that are held at once.
_HELD = 4


def refuse_points(equation: FrequencyEquation) -> None:
    """Refuse more points than a matrix can be had of, before anything is computed with them."""
    measure = equation.measure
    if not isinstance(measure, Points):
        return
    count = len(measure.x)
    refuse_rows(f"x has {count} points", count, _fewer_points(equation, count))


def _fewer_points(equation: FrequencyEquation, count: int) -> str:
    every = -(-count // MAX_ROWS) if count > MAX_ROWS else 2
    fewer = f"give fewer samples, for instance x[::{every}]"
    if equation.decay.active or equation.dim > 3:
        return fewer
    first = "-y" if equation.initial_output is None else "f_0(x) - y"
    return (
        f"gram_flow(ntk_operator(rho_w, x, sigma_a={equation.sigma_a:g}), {first}, t) follows the "
        f"errors of up to a million samples without the matrix; or {fewer}"
    )


def refuse_tables(times: int, columns: int, what: str, remedy: str) -> None:
    """Refuse tables of times by points, unknowns or frequencies that do not fit into memory.

    Parameters
    ----------
    times, columns : int
        Shape of a table.
    what : str
        What the columns are.
    remedy : str
        The call that works.
    """
    needed = 16.0 * _HELD * float(times) * float(columns)
    refuse_memory(f"t has {times} entries and there are {columns} {what}", needed, remedy)
