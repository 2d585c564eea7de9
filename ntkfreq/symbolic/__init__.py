"""The package's equations derived with SymPy, each claim checked as it is made.

Every derivation is a function that returns its steps and raises :class:`DerivationError` when a
claim does not hold. Importing ``ntkfreq`` does not load this module, nor SymPy.
"""

from __future__ import annotations

from collections.abc import Callable

from ntkfreq.symbolic.alias_shares import shares
from ntkfreq.symbolic.decay import weight_decay
from ntkfreq.symbolic.families import (
    DF,
    FAMILIES,
    LOC,
    SCALE,
    W,
    Z,
    characteristic_function,
    closed_form,
    shifted_density,
)
from ntkfreq.symbolic.gauss import gauss_transformation
from ntkfreq.symbolic.heat import heat_equation
from ntkfreq.symbolic.lattice import alias_handover, folding
from ntkfreq.symbolic.manufactured import Manufactured, manufactured
from ntkfreq.symbolic.moving import moving_frequency
from ntkfreq.symbolic.network import gradient_flow, tangent_kernel
from ntkfreq.symbolic.normalized import phase_means
from ntkfreq.symbolic.notation import TIME, XI
from ntkfreq.symbolic.steps import DerivationError, Step
from ntkfreq.symbolic.two_fields import decay_to_start

DERIVATIONS: dict[str, Callable[[], list[Step]]] = {
    derivation.__name__: derivation
    for derivation in (
        gradient_flow,
        tangent_kernel,
        heat_equation,
        folding,
        alias_handover,
        shares,
        weight_decay,
        moving_frequency,
        decay_to_start,
        phase_means,
        gauss_transformation,
        shifted_density,
    )
}
"""All derivations by name, in the order in which they build on each other."""

__all__ = [
    "DERIVATIONS",
    "DF",
    "FAMILIES",
    "LOC",
    "SCALE",
    "TIME",
    "XI",
    "DerivationError",
    "Manufactured",
    "Step",
    "W",
    "Z",
    "alias_handover",
    "characteristic_function",
    "closed_form",
    "decay_to_start",
    "folding",
    "gauss_transformation",
    "gradient_flow",
    "heat_equation",
    "manufactured",
    "moving_frequency",
    "phase_means",
    "shares",
    "shifted_density",
    "tangent_kernel",
    "weight_decay",
]
