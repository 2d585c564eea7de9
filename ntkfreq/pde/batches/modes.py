r"""The error at the samples in the eigenvectors of their Gram matrix.

Training on batches moves the output by :math:`K s`, s being a sum of gradients at the samples.
With :math:`K = V \Lambda V^\top` all of it follows from :math:`V^\top s`: the error in the span of
V, and the output at test points. What is orthogonal to V stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ntkfreq._support.types import FloatArray
from ntkfreq.ntk.gram import limit_gram, stationary_gram
from ntkfreq.numerics.dense import refuse_rows, symmetric_eigen
from ntkfreq.pde.judging.testset import TestSet
from ntkfreq.problem.equation import FrequencyEquation

# Modes whose gain stays below this share of the error, at the samples and at test points.
_TRAIN, _TEST = 1e-13, 1e-7
# Eigenvalues below this share of the largest, times their number, are rounding.
_ROUNDING = 2e-16
# So few samples keep all their modes.
_FEW = 128


@dataclass(frozen=True, eq=False)
class BatchModes:
    """Samples, and maybe test points, in the modes of the kernel.

    Attributes
    ----------
    rates : ndarray, shape (r,)
        Eigenvalues of the Gram matrix, without any 1/N.
    vectors : ndarray, shape (N, r)
        Eigenvectors.
    start : ndarray, shape (r, q)
        Initial error in modes: its second moment is ``start @ start.T``, the last column its mean.
    rest : ndarray, shape (N, q)
        What is orthogonal to all modes.
    tested : ndarray, shape (n, r), or None
        Kernel between test points and samples, times the eigenvectors.
    test_start : ndarray, shape (n, q), or None
        Initial error at test points.
    test_weights : ndarray, shape (n,), or None
        Their weights, of sum one.
    left_out : float
        What leaving out modes changes at most, relative to the initial error.
    """

    rates: FloatArray
    vectors: FloatArray
    start: FloatArray
    rest: FloatArray
    tested: FloatArray | None
    test_start: FloatArray | None
    test_weights: FloatArray | None
    left_out: float

    @property
    def count(self) -> int:
        """Samples."""
        return len(self.vectors)

    @property
    def fastest(self) -> float:
        """Largest rate of a step on all samples."""
        return float(self.rates.max(initial=0.0)) / self.count

    @property
    def first_loss(self) -> float:
        """Mean loss before the first step; 1e-300 for none, to divide by."""
        return max(float(np.sum(self.start**2) + np.sum(self.rest**2)) / self.count, 1e-300)

    @classmethod
    def of(
        cls,
        equation: FrequencyEquation,
        x: FloatArray,
        y: FloatArray,
        test: TestSet | None,
        *,
        random: bool,
    ) -> BatchModes:
        """All modes of samples x (N, d), y (N,); `random` initial outputs or that of the equation.

        Raises
        ------
        ValueError
            For more points than a dense matrix of all of them can have.
        """
        both = x if test is None else np.concatenate([x, test.x])
        refuse_rows(
            f"x has {len(x)} points",
            len(both) if random else len(x),
            "give fewer points, for instance x[::2]",
        )
        density, sigma_a = equation.density, equation.sigma_a
        rates, vectors = symmetric_eigen(limit_gram(density, x, x, sigma_a))
        rates = np.maximum(rates, 0.0)
        goals = y if test is None else np.concatenate([y, test.y])
        mean = -goals if random else equation.initial_output_at(both) - goals
        columns = mean[:, None]
        if random and sigma_a > 0:
            columns = np.column_stack(
                [sigma_a * _factor(stationary_gram(density, both, both)), mean]
            )
        starts, later = columns[: len(x)], columns[len(x) :]
        start = vectors.T @ starts
        tested = None if test is None else limit_gram(density, test.x, x, sigma_a) @ vectors
        return cls(
            rates,
            vectors,
            start,
            np.zeros_like(starts),
            tested,
            None if test is None else later,
            None if test is None else test.weights,
            0.0,
        )

    def kept(self, length: float, size: int) -> BatchModes:
        r"""The modes that training of a total step `length` on batches of `size` can move.

        The sum of all gradients is at most :math:`\sum\eta/\sqrt{B}` times the error on a sample.
        A mode moves the samples by its rate times that, and a test point by the kernel there.
        """
        if self.count <= _FEW:
            return self
        reach = length / np.sqrt(size)
        rounding = _ROUNDING * self.count * float(self.rates.max(initial=0.0))
        # Rates ascend: what is left out stands first.
        moved = self.rates * reach
        dropped = self.rates <= max(_TRAIN / max(reach, 1e-300), rounding)
        if self.tested is not None:
            there = np.sqrt(np.max(np.cumsum(self.tested**2, axis=1), axis=0)) * reach
            moved = np.maximum(moved, there)
            dropped &= there <= _TEST
        keep = ~dropped
        spent = float(moved[dropped].max(initial=0.0))
        vectors, start = self.vectors[:, keep], self.start[keep]
        rest = self.vectors[:, ~keep] @ self.start[~keep]
        return BatchModes(
            self.rates[keep],
            vectors,
            start,
            rest,
            None if self.tested is None else self.tested[:, keep],
            self.test_start,
            self.test_weights,
            spent,
        )


def _factor(covariance: FloatArray) -> FloatArray:
    """Columns F with F F^T the covariance, (n, q)."""
    values, vectors = symmetric_eigen(covariance)
    keep = values > _ROUNDING * len(values) * float(values[-1])
    return np.asarray(vectors[:, keep] * np.sqrt(values[keep]))
