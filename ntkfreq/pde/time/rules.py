"""The momentum of an update rule of the trainer, for predictions; rules without one are refused."""

from __future__ import annotations

from typing import Any

from ntkfreq._support import checks
from ntkfreq.problem.optimizers import Momentum, Optimizer, as_optimizer

# The remedy in every refusal of a rule.
_PREDICTED = "GradientDescent(), HeavyBall(momentum) or Nesterov(momentum)"


def momentum_for(
    optimizer: str | Optimizer | None, momentum: float = 0.0, nesterov: bool = False
) -> Momentum:
    """Momentum of an update rule or of the arguments `momentum` and `nesterov`, which must agree.

    Examples
    --------
    >>> from ntkfreq import HeavyBall
    >>> momentum_for(HeavyBall(0.9)), momentum_for(None, 0.9, nesterov=True)
    (Momentum(beta=0.9, nesterov=False), Momentum(beta=0.9, nesterov=True))
    """
    given = _given(momentum, nesterov)
    if optimizer is None:
        if given.nesterov and given.beta == 0:
            raise ValueError(
                "nesterov=True needs momentum above 0, as in torch.optim.SGD; give momentum, for "
                "instance 0.9, or leave nesterov False"
            )
        return given
    rule = as_optimizer(optimizer)
    found = rule.predicted_momentum()
    if found is None:
        raise _unpredicted(rule)
    other_momentum = given.beta > 0 and given.beta != found.beta
    if other_momentum or (given.nesterov and not found.nesterov):
        named = f"momentum={given.beta:g}" if other_momentum else "nesterov=True"
        raise ValueError(
            f"optimizer={checks.show(rule)} and {named} are two rules; leave momentum and nesterov "
            "out, which the optimizer has"
        )
    return found


def _given(momentum: float, nesterov: Any) -> Momentum:
    beta = checks.non_negative("momentum", momentum)
    if beta >= 1:
        raise ValueError(
            f"momentum={beta:g} must be below 1, or the velocity never decays; "
            "take for instance 0.9"
        )
    return Momentum(beta, checks.flag("nesterov", nesterov))


def _unpredicted(rule: Optimizer) -> ValueError:
    """What a rule has that no equation follows, with what to do."""
    if rule.momentum_if_linear() is None:
        return ValueError(
            f"optimizer={checks.show(rule)} moves parameters by what is not linear in the "
            f"gradients, and no equation here predicts that; use {_PREDICTED}, or follow it step "
            "by step: solve_frequency_pde(rho_w, (x, y), optimizer=..., step_size=..., width=...)"
        )
    if rule.clip is not None:
        return ValueError(
            f"optimizer={checks.show(rule)} clips gradients at clip={rule.clip:g}, which no "
            f"equation here predicts; leave clip out: {_PREDICTED}; or follow it step by step: "
            "solve_frequency_pde(rho_w, (x, y), optimizer=..., step_size=...)"
        )
    return ValueError(
        f"optimizer={checks.show(rule)} has schedule={rule.schedule}, and momentum is given beside "
        "it: take HeavyBall(momentum, schedule=...) or Nesterov(momentum, schedule=...)"
    )
