"""How a campaign ended, or stands, in a dozen lines: from the summary alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reactal.cli.output import duration

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["lines", "markdown", "verdict"]

Summary = Mapping[str, Any]
_PROGRAMS = {"psi4": "Psi4"}

_COLOURS = {"verified": "green", "running": "cyan", "paused": "yellow", "waiting": "yellow", "halted": "red"}
_WORDS = {
    "verified": "the reference agrees with the barrier",
    "stepwise": "an intermediate lies between the ends",
    "unstable_reference": "a broken-symmetry solution is lower at the saddle",
    "second_order": "the stationary point found has two negative modes",
    "budget_spent": "the budget is spent before the barrier was verified",
    "halted": "stopped before more was spent",
    "running": "under way",
    "paused": "paused",
    "waiting": "a person has to approve what it would spend next",
}


def lines(summary: Summary) -> list[tuple[str, str]]:
    """Pairs of heading and text, the most important first; what is not known yet has no line."""
    program = _PROGRAMS.get(summary["theory"]["program"], "the reference")
    rows = [("because", text) for text in summary.get("evidence") or () if summary["verdict"] != "verified"]
    for barrier in summary["barriers"]:
        rows += _barrier(barrier, summary["tolerance"], program)
    rows += _legs(summary)
    rows += _labels(summary) + _arm(summary["random_arm"]) + _trust(summary["trust_region"])
    rows.append(("time", _time(summary["seconds"])))
    return rows + _cost(summary) + _ahead(summary) + _places(summary)


def _cost(summary: Summary) -> list[tuple[str, str]]:
    cost = summary.get("cost")
    if not cost or cost["core_hours"] < 0.5 / 3600.0:
        return []
    text = f"{duration(3600.0 * cost['core_hours'])} of core time for labels"
    return [("cost", f"{text}, {cost['money']:.2g} at {cost['price_per_core_hour']:g} a core-hour")]


def _ahead(summary: Summary) -> list[tuple[str, str]]:
    """Pace and the latest end, while it is under way."""
    outlook = summary.get("outlook")
    if not outlook or outlook["seconds_left_at_most"] is None:
        return []
    pace = f"{duration(outlook['seconds_per_round'])} and {outlook['labels_per_round']:.0f} labels a round"
    if outlook["labels_per_hour"] is not None:
        pace += f", {outlook['labels_per_hour']:.0f} labels an hour while it labels"
    seconds = outlook["seconds_left_at_most"]
    end = f"at most {duration(seconds)} at this pace, until {_clock(seconds)}, and less if it is verified before"
    return [("pace", pace), ("left", end)]


def _clock(seconds: float) -> str:
    """The time of day so many seconds from now, with the day where that is another."""
    now = datetime.now().astimezone()
    then = now + timedelta(seconds=seconds)
    return f"{then:%H:%M}" if then.date() == now.date() else f"{then:%Y-%m-%d %H:%M}"


def _places(summary: Summary) -> list[tuple[str, str]]:
    mlflow, prefect = summary.get("mlflow") or {}, summary.get("prefect")
    rows = [(name, _short(summary[name])) for name in ("report", "store") if summary.get(name)]
    if mlflow.get("tracking_uri"):
        rows.append(("MLflow", f"run {mlflow.get('run_id') or 'not begun'} in {_short(mlflow['tracking_uri'])}"))
    if prefect:
        rows.append(("Prefect", f"flow run {prefect['flow_run']}"))
    return rows


def _short(place: str) -> str:
    """Relative to the working folder where it lies below it."""
    return place.replace(f"{Path.cwd()}/", "")


def _barrier(barrier: Mapping[str, Any], tolerance: Mapping[str, float], program: str) -> Iterator[tuple[str, str]]:
    within = tolerance["barrier_kcal"]
    force, force_limit = barrier["ts_force_max_ev_per_ang"], tolerance["force_ev_per_ang"]
    modes = barrier["negative_modes"]
    yield "barrier", f"{barrier['model_kcal']:.2f} kcal/mol on the model, {barrier['reference_kcal']:.2f} in {program}"
    yield (
        "difference",
        f"{_signed(barrier['error_kcal'])} at the saddle, {_signed(barrier.get('reactant_error_kcal', 0.0))} reactant, "
        f"{_signed(barrier['product_error_kcal'])} product {_held(_worst(barrier), within, 'kcal/mol')}",
    )
    joins = "joins both ends" if barrier["joins_ends"] else "does not join both ends"
    yield "saddle", f"largest force left in {program} {force:.3f} {_held(force, force_limit, 'eV/Å')}"
    yield "", f"{modes} negative mode{'' if modes == 1 else 's'}, {joins}"
    if (ways := barrier.get("ways_down")) is not None:
        worst, off = ways["force_error_max_ev_per_ang"], ways["energy_error_kcal"]
        yield "ways down", f"{program} agrees at {ways['points']} points within {worst:.2f} eV/Å and {off:.2f} kcal/mol"


def _legs(summary: Summary) -> list[tuple[str, str]]:
    """What each leg of a stepwise reaction came to, and the whole profile."""
    legs = summary.get("legs") or []
    rows = [(f"leg {number}", _leg(leg)) for number, leg in enumerate(legs, start=1)]
    if legs and all(leg["verified"] for leg in legs) and len(legs) > 1:
        heights = ", ".join(f"{name} {kcal:.1f}" for name, kcal in summary.get("profile") or () if name != "reactant")
        rows.append(("profile", f"verified leg by leg: {heights} kcal/mol above the reactant"))
    return rows


def _leg(leg: Mapping[str, Any]) -> str:
    said = f"{leg['verdict'].replace('_', ' ')} with {leg['labels']} labels"
    if leg["model_kcal"] is None:
        return said
    return f"{said}: {leg['model_kcal']:.2f} kcal/mol on the model, {_signed(leg['error_kcal'])} of the reference"


def _worst(barrier: Mapping[str, Any]) -> float:
    return max(abs(float(barrier[name])) for name in ("error_kcal", "product_error_kcal"))


def _held(value: float, limit: float, unit: str) -> str:
    return f"({'≤' if value <= limit else 'not ≤'} {limit:g} {unit})"


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−") if abs(value) >= 0.005 else "0.00"


def _labels(summary: Summary) -> list[tuple[str, str]]:
    labels = summary["labels"]
    text = f"{labels['computed']} computed, {labels['reused']} reused, {labels['failed']} failed"
    if labels.get("kept_from_training"):
        text += f", {labels['kept_from_training']} too extreme to train on"
    return [("labels", text), ("", f"{labels['left']} left in the budget after {summary['iterations']} iterations")]


def _arm(arm: Mapping[str, Any]) -> list[tuple[str, str]]:
    if not arm["n"]:
        return []
    text = f"{arm['force_mae_ev_per_ang']:.3f} eV/Å force MAE on {arm['n']} at random"
    if arm["ci95"] and None not in arm["ci95"]:  # a few points give no interval
        text += ", 95 %: {:.3f} to {:.3f}".format(*arm["ci95"])
    return [("random arm", text), *_saved(arm.get("labels_saved") or {})]


def _saved(saved: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Against drawing lots for everything."""
    if saved.get("estimate") is None:
        return []
    low, high = saved["ci95"]
    text = f"{saved['estimate']:+.0f} labels saved against random (an estimate; 95 %: {low:+.0f} to {high:+.0f})"
    return [("", text.replace("-", "−"))]


def _trust(trust: Mapping[str, Any]) -> list[tuple[str, str]]:
    if trust["observed_coverage"] is None:
        return []
    text = f"{trust['observed_coverage']:.0%} of {trust.get('observed_points', 0)} later force errors inside their bound"
    return [("trust", f"{text} (aim: {trust['target_coverage']:.0%})")]


def _time(seconds: Mapping[str, float]) -> str:
    parts = sorted(((value, name) for name, value in seconds.items() if name != "total" and value >= 0.5), reverse=True)
    by_stage = ", ".join(f"{name} {duration(value)}" for value, name in parts)
    return duration(seconds["total"]) + (f": {by_stage}" if by_stage else "")


def next_step(summary: Summary, file: Path | str) -> str:
    """What to type now."""
    match summary["verdict"]:
        case "running":
            return f"reactal run {file}"
        case "paused":
            return f"reactal resume {file}"
        case "waiting":
            return f"reactal approve {file}, then reactal run {file}"
        case "verified":
            return f"reactal predict {file} FRAMES --out OUT, or reactal up {file} to look at the runs"
        case "budget_spent":
            return f"reactal resume {file}, then reactal run {file} for a fresh budget"
        case _:
            return f"reactal report {file} --open"


def verdict(summary: Summary, *, file: Path | str, following: str | None = None) -> RenderableType:
    """For the terminal."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    outcome = summary["verdict"]
    colour = _COLOURS.get(outcome, "yellow")
    heading = Text.assemble(
        (f" {outcome.replace('_', ' ')} ", f"bold reverse {colour}"), "  ", (summary["campaign"], "bold"), f"  {_WORDS[outcome]}"
    )
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in lines(summary):
        table.add_row(name, Text(text))
    if following:
        heading_now, doing = _doing(summary, following)
        table.add_row(heading_now, Text(doing))
    table.add_row("type next", Text(next_step(summary, file), "bold"))
    return Group("", heading, table, "")


def _doing(summary: Summary, following: str) -> tuple[str, str]:
    """What a driver is at, or what the next one would begin with."""
    driver = summary.get("driver")
    if driver is None:
        return "doing next", following
    done = f" ({driver['batch_done']} of {driver['batch']} done)" if driver["batch"] else ""
    return "doing now", f"{following}{done}; process {driver['pid']} on {driver['host']}"


def markdown(summary: Summary) -> str:
    """For pages such as Prefect's."""
    outcome = summary["verdict"]
    rows = "\n".join(f"| {name} | {text} |" for name, text in lines(summary))
    return f"# {summary['campaign']}: {outcome.replace('_', ' ')}\n\n{_WORDS[outcome]}\n\n| | |\n|---|---|\n{rows}\n"
