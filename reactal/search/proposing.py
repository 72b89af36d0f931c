"""Which entries to compute next, by a Gaussian process on what is known and what is under way.

BoTorch (Balandat et al., NeurIPS 33 (2020)): its batches take pending evaluations into account, its acquisitions are
tested against their definitions, and PyTorch is here already; scikit-learn's Gaussian process would have neither.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal, final, get_args

import numpy as np
from numpy.typing import NDArray

from reactal.errors import InputError, LabelerUnavailable

__all__ = ["ACQUISITIONS", "Acquisition", "History", "check_acquisition", "propose"]

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Acquisition = Literal["ei", "ucb", "thompson", "trust"]
ACQUISITIONS: tuple[Acquisition, ...] = get_args(Acquisition)
FEWEST = 3  # values below which a Gaussian process has nothing to go by, and lots decide
KAPPA_SQUARED = 4.0  # of the confidence bound, mean + 2 sigma
SAMPLES = 128  # of the posterior, in acquisitions of batches
MOST_DRAWN = 2000  # entries in one draw of the whole posterior, whose cost grows as their cube
FIT_STEPS = 75
WIDEST, NARROWEST = 1.0, 1 / 16  # share of the library in the trust region


@final
@dataclass(frozen=True, eq=False)
class History:
    """What was learnt in order: rows of the library with their values; `pending` rows are under way, `closed` ones failed.

    `gains`: for each batch that was told completely, whether its best was better than all before.
    """

    rows: Rows
    values: Floats
    pending: Rows
    closed: Rows
    gains: tuple[bool, ...]


def propose(
    features: Floats, history: History, *, count: int, minimise: bool, acquisition: Acquisition, rng: np.random.Generator
) -> Rows:
    """`count` rows of features (n, F) at most, none of which is known, pending or closed; fewer where fewer are left."""
    taken = np.concatenate([history.rows, history.pending, history.closed])
    open_rows = np.setdiff1d(np.arange(len(features)), taken)
    count = min(count, len(open_rows))
    values = -history.values if minimise else history.values
    if count == len(open_rows):
        return open_rows
    if len(history.rows) < FEWEST or np.ptp(values) == 0.0:
        return np.asarray(rng.permutation(open_rows)[:count])
    if acquisition == "trust":
        open_rows = _region(features, history, values, open_rows, count)
    torch, model = _fitted(features[history.rows], values)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # BoTorch warns of scales of data that are standardised here
        torch.manual_seed(int(rng.integers(2**31)))
        if acquisition == "thompson":
            return _drawn(torch, model, features, open_rows, count, rng)
        return _best_batch(torch, model, features, history, open_rows, count=count, bound=acquisition == "ucb")


def _fitted(inputs: Floats, values: Floats) -> tuple[Any, Any]:
    """A Matérn process with a length for each feature, hyperparameters by marginal likelihood; values standardised."""
    try:
        import torch
        from botorch.fit import fit_gpytorch_mll
        from botorch.models import SingleTaskGP
        from gpytorch.mlls import ExactMarginalLogLikelihood
    except ImportError as error:
        raise LabelerUnavailable("a search needs BoTorch, which is not installed: pip install 'reactal[search]'") from error
    spread = values.std()
    outputs = torch.as_tensor((values - values.mean()) / spread, dtype=torch.float64)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = SingleTaskGP(torch.as_tensor(inputs, dtype=torch.float64), outputs, outcome_transform=None)
        fit_gpytorch_mll(
            ExactMarginalLogLikelihood(model.likelihood, model), optimizer_kwargs={"options": {"maxiter": FIT_STEPS}}
        )
    return torch, model


def _best_batch(torch: Any, model: Any, features: Floats, history: History, open_rows: Rows, *, count: int, bound: bool) -> Rows:
    """One after another, each with those before it and the pending ones as if under way."""
    from botorch.acquisition.logei import qLogExpectedImprovement
    from botorch.acquisition.monte_carlo import qUpperConfidenceBound
    from botorch.sampling.normal import SobolQMCNormalSampler

    sampler = SobolQMCNormalSampler(torch.Size([SAMPLES]), seed=int(torch.randint(2**31, (1,))))
    waiting = history.pending.tolist()
    chosen: list[int] = []
    for _ in range(count):
        given: dict[str, Any] = {"sampler": sampler, "X_pending": _points(torch, features, waiting) if waiting else None}
        worth = (
            qUpperConfidenceBound(model, beta=KAPPA_SQUARED, **given)
            if bound
            else qLogExpectedImprovement(model, best_f=model.train_targets.max(), **given)
        )
        left = np.setdiff1d(open_rows, chosen)
        with torch.no_grad():
            values = torch.cat([worth(part[:, None]) for part in _points(torch, features, left.tolist()).split(512)])
        chosen.append(int(left[int(values.argmax())]))
        waiting.append(chosen[-1])
    return np.asarray(chosen, dtype=np.int64)


def _drawn(torch: Any, model: Any, features: Floats, open_rows: Rows, count: int, rng: np.random.Generator) -> Rows:
    """For each place in the batch the best of one draw of the posterior; what is pending needs no care, as draws differ."""
    from botorch.generation.sampling import MaxPosteriorSampling

    some = open_rows if len(open_rows) <= MOST_DRAWN else np.sort(rng.permutation(open_rows)[:MOST_DRAWN])
    points = _points(torch, features, some.tolist())
    with torch.no_grad():
        best = MaxPosteriorSampling(model, replacement=False)(points, num_samples=count)
    near = torch.cdist(best, points).argmin(dim=1).tolist()
    found = list(dict.fromkeys(int(some[place]) for place in near))
    rest = [row for row in some.tolist() if row not in found]
    return np.asarray([*found, *rest][:count], dtype=np.int64)


def _region(features: Floats, history: History, values: Floats, open_rows: Rows, count: int) -> Rows:
    """The share of the library that is nearest to the best entry, as wide as it succeeded (Eriksson et al., TuRBO, 2019):
    doubled by a batch that found better, halved by one that did not, and wide again when it has shrunk to nothing."""
    share = WIDEST
    for gained in history.gains:
        share = min(WIDEST, 2 * share) if gained else share / 2
        share = WIDEST if share < NARROWEST else share
    best = features[history.rows[int(np.argmax(values))]]
    far = np.linalg.norm(features[open_rows] - best, axis=1)
    kept = max(count, round(share * len(features)))
    return np.asarray(open_rows[np.argsort(far, kind="stable")[:kept]])


def _points(torch: Any, features: Floats, rows: list[int]) -> Any:
    return torch.as_tensor(features[rows], dtype=torch.float64)


def check_acquisition(name: str) -> Acquisition:
    """`InputError` for a name that is none."""
    for known in ACQUISITIONS:
        if name == known:
            return known
    raise InputError(f"there is no acquisition {name!r}; write one of {', '.join(ACQUISITIONS)}")
