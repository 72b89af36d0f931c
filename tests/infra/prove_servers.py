"""MLflow's and Prefect's servers on a real Postgres, by the drivers and addresses that compose file and Kubernetes name.

The Postgres is as RDS makes it for infra/terraform/aws: it takes no connection without TLS, and its master user is no superuser.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.infra.programs import INFRA
from tests.labeling.watching import until
from tests.ports import free_port

NOBODY = 65534  # Postgres refuses to run as root
START_S = 900.0  # beside other work MLflow alone takes minutes
HBA = "hostssl all all 127.0.0.1/32 scram-sha-256\n"
DATABASES = INFRA / "terraform" / "aws" / "databases.sql"
PLACES = [os.environ["PATH"], *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))]

pytestmark = [pytest.mark.server, pytest.mark.timeout(2400)]


def program(name: str) -> str:
    path = shutil.which(name, path=os.pathsep.join(PLACES))
    if path is None:
        pytest.skip(f"{name} not on PATH: apt-get install postgresql")
    return path


@contextmanager
def running(command: list[str], log: Path, **more: object) -> Iterator[None]:
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output, **more) as process:  # type: ignore[call-overload]
        try:
            yield
        finally:
            process.terminate()


@pytest.fixture
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """PASSWORD@HOST:PORT of the users prefect and mlflow on a Postgres on loopback, each with a database of its name."""
    import pg8000.dbapi
    from distributed import Security

    folder = tmp_path_factory.mktemp("postgres")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    password, port = secrets.token_urlsafe(12), free_port()
    (folder / "password").write_text(password)
    (folder / "data").mkdir()
    who: dict[str, object] = {}
    if os.geteuid() == 0:
        who = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        for path in (folder, folder / "data", folder / "password"):
            os.chown(path, NOBODY, NOBODY)
    made = [program("initdb"), "-D", f"{folder}/data", "-U", "rdsadmin", "-A", "scram-sha-256", "--pwfile", f"{folder}/password"]
    subprocess.run(made, check=True, capture_output=True, cwd=folder, **who)  # type: ignore[call-overload]
    keys = Security.temporary()
    for name, text in {"server.crt": keys.tls_worker_cert, "server.key": keys.tls_worker_key, "pg_hba.conf": HBA}.items():
        file = folder / "data" / name
        file.write_text(text)
        file.chmod(0o600)
        if who:
            os.chown(file, NOBODY, NOBODY)
    server = [program("postgres"), "-D", f"{folder}/data", "-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-F", "-l"]
    with running(server, folder / "log", cwd=folder, **who):

        def answers() -> bool:
            try:
                pg8000.dbapi.connect(user="rdsadmin", password=password, host="127.0.0.1", port=port, database="postgres").close()
            except (pg8000.dbapi.Error, OSError):
                return False
            return True

        until(answers, "Postgres", deadline_s=START_S)
        connection = pg8000.dbapi.connect(user="rdsadmin", password=password, host="127.0.0.1", port=port, database="postgres")
        connection.autocommit = True
        for statement in (
            f"CREATE ROLE reactal LOGIN CREATEDB CREATEROLE PASSWORD '{password}'",
            "CREATE DATABASE prefect OWNER reactal",
        ):
            connection.cursor().execute(statement)
        connection.close()
        place = f"host=127.0.0.1 port={port} user=reactal dbname=prefect sslmode=require"
        words = [program("psql"), place, "--set", f"prefect={password}", "--set", f"mlflow={password}", "--file", str(DATABASES)]
        subprocess.run(words, check=True, env={**os.environ, "PGPASSWORD": password}, capture_output=True)
        yield f"{password}@127.0.0.1:{port}"


def drivers() -> set[str]:
    """The database drivers that the files name, each for its server."""
    text = (INFRA / "compose" / "compose.yaml").read_text() + (INFRA.parent / "docs" / "deploy" / "kubernetes.md").read_text()
    return set(re.findall(r"postgresql\+(\w+)://", text))


def well(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as page:
            return bool(page.status == 200)
    except OSError:
        return False


def test_both_servers_begin_on_postgres_and_keep_what_they_are_told(postgres: str, tmp_path: Path) -> None:
    assert drivers() == {"asyncpg", "pg8000"}
    folder = Path(sys.executable).parent
    mlflow, prefect = free_port(), free_port()
    environ = {**os.environ, "PREFECT_HOME": str(tmp_path / "prefect"), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    with ExitStack() as stack:
        command = [str(folder / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(mlflow), "--workers", "1"]
        command += ["--artifacts-destination", str(tmp_path / "artifacts")]
        kept = {"MLFLOW_BACKEND_STORE_URI": f"postgresql+pg8000://mlflow:{postgres}/mlflow"}
        stack.enter_context(running(command, tmp_path / "mlflow.log", env={**environ, **kept}, cwd=tmp_path))
        until(lambda: well(f"http://127.0.0.1:{mlflow}/health"), "MLflow on Postgres", deadline_s=START_S)
        from mlflow.tracking import MlflowClient

        client = MlflowClient(f"http://127.0.0.1:{mlflow}")
        run = client.create_run(client.create_experiment("reactal"))
        client.log_metric(run.info.run_id, "force_mae", 0.25, step=3)
        (point,) = client.get_metric_history(run.info.run_id, "force_mae")
        assert (point.step, point.value) == (3, 0.25)
    with ExitStack() as stack:
        command = [str(folder / "prefect"), "server", "start", "--host", "127.0.0.1", "--port", str(prefect)]
        kept = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": f"postgresql+asyncpg://prefect:{postgres}/prefect"}
        stack.enter_context(running(command, tmp_path / "prefect.log", env={**environ, **kept}, cwd=tmp_path))
        until(lambda: well(f"http://127.0.0.1:{prefect}/api/ready"), "Prefect on Postgres", deadline_s=START_S)
