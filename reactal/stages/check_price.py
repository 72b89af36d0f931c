"""What a campaign's potential has cost, and how fast it is: the chapter of efficiency."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from reactal.campaign.events import Event, Explored
from reactal.campaign.state import CampaignState
from reactal.chem import Frames, Label
from reactal.potentials.base import Potential
from reactal.selection.control import Saved, labels_saved
from reactal.stages.bench import Bench
from reactal.stages.summary import STAGES
from reactal.validation.base import Cell, Column, Findings, Table

__all__ = ["check_price", "check_speed", "label_seconds"]

REPLICAS = 32  # structures evaluated together, as in an exploration
TIMED = 3  # rounds, of which the fastest counts: others shared the machine
SAMPLED = 60  # labels whose times are looked at


def check_price(bench: Bench, events: Sequence[Event], state: CampaignState) -> Findings:
    """Labels, hours and money by stage; and what it would have cost to label everything that was explored."""
    price = bench.config.budget.price_per_core_hour
    rows: list[tuple[Cell, ...]] = []
    for kind, name in STAGES.items():
        wall = state.seconds.get(kind, 0.0)
        here = [event for event in events if event.kind == kind]
        asked = sum(getattr(event, "labels", 0) + getattr(event, "asked", 0) for event in here)
        paid = sum(getattr(event, "core_seconds", 0.0) for event in here)
        hours = (paid if kind in ("seeded", "labelled", "verified") else wall) / 3600
        rows.append((name, asked, wall / 60, hours, hours * price))
    total = [sum(float(row[place] or 0) for row in rows) for place in range(1, 5)]
    rows.append(("all", int(total[0]), *total[1:]))
    columns = (Column("stage"), Column("labels"), Column("wall", "min"), Column("core", "h"), Column("price"))
    note = "Core time of labels as their programs reported it; of other stages their wall time on one core."
    tables = (Table("price", "efficiency", "Labels, time and money", columns, tuple(rows), note),)
    return Findings(tables=(*tables, _against(bench, events, state)))


def _against(bench: Bench, events: Sequence[Event], state: CampaignState) -> Table:
    """What was labelled against what could have been: everything that was met, and lots drawn until they had taught as much."""
    explored = sum(event.pool_size for event in events if isinstance(event, Explored))
    asked = state.labels_asked
    each, price = state.core_seconds / max(state.computed, 1) / 3600, bench.config.budget.price_per_core_hour
    saved = _by_lot(bench, state)
    kinds: list[tuple[str, float | None]] = [("asked for", asked), ("everything explored", explored)]
    if saved.random_would_need is not None:
        kinds.append(("drawn at random, for as good a model", asked - saved.chosen + saved.random_would_need))
    rows: list[tuple[Cell, ...]] = [
        (name, round(count), count * each, count * each * price, count / max(asked, 1))
        for name, count in kinds
        if count is not None
    ]
    columns = (Column("what is labelled"), Column("labels"), Column("core", "h"), Column("price"), Column("times the labels"))
    return Table("exhaustive", "efficiency", "Against labelling everything, and at random", columns, tuple(rows), _lots(saved))


def _by_lot(bench: Bench, state: CampaignState) -> Saved:
    rows = bench.dataset(state.dataset)
    return labels_saved(rows) if "arm" in rows.extra else Saved(0, 0)


def _lots(saved: Saved) -> str:
    """What stands below the table."""
    if not saved.drawn:
        return ""
    drawn = f"{saved.drawn} of the labels were drawn at random, the honest measure of the error"
    if saved.random_would_need is None or saved.low is None or saved.high is None:
        return f"{drawn}; too few to say what lots would have needed."
    span = f"{saved.low:.0f} to {saved.high:.0f}"
    return (
        f"{drawn}. Lots would have needed {saved.random_would_need:.0f} for what {saved.chosen} chosen ones taught, 95 %: {span}."
    )


def label_seconds(bench: Bench, frames: Frames) -> float | None:
    """The median wall time of a label among these structures, None where none is in the store."""
    keys = frames[: min(len(frames), SAMPLED)].keys()
    found = (bench.labels.get(bench.theory.fingerprint, key) for key in keys)
    seconds = [label.wall_seconds for label in found if isinstance(label, Label) and label.wall_seconds > 0]
    return float(np.median(seconds)) if seconds else None


def check_speed(potential: Potential, frames: Frames, *, clock: Callable[[], float], label_s: float | None = None) -> Findings:
    """Atoms x steps a second of one structure and of many together, against a label's (`label_s` seconds each)."""
    atoms = float(frames.sizes.mean())
    rows: list[tuple[Cell, ...]] = []
    slow = None if label_s is None else atoms / label_s
    for count in (1, REPLICAS):
        together = frames[np.arange(count) % len(frames)]
        potential.predict(together)  # what is set up once is not counted
        best = float("inf")
        for _ in range(TIMED):
            began = clock()
            potential.predict(together)
            best = min(best, clock() - began)
        rate = len(together.numbers) / max(best, 1e-9)
        rows.append((f"model, {count} together", count, rate, None if slow is None else rate / slow))
    if slow is not None:
        rows.append(("labeler, one slot", 1, slow, 1.0))
    columns = (Column("what"), Column("structures"), Column("speed", "atoms·steps/s"), Column("times the labeler"))
    return Findings(tables=(Table("speed", "efficiency", "Speed", columns, tuple(rows)),))
