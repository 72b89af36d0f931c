"""One HTML file that opens without a network, and the same figures as JSON beside it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import final

from reactal.errors import InputError
from reactal.report import captions
from reactal.report.charts import charts
from reactal.report.clouds import energy_parity, exploration_map, force_parity, uncertainty_against_error
from reactal.report.data import ReportData
from reactal.report.figures import barrier_curve, control_curve, cost_by_stage, force_curve, path_profile
from reactal.report.page_data import page_data
from reactal.report.style import Drawing
from reactal.report.wording import duration, headline, money, number, percent, sentence

__all__ = ["HTML_NAME", "JSON_NAME", "Picture", "pictures", "render", "replace_file", "write_report"]

HTML_NAME, JSON_NAME = "report.html", "report.json"
SCRIPTS = ("viewer.js", "report.js")


@final
@dataclass(frozen=True)
class Picture:
    """A figure with what stands above and below it."""

    title: str
    drawing: Drawing
    caption: str


def write_report(data: ReportData, folder: str | Path, *, shown: Sequence[Picture] | None = None) -> tuple[Path, Path]:
    """Write both files, each whole or not at all; the paths of the page and of the JSON. `shown` are figures drawn before."""
    place = Path(folder)
    page, numbers = render(data, shown=shown), json.dumps(data.as_json(), indent=1, ensure_ascii=False, allow_nan=False)
    try:
        place.mkdir(parents=True, exist_ok=True)
        return replace_file(place / HTML_NAME, page.encode()), replace_file(place / JSON_NAME, f"{numbers}\n".encode())
    except OSError as error:
        raise InputError(f"cannot write the report to {place} ({error.strerror}); give a folder that can be written") from error


def render(data: ReportData, *, shown: Sequence[Picture] | None = None) -> str:
    """The page. Whatever the user wrote is shown as text, never as markup, and no script but its own can run in it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("reactal.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, percent=percent, duration=duration, money=money, sentence=sentence)
    shown = pictures(data) if shown is None else shown
    script = "\n".join(files("reactal.report").joinpath("page", name).read_text("utf-8") for name in SCRIPTS)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("report.html.j2").render(
        data=data,
        headline=headline(data),
        mood=_mood(data.outcome),
        pictures=shown,
        structures=page_data(data, [picture.drawing for picture in shown]),
        script=script,
        script_hash=f"sha256-{digest}",
        json_name=JSON_NAME,
    )


def pictures(data: ReportData) -> list[Picture]:
    """Every figure there is something for, in the page's order."""
    drawn = (
        ("Force error on structures drawn at random", force_curve, captions.LEARNING),
        ("Barrier error at the model's saddle", barrier_curve, captions.BARRIER),
        ("Chosen against random", control_curve, captions.control(data)),
        ("Path profile", path_profile, captions.path(data)),
        ("Exploration map", exploration_map, captions.exploration(data)),
        ("Energies", energy_parity, captions.parity(data, "energy")),
        ("Forces", force_parity, captions.parity(data, "force")),
        ("Uncertainty against error", uncertainty_against_error, captions.uncertainty(data)),
        ("Time, labels and money by stage", cost_by_stage, captions.cost(data)),
    )
    made = ((title, draw(data), caption) for title, draw, caption in drawn)
    known = [Picture(title, drawing, caption) for title, drawing, caption in made if drawing is not None]
    return known + [Picture(chart.title, drawing, captions.chart(chart)) for chart, drawing in charts(data)]


def _mood(outcome: str) -> str:
    return {"verified": "good", "running": "calm", "halted": "bad"}.get(outcome, "warn")


def replace_file(path: Path, content: bytes) -> Path:
    """Readers see the old file or the new one."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        fresh.write_bytes(content)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    return path
