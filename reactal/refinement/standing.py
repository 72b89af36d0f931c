"""Who is champion: the store's record and MLflow's registry, kept alike."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Protocol, final

from reactal.errors import ObjectNotFound, TrackerUnavailable
from reactal.refinement.champions import Champion
from reactal.refinement.scene import Scene
from reactal.stages.track import example_row, lineage
from reactal.tracking.base import Tracker
from reactal.tracking.models import MODEL_TAG, ModelRegistry, Registered

__all__ = ["CHALLENGER", "CHAMPION", "Registry", "Standing"]

log = logging.getLogger(__name__)

CHAMPION, CHALLENGER = "champion", "challenger"


class Registry(Tracker, ModelRegistry, Protocol):
    """A tracker that keeps models."""

    def registered(self, name: str, alias: str) -> Registered | None:
        """The version behind the alias, if any; `TrackerUnavailable` where nobody answers."""


@final
class Standing:
    """Both implement each other's lack: the record is always there, the registry is where others look. See `ChampionAlias`."""

    def __init__(self, scene: Scene, registry: Registry) -> None:
        self._scene, self._registry = scene, registry

    def champion(self) -> str | None:
        """See `ChampionAlias`; a model that the store does not hold is fetched from the registry."""
        try:
            found = self._registry.registered(self._scene.bench.config.name, CHAMPION)
            return None if found is None else self._in_store(found)
        except TrackerUnavailable as error:
            log.warning("%s; the champion is that of the store's record", error)
            return None

    def point(self, model: str, *, alias: str) -> None:
        """See `ChampionAlias`."""
        from reactal.potentials.export import write_committee

        scene = self._scene
        name, about = scene.bench.config.name, scene.committee(model).about
        run = self._registry.open_run((name,), tags={}, params={})
        tags = lineage(scene.bench, model, dataset=about.get("dataset"), night=str(about.get("night", "")))
        example = example_row(scene.ends.reactant)
        with tempfile.TemporaryDirectory(prefix="reactal-model-") as scratch:
            folder = write_committee(Path(scratch) / "model", scene.committee(model))
            self._registry.register(run, name=name, folder=folder, alias=alias, tags=tags, example=example)

    def history(self) -> tuple[Champion, ...]:
        """The store's record, the oldest first; the campaign's newest model where nothing was ever recorded."""
        found, trained = self._scene.champions.history(), self._scene.state.trained
        if found or trained is None:
            return found
        return (Champion(trained.model, "the newest model of the campaign", ""),)

    def promote(self, model: str, *, before: str, night: str, since: str) -> None:
        """Champion from here on; doing it again changes nothing."""
        champions = self._scene.champions
        if not champions.history():
            champions.appoint(Champion(before, "the champion before the first night that promoted one", since))
        champions.appoint(Champion(model, f"promoted in the night {night}", since))
        self.point(model, alias=CHAMPION)

    def roll_back(self, since: str) -> Champion:
        """The champion before this one is champion again."""
        before = self._scene.champions.previous()
        again = Champion(before.model, "rolled back by hand", since)
        self._scene.champions.appoint(again)
        self.point(again.model, alias=CHAMPION)
        return again

    def _in_store(self, found: Registered) -> str:
        """Its id in the campaign's store."""
        from reactal.potentials.registered import fetch_registered

        models, model = self._scene.bench.models, found.tags.get(MODEL_TAG)
        if model is not None:
            try:
                models.get(model)
                return model
            except ObjectNotFound:
                log.info("model %s is not in the store; it is fetched from the registry", model[:12])
        return models.put(fetch_registered(found.uri, tracker=found.tracker))
