"""`reactal explore`: candidates from dynamics on a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from reactal.cli.output import JsonOption, announce, emit, say
from reactal.cli.potentials import DEVICE, DeviceOption, of_campaign

if TYPE_CHECKING:
    from reactal.chem import Frames
    from reactal.exploration.recording import Ending
    from reactal.exploration.swarms import Swarm, SwarmSettings, Thermal
    from reactal.explorers import Method
    from reactal.potentials.committee import Committee

__all__ = ["explore"]

UNCALIBRATED_TRUST = 1.0  # eV/angstrom of disagreement; exploration.trust of a campaign
CAP = 2.0  # eV/angstrom; exploration.band_cap of a campaign
_SWARM, _BIAS, _LIMITS = "The swarm", "What drives it", "What ends a replica"

METHOD = "dynamics | metadynamics | umbrella | steered | uncertainty (towards disagreement) | exchange (of temperatures)."
CV = "Like d(0,1)-d(1,5), a(0,1,2), t(0,1,2,3), cn(0;1,2); repeatable. Without: the bonds that differ, first to last frame."
Model = Annotated[str, typer.Argument(metavar="MODEL", help="Folder or URL of a model; or a campaign file.")]
From = Annotated[Path, typer.Option("--from", metavar="FRAMES", help="Starting geometries, in any format that ASE reads.")]
Out = Annotated[Path, typer.Option(metavar="POOL", help="Where to write the pool: .parquet, .extxyz, .db, ... by its suffix.")]
Replicas = Annotated[int, typer.Option(min=1, rich_help_panel=_SWARM, help="The starting frames are taken in turn.")]
Batch = Annotated[int | None, typer.Option(min=1, rich_help_panel=_SWARM, help="So many run at once; one that ends is replaced.")]
Length = Annotated[float, typer.Option(rich_help_panel=_SWARM, help="Of each replica, fs.")]
Timestep = Annotated[float, typer.Option(rich_help_panel=_SWARM, help="fs.")]
Temperature = Annotated[float, typer.Option(min=0.0, rich_help_panel=_SWARM, help="K; the coldest rung of exchange.")]
Hottest = Annotated[float, typer.Option(rich_help_panel=_SWARM, help="K; the hottest rung of exchange.")]
Thermostat = Annotated[str, typer.Option(rich_help_panel=_SWARM, help="langevin | rescaling (Bussi's) | nve (none).")]
CheckEvery = Annotated[int, typer.Option(min=1, rich_help_panel=_SWARM, help="Steps between two looks of the whole committee.")]
Keep = Annotated[float, typer.Option(rich_help_panel=_SWARM, help="fs between two frames that are kept.")]
Seed = Annotated[int, typer.Option(min=0, rich_help_panel=_SWARM, help="Replica i has this seed + i.")]
Fixed = Annotated[list[int] | None, typer.Option(rich_help_panel=_SWARM, help="An atom that stays in place, from 0; repeatable.")]
Cv = Annotated[list[str] | None, typer.Option("--cv", rich_help_panel=_BIAS, help=CV)]
Height = Annotated[float, typer.Option(rich_help_panel=_BIAS, help="Of a new hill, eV; later ones are lower.")]
Width = Annotated[float, typer.Option(rich_help_panel=_BIAS, help="Of a hill, in the variable's unit.")]
HillsFrom = Annotated[Path | None, typer.Option("--hills", rich_help_panel=_BIAS, help="Inherit the hills of an earlier run.")]
Span = Annotated[str | None, typer.Option(metavar="A:B", rich_help_panel=_BIAS, help="Where umbrella windows lie.")]
Stiffness = Annotated[float, typer.Option(rich_help_panel=_BIAS, help="Of umbrella springs, eV per unit squared.")]
Sphere = Annotated[float | None, typer.Option(rich_help_panel=_BIAS, help="Hold atoms so near to the centre of mass, Å.")]
Trust = Annotated[float | None, typer.Option(rich_help_panel=_LIMITS, help="Disagreement, eV/Å; without it the calibrated one.")]
KeepBonds = Annotated[bool, typer.Option("--keep-bonds", rich_help_panel=_LIMITS, help="A bond made or broken ends it.")]
MaxSeparation = Annotated[float, typer.Option(rich_help_panel=_LIMITS, help="Between parts, Å.")]


def explore(
    model: Model,
    frames: From,
    out: Out,
    method: Annotated[str, typer.Option(help=METHOD)] = "dynamics",
    replicas: Replicas = 32,
    batch: Batch = None,
    length: Length = 500.0,
    timestep: Timestep = 0.5,
    temperature: Temperature = 300.0,
    hottest: Hottest = 900.0,
    thermostat: Thermostat = "langevin",
    check_every: CheckEvery = 10,
    keep: Keep = 10.0,
    seed: Seed = 0,
    fixed: Fixed = None,
    cv: Cv = None,
    height: Height = 0.03,
    width: Width = 0.1,
    hills: HillsFrom = None,
    span: Span = None,
    stiffness: Stiffness = 5.0,
    sphere: Sphere = None,
    trust: Trust = None,
    keep_bonds: KeepBonds = False,
    max_separation: MaxSeparation = 6.0,
    device: DeviceOption = None,
    json: JsonOption = False,
) -> None:
    """Candidates from dynamics on a model, many replicas at once.

    Writes the frames met; those with `proposed` are the first a replica reached outside the trust region: label them first.
    A run that was killed goes on with the same command.

    [bold]Examples[/bold]

      reactal explore sn2/campaign.yaml --from ends.xyz --out pool.parquet --temperature 600

      reactal explore model --from ends.xyz --method metadynamics --cv "d(0,1)-d(1,5)" --out pool.extxyz
    """
    from reactal.exploration.guards import Guards
    from reactal.exploration.swarms import SwarmSettings

    committee, calibrated = _opened(model, device)
    limit = calibrated if trust is None else trust
    guards = Guards(trust=limit, cap=max(CAP, 2 * limit), bonds=keep_bonds, separation=max_separation)
    settings = SwarmSettings(
        method=cast("Method", method), replicas=replicas, batch=batch, length=length, timestep=timestep,
        temperature=temperature, hottest=hottest, thermostat=cast("Thermal", thermostat), check_every=check_every, keep=keep,
        seed=seed, variables=tuple(cv or ()), width=width, height=height, span=_span(span), stiffness=stiffness, sphere=sphere,
        fixed=tuple(fixed or ()), guards=guards,
    )  # fmt: skip
    _explored(committee, frames, out, settings, hills=hills, model=model, json=json)


def _explored(
    committee: Committee, frames: Path, out: Path, settings: SwarmSettings, *, hills: Path | None, model: str, json: bool
) -> None:
    from reactal.chem.files import check_output, read_any, write_labelled
    from reactal.chem.states import StateRules
    from reactal.cli.progress import progress
    from reactal.exploration.metadynamics import Hills
    from reactal.exploration.swarms import Swarm
    from reactal.potentials.driving import DrivenCommittee

    check_output(out)
    # a model that tells states apart is told those of the file
    about = {} if committee.architecture.states else committee.about
    starts = read_any(frames, StateRules(charge=about.get("charge"), multiplicity=about.get("multiplicity")))
    swarm = Swarm(DrivenCommittee(committee), starts, settings, inherited=Hills.read(hills) if hills else None)
    parts = out.with_name(f"{out.name}.parts")
    with progress() as shown:
        shown.begin(f"explore {settings.method}", total=settings.replicas * swarm.plan.steps)
        pool, endings = swarm.run(parts, key=swarm.key(model), progress=shown)
        shown.end(f"{len(pool)} frames")
    write_labelled(out, pool)
    beside = _beside(swarm, out)
    swarm.finish(parts)
    _tell(pool, endings, settings, out=out, hills=beside, json=json)


def _beside(swarm: Swarm, out: Path) -> Path | None:
    """The hills of metadynamics, for the next run."""
    if swarm.metadynamics is None:
        return None
    file = out.with_name(f"{out.name}.hills.json")
    file.write_text(swarm.metadynamics.hills.to_json(), encoding="utf-8")
    return file


def _tell(
    pool: Frames, endings: tuple[Ending, ...], settings: SwarmSettings, *, out: Path, hills: Path | None, json: bool
) -> None:
    from reactal.exploration.outcome import counted, why_none_left

    ended, worth, why = counted(endings), int(pool.extra["proposed"].sum()), why_none_left(endings, settings.guards)
    if json:
        facts: dict[str, Any] = {"method": settings.method, "frames": len(pool), "proposed": worth, "ended": ended}
        emit({**facts, "none_left": why, "trust_ev_per_ang": settings.guards.trust, "hills": hills, "out": out})
    else:
        if why is not None:
            announce(why)
        fates = ", ".join(f"{count} {reason}" for reason, count in ended.items())
        say(
            f"{len(pool)} frames, {worth} proposed; replicas: {fates}; written to {out}"
            + (f", hills to {hills}" if hills else "")
        )
    if not len(pool):
        raise typer.Exit(1)


def _opened(model: str, device: str | None) -> tuple[Committee, float]:
    """The committee, and the disagreement (eV/angstrom) up to which it is trusted."""
    if model.endswith((".yaml", ".yml")):
        from reactal.runner import Campaign

        with Campaign(model, settings=of_campaign(device)) as driver:
            calibrated = driver.state.calibrated
            return driver.potential.potential, calibrated.trust if calibrated else UNCALIBRATED_TRUST
    from reactal.potentials.export import read_committee

    committee = read_committee(model, device=device or DEVICE)
    factor = (committee.about.get("calibration") or {}).get("factor")
    return committee, 1.0 / factor if factor else UNCALIBRATED_TRUST


def _span(text: str | None) -> tuple[float, float] | None:
    from reactal.errors import InputError

    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError as error:
        raise InputError(f"--span {text!r} is not of the form A:B, for example -1.5:1.5") from error
    if not low < high:
        raise InputError(f"--span {text!r} has its larger end first; write the smaller one before the colon")
    return low, high
