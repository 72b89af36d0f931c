"""A Dask cluster whose workers are pods of Kubernetes, started by Dask's operator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from reactal.clusters import KubernetesCluster
from reactal.errors import ConfigError, LabelerUnavailable
from reactal.labeling import leaving
from reactal.labeling.cluster import ONE_THREAD, SCHEDULER_SETTINGS, WORKER_ARGUMENTS
from reactal.labeling.growth import DASK_TARGET, Growth

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["cluster_spec", "connect_kubernetes", "growth_by_pods", "require_kubernetes"]

OPERATOR = "https://kubernetes.dask.org/en/latest/operator_installation.html"


def require_kubernetes() -> None:
    if find_spec("dask_kubernetes") is None:
        raise ConfigError("cluster.kind kubernetes needs dask-kubernetes: pip install 'reactal[cluster]'")


def growth_by_pods(section: KubernetesCluster) -> Growth:
    return Growth(
        most_slots=section.workers.most,
        patience_s=60 * section.wait_minutes,
        advice=f"its pods had {section.wait_minutes:g} minutes (cluster.wait_minutes) to begin: "
        f"`kubectl get pods --namespace {section.namespace}` says what keeps them",
    )


def cluster_spec(section: KubernetesCluster, name: str) -> dict[str, Any]:
    """The `DaskCluster` that the operator is given.

    Secrets stand in it by the name of the Kubernetes secret alone, and only workers get them: the scheduler opens no store.
    """
    from dask.utils import parse_bytes
    from dask_kubernetes.operator import make_cluster_spec

    wanted = {"cpu": str(section.cores), "memory": str(parse_bytes(section.memory))}
    settings = {**SCHEDULER_SETTINGS, "distributed.adaptive.target-duration": DASK_TARGET}
    environ = ONE_THREAD | {_variable(key): str(value) for key, value in settings.items()}
    spec: dict[str, Any] = make_cluster_spec(
        name,
        image=section.image,
        n_workers=section.workers.least,
        resources={"requests": wanted, "limits": {"memory": wanted["memory"]}},
        env=environ,
        worker_command=["dask", "worker", *WORKER_ARGUMENTS, "--preload-nanny", leaving.__name__],
    )
    (scheduler,), (worker,) = (spec["spec"][part]["spec"]["containers"] for part in ("scheduler", "worker"))
    scheduler["args"] = ["dask", "scheduler", "--host", "0.0.0.0"]  # newer Dask has no `dask-scheduler`
    if section.secret:
        worker["envFrom"] = [{"secretRef": {"name": section.secret}}]
    return spec


def _variable(setting: str) -> str:
    """How a setting of Dask is called in the environment."""
    return "DASK_" + setting.replace(".", "__").replace("-", "_").upper()


@contextmanager
def connect_kubernetes(section: KubernetesCluster) -> Iterator[Client]:
    """A client of a scheduler in the Kubernetes cluster that kubectl's configuration names; all pods end with it."""
    require_kubernetes()
    from distributed import Client

    with _kube_cluster(section) as cluster:
        cluster.adapt(minimum=section.workers.least, maximum=section.workers.most)
        with Client(cluster, set_as_default=False) as client:
            yield client


def _kube_cluster(section: KubernetesCluster) -> Any:
    import httpx
    import kr8s
    from dask_kubernetes.exceptions import CrashLoopBackOffError, SchedulerStartupError
    from dask_kubernetes.operator import KubeCluster

    from_kr8s = (kr8s.APITimeoutError, kr8s.ConnectionClosedError, kr8s.ServerError, httpx.HTTPError)
    from_dask = (OSError, RuntimeError, ValueError, CrashLoopBackOffError, SchedulerStartupError)
    try:
        list(kr8s.get("daskclusters", namespace=section.namespace))  # a KubeCluster that fails would fail once more at exit
        return KubeCluster(
            namespace=section.namespace, custom_cluster_spec=cluster_spec(section, f"reactal-{uuid4().hex[:10]}"), quiet=True
        )
    except (*from_dask, *from_kr8s) as error:
        raise LabelerUnavailable(
            f"no Dask cluster could be started in the Kubernetes namespace {section.namespace} ({' '.join(str(error).split())}); "
            f"`kubectl get daskclusters --namespace {section.namespace}` must answer, which needs Dask's operator: {OPERATOR}"
        ) from error
