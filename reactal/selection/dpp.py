"""Determinantal point processes: batches whose probability is the squared volume that they span.

Kulesza, Taskar, Found. Trends Mach. Learn. 5, 123 (2012). P(S) ∝ det(L_S) over all S of k points, L_ij = q_i K_ij q_j:
K a Gaussian kernel of the features, after what is known has been taken out of it, q the quality. Exact, on the shortlist: its
kernel is held, the pool's never.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.distance import cdist

from reactal.errors import ConfigError
from reactal.selection.base import Candidates, Known
from reactal.selection.choosers import scaled, shortlisted
from reactal.selection.diversity import farthest_points
from reactal.selection.nearest import centred

__all__ = ["Determinantal", "greedy_map", "sample_k"]

JITTER = 1e-6  # of a kernel whose diagonal is 1: two points may coincide
KNOWN_AT_MOST = 1024  # labelled structures that are taken out of the kernel: those that cover the others
SAMPLE = 512  # points for the typical distance

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Rows = NDArray[np.int64]


@final
@dataclass(frozen=True)
class Determinantal:
    """A k-DPP over the `shortlist` times `count` best: its most probable batch, greedily (`draw` best), or one drawn by
    probability (`lot`). `relevance` is the logarithm of the quality of the best over that of the worst; `width` the kernel's,
    over the median distance."""

    draw: Literal["best", "lot"] = "best"
    relevance: float = 1.0
    width: float = 1.0
    shortlist: int = 8

    needs: ClassVar[tuple[str, ...]] = ("features",)

    def __post_init__(self) -> None:
        if self.draw not in get_args(Literal["best", "lot"]):
            raise ConfigError(f"a k-DPP draws best or lot, not {self.draw}")
        if not self.width > 0 or self.shortlist < 1:
            raise ConfigError(f"a k-DPP needs a positive width and a shortlist of 1 at least, not {self}")

    def choose(self, candidates: Candidates, *, scores: Floats, count: int, known: Known, rng: np.random.Generator) -> Rows:
        assert candidates.features is not None
        if count < 1 or not len(candidates):
            return np.zeros(0, dtype=np.int64)
        among = shortlisted(scores, count, times=self.shortlist)
        kernel = _kernel(candidates.features[among], known.features, width=self.width)
        quality = np.exp(self.relevance * (scaled(scores[among]) - 1.0))
        kernel *= quality[:, None] * quality[None, :]
        count = min(count, len(among))
        return among[greedy_map(kernel, count) if self.draw == "best" else sample_k(kernel, count, rng=rng)]


def greedy_map(kernel: Floats, count: int) -> Rows:
    """`count` rows, each the one that makes det(L_S) largest with those before it.

    Chen, Zhang, Zhou, NeurIPS 2018: d_i = det(L_{S+i}) / det(L_S) is the i-th pivot of an incremental Cholesky factor.
    """
    left = kernel.diagonal().copy()
    factor = np.zeros((min(count, len(kernel)), len(kernel)))
    chosen: list[int] = []
    for step in range(len(factor)):
        row = int(np.argmax(left))
        if left[row] <= 0:
            break
        factor[step] = (kernel[row] - factor[:step, row] @ factor[:step]) / np.sqrt(left[row])
        left = left - np.square(factor[step])
        chosen.append(row)
        left[chosen] = -np.inf
    return np.asarray(chosen, dtype=np.int64)


def sample_k(kernel: Floats, count: int, *, rng: np.random.Generator) -> Rows:
    """`count` rows with probability det(L_S) / sum of all such; fewer where the kernel's rank is lower."""
    values, vectors = np.linalg.eigh(kernel)
    values = np.where(values > values[-1] * 1e-12, values, 0.0)
    count = min(count, int((values > 0).sum()))
    basis = vectors[:, _eigenvectors(values, count, rng=rng)]
    chosen: list[int] = []
    for _ in range(count):
        weight = np.square(basis).sum(axis=1)
        weight[chosen] = 0.0
        row = int(rng.choice(len(weight), p=weight / weight.sum()))
        chosen.append(row)
        # the part of the space that is zero at the row
        pivot = int(np.argmax(np.abs(basis[row])))
        basis = np.delete(basis - np.outer(basis[:, pivot], basis[row] / basis[row, pivot]), pivot, axis=1)
        if basis.shape[1]:
            basis, _ = np.linalg.qr(basis)
    return np.asarray(chosen, dtype=np.int64)


def _eigenvectors(values: Floats, count: int, *, rng: np.random.Generator) -> Rows:
    """Which elementary DPP: `count` eigenvectors, by the elementary symmetric polynomials e_k of the eigenvalues
    (Kulesza, Taskar, algorithm 8). Scaled, so that none overflows: only ratios count."""
    values = values / max(values.max(), np.finfo(float).tiny)
    n = len(values)
    log_e = np.full((count + 1, n + 1), -np.inf)
    log_e[0] = 0.0
    with np.errstate(divide="ignore"):
        logs = np.log(values)
    for i in range(1, n + 1):
        log_e[1:, i] = np.logaddexp(log_e[1:, i - 1], logs[i - 1] + log_e[:-1, i - 1])
    chosen, left = [], count
    for i in range(n, 0, -1):
        if left == 0:
            break
        if np.log(rng.random()) < logs[i - 1] + log_e[left - 1, i - 1] - log_e[left, i]:
            chosen.append(i - 1)
            left -= 1
    return np.asarray(chosen, dtype=np.int64)


def _kernel(points: Singles, known: Singles | None, *, width: float) -> Floats:
    """Gaussian kernel of the points, and of what is left of it once the known are given."""
    if known is None or not len(known):
        (points,) = centred(points)
        known = points[:0]
    else:
        cover = known if len(known) <= KNOWN_AT_MOST else known[farthest_points(known, KNOWN_AT_MOST, first=0)[0]]
        points, known = centred(points, cover)
    step = max(1, len(points) // SAMPLE)
    apart = cdist(points[::step], points[::step], "sqeuclidean")
    typical = float(np.median(apart[apart > 0])) if (apart > 0).any() else 1.0

    def gauss(a: Singles, b: Singles) -> Floats:  # in double precision, or the kernel would not be positive definite
        return np.asarray(np.exp(-cdist(a, b, "sqeuclidean") / (2.0 * width**2 * typical)))

    kernel = gauss(points, points)
    if len(known):
        between = gauss(points, known)
        kernel -= between @ cho_solve(cho_factor(gauss(known, known) + JITTER * np.eye(len(known))), between.T)
    kernel[np.diag_indices(len(kernel))] += JITTER
    return 0.5 * (kernel + kernel.T)
