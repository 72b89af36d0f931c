"""Champion and challenger as a figure: the force error on each test set and region, with the interval of the change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reactal.refinement.events import Group
from reactal.refinement.judging import FORCE
from reactal.report.style import MODEL, TRUTH, canvas

__all__ = ["draw"]

LINE = 0.32  # inches a group
MEV = 1e3


def draw(groups: Sequence[Group], folder: Path, *, title: str) -> list[Path]:
    """`judged.png` and `judged.svg` in the folder, on white; nothing where nothing was judged."""
    shown = [group for group in groups if group.metric == FORCE][::-1]
    if not shown:
        return []
    files = [folder / f"judged.{suffix}" for suffix in ("png", "svg")]
    with canvas(7.0, 1.4 + LINE * len(shown), 2) as (figure, (errors, changes)):
        figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
        rows = np.arange(len(shown))
        errors.plot([MEV * group.champion for group in shown], rows, "o", color=TRUTH, label="champion")
        errors.plot([MEV * group.challenger for group in shown], rows, "s", color=MODEL, label="challenger")
        errors.set_yticks(rows, [f"{group.name} ({group.structures})" for group in shown])
        errors.set_xlim(left=0.0)
        errors.set_xlabel("force MAE (meV/Å)")
        changes.axvline(0.0, color="black", linewidth=0.8)
        for row, group in zip(rows, shown, strict=True):
            if group.low is not None and group.high is not None:
                changes.plot([MEV * group.low, MEV * group.high], [row, row], color=MODEL)
            changes.plot([MEV * group.change], [row], "s", color=MODEL)
        changes.set_yticks(rows, [""] * len(shown))
        changes.set_xlabel("challenger minus champion (meV/Å)")
        figure.legend(*errors.get_legend_handles_labels(), loc="outside lower center", ncols=2)
        for file in files:
            metadata = {"Date": None} if file.suffix == ".svg" else None  # the same figure has the same bytes
            figure.savefig(file, dpi=130, facecolor="white", metadata=metadata)
    return files
