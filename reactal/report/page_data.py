"""What the page's script needs, as JSON that cannot end the element it stands in."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reactal.chem.elements import COVALENT_RADII, SYMBOLS
from reactal.report.data import ReportData
from reactal.report.style import Drawing
from reactal.report.wording import number

__all__ = ["element_colours", "page_data"]

RESOLUTION = 1e-3  # angstrom; a hair of what the eye sees
_LARGEST = 32767  # of an int16


def page_data(data: ReportData, drawings: Sequence[Drawing]) -> str:
    """Structures packed as base64 of little-endian int16, and where they lie in the figures. Plain `<` never occurs."""
    tree: dict[str, Any] = {
        **_packed(data),
        "groups": _groups(data),
        "spots": {
            drawing.name: [drawing.spots.structure, drawing.spots.x, drawing.spots.y]
            for drawing in drawings
            if drawing.spots.structure
        },
    }
    text = json.dumps(tree, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e").replace("\u2028", "\\u2028")


def element_colours(numbers: Sequence[int]) -> Mapping[str, str]:
    """Jmol's colours by symbol, as #rrggbb."""
    from ase.data.colors import jmol_colors

    return {SYMBOLS[n]: "#" + "".join(f"{round(255 * c):02x}" for c in jmol_colors[n]) for n in numbers if n < len(jmol_colors)}


def _packed(data: ReportData) -> dict[str, Any]:
    """`kind` names the atoms of each structure in `kinds`; positions follow each other in units of `unit` angstrom."""
    kinds = {numbers: i for i, numbers in enumerate(dict.fromkeys(shown.numbers for shown in data.structures))}
    positions = np.concatenate([np.asarray(shown.positions, dtype=float) for shown in data.structures] or [np.zeros(0)])
    unit = max(RESOLUTION, float(np.abs(positions).max(initial=0.0)) / _LARGEST)
    present = sorted({n for numbers in kinds for n in numbers})
    colours = element_colours(present)
    return {
        "elements": {str(n): [SYMBOLS[n], colours.get(SYMBOLS[n], "#ff1493"), COVALENT_RADII[n]] for n in present},
        "kinds": [list(numbers) for numbers in kinds],
        "kind": [kinds[shown.numbers] for shown in data.structures],
        "names": [shown.name for shown in data.structures],
        "notes": [shown.note for shown in data.structures],
        "unit": unit,
        "positions": base64.b64encode(np.rint(positions / unit).astype("<i2").tobytes()).decode(),
    }


def _groups(data: ReportData) -> list[dict[str, Any]]:
    """What the viewer offers: each item one structure, several that follow each other, or one with a mode."""
    points = [
        {"label": row.name, "frames": [row.structure], "text": _heights(row.model_kcal, row.reference_kcal, row.note)}
        for row in data.stationary
    ]
    moving: list[dict[str, Any]] = []
    images = [pair for pair in zip(data.path.structures, data.path.model_kcal, strict=False) if pair[0] >= 0]
    if len(images) > 1:
        heights = [round(height, 3) for _, height in images]
        moving.append({"label": "Along the path", "frames": [place for place, _ in images], "heights": heights, "text": ""})
    if data.mode is not None:
        wave = number(abs(data.mode.wavenumber), 0) + ("i" if data.mode.wavenumber < 0 else "")
        item = {"label": "Saddle's mode", "frames": [data.mode.structure], **_moves(data.mode.displacements)}
        moving.append({**item, "text": f"Lowest mode of the model's Hessian, {wave} cm⁻¹"})
    worst = [
        {"label": f"{number(row.force_error_max)} eV/Å", "frames": [row.structure], "text": data.structures[row.structure].note}
        for row in data.worst
    ]
    others = [
        {"label": one.name, "frames": list(one.frames), "text": one.text, **_moves(one.displacements)} for one in data.exhibits
    ]
    by_group = {
        one.group: [item for item, other in zip(others, data.exhibits, strict=True) if other.group == one.group]
        for one in data.exhibits
    }
    named = (("Stationary points", points), ("In motion", moving), ("Worst predicted", worst), *by_group.items())
    return [{"title": title, "items": items} for title, items in named if items]


def _heights(model: float | None, reference: float | None, note: str) -> str:
    parts = [
        f"{number(value)} kcal/mol {where}"
        for value, where in ((model, "on the model"), (reference, "in the reference"))
        if value is not None
    ]
    return ", ".join(parts) + (f"{'; ' if parts else ''}{note}" if note else "")


def _moves(displacements: Sequence[float]) -> dict[str, Any]:
    return {"mode": [round(value, 4) for value in displacements]} if displacements else {}
