"""Files beside the page: figures for papers, cards in Markdown, and the structures for chemiscope."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reactal.chem.elements import SYMBOLS
from reactal.errors import InputError
from reactal.report.data import ReportData
from reactal.report.html import Picture, replace_file
from reactal.report.wording import duration, headline, number, percent, sentence

__all__ = ["CHEMISCOPE_NAME", "chemiscope_dataset", "dataset_card", "model_card", "write_companions"]

CHEMISCOPE_NAME = "chemiscope.json.gz"
FIGURES = "figures"
_MARKDOWN = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]|#~$"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;"})


def write_companions(data: ReportData, folder: str | Path, shown: Sequence[Picture], *, bitmaps: bool = True) -> dict[str, Path]:
    """Write all of them, each whole or not at all; their paths by name. Bitmaps take the longest."""
    place = Path(folder)
    contents = {f"{FIGURES}/{picture.drawing.name}.svg": picture.drawing.svg.encode() for picture in shown}
    if bitmaps:
        contents |= {f"{FIGURES}/{picture.drawing.name}.png": picture.drawing.png() for picture in shown}
    contents |= {"model_card.md": model_card(data).encode(), "dataset_card.md": dataset_card(data).encode()}
    if data.map is not None:
        text = json.dumps(chemiscope_dataset(data), ensure_ascii=False, allow_nan=False)
        contents[CHEMISCOPE_NAME] = gzip.compress(text.encode(), mtime=0)
    try:
        (place / FIGURES).mkdir(parents=True, exist_ok=True)
        return {name: replace_file(place / name, content) for name, content in contents.items()}
    except OSError as error:
        raise InputError(f"cannot write figures to {place} ({error.strerror}); give a folder that can be written") from error


def chemiscope_dataset(data: ReportData) -> dict[str, Any]:
    """The map with its structures as https://chemiscope.org reads them; written here, because its package brings a viewer of
    megabytes along and the format is four keys."""
    points = data.map
    assert points is not None
    structures = []
    for place in points.structures:
        shown = data.structures[place]
        x, y, z = (list(shown.positions[axis::3]) for axis in range(3))
        structures.append({"size": len(shown.numbers), "names": [SYMBOLS[n] for n in shown.numbers], "x": x, "y": y, "z": z})
    properties = {
        "first component": _property(points.x, about=f"principal component of {points.space}"),
        "second component": _property(points.y, about=f"principal component of {points.space}"),
        "energy": _property(points.energy_kcal, units="kcal/mol", about="above the reactant; the model's where not labelled"),
        "round": _property(points.iteration, about="that labelled it; -1: explored last and not labelled"),
        "from": _property([role or "?" for role in points.role], about="what the structure was proposed as"),
    }
    axes = {axis: {"property": f"{name} component"} for axis, name in (("x", "first"), ("y", "second"))}
    return {
        "meta": {
            "name": data.campaign,
            "description": f"{data.reaction}; {data.theory}. {headline(data)}",
            "authors": ["reactal"],
        },
        "structures": structures,
        "properties": {name: values for name, values in properties.items() if values["values"]},
        "settings": {"map": {**axes, "color": {"property": "round"}}},
    }


def _property(values: Sequence[Any], *, about: str, units: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {"target": "structure", "values": list(values), "description": about}
    return {**found, "units": units} if units else found


def model_card(data: ReportData) -> str:
    """What the potential is, how far it can be trusted, and what it came from."""
    wanted = ("model.", "training.")
    settings = [(name, value) for name, value in data.settings if name.startswith(wanted)]
    rows = data.lineage[-1].rows if data.lineage else 0
    return _rendered("model_card.md.j2", data=data, headline=headline(data), model=settings, rows=rows)


def dataset_card(data: ReportData) -> str:
    """What was labelled, why, and how."""
    rows = sum(count for _, count in data.rows_by_round)
    facts = [
        (name, value) for name, value in data.provenance if name in ("theory", "theory fingerprint", "labelled with", "dataset")
    ]
    return _rendered("dataset_card.md.j2", data=data, rows=rows, facts=facts, rounds=data.rows_by_round)


def _rendered(template: str, **values: Any) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("reactal.report", "page"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    filters: Mapping[str, Any] = {
        "words": words,
        "number": number,
        "percent": percent,
        "duration": duration,
        "sentence": sentence,
    }
    environment.filters.update(filters)
    return environment.get_template(template).render(**values) + "\n"


def words(text: object) -> str:
    """As Markdown that reads as the text does, in one line."""
    return " ".join(str(text).split()).translate(_MARKDOWN)
