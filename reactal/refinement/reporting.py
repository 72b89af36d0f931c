"""A night on one page: what came in, what was bought, who won and why. Markdown, and the same as HTML."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from reactal.refinement.decide import NightState
from reactal.refinement.events import Gathered, Group
from reactal.refinement.judging import BARRIER, FORCE

__all__ = ["as_html", "markdown", "night_metrics", "summary"]

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}"
    "table{border-collapse:collapse;margin:.5rem 0 1.5rem;width:100%}"
    "th,td{border-bottom:1px solid #d5dae0;padding:.3rem .6rem;text-align:right}"
    "th:first-child,td:first-child{text-align:left}"
    "h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:1.8rem}"
    "@media(prefers-color-scheme:dark){body{background:#14171a;color:#e4e7ea}th,td{border-color:#3a4149}}"
)


def summary(name: str, state: NightState) -> dict[str, Any]:
    """The one JSON object that says how a night went."""
    opened, gathered = state.opened, state.gathered
    assert opened is not None
    concluded = state.concluded
    return {
        "campaign": name,
        "night": opened.night,
        "verdict": str(concluded.outcome) if concluded else "under way",
        "why": concluded.why if concluded else "",
        "champion": concluded.champion if concluded else opened.champion,
        "champion_before": opened.champion,
        "challenger": state.taught.model if state.taught else None,
        "candidates": gathered.candidates if gathered else 0,
        "labels": state.asked,
        "labels_computed": sum(portion.computed for portion in state.portions),
        "labels_reused": sum(portion.reused for portion in state.portions),
        "labels_failed": state.failed,
        "core_hours": state.core_seconds / 3600.0,
        "wall_seconds": state.seconds,
        "groups": [group.model_dump() for group in state.judged.groups] if state.judged else [],
    }


def markdown(name: str, state: NightState, facts: Mapping[str, str]) -> str:
    """The page; `facts` are further lines of the head, such as links."""
    return "\n".join(_blocks(name, state, facts, _markdown_table, lambda level, text: f"\n{'#' * level} {text}\n")) + "\n"


def as_html(name: str, state: NightState, facts: Mapping[str, str]) -> str:
    """The same, as a page that fetches nothing and runs no script."""

    def head(level: int, text: str) -> str:
        return f"<h{level}>{html.escape(text)}</h{level}>"

    blocks = _blocks(name, state, facts, _html_table, head)
    body = "\n".join(block if block.startswith("<") else f"<p>{html.escape(block)}</p>" for block in blocks if block)
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(name)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>{body}</body></html>\n'
    )


def _blocks(name: str, state: NightState, facts: Mapping[str, str], table: Any, head: Any) -> list[str]:
    opened, concluded = state.opened, state.concluded
    assert opened is not None
    word = str(concluded.outcome) if concluded else "under way"
    found = [head(1, f"{name}, night {opened.night}: {word}")]
    if concluded:
        found.append(f"{concluded.why[:1].upper()}{concluded.why[1:]}.")
    lines = [("champion of the evening", f"{opened.champion[:12]}, from {opened.champion_from}")]
    if state.taught is not None:
        lines.append(("challenger", f"{state.taught.model[:12]}, {state.taught.rows} labels, {state.taught.guard}"))
    if concluded:
        lines.append(("champion from here on", concluded.champion[:12]))
    lines += [("labels", _labels(state)), ("core-hours", f"{state.core_seconds / 3600.0:.2f}"), *facts.items()]
    found.append(table(("", ""), lines))
    if state.gathered is not None:
        found += _arrived(state.gathered, table, head)
    if state.kept is not None and state.kept.met:
        rows = [(met.source, str(met.structures), _mev(met.force_mae), _mev(met.force_max)) for met in state.kept.met]
        heads = ("source", "labels", "force MAE, meV/Å", "largest, meV/Å")
        found += [head(2, "The champion on tonight's labels"), table(heads, rows)]
    if state.judged is not None and state.judged.groups:
        found += _judged(state.judged.groups, state.judged.left_out, table, head)
    return found


def _arrived(gathered: Gathered, table: Any, head: Any) -> list[str]:
    found = [head(2, "What came in")]
    rows = [(a.file, a.kind, str(a.frames), str(a.known), str(a.outside), f"{a.disagreement:.3f}") for a in gathered.arrivals]
    heads = ("file", "kind", "frames", "labelled before", "outside the trust region", "disagreement, eV/Å")
    found.append(table(heads, rows) if rows else "Nothing lies in the inbox.")
    found.append(
        f"The champion's own dynamics gave {gathered.weak_spots} frames; {gathered.left_trust} runs left the trust region "
        f"({gathered.trust:.2f} eV/Å). Of {gathered.candidates} candidates {gathered.batch_size} were chosen."
    )
    return found


def _judged(groups: Sequence[Group], left_out: int, table: Any, head: Any) -> list[str]:
    rows = [_row(group) for group in groups]
    heads = ("on", "of", "structures", "champion", "challenger", "change", "interval", "verdict")
    note = "Forces in meV/Å, energies in meV/atom, the barrier in kcal/mol. Neither model was trained on these tests."
    if left_out:
        note += f" {left_out} test structures were left out, because the champion knows them."
    return [head(2, "Champion and challenger on the same tests"), table(heads, rows), note]


def _row(group: Group) -> tuple[str, ...]:
    scale, digits = (1.0, 2) if group.metric == BARRIER else (1e3, 1)

    def said(value: float, sign: str = "") -> str:
        return f"{scale * value:{sign}.{digits}f}"

    interval = "" if group.low is None or group.high is None else f"{said(group.low, '+')} to {said(group.high, '+')}"
    numbers = (said(group.champion), said(group.challenger), said(group.change, "+"))
    return (group.name, group.metric, str(group.structures), *numbers, interval, group.verdict)


def _labels(state: NightState) -> str:
    reused = sum(portion.reused for portion in state.portions)
    tests = sum(one.rows for one in state.kept.frozen) if state.kept else 0
    return f"{state.asked} asked for, {reused} known already, {state.failed} failed; {tests} of them frozen as a test"


def _mev(value: float) -> str:
    return f"{1e3 * value:.1f}"


def _markdown_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n" + "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def _html_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in heads) if any(heads) else ""
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def night_metrics(groups: Sequence[Group]) -> dict[str, float]:
    """By the names that campaigns and comparisons use: `force_mae`, `energy_mae`, `force_mae/<where>`, `barrier_error_kcal`, of
    the model that the night made; the champion's own with `champion_` before them."""
    found: dict[str, float] = {}
    for place, group in enumerate(groups):
        name = "barrier_error_kcal" if group.metric == BARRIER else "force_mae" if group.metric == FORCE else "energy_mae"
        where = "" if place < 2 or group.metric == BARRIER else f"/{group.name.partition(' ')[2]}"
        found[f"{name}{where}"] = group.challenger
        found[f"champion_{name}{where}"] = group.champion
        if not where and group.low is not None and group.high is not None:
            found |= {f"change_{name}": group.change, f"change_{name}_low": group.low, f"change_{name}_high": group.high}
    return found
