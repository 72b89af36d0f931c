"""From a configuration to the objects that do the work: the only place where they are put together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, final
from urllib.parse import quote

from reactal.chem import Structure
from reactal.config import CampaignConfig
from reactal.errors import ConfigError
from reactal.labeling.base import LabelingResources, LabelPool, SizeRule, SlotKind
from reactal.progress import Progress
from reactal.secrecy import refuse_credentials
from reactal.sections import BAND
from reactal.stages.bench import Bench
from reactal.store.labels import LabelStore
from reactal.store.objects import ObjectStore
from reactal.store.opening import open_store, require_writable

if TYPE_CHECKING:
    from reactal.campaign.state import CampaignState
    from reactal.resources import Resources
    from reactal.tracking.mlflow import MlflowTracker
    from reactal.tracking.null import NullTracker
    from reactal.training.committee import Submit

__all__ = ["Workshop", "labeling_resources", "local_folder", "resources_of"]

WATCH_SECONDS = 15.0  # between figures of the machine in MLflow


def resources_of(config: CampaignConfig) -> LabelingResources:
    """The campaign file's resources in the labeler's words."""
    return labeling_resources(config.resources)


def labeling_resources(section: Resources) -> LabelingResources:
    """A section of resources likewise."""
    given = section.model_dump(exclude={"device"})
    rules = tuple(SizeRule(**rule) for rule in given.pop("by_size"))
    classes = tuple(SlotKind(**kind) for kind in given.pop("classes"))
    return LabelingResources(**given, classes=classes, by_size=rules)


def _check_strategy(config: CampaignConfig) -> None:
    """`ConfigError` for settings that the strategy does not know, before anything is paid for."""
    if config.selection.strategy != BAND:
        from reactal.selection.strategy import strategy_named

        strategy_named(config.selection.strategy, **config.selection.strategy_settings)
    elif config.selection.strategy_settings:
        raise ConfigError("selection.strategy_settings are those of a named strategy; name one, or leave them out")


def local_folder(config: CampaignConfig) -> Path:
    """Where things that must lie on this machine go: beside a store on disk, else in the working folder."""
    store = config.store
    if store.startswith("file://"):
        return Path(store.removeprefix("file://")).parent
    return Path(store).parent if "://" not in store else Path.cwd() / ".reactal"


@final
class Workshop:
    """Opens the store at once; starts cluster, label pool and tracker when they are first needed, and ends what it started."""

    def __init__(self, config: CampaignConfig, *, progress: Progress) -> None:
        self.config = config
        self._stack = ExitStack()
        _check_strategy(config)
        self.objects: ObjectStore = open_store(config.store, single_writer=config.single_writer)
        self.bench = Bench(
            config=config,
            objects=self.objects,
            label_pool=lambda: self.label_pool,
            submit=lambda: self.submit,
            progress=progress,
        )

    def check_theory(self, structure: Structure) -> None:
        """`UnknownTheory` before any label is spent."""
        from reactal.labeling.programs import check_theory

        check_theory(self.config.theory.theory(), structure, resources_of(self.config))

    def require_writable(self) -> None:
        require_writable(self.objects)

    @cached_property
    def client(self) -> Any:
        """A Dask client, or None where the campaign wants no cluster."""
        from reactal.labeling.connection import connect_section

        section = connect_section(self.config.cluster, resources_of(self.config), self._job_folder)
        return self._stack.enter_context(section)

    @property
    def dashboard(self) -> str | None:
        """The page of the Dask cluster, once it is at work; asking starts none."""
        client = self.__dict__.get("client")
        return None if client is None else str(client.dashboard_link)

    @property
    def _job_folder(self) -> Path:
        return local_folder(self.config) / self.config.name / "jobs"

    def check_cluster(self) -> None:
        """`ConfigError` or `LabelerUnavailable` where this machine cannot start the cluster's workers."""
        from reactal.labeling.connection import require_cluster

        require_cluster(self.config.cluster, resources_of(self.config))

    @cached_property
    def label_pool(self) -> LabelPool:
        theory, resources = self.config.theory.theory(), resources_of(self.config)
        labels = LabelStore(self.objects)
        labels.register(theory)
        pool: LabelPool
        if self.client is None:
            from reactal.labeling.pool import LocalLabelPool

            pool = LocalLabelPool(labels, theory, resources)
        else:
            from reactal.labeling.connection import growth_of
            from reactal.labeling.dask_pool import DaskLabelPool

            single, growth = self.config.single_writer, growth_of(self.config.cluster, resources, self._job_folder)
            pool = DaskLabelPool(self.client, self.config.store, theory, resources, single_writer=single, growth=growth)
        self._stack.callback(pool.close)
        return pool

    @property
    def submit(self) -> Submit | None:
        """Where training jobs go: Dask workers; None: this process."""
        client = self.client
        if client is None:
            return None
        from reactal.labeling.cluster import TRAINING_SLOT, Carried

        return lambda work, job: Carried(client, work, job, resource=TRAINING_SLOT)

    @cached_property
    def tracker(self) -> MlflowTracker | NullTracker:
        if self.config.tracking.kind == "none":
            from reactal.tracking.null import NullTracker

            return NullTracker()
        return self._mlflow(self.config.tracking.experiment)

    @cached_property
    def nights_tracker(self) -> MlflowTracker | NullTracker:
        """For nights of refinement, which have an experiment of their own."""
        if self.config.tracking.kind == "none":
            return self.tracker
        return self._mlflow(f"{self.config.tracking.experiment}-nights")

    def send_unsent(self) -> None:
        """What MLflow did not take of this campaign earlier goes there now, if it is back; else nothing is started."""
        if self.config.tracking.kind != "none" and any(self._unsent(self.config.tracking.experiment).glob("[0-9]*")):
            self.tracker.send()
            self.tracker.flush()

    def _unsent(self, experiment: str) -> Path:
        return local_folder(self.config) / "mlflow" / "unsent" / quote(experiment, safe="") / self.config.name

    def _mlflow(self, experiment: str) -> MlflowTracker:
        """What MLflow did not take lies beside its database, and goes there when it is back."""
        from reactal.tracking.mlflow import MlflowTracker

        tracker = MlflowTracker(
            self.tracking_uri,
            experiment,
            scope=self.config.store,
            unsent=self._unsent(experiment),
            watch_machine=WATCH_SECONDS,
        )
        self._stack.callback(tracker.close)
        return tracker

    @property
    def tracking_uri(self) -> str:
        """The tracking server, else a database of its own beside the store."""
        import os

        told = refuse_credentials(os.environ.get("MLFLOW_TRACKING_URI", ""), of="MLFLOW_TRACKING_URI")
        given = self.config.tracking.uri or told
        return given or f"sqlite:///{local_folder(self.config) / 'mlflow' / 'mlflow.db'}"

    def show_metrics(self, state: Callable[[], CampaignState]) -> None:
        """Serve the page for Prometheus, if the campaign file names a port, until this is closed."""
        section = self.config.monitoring
        if section.port is not None:
            from reactal.stages.metrics import Metrics
            from reactal.tracking.metrics_page import MetricsPage

            page = MetricsPage(Metrics(self.bench, state), host=section.host, port=section.port)
            self._stack.callback(page.close)

    def close(self) -> None:
        """End what was started, the last thing first; may be called twice."""
        self._stack.close()
