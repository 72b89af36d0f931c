"""What a flow run's page shows beside its tasks: how far it is, a table of iterations, the verdict, where things are."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from prefect.artifacts import (
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from reactal.campaign.events import Labelled
from reactal.campaign.state import CampaignState
from reactal.cli.verdict import markdown
from tasks.driver import Driver

__all__ = ["Board", "artifact_key", "iteration_rows", "links", "share_done", "show_figure"]

FIGURES = ("learning", "path")
"""Of a report, those that a run's page shows."""
PAPER = '<rect width="100%" height="100%" fill="white"/>'
LARGEST_FIGURE = 300_000  # bytes; it lies in Prefect's database


class Board:
    """The artifacts of one campaign's flow run. Their keys begin with the campaign's name, by which they are found later."""

    def __init__(self, campaign: Driver) -> None:
        self._campaign = campaign
        self._name = campaign.config.name
        self._key = artifact_key(self._name)
        self._progress = cast(UUID, create_progress_artifact(self._share, key=f"{self._key}-progress", description=self._name))
        self._batches = 0
        self._dashboard: str | None = None

    def show(self) -> None:
        """After an action: the bar always, the table when a batch was labelled."""
        state = self._campaign.state
        said = f"{self._name}: {state.labels_asked} labels, iteration {state.iteration}"
        update_progress_artifact(self._progress, self._share, description=said)
        if (page := self._campaign.dashboard) is not None and page != self._dashboard:
            self._dashboard = page
            create_link_artifact(page, link_text="Dask's dashboard", key=f"{self._key}-dask", description=f"{self._name}: dask")
        if len(state.labelled) != self._batches:
            self._batches = len(state.labelled)
            create_table_artifact(
                iteration_rows(state), key=f"{self._key}-iterations", description=f"{said}; energies in kcal/mol"
            )

    @property
    def _share(self) -> float:
        return share_done(self._campaign.state, self._campaign.config.budget.labels)

    def conclude(self, summary: dict[str, Any]) -> None:
        """The verdict with its evidence and where everything lies."""
        create_markdown_artifact(markdown(summary), key=f"{self._key}-verdict", description=summary["verdict"])
        for name, (link, text) in links(summary, self._campaign.state).items():
            create_link_artifact(link, link_text=text, key=f"{self._key}-{name}", description=f"{self._name}: {name}")
        if summary["report"] is not None and self._campaign.state.outcome is not None:
            for name in FIGURES:
                show_figure(Path(summary["report"]).parent / "figures" / f"{name}.svg", f"{self._key}-figure-{name}")


def links(summary: dict[str, Any], state: CampaignState) -> dict[str, tuple[str, str]]:
    """Where report, MLflow's run and the newest version of the data set are: address and text, by name."""
    found: dict[str, tuple[str, str]] = {}
    if summary["report"] is not None:
        found["report"] = Path(summary["report"]).absolute().as_uri(), "report.html"
    uri, run = str(summary["mlflow"]["tracking_uri"] or ""), summary["mlflow"]["run_id"]
    if uri.startswith("http") and run:
        found["mlflow"] = f"{uri.rstrip('/')}/#/runs/{run}", "the run in MLflow"
    if state.dataset:
        name = summary["campaign"]
        store = summary["store"] if "://" in summary["store"] else Path(summary["store"]).absolute().as_uri()
        place = store.partition("?")[0].rstrip("/")
        found["dataset"] = f"{place}/datasets/{name}/versions/{state.dataset}.json", f"{name}@{state.dataset}"
    return found


def show_figure(file: Path, key: str) -> None:
    """In the artifact itself, since no server offers the file to a browser."""
    if file.is_file() and file.stat().st_size <= LARGEST_FIGURE:
        # drawn for white paper, and without one: the page may be dark
        drawing = re.sub(r"(<svg\b[^>]*>)", rf"\1{PAPER}", file.read_text(encoding="utf-8"), count=1)
        data = base64.b64encode(drawing.encode()).decode()
        create_image_artifact(f"data:image/svg+xml;base64,{data}", key=key, description=file.stem)


def artifact_key(name: str) -> str:
    """Prefect's keys are lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def share_done(state: CampaignState, budget: int) -> float:
    """Percent of the label budget; 100 only when the campaign is finished, however few labels that took."""
    if state.outcome is not None:
        return 100.0
    return min(99.0, 100.0 * (state.labels_asked - state.labels_before) / budget)


def iteration_rows(state: CampaignState) -> list[dict[str, Any]]:
    """A row for each labelled batch."""
    return [_row(labelled) for labelled in state.labelled]


def _row(labelled: Labelled) -> dict[str, Any]:
    test = labelled.saddle
    errors = [point.force_mae for point in labelled.arm]
    return {
        "iteration": labelled.iteration,
        "labels": labelled.rows,
        "failed": labelled.failed,
        "barrier model": None if test is None else round(test.model_kcal, 2),
        "barrier reference": None if test is None else round(test.reference_kcal, 2),
        "force left at saddle, eV/Å": None if test is None else round(test.force_max, 3),
        "random arm force MAE, eV/Å": round(sum(errors) / len(errors), 3) if errors else None,
    }
