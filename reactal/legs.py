"""A stepwise reaction verified leg by leg: when its campaign ends so, the campaigns of its legs follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from reactal.progress import Progress
from reactal.runner import Campaign
from reactal.stages.legs import LEGS, leg_config

__all__ = ["leg_file", "run_legs"]

Drive = Callable[[Campaign, Path], Any]
"""Takes a leg's campaign to its end, however the whole one was."""


def run_legs(file: Path, settings: Sequence[str], drive: Drive, *, progress: Progress) -> bool:
    """One leg after the other, legs of legs before the next. Whether there were any; safe to repeat.

    Each is an ordinary campaign with a file of its own, which `reactal status` and `reactal report` take.
    """
    for number in LEGS:
        with Campaign(file, settings=settings) as whole:
            leg = leg_file(whole, number)
        if leg is None:
            return False
        with Campaign(leg, progress=progress) as campaign:
            drive(campaign, leg)
        run_legs(leg, (), drive, progress=progress)
    with Campaign(file, settings=settings) as whole:
        whole.write_report(bitmaps=False)
    return True


def leg_file(whole: Campaign, number: int) -> Path | None:
    """Written from how the whole campaign ended; None where it has no such leg."""
    config = leg_config(whole.bench, whole.state, number)
    if config is None:
        return None
    folder = whole.folder.parent / config.name
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "campaign.yaml"
    file.write_text(config.yaml(), encoding="utf-8")
    return file
