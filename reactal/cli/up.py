"""`reactal up`: the pages of Prefect and MLflow, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from reactal.cli.output import JsonOption, announce, emit

__all__ = ["up"]

HOST = "127.0.0.1"
PREFECT_PORT, MLFLOW_PORT, DASK_PORT = 4200, 5000, 8787  # where people look; others where these are taken
STOP_SECONDS = 10.0
POLL_SECONDS = 0.3


def up(
    campaign: Annotated[
        Path | None, typer.Argument(metavar="[CAMPAIGN.yaml]", help="Whose runs; else those last at work below this folder.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show the pages of Prefect and MLflow until Ctrl-C.

    Runs that start meanwhile use this Prefect server; those of earlier days are still there.

    [bold]Example[/bold]: reactal up sn2/campaign.yaml
    """
    from flows.server import LocalServer
    from reactal.cli.homes import reactal_folder
    from reactal.tracking.mlflow import sqlite_uri

    folder = reactal_folder(campaign)
    mlflow_port = free_port(MLFLOW_PORT)
    tracking = os.environ.get("MLFLOW_TRACKING_URI") or sqlite_uri(folder / "mlflow")
    (folder / "mlflow").mkdir(parents=True, exist_ok=True)
    with (
        LocalServer(folder / "prefect", schedules=True, port=free_port(PREFECT_PORT)) as prefect,
        _mlflow(tracking, mlflow_port, folder / "mlflow") as mlflow,
    ):
        prefect.wait()
        prefect.publish()
        links = {"prefect": prefect.page, "mlflow": f"http://{HOST}:{mlflow_port}", "dask": _dask(), "folder": str(folder)}
        with suppress(KeyboardInterrupt), _interrupts() as asked:
            _show(links, json=json)
            while not asked.wait(POLL_SECONDS):
                if mlflow.poll() is not None:
                    announce(f"MLflow's page has ended by itself; see {folder / 'mlflow' / 'server.log'}")
                    raise typer.Exit(1)


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """Set by Ctrl-C. Raised in the wrong moment, in a callback of the garbage collector, an interrupt would be lost."""
    asked = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: asked.set())
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


def free_port(wanted: int) -> int:
    """`wanted` if nobody has it, else any."""
    for port in (wanted, 0):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((HOST, port))
            except OSError:
                continue
            return int(trial.getsockname()[1])
    raise AssertionError("port 0 is any free one")


@contextmanager
def _mlflow(tracking: str, port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = ["-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1", "--backend-store-uri", tracking]
    environ = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # else six processes more, for what nobody here uses
    with (folder / "server.log").open("ab") as log:
        # a session of its own: Ctrl-C reaches us, and we end all of its workers
        process = subprocess.Popen([sys.executable, *command], stdout=log, stderr=log, start_new_session=True, env=environ)
    try:
        yield process
    finally:
        _end_group(process)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        os.killpg(process.pid, number)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def _dask() -> str | None:
    """The dashboard of a cluster that is at work on this machine now, if it is where Dask puts it."""
    with socket.socket() as trial:
        trial.settimeout(0.5)
        return f"http://{HOST}:{DASK_PORT}/status" if trial.connect_ex((HOST, DASK_PORT)) == 0 else None


def _show(links: dict[str, str | None], *, json: bool) -> None:
    if json:
        emit(links)
        sys.stdout.flush()
        return
    for name, link in links.items():
        if link is not None:
            announce(f"{name:8} {link}")
    announce("Ctrl-C ends all of it")
