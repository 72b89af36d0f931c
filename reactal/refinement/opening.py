"""The beginning of a night: who is champion, what is known, which tests there are."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np

from reactal.chem import Frames
from reactal.config import load_resolved, science_changes
from reactal.errors import DriverConflict, InputError, ScienceChanged
from reactal.refinement.champions import ChampionAlias
from reactal.refinement.decide import NightState
from reactal.refinement.events import Opened, TestSet
from reactal.refinement.plan import Tonight
from reactal.refinement.scene import Scene
from reactal.selection.batch import RANDOM
from reactal.store.lease import Lease

__all__ = ["check_campaign", "open_night"]

OF_THE_CAMPAIGN = "campaign"
SAME = ("theory.", "model.", "reactant", "product", "charge", "multiplicity")  # training may change from night to night


def check_campaign(scene: Scene, *, file: Path) -> None:
    """Finished, driven by nobody, and still what the file says."""
    config, state, objects = scene.bench.config, scene.state, scene.bench.objects
    if state.trained is None or state.outcome is None:
        raise InputError(f"campaign {config.name} is not finished; `reactal run {file}` goes on with it")
    began = load_resolved(objects.get(f"campaigns/{config.name}/config/{state.config}.yaml"))
    if changes := [line for line in science_changes(began, config) if line.startswith(SAME)]:
        raise ScienceChanged(
            f"{file} differs from the campaign {config.name} as it was run ({'; '.join(changes)}); a night teaches its model "
            "on, so put it back"
        )
    holder = Lease(objects, f"campaigns/{config.name}/drivers").holder()
    if holder is not None:
        raise DriverConflict(f"campaign {config.name} is being driven by process {holder['pid']}; wait for it, then refine it")


def open_night(scene: Scene, plan: Tonight, *, last: NightState | None, alias: ChampionAlias, now: datetime) -> Opened:
    """`last` is the night before this one, if there was any."""
    campaign = scene.state
    champion, source = _champion(scene, alias)
    base: tuple[int, ...] = (campaign.dataset,)
    tests, labels = _first_tests(scene), campaign.labels_asked
    if last is not None and last.opened is not None:
        earlier = last.opened.base[1:] if last.kept is None else (last.kept.dataset,)
        base = (campaign.dataset, *earlier)
        tests = last.opened.tests if last.kept is None else (*last.opened.tests, *last.kept.frozen)
        labels = last.opened.labels_before + last.asked
    ends = plan.ends(now)
    return Opened(
        night=scene.night,
        began=now.isoformat(timespec="seconds"),
        ends=None if ends is None else ends.isoformat(timespec="seconds"),
        config=scene.bench.config.sha256,
        plan=plan,
        champion=champion,
        champion_from=source,
        base=base,
        tests=tests,
        labels_before=labels,
    )


def _champion(scene: Scene, alias: ChampionAlias) -> tuple[str, str]:
    """The registry's word counts, since people move the alias by hand; then the store's record; then the campaign's newest."""
    named = alias.champion()
    if named is not None:
        return named, "the alias champion in MLflow's registry"
    history = scene.champions.history()
    if history:
        return history[-1].model, f"the store's record: {history[-1].why}"
    assert scene.state.trained is not None
    return scene.state.trained.model, "the newest model of the campaign"


def _first_tests(scene: Scene) -> tuple[TestSet, ...]:
    """What the campaign drew by lot and never trained on: labels that came after its last training."""
    campaign = scene.state
    assert campaign.trained is not None
    rows = scene.bench.dataset(campaign.dataset)
    trained = set(scene.bench.dataset(campaign.trained.dataset).keys())
    fresh = np.asarray([key not in trained for key in rows.keys()], dtype=bool)  # noqa: SIM118 not a mapping
    drawn: Frames = rows[fresh & (np.asarray(rows.extra["arm"]) == RANDOM)]
    return (scene.freeze(OF_THE_CAMPAIGN, drawn),) if len(drawn) else ()
