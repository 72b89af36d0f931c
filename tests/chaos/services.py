"""The servers a group runs: Prefect, MLflow, Dask. Each is a process that can be killed and is started again on its port."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from flows.server import LocalServer, client_environment
from reactal.labeling.cluster import WORKER_ARGUMENTS
from tests.chaos.disk import SmallDisk, small_disk
from tests.labeling.watching import until
from tests.ports import free_port
from tests.store.s3_servers import Proxy, S3Server, environment, faulty_proxy, moto_server

HOST = "127.0.0.1"
WORKERS = 2
READY_S = 120.0


@dataclass
class Service:
    """One command under a supervisor, which is us: `tend` starts it again when it has died."""

    name: str
    command: list[str]
    log: Path
    environ: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None

    def tend(self) -> bool:
        """Whether it had to be started."""
        if self.process is not None and self.process.poll() is None:
            return False
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, env=dict(self.environ), start_new_session=True)
        return True

    def kill(self) -> None:
        """With all that it started."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def pause(self, what: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, what)


@dataclass
class Services:
    """All of them, and where clients find them. `prefect` is ours and has no supervisor of its own. `executions`: the log of
    what was computed. `disk` is None where this user may mount none."""

    s3: S3Server
    proxy: Proxy
    disk: SmallDisk | None
    executions: Path
    mlflow: str
    dask: str
    home: Path
    supervised: dict[str, Service]
    prefect_port: int
    prefect: LocalServer | None = field(default=None)
    _shaken: bool = True

    def tend(self) -> None:
        """Start again whatever has died."""
        for service in self.supervised.values():
            service.tend()
        if self.prefect is None:
            self.prefect = LocalServer(self.home / "prefect", port=self.prefect_port)

    def wait(self) -> None:
        """Until everything answers; at once where nothing was killed since it last did."""
        if not self._shaken:
            return
        self.tend()
        assert self.prefect is not None
        self.prefect.wait()
        until(lambda: answers(self.mlflow + "/health"), "MLflow's answer", deadline_s=READY_S)
        until(self._has_workers, "Dask's workers", deadline_s=READY_S)
        self._shaken = False

    def kill(self, name: str) -> None:
        self._shaken = True
        if name != "prefect":
            self.supervised[name].kill()
        elif self.prefect is not None:
            os.kill(self.prefect._process.pid, signal.SIGKILL)
            self.prefect.stop()
            self.prefect = None

    def environ(self) -> dict[str, str]:
        """For a driver."""
        api = f"http://{HOST}:{self.prefect_port}/api"
        return {**os.environ, **client_environment(self.home / "driver"), "PREFECT_API_URL": api}

    def new_bucket(self) -> str:
        """The URL of an empty store, asked through the proxy."""
        return self.s3.new_bucket().replace(self.s3.endpoint, self.proxy.endpoint)

    def journal(self, store: str) -> list[str]:
        """The events of the campaign in a store, asked past the proxy."""
        if store.startswith("file:"):
            return [str(event) for event in Path(store.removeprefix("file://")).glob("campaigns/*/journal/*.json")]
        bucket = re.match(r"s3://([^/?]+)", store)
        assert bucket is not None
        found = self.s3.client().list_objects_v2(Bucket=bucket[1], Prefix="some/prefix/campaigns/")
        return [entry["Key"] for entry in found.get("Contents", ()) if "/journal/" in entry["Key"]]

    def _has_workers(self) -> bool:
        """A worker that has lost its scheduler may end late."""
        from distributed import Client

        self.tend()
        with suppress(OSError, TimeoutError), Client(self.dask, timeout=5, set_as_default=False) as client:
            return len(client.scheduler_info(n_workers=-1)["workers"]) >= WORKERS
        return False


@contextmanager
def running(home: Path) -> Iterator[Services]:
    """Started, answering, and ended with everything they started."""
    executions = home / "executions"
    with ExitStack() as stack:
        in_parts = home / "aws-config"  # nearly all that is stored is sent as an upload in parts
        in_parts.write_text("[default]\ns3 =\n  multipart_threshold = 1KB\n")
        stack.enter_context(environment({"AWS_CONFIG_FILE": str(in_parts)}))
        disk = stack.enter_context(small_disk(home / "disk"))
        s3 = stack.enter_context(moto_server())
        proxy = stack.enter_context(faulty_proxy(s3))
        scheduler, mlflow = free_port(), free_port()
        environ = {
            **os.environ,
            "REACTAL_LABEL_LOG": str(executions),
            "OMP_NUM_THREADS": "1",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        dask = f"tcp://{HOST}:{scheduler}"
        commands = {
            "mlflow": _mlflow(home, mlflow),
            "scheduler": _dask("dask_scheduler", "--host", HOST, "--port", str(scheduler), "--no-dashboard"),
            **{
                f"worker {number}": _dask(
                    "dask_worker", dask, *WORKER_ARGUMENTS, "--no-dashboard", "--local-directory", str(home / "dask")
                )
                for number in range(WORKERS)
            },
        }
        supervised = {
            name: Service(name, command, home / f"{name.replace(' ', '-')}.log", environ) for name, command in commands.items()
        }
        services = Services(s3, proxy, disk, executions, f"http://{HOST}:{mlflow}", dask, home, supervised, free_port())
        try:
            services.wait()
            yield services
        finally:
            for service in supervised.values():
                service.pause(signal.SIGCONT)
                service.kill()
            if services.prefect is not None:
                services.prefect.stop()


def _mlflow(home: Path, port: int) -> list[str]:
    store = f"sqlite:///{home / 'mlflow.db'}"
    serve = ["-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    return [sys.executable, *serve, "--backend-store-uri", store, "--artifacts-destination", str(home / "artifacts")]


def _dask(program: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"distributed.cli.{program}", *arguments]


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5.0) as response:
            return response.status == 200
    except (OSError, urllib.error.URLError):
        return False
