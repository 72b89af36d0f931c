"""Better by more than the noise, worse nowhere that matters."""

from __future__ import annotations

import numpy as np

from reactal.refinement.events import Group
from reactal.refinement.judging import Paired, barrier_group, judged, verdict

STRUCTURES = 60
CONFIDENCE, WORSE = 0.95, 0.1


def paired(champion: np.ndarray, challenger: np.ndarray) -> Paired:
    return Paired(champion, challenger, 0.1 * champion, 0.1 * challenger)


def asked(pair: Paired, regions: np.ndarray, *, seed: int = 0) -> tuple[bool, str, tuple[Group, ...]]:
    groups = judged(pair, {"region": regions}, confidence=CONFIDENCE, worse=WORSE, rng=np.random.default_rng(seed))
    return (*verdict(groups, finite=pair.finite, confidence=CONFIDENCE), groups)


def errors(seed: int = 1, count: int = STRUCTURES) -> np.ndarray:
    """Of structures some of which are far harder than others, as they are."""
    return np.exp(np.random.default_rng(seed).normal(-2.5, 1.0, count))


def one_region(count: int = STRUCTURES) -> np.ndarray:
    return np.full(count, "basin")


def test_a_challenger_that_is_better_on_most_structures_is_promoted() -> None:
    champion = errors()
    noise = np.random.default_rng(2).normal(1.0, 0.2, STRUCTURES)
    promote, why, groups = asked(paired(champion, 0.7 * champion * noise), one_region())
    assert promote, why
    assert groups[0].high is not None and groups[0].high < 0.0


def test_equal_models_are_promoted_no_more_often_than_the_confidence_allows() -> None:
    """The same errors but for noise: (1 - 0.95) / 2 may look better by chance, a bootstrap of few structures gives more."""
    promoted = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        champion = errors(seed)
        promoted += asked(paired(champion, champion * np.exp(rng.normal(0.0, 0.3, STRUCTURES))), one_region(), seed=seed)[0]
    assert promoted / 200 < 0.06


def test_better_over_all_but_worse_in_one_region_is_kept() -> None:
    champion = errors()
    regions = np.where(np.arange(STRUCTURES) < 50, "basin", "transition region")
    challenger = np.where(regions == "basin", 0.5 * champion, 1.5 * champion)
    promote, why, groups = asked(paired(champion, challenger), regions)
    assert groups[0].verdict == "better"
    assert not promote and "region transition region" in why and "meV/Å" in why


def test_a_barrier_that_grew_worse_is_a_veto() -> None:
    champion = errors()
    groups = judged(paired(champion, 0.5 * champion), {}, confidence=CONFIDENCE, worse=WORSE, rng=np.random.default_rng(0))
    promote, why = verdict((*groups, barrier_group(-0.2, 0.9, slack=0.1)), finite=True, confidence=CONFIDENCE)
    assert not promote and "0.90 kcal/mol against 0.20" in why
    assert verdict((*groups, barrier_group(-0.2, 0.25, slack=0.1)), finite=True, confidence=CONFIDENCE)[0]


def test_few_structures_and_answers_that_are_not_finite_promote_nobody() -> None:
    champion = errors(count=5)
    promote, why, _ = asked(paired(champion, 0.1 * champion), one_region(5))
    assert not promote and "only 5 test structures" in why
    challenger = np.where(np.arange(STRUCTURES) == 3, np.nan, 0.1)
    promote, why, _ = asked(paired(errors(), challenger), one_region())
    assert not promote and "finite" in why
