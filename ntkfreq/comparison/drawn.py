"""Networks drawn like the one that was trained."""

from __future__ import annotations

from ntkfreq.network.history import TrainHistory
from ntkfreq.pde.solution.drawn_kernels import DrawnKernels
from ntkfreq.pde.solution.linear import LinearSolution
from ntkfreq.pde.solution.solution import FrequencySolution
from ntkfreq.pde.stepped.finite_width import FiniteWidth
from ntkfreq.pde.stepped.solution import SteppedSolution


def drawn_like(solution: FrequencySolution, history: TrainHistory) -> FiniteWidth | DrawnKernels:
    """Networks as wide as that of a run, for intervals beside its prediction."""
    if isinstance(solution, SteppedSolution):
        return solution.finite_width()
    assert isinstance(solution, LinearSolution)
    net = history.initial_net
    paired = getattr(net, "branches", 1) > 1 or not history.train_output[0].any()
    sizes = sorted({len(bias) for _, bias in getattr(net, "layers", ())} or {net.width})
    if len(sizes) > 1:
        raise ValueError(
            f"hidden layers of {sizes} units: networks are drawn with as many in each; leave level "
            "out"
        )
    return solution.finite_width(net.width, hidden=sizes[0], zero_output=paired)
