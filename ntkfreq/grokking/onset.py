"""The onset of generalization: two first-passage times, the delay between them, a phase."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ntkfreq._support import checks
from ntkfreq._support.display import Described
from ntkfreq._support.types import ArrayLike, FloatArray
from ntkfreq.grokking.curves import Crossing, crossing, read_kind, units_agree

PHASES = ("confusion", "memorization", "grokking", "comprehension")
_NOUN = {"loss": "loss", "error_rate": "error rate", "accuracy": "accuracy"}
_MEANING = {
    "confusion": "the data are not fitted",
    "memorization": "the data are fitted, the rest is not",
    "grokking": "the rest follows late",
    "comprehension": "the rest follows with the data",
}


@dataclass(frozen=True)
class Onset(Described):
    """When the two losses, or accuracies, reach their thresholds; all times in the units of `t`.

    Attributes
    ----------
    t_train, t_test : float
        First times at or below the threshold; inf for a loss that stays above it up to `t_end`.
    delay : float
        ``t_test - t_train``: negative where the test loss is first, inf where it stays above, minus
        infinity where only the training loss does.
    phase : str
        One of `PHASES`; see :func:`grokking_onset`.
    t_lost : float
        First time after `t_test` that the test loss is above its threshold again; inf if it stays.
    t_end : float
        Last time of the curves. An infinite time means "not until then", no more.
    lowest_train, lowest_test : float
        Smallest losses seen, for curves that never cross; of accuracies the highest.
    threshold : tuple of float
        Thresholds of the training and the test loss.
    kind : str
        What the curves were read as: "loss", "error_rate" or "accuracy".
    between_train, between_test : tuple of float
        The records between which each curve crosses: (0, first time) for a curve that has at the
        first record, (`t_end`, inf) for one that does not.
    possible : tuple of str
        The phases of all crossings between these records; more than one where the records are too
        far apart to tell, and `phase` then rests on the interpolation.
    """

    t_train: float
    t_test: float
    delay: float
    phase: str
    t_lost: float
    t_end: float
    lowest_train: float
    lowest_test: float
    threshold: tuple[float, float]
    kind: str
    between_train: tuple[float, float]
    between_test: tuple[float, float]
    possible: tuple[str, ...]

    def _facts(self) -> dict[str, str]:
        others = [phase for phase in self.possible if phase != self.phase]
        facts = {"phase": " or ".join([self.phase, *others])}
        facts |= {name: f"{getattr(self, name):.4g}" for name in ("t_train", "t_test", "delay")}
        level = " and ".join(f"{value:.4g}" for value in dict.fromkeys(self.threshold))
        return facts | {"threshold": level, "kind": self.kind}

    def __str__(self) -> str:
        noun = _NOUN[self.kind]
        parts = [
            _sentence(f"training {noun}", self.t_train, self.threshold[0], self.lowest_train, self),
            _sentence(f"test {noun}", self.t_test, self.threshold[1], self.lowest_test, self),
        ]
        if np.isfinite(self.t_lost):
            side = "below" if self.kind == "accuracy" else "above"
            parts.append(f"it is {side} again from t = {self.t_lost:.4g} on")
        others = [phase for phase in self.possible if phase != self.phase]
        if others:
            parts.append(f"the records are too far apart to exclude {' and '.join(others)}")
        return f"{self.phase} ({_MEANING[self.phase]}): " + "; ".join(parts)


def grokking_onset(
    t: ArrayLike,
    train_loss: ArrayLike,
    test_loss: ArrayLike,
    *,
    threshold: float | tuple[float, float],
    late: float = 3.0,
    kind: str | None = None,
) -> Onset:
    r"""First-passage times of training and test loss, the delay, and the phase.

    With :math:`t_{\mathrm{train}}` and :math:`t_{\mathrm{test}}` the first times at which the
    losses are at or below their thresholds, the phases are, after Liu et al.,

    - *confusion*: the training loss never is;
    - *memorization*: the training loss is, the test loss never;
    - *grokking*: both are, and :math:`t_{\mathrm{test}} \ge` `late` :math:`t_{\mathrm{train}}`;
    - *comprehension*: both are, the test loss sooner than that, or both at the same time.

    "Never" is up to the last of the times: a longer run may turn memorization into grokking.
    Between two samples the logarithm of a loss is taken as linear in time, exact for one decaying
    mode; accuracies and error rates are shares of a count and are taken as linear themselves, as is
    a loss that falls to a floor such as 0. A test loss that is small for a while only has its first
    passage all the same; `Onset.t_lost` tells when it was large again. `Onset.possible` has the
    phases that the records leave open where they are far apart.

    Parameters
    ----------
    t : array_like, shape (T,)
        Strictly increasing times, or steps. A loss that is below its threshold at the first of
        them has that as its time.
    train_loss, test_loss : array_like, shape (T,)
        Non-negative losses, of a solution, a history, or any other network; or what `kind` says.
    threshold : float or (float, float)
        What counts as small, for both losses or for training and test loss, in units of the losses.
        The mean square of the target times 0.01 to 0.1 is a usual choice. For accuracies the
        accuracy to reach.
    late : float, default 3
        How many times as long as the training loss the test loss must take to be called late, above
        one. Liu et al. use a fixed number of steps, a thousand of a budget of a hundred thousand;
        a ratio does not depend on the step size.
    kind : {"loss", "error_rate", "accuracy"}, optional
        What the curves are. An error rate is one minus an accuracy. Accuracies are shares up to 1
        or percentages up to 100, `threshold` in the same unit. By default losses, or error rates
        where a curve jumps to exactly 0; curves that look like accuracies are refused.

    Returns
    -------
    Onset

    Raises
    ------
    ValueError, TypeError
        For times that do not increase, losses of another length, negative or not finite, and
        thresholds that are not positive; for a loss that is None; for what looks like accuracies,
        or like zeros in place of losses not yet evaluated, without `kind`; for shares beside
        percentages.

    References
    ----------
    Liu, Kitouni, Nolte, Michaud, Tegmark, Williams, arXiv 2205.10343, for the four phases.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.geomspace(0.1, 1000.0, 50)
    >>> onset = grokking_onset(t, np.exp(-2 * t), np.exp(-0.02 * t), threshold=0.01)
    >>> print(f"{onset.phase} after {onset.t_train:.2f} and {onset.t_test:.1f}")
    grokking after 2.30 and 230.3
    >>> stuck = grokking_onset(t, np.exp(-2 * t), 0.5 + 0 * t, threshold=0.01)
    >>> print(stuck)  # doctest: +NORMALIZE_WHITESPACE
    memorization (the data are fitted, the rest is not): training loss at 0.01 by t = 2.303;
    test loss not at 0.01 until t = 1000, lowest 0.5

    A log of accuracies every 1000 steps:

    >>> steps, accuracy = [0, 1000, 2000, 3000], np.array([[0.1, 0.5, 1, 1], [0.1, 0.1, 0.6, 1]])
    >>> onset = grokking_onset(steps, *accuracy, threshold=0.95, kind="accuracy")
    >>> onset.phase, onset.t_train, onset.t_test, onset.possible
    ('comprehension', 1900.0, 2875.0, ('grokking', 'comprehension'))
    """
    clock = checks.times("t", t)
    train = _losses("train_loss", train_loss, clock.size)
    test = _losses("test_loss", test_loss, clock.size)
    small, tested = _thresholds(threshold)
    late = checks.positive("late", late)
    if late <= 1:
        raise ValueError(f"late={late:g} must be above 1; it is a ratio of two times, 3 by default")
    kind = read_kind(kind, train, test)
    units_agree(kind, (small, tested), train, test)
    first, second = crossing(clock, train, small, kind), crossing(clock, test, tested, kind)
    return Onset(
        t_train=first.time,
        t_test=second.time,
        delay=float("inf") if np.isinf(second.time) else second.time - first.time,
        phase=_phase(first.time, second.time, late),
        t_lost=second.lost,
        t_end=float(clock[-1]),
        lowest_train=first.best,
        lowest_test=second.best,
        threshold=(small, tested),
        kind=kind,
        between_train=first.between,
        between_test=second.between,
        possible=_possible(first, second, late),
    )


def _phase(t_train: float, t_test: float, late: float) -> str:
    if np.isinf(t_train):
        return "confusion"
    if np.isinf(t_test):
        return "memorization"
    return "grokking" if t_test > t_train and t_test >= late * t_train else "comprehension"


def _possible(train: Crossing, test: Crossing, late: float) -> tuple[str, ...]:
    """Phases of all pairs of times between the records, in the order of `PHASES`."""
    if np.isinf(train.time) or np.isinf(test.time):
        return (_phase(train.time, test.time, late),)
    ends = [(train.between[1], test.between[0]), (train.between[0], test.between[1])]
    found = {_phase(train.time, test.time, late), *(_phase(*pair, late) for pair in ends)}
    return tuple(phase for phase in PHASES if phase in found)


def _losses(name: str, values: Any, count: int) -> FloatArray:
    if values is None:
        raise TypeError(
            f"{name}=None: without it there is no phase; a test loss is there where the target is "
            "known off the data, pass test=(x_test, y_test) to what made the curves"
        )
    array = checks.real_array(name, values, 1)
    if array.size != count:
        raise ValueError(f"{name} holds {array.size} value(s) for {count} time(s); give one each")
    if array.min() < 0:
        raise ValueError(
            f"{name} has a smallest value of {array.min():g}; neither losses nor accuracies are "
            "negative: check what was passed"
        )
    return array


def _thresholds(threshold: Any) -> tuple[float, float]:
    if isinstance(threshold, tuple | list | np.ndarray) and np.ndim(threshold):
        if len(threshold) != 2:
            raise ValueError(
                f"threshold={checks.show(threshold)} must be a number or a pair (train, test)"
            )
        return (
            checks.positive("threshold[0]", threshold[0]),
            checks.positive("threshold[1]", threshold[1]),
        )
    both = threshold.item() if isinstance(threshold, np.ndarray) else threshold
    both = checks.positive("threshold", both)
    return both, both


def _sentence(name: str, time: float, level: float, best: float, onset: Onset) -> str:
    if np.isinf(time):
        extreme = "highest" if onset.kind == "accuracy" else "lowest"
        return f"{name} not at {level:.4g} until t = {onset.t_end:.4g}, {extreme} {best:.4g}"
    return f"{name} at {level:.4g} by t = {time:.4g}"
