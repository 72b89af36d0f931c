"""`reactal up`: Prefect's server with a worker, MLflow and a Dask cluster on this machine, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from reactal.cli.output import JsonOption, announce, emit
from reactal.cli.services import (
    HOST,
    Service,
    ServiceFailed,
    announced,
    announced_by,
    free_port,
    services,
    stop,
    until_healthy,
)

__all__ = ["up"]

PREFECT_PORT, MLFLOW_PORT, DASK_PORT, DASHBOARD_PORT = 4200, 5000, 8786, 8787  # where people look; others where taken
POLL_SECONDS = 0.3
LOGS = "up"
POOL = "reactal"
WORKER_READY = "started!"  # what Prefect's worker says when it looks for runs
Wanted = tuple[str, Sequence[str], str | None, str]


def up(
    campaign: Annotated[
        Path | None, typer.Argument(metavar="[CAMPAIGN.yaml]", help="Whose runs; else those last at work below this folder.")
    ] = None,
    stopping: Annotated[bool, typer.Option("--stop", help="End what another `reactal up` keeps for the same folder.")] = False,
    worker: Annotated[
        bool, typer.Option(help="A Prefect worker, which carries out what `reactal deploy --pool reactal` registers.")
    ] = True,
    dask: Annotated[bool, typer.Option(help="A Dask scheduler with workers, for `cluster: {kind: address, ...}`.")] = True,
    slots: Annotated[int, typer.Option(min=0, help="Dask workers; 0: one for each core.")] = 0,
    json: JsonOption = False,
) -> None:
    """Prefect's server and worker, MLflow and Dask on this machine.

    Prints their links once all of them answer, and keeps them until Ctrl-C or `--stop`; ends with exit code 1 where one of them
    ends by itself. All listen on loopback alone. Runs that start meanwhile use this Prefect server; those of earlier days are
    still there.

    [bold]Examples[/bold]

      reactal up sn2/campaign.yaml

      reactal up sn2/campaign.yaml --stop

      reactal up --no-worker --no-dask      the pages alone
    """
    from reactal.cli.homes import reactal_folder

    folder = reactal_folder(campaign)
    if stopping:
        ended = stop(folder)
        if json:
            emit({"stopped": ended, "folder": folder})
        else:
            announce(f"stopped what was up for {folder}" if ended else f"nothing is up for {folder}")
        return
    if (there := announced_by(folder)) is not None:
        announce("it is up already; `reactal up --stop` ends it")
        _show(there["links"], json=json)
        return
    with _interrupts() as asked:
        keep = partial(_keep, folder, asked, worker=worker, dask=dask, slots=slots, json=json)
        try:
            keep()
        except ServiceFailed as failed:
            if not failed.port_taken:
                raise
            announce("a port was taken meanwhile; starting again on others")
            keep()


def _keep(folder: Path, asked: threading.Event, *, worker: bool, dask: bool, slots: int, json: bool) -> None:
    from flows.server import LocalServer, client_environment

    with ExitStack() as stack:
        prefect = stack.enter_context(LocalServer(folder / "prefect", schedules=True, port=free_port(PREFECT_PORT)))
        links: dict[str, str | None] = {"prefect": prefect.page}
        tracking = _tracking_uri(folder)
        wanted = [*_mlflow(tracking, links), *(_dask(links, slots or os.cpu_count() or 1) if dask else ())]
        # not among the words of a command, which all users of the machine may read
        started = stack.enter_context(services(wanted, folder / LOGS, environ={"MLFLOW_BACKEND_STORE_URI": tracking}))
        prefect.wait()
        prefect.publish()
        if worker:
            os.environ.update(client_environment(prefect.home), PREFECT_API_URL=prefect.api)
            started += stack.enter_context(services([_worker(links)], folder / LOGS))
        until_healthy(started, stopped=asked)
        links["folder"] = str(folder)
        stack.enter_context(announced(folder, links))
        if not asked.is_set():
            _show(links, json=json)
        _watch(started, asked)


def _watch(started: Sequence[Service], asked: threading.Event) -> None:
    while not asked.wait(POLL_SECONDS):
        for service in started:
            if service.ended:
                announce(f"{service.name} has ended by itself; see {service.log}")
                raise typer.Exit(1)


def _tracking_uri(folder: Path) -> str:
    from reactal.tracking.mlflow import sqlite_uri

    (folder / "mlflow").mkdir(parents=True, exist_ok=True)
    return os.environ.get("MLFLOW_TRACKING_URI") or sqlite_uri(folder / "mlflow")


def _mlflow(tracking: str, links: dict[str, str | None]) -> list[Wanted]:
    """A server for a database; none where another server keeps the runs."""
    if tracking.startswith(("http://", "https://")):
        links["mlflow"] = tracking
        return []
    port = free_port(MLFLOW_PORT)
    links["mlflow"] = page = f"http://{HOST}:{port}"
    return [("mlflow", ["mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"], f"{page}/health", "")]


def _dask(links: dict[str, str | None], slots: int) -> list[Wanted]:
    """A scheduler and its workers, each with a nanny that replaces it when it dies."""
    from reactal.labeling.cluster import WORKER_ARGUMENTS

    port, dashboard = free_port(DASK_PORT), free_port(DASHBOARD_PORT)
    address, page = f"tcp://{HOST}:{port}", f"http://{HOST}:{dashboard}"
    links["dask"], links["scheduler"] = f"{page}/status", address
    scheduler = ["distributed.cli.dask_scheduler", "--host", HOST, "--port", str(port), "--dashboard-address"]
    workers = ["distributed.cli.dask_worker", address, "--host", HOST, "--nworkers", str(slots), *WORKER_ARGUMENTS]
    return [
        ("dask-scheduler", [*scheduler, f"{HOST}:{dashboard}"], f"{page}/health", ""),
        ("dask-workers", [*workers, "--worker-port", "0", "--dashboard-address", f"{HOST}:0"], None, "Registered to"),
    ]


def _worker(links: dict[str, str | None]) -> Wanted:
    links["worker"] = f"pool {POOL}"
    return "worker", ["prefect", "worker", "start", "--pool", POOL, "--type", "process", "--name", POOL], None, WORKER_READY


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """Set by Ctrl-C and SIGTERM. Raised in a callback of the garbage collector, an interrupt would be lost."""
    asked = threading.Event()
    before = {number: signal.signal(number, lambda *_: asked.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show(links: dict[str, str | None], *, json: bool) -> None:
    if json:
        emit(links)
        sys.stdout.flush()
        return
    for name, link in links.items():
        announce(f"{name:10} {link}")
    announce("Ctrl-C ends all of it")
