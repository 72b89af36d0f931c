"""`reactal estimate`: what a campaign will take and cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reactal.cli.output import JsonOption, SetOption, announce, console, emit

if TYPE_CHECKING:
    from rich.table import Table

    from reactal.config import CampaignConfig
    from reactal.runner import Campaign
    from reactal.stages.estimate import LabelTime, Part, Range

__all__ = ["estimate"]


def estimate(
    campaign: Annotated[Path, typer.Argument(metavar="CAMPAIGN.yaml", help="The campaign file, begun or not.")],
    prices: Annotated[Path, typer.Option(metavar="FILE", help="Prices, as infra/prices/aws.yaml has them.")],
    label_seconds: Annotated[
        float | None, typer.Option(min=1e-3, help="Of one label, where you know it; else from the store's labels of this theory.")
    ] = None,
    slots: Annotated[
        int | None, typer.Option(min=1, help="Labels side by side; default: what the file's cluster offers.")
    ] = None,
    gpu: Annotated[bool, typer.Option("--gpu", help="Training and exploration on the price file's GPU machine.")] = False,
    settings: SetOption = None,
    json: JsonOption = False,
) -> None:
    """What a campaign has still to do and what that costs, on demand and on spot, each as a range.

    The lower end is a campaign verified in the fewest rounds, the upper end one that spends its whole budget of labels.

    [bold]Examples[/bold]

      reactal estimate sn2/campaign.yaml --prices infra/prices/aws.yaml

      reactal estimate sn2/campaign.yaml --prices infra/prices/aws.yaml --label-seconds 40 --set budget.labels=5000
    """
    from reactal.prices import read_prices
    from reactal.runner import Campaign
    from reactal.stages.estimate import charged, work

    charges = read_prices(prices)
    with Campaign(campaign, settings=settings or ()) as driver:
        config = driver.config
        side_by_side = slots or _slots(config, charges.labels.cores)
        label = _label_time(driver, label_seconds)
        todo = work(config, driver.state, label, slots=side_by_side)
        parts = charged(todo, charges, gpu=gpu)
        spent = driver.state.core_seconds / 3600.0
    found = {
        "campaign": config.name,
        "currency": charges.currency,
        "prices": charges.source,
        "slots": side_by_side,
        "label": {"seconds": label.seconds, "from_labels": label.known, "range": _pair(label.range)},
        "labels": _pair(todo.labels),
        "rounds": _pair(todo.rounds),
        "wall_hours": _pair(todo.wall_hours),
        "parts": [_as_json(part) for part in parts[:-1]],
        "total": {"on_demand": _pair(parts[-1].on_demand), "spot": _pair(parts[-1].spot)},
        "spent": {"core_hours": spent, "money": spent * charges.core_hour},
        "price_per_core_hour": charges.core_hour,
    }
    if json:
        return emit(found)
    console().print(_table(parts, config.name, charges.currency))
    for line in _notes(found, config):
        announce(line)
    return None


def _slots(config: CampaignConfig, cores: int) -> int:
    """What the file's cluster offers at most; one machine of the prices where the file leaves it open."""
    cluster = config.cluster
    if cluster.kind == "slurm" or cluster.kind == "pbs":
        return max(1, cluster.jobs.most * (cluster.cores // config.resources.threads))
    if cluster.kind == "kubernetes":
        return cluster.workers.most
    return config.resources.slots or cores


def _label_time(driver: Campaign, given: float | None) -> LabelTime:
    from reactal.labeling.cost import learnt_from
    from reactal.stages.estimate import LabelTime

    if given is not None:
        return LabelTime(given, known=1)
    model = learnt_from(driver.bench.labels, driver.bench.theory)
    return LabelTime(model.seconds(driver.config.ends[0]), known=model.observations)


def _pair(value: Range) -> list[float]:
    return [value.low, value.high]


def _as_json(part: Part) -> dict[str, Any]:
    amount, costs = _pair(part.amount), {"on_demand": _pair(part.on_demand), "spot": _pair(part.spot)}
    return {"part": part.name, "amount": amount, "unit": part.unit, **costs}


def _table(parts: Sequence[Part], name: str, currency: str) -> Table:
    from rich.table import Table

    table = Table(title=f"{name}: what is ahead, prices in {currency}", title_justify="left")
    table.add_column("part")
    for heading in ("amount", "on demand", "spot"):
        table.add_column(heading, justify="right", no_wrap=True)
    for part in parts[:-1]:
        table.add_row(part.name, f"{_words(part.amount)} {part.unit}", _words(part.on_demand), _words(part.spot))
    table.add_section()
    table.add_row("all", "", _words(parts[-1].on_demand), _words(parts[-1].spot))
    return table


def _words(value: Range) -> str:
    low, high = (f"{end:.0f}" if end >= 100 else f"{end:.2g}" for end in (value.low, value.high))
    return low if low == high else f"{low} to {high}"


def _notes(found: dict[str, Any], config: CampaignConfig) -> list[str]:
    label, labels, hours = found["label"], found["labels"], found["wall_hours"]
    source = (
        "as its labels in the store took" if label["from_labels"] else "a guess: give --label-seconds, or label one structure"
    )
    low, high = label["range"]
    lines = [
        f"{labels[0]:.0f} to {labels[1]:.0f} labels of {low:.2g} to {high:.2g} s ({source}), {found['slots']} side by side: "
        f"{hours[0]:.2g} to {hours[1]:.2g} hours",
        f"prices: {found['prices']}",
    ]
    if config.budget.money is None:
        price, most = found["price_per_core_hour"], found["parts"][0]["on_demand"][1]
        lines.append(f"to stop at an amount: budget: {{price_per_core_hour: {price:.4g}, money: {max(most, 0.01):.2f}}}")
    return lines
