"""The compose file as docker-compose understands it, its secrets, and what it may never do."""

from __future__ import annotations

import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import yaml

from reactal.labeling.cluster import ALLOWED_FAILURES, LABEL_SLOT, TRAINING_SLOT
from tests.infra.programs import INFRA, said

COMPOSE = INFRA / "compose"
ASKED_FOR = {
    *("prefect", "prefect-db", "mlflow", "mlflow-db", "store", "dask-scheduler", "psi4-worker", "train-worker"),
    *("prefect-worker", "driver", "prometheus", "grafana"),
}


def resolved() -> dict[str, Any]:
    """The file with everything filled in."""
    tree: dict[str, Any] = yaml.safe_load(
        said("docker-compose", "--profile", "campaign", "-f", "compose.yaml", "config", folder=COMPOSE)
    )
    return tree


def test_docker_compose_takes_it_and_it_holds_what_was_asked_for() -> None:
    services = resolved()["services"]
    assert set(services) >= ASKED_FOR
    for name, service in services.items():
        assert ":" in service["image"] and not service["image"].endswith(":latest"), f"{name} has no version"
        assert "healthcheck" in service or name == "driver", f"nobody sees whether {name} is well"
        for port in service.get("ports", []):
            shown = port if isinstance(port, str) else port["host_ip"]
            assert str(shown).startswith("127.0.0.1"), f"{name} is open to the network"
        assert service.get("privileged") is None
        assert "no-new-privileges:true" in service["security_opt"]


def test_no_secret_stands_in_it() -> None:
    """Only names of files: whoever may ask the engine for a description of the containers reads none."""
    tree = yaml.safe_load((COMPOSE / "compose.yaml").read_text())
    assert all(set(one) == {"file"} for one in tree["secrets"].values())
    for name, service in tree["services"].items():
        for key, value in (service.get("environment") or {}).items():
            secret = any(word in key.upper() for word in ("PASSWORD", "SECRET", "TOKEN"))
            assert not secret or str(value).startswith("/run/secrets/"), f"{name}: {key}"
        assert set(service.get("secrets", [])) <= set(tree["secrets"])


def test_secrets_are_made_once_and_the_stores_parts_agree(tmp_path: Path) -> None:
    make = [sys.executable, str(COMPOSE / "make_secrets.py"), str(tmp_path / "secrets")]
    subprocess.run(make, check=True, capture_output=True)
    first = {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}
    wanted = {Path(one["file"]).name for one in yaml.safe_load((COMPOSE / "compose.yaml").read_text())["secrets"].values()}
    assert set(first) == wanted
    assert len({first[name] for name in ("prefect_db", "mlflow_db", "grafana_admin", "store_secret")}) == 4
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
    profile = ConfigParser()
    profile.read_string(first["store_credentials"])
    assert profile["default"]["aws_access_key_id"] == first["store_key"]
    assert profile["default"]["aws_secret_access_key"] == first["store_secret"]
    subprocess.run(make, check=True, capture_output=True)
    assert {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()} == first


def test_workers_offer_the_slots_that_the_driver_asks_for() -> None:
    services = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]
    assert f"{LABEL_SLOT}=1" in services["psi4-worker"]["entrypoint"]
    assert f"{TRAINING_SLOT}=1" in services["train-worker"]["entrypoint"]
    assert services["dask-scheduler"]["environment"]["DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"] == str(ALLOWED_FAILURES)
    for file in ("../monitoring/prometheus.yaml", "../monitoring/rules.yaml", "../monitoring/grafana.json", "grafana"):
        assert (COMPOSE / file).exists()
