"""Settings that suit a data set, searched with Optuna and judged by force errors on labels that were held out.

Akiba, Sano, Yanase, Ohta, Koyama, KDD 2019. Whoever wins a search of many trials was lucky, too: the best few and the settings to
start from are trained again on splits that the search has not seen, and those errors are what is told.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from reactal.chem import Frames
from reactal.errors import InputError, TooFewLabels, TrainingDiverged
from reactal.potentials.device import device_of
from reactal.training.committee import assemble
from reactal.training.forgetting import force_mae
from reactal.training.knobs import KNOBS, Value, turned, value_of
from reactal.training.member import train_member
from reactal.training.seeds import derive_seed
from reactal.training.settings import TrainingSettings

if TYPE_CHECKING:
    import optuna

__all__ = ["Candidate", "Search", "tune"]

JOURNAL = "study.jsonl"
HELD_OUT = 0.2
AT_RANDOM = 8  # trials, before what they found guides the search
LEAST = 20  # labels; of fewer, a fifth tells nothing
Told = Callable[[int, float | None], None]  # trials done, best error so far


@final
@dataclass(frozen=True)
class Search:
    """`trials` in all, those of earlier calls counted; at most `minutes` of this call. `splits` of a trial, `finalists` and the
    splits that each of these gets anew; every random number follows from `seed`."""

    trials: int
    minutes: float | None = None
    splits: int = 2
    finalists: int = 3
    repeats: int = 3
    seed: int = 0


@final
@dataclass(frozen=True)
class Candidate:
    """Settings by the keys of a campaign file, and force errors (eV/angstrom) on each of the fresh splits."""

    values: Mapping[str, Value]
    errors: tuple[float, ...]

    @property
    def mean(self) -> float:
        return float(np.mean(self.errors))

    @property
    def standard_error(self) -> float:
        return float(np.std(self.errors, ddof=1) / math.sqrt(len(self.errors))) if len(self.errors) > 1 else math.nan


def tune(
    frames: Frames, settings: TrainingSettings, search: Search, *, folder: Path, told: Told | None = None
) -> list[Candidate]:
    """The finalists, the best first, and last the settings to start from, unchanged. The study is kept in `folder`, and the same
    call goes on with it."""
    if len(frames) < LEAST:
        raise TooFewLabels(f"{len(frames)} labels are too few to judge settings by; label {LEAST} at least")
    rest = settings.left_of(frames)
    rest = rest[np.flatnonzero(rest.labelled)]
    study = _study(folder, _digest(rest, settings, search), seed=search.seed)
    start = {knob.key: value_of(settings, knob) for knob in KNOBS}
    if not study.trials:
        study.enqueue_trial({knob.key: min(max(start[knob.key], knob.low), knob.high) for knob in KNOBS})
    _run(study, rest, settings, search, told=told)
    fresh = range(search.splits, search.splits + search.repeats)

    def judged(values: Mapping[str, Value]) -> Candidate:
        return Candidate(values, tuple(_error(rest, turned(settings, values), split, seed=search.seed) for split in fresh))

    done = sorted((trial for trial in study.trials if trial.value is not None), key=lambda trial: float(trial.value or 0))
    best = [judged(trial.params) for trial in done[: search.finalists]]
    return [*sorted(best, key=lambda candidate: candidate.mean), judged(start)]


def _run(study: optuna.Study, rest: Frames, settings: TrainingSettings, search: Search, *, told: Told | None) -> None:
    import optuna

    def objective(trial: optuna.Trial) -> float:
        values = {knob.key: _drawn(trial, knob.key) for knob in KNOBS}
        errors = []
        for split in range(search.splits):
            errors.append(_error(rest, turned(settings, values), split, seed=search.seed))
            trial.report(float(np.mean(errors)), split)
            if not math.isfinite(errors[-1]) or (split + 1 < search.splits and trial.should_prune()):
                raise optuna.TrialPruned
        return float(np.mean(errors))

    def heard(study: optuna.Study, _trial: optuna.trial.FrozenTrial) -> None:
        if told is not None:
            told(_finished(study), study.best_value if study.best_trials else None)

    left = search.trials - _finished(study)
    if left > 0:
        timeout = None if search.minutes is None else 60 * search.minutes
        study.optimize(objective, n_trials=left, timeout=timeout, callbacks=[heard])


def _drawn(trial: optuna.Trial, key: str) -> Value:
    knob = next(knob for knob in KNOBS if knob.key == key)
    log = knob.scale == "log"
    if knob.whole:
        return trial.suggest_int(key, int(knob.low), int(knob.high), log=log)
    return trial.suggest_float(key, knob.low, knob.high, log=log)


def _finished(study: optuna.Study) -> int:
    return sum(trial.state.is_finished() for trial in study.trials)


def _error(rest: Frames, settings: TrainingSettings, split: int, *, seed: int) -> float:
    """Of one network on the fifth of the labels that this split keeps from it; infinite where training diverges."""
    order = np.random.default_rng(derive_seed(seed, "tune", split)).permutation(len(rest))
    held = round(HELD_OUT * len(rest))
    test, train = rest[np.sort(order[:held])], rest[np.sort(order[held:])]
    try:
        # the baseline is taken off already, from both parts
        member = train_member(train, _bare(settings), seed=derive_seed(seed, "tune", "network", split))
    except TrainingDiverged:
        return math.inf
    return force_mae(assemble([member]).on(device_of(settings.device)), test)


def _bare(settings: TrainingSettings) -> TrainingSettings:
    return replace(settings, baseline=None)


def _study(folder: Path, digest: str, *, seed: int) -> optuna.Study:
    """`InputError` where what lies there is of other labels or settings, or Optuna is missing."""
    try:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
    except ModuleNotFoundError as error:
        raise InputError("searching settings needs Optuna, which is not installed; run pip install 'reactal[tune]'") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    folder.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(folder / JOURNAL))),
        study_name="reactal",
        direction="minimize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=AT_RANDOM),
        load_if_exists=True,
    )
    known: dict[str, Any] = study.user_attrs
    if known.get("digest", digest) != digest:
        raise InputError(f"the study in {folder} is of other labels or settings; choose another folder, or remove it")
    study.set_user_attr("digest", digest)
    fresh = derive_seed(seed, "sampler", len(study.trials))  # a study that is gone on with must not draw the same again
    study.sampler = optuna.samplers.TPESampler(seed=fresh, n_startup_trials=AT_RANDOM, multivariate=True)
    return study


def _digest(rest: Frames, settings: TrainingSettings, search: Search) -> str:
    parts = [*rest.keys(), repr(settings), repr((search.splits, search.seed)), repr(KNOBS)]
    whole = hashlib.sha256("|".join(parts).encode())
    whole.update(rest.forces.tobytes())
    return whole.hexdigest()
