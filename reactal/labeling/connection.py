"""From a section `cluster` to a client of that cluster, and what a label pool knows of its growth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from reactal.clusters import Cluster, ClusterAddress, JobCluster, KubernetesCluster, LocalCluster, NoCluster
from reactal.errors import ConfigError
from reactal.labeling.base import LabelingResources
from reactal.labeling.cluster import LOCAL, connect
from reactal.labeling.growing import connect_growing, growth_of_workers
from reactal.labeling.growth import Growth
from reactal.labeling.jobs import connect_jobs, growth_by_jobs, require_batch_system, slots_of_a_job
from reactal.labeling.kubernetes import connect_kubernetes, growth_by_pods, require_kubernetes
from reactal.labeling.pool import slot_count
from reactal.labeling.versions import require_same_versions

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["connect_section", "growth_of", "require_cluster"]


def require_cluster(section: Cluster, resources: LabelingResources) -> None:
    """`ConfigError` or `LabelerUnavailable` where this machine cannot start the cluster's workers."""
    alike = isinstance(section, JobCluster | KubernetesCluster) or growth_of_workers(section) is not None
    if resources.classes and alike:
        raise ConfigError(
            f"resources.classes: the workers of cluster.kind {section.kind} are all alike; set threads and memory_mib instead, "
            "or start workers of several classes yourself and give the address of their scheduler"
        )
    match section:
        case JobCluster():
            slots_of_a_job(section, resources.threads)
            require_batch_system(section)
        case KubernetesCluster():
            require_kubernetes()


@contextmanager
def connect_section(section: Cluster, resources: LabelingResources, folder: Path) -> Iterator[Client | None]:
    """A client, or None where no cluster is wanted. Jobs write in `folder`, which their nodes see, too."""
    match section:
        case NoCluster():
            yield None
        case ClusterAddress(address=address):
            with connect(address, 0) as client:
                require_same_versions(client)
                yield client
        case LocalCluster() if section.workers is not None or section.memory is not None:
            with connect_growing(section, slot_count(resources)) as client:
                yield client
        case JobCluster():
            with connect_jobs(section, resources.threads, folder) as client:
                yield client
        case KubernetesCluster():
            with connect_kubernetes(section) as client:
                yield client
        case _:
            with connect(LOCAL, slot_count(resources), classes=resources.classes) as client:
                yield client


def growth_of(section: Cluster, resources: LabelingResources, folder: Path) -> Growth | None:
    """None where the cluster has the size that it has."""
    match section:
        case JobCluster():
            return growth_by_jobs(section, resources.threads, folder)
        case KubernetesCluster():
            return growth_by_pods(section)
        case LocalCluster():
            return growth_of_workers(section)
        case _:
            return None
