"""One HTML file that opens without a network, and the same figures as JSON beside it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import final

from reactal.errors import InputError
from reactal.report.data import ReportData
from reactal.report.figures import cost_by_stage, learning_curve, parity, path_profile, uncertainty_against_error
from reactal.report.wording import duration, headline, number, percent

__all__ = ["HTML_NAME", "JSON_NAME", "render", "write_report"]

HTML_NAME, JSON_NAME = "report.html", "report.json"


@final
@dataclass(frozen=True)
class _Picture:
    title: str
    svg: str
    caption: str
    wide: bool = True


def write_report(data: ReportData, folder: str | Path) -> tuple[Path, Path]:
    """Write both files, each whole or not at all; the paths of the page and of the JSON."""
    place = Path(folder)
    page, numbers = render(data), json.dumps(data.as_json(), indent=1, ensure_ascii=False, allow_nan=False)
    try:
        place.mkdir(parents=True, exist_ok=True)
        return _replace(place / HTML_NAME, page), _replace(place / JSON_NAME, numbers + "\n")
    except OSError as error:
        raise InputError(f"cannot write the report to {place} ({error.strerror}); give a folder that can be written") from error


def render(data: ReportData) -> str:
    """The page. Whatever the user wrote is shown as text, never as markup."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("reactal.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, percent=percent, duration=duration)
    template = environment.get_template("report.html.j2")
    return template.render(
        data=data,
        headline=headline(data),
        mood=_mood(data.outcome),
        pictures=[picture for picture in _pictures(data) if picture.svg],
        json_name=JSON_NAME,
    )


def _pictures(data: ReportData) -> list[_Picture]:
    observed, target = data.trust_region.observed_coverage, data.trust_region.target_coverage
    kept = (
        f"Of {data.trust_region.observed_points} points that came after the calibration in force at their time, "
        f"{percent(observed)} were within the bound; {percent(target)} were asked for."
        if observed is not None
        else "No points have come after a calibration yet, so its coverage is not known."
    )
    return [
        _Picture(
            "Learning curve",
            learning_curve(data),
            "Left: structures drawn by lot from what was explored and predicted before they were labelled, so an honest error. "
            "Right: the model's saddle, likewise predicted first.",
        ),
        _Picture(
            "Path profile",
            path_profile(data),
            "The minimum-energy path of the model. Reference energies are of labelled structures on it or close to it, each "
            "drawn at its nearest point.",
        ),
        _Picture(
            "Parity",
            parity(data),
            "Blue structures the model was trained on; orange ones it had not seen when it predicted them. Only those tell "
            "how good it is.",
        ),
        _Picture(
            "Uncertainty against error",
            uncertainty_against_error(data),
            f"Random structures only. {kept}",
            wide=False,
        ),
        _Picture(
            "Time and labels by stage",
            cost_by_stage(data),
            f"{duration(data.wall_seconds)} of wall time in all; labels took {duration(data.labels.core_seconds)} of core time.",
            wide=False,
        ),
    ]


def _mood(outcome: str) -> str:
    return {"verified": "good", "running": "calm", "halted": "bad"}.get(outcome, "warn")


def _replace(path: Path, text: str) -> Path:
    """Readers see the old file or the new one."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    return path
