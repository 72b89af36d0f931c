"""A campaign seen by Prometheus, and the rules and the dashboard that are made for it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml

from reactal.errors import ConfigError
from reactal.runner import Campaign
from tests.campaigns import leps_campaign
from tests.infra.programs import INFRA, found, said
from tests.labeling.watching import until
from tests.ports import free_port

MONITORING = INFRA / "monitoring"


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[str]:
    """A Prometheus on loopback with the project's rules that reads one page; its address."""
    folder.mkdir()
    port = free_port()
    scrape = {"job_name": "reactal", "static_configs": [{"targets": [target]}]}
    tree = {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "200ms"},
        "rule_files": [str(MONITORING / "rules.yaml")],
        "scrape_configs": [scrape],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(tree))
    command = [found("prometheus"), f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data"]
    command.append(f"--web.listen-address=127.0.0.1:{port}")
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            until(lambda: answers(f"http://127.0.0.1:{port}/-/ready"), "Prometheus", deadline_s=60.0)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as page:
            return bool(page.status == 200)
    except OSError:
        return False


def asked(server: str, expression: str) -> dict[str, float]:
    """The values of an expression now, by the labels that tell them apart."""
    with urlopen(f"{server}/api/v1/query?{urlencode({'query': expression})}", timeout=10) as page:
        rows = json.load(page)["data"]["result"]
    drop = ("__name__", "campaign", "instance", "job")
    return {",".join(v for k, v in row["metric"].items() if k not in drop): float(row["value"][1]) for row in rows}


@pytest.mark.server
@pytest.mark.slow
def test_prometheus_sees_a_campaign_from_its_first_label_to_its_end(tmp_path: Path) -> None:
    port = free_port()
    file = leps_campaign(tmp_path, monitoring={"port": port}, budget={"labels": 45, "money": 1.0})
    with prometheus(tmp_path / "prometheus", f"127.0.0.1:{port}") as server, Campaign(file) as campaign:
        campaign.begin()
        until(lambda: bool(asked(server, "reactal_running")), "the page, before the first label")
        summary = campaign.run()
        asked_for = float(campaign.state.labels_asked)
        until(lambda: asked(server, "reactal_labels_answered_total") == {"": asked_for}, "the last number", deadline_s=60.0)
        during = asked(server, "min_over_time(reactal_labels_answered_total[10m])")[""]
        assert during < asked_for, "nothing was seen while it ran"
        until(lambda: asked(server, "reactal_running") == {"": 0.0}, "the end")
        assert asked(server, "reactal_budget_labels_left") == {"": summary["labels"]["left"]}
        assert asked(server, "reactal_budget_money") == {"": 1.0}
        assert asked(server, "reactal_queue_labels") == {"": 0.0}
        assert asked(server, "reactal_store_errors_total") == {"": 0.0}
        assert asked(server, "reactal_random_arm_force_mae")[""] == pytest.approx(summary["random_arm"]["force_mae_ev_per_ang"])
        spent = {name: seconds for name, seconds in summary["seconds"].items() if seconds and name != "total"}

        def told() -> bool:
            stages = asked(server, "reactal_stage_seconds_total")
            return {name: stages[name] for name in stages if stages[name]} == pytest.approx(spent, abs=1e-3)

        until(told, "the seconds of every stage", deadline_s=60.0)
        assert asked(server, "ALERTS{alertname='ReactalCampaignStalled'}") == {}
    assert not answers(f"http://127.0.0.1:{port}/metrics"), "the page outlives the campaign"


def test_a_port_that_is_taken_is_said_before_anything_is_spent(tmp_path: Path) -> None:
    port = free_port()
    first = leps_campaign(tmp_path / "first", monitoring={"port": port})
    second = leps_campaign(tmp_path / "second", monitoring={"port": port})
    with Campaign(first) as one, Campaign(second) as other:
        one.begin()
        page = urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
        assert 'reactal_budget_labels_left{campaign="h3"} 45.0' in page
        with pytest.raises(ConfigError, match=rf"monitoring\.port: no page .*127\.0\.0\.1:{port}"):
            other.begin()
        assert other.events == ()


def test_no_port_no_trace_in_the_resolved_file(tmp_path: Path) -> None:
    with Campaign(leps_campaign(tmp_path)) as campaign:
        assert "monitoring" not in campaign.config.yaml()


def test_the_rules_hold_what_they_promise() -> None:
    said("promtool", "check", "config", "--syntax-only", "prometheus.yaml", folder=MONITORING)
    assert "SUCCESS" in said("promtool", "test", "rules", "rules.test.yaml", folder=MONITORING)


def alerts() -> set[str]:
    groups = yaml.safe_load((MONITORING / "rules.yaml").read_text())["groups"]
    return {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}


def test_every_alert_is_tried() -> None:
    tests = yaml.safe_load((MONITORING / "rules.test.yaml").read_text())["tests"]
    raised = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert raised == alerts()


def names_of_the_page() -> set[str]:
    """What a campaign's page can show, by the names that queries use."""
    source = (INFRA.parent / "reactal" / "stages" / "metrics.py").read_text()
    names = set(re.findall(r'"(reactal_\w+)"', source))
    return names | {f"{name}_total" for name in names}


@pytest.mark.parametrize("file", ["rules.yaml", "grafana.json"])
def test_nothing_asks_for_a_number_that_there_is_not(file: str) -> None:
    used: set[str] = set(re.findall(r"\breactal_\w+", (MONITORING / file).read_text()))
    assert used
    assert used <= names_of_the_page()


def test_each_panel_of_the_dashboard_has_a_query_that_prometheus_understands(tmp_path: Path) -> None:
    board: dict[str, Any] = json.loads((MONITORING / "grafana.json").read_text())
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    assert len(queries) >= len(panels)
    rules = {"groups": [{"name": "g", "rules": [{"record": f"r{i}", "expr": q} for i, q in enumerate(map(unfolded, queries))]}]}
    (tmp_path / "queries.yaml").write_text(yaml.safe_dump(rules))
    said("promtool", "check", "rules", str(tmp_path / "queries.yaml"))


def unfolded(query: str) -> str:
    """With Grafana's own variables filled in."""
    return query.replace("$campaign", "h3").replace("$__rate_interval", "5m")
