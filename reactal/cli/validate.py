"""`reactal validate`: what a model can be trusted with, with a verdict for each goal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reactal.cli.output import JsonOption, SetOption, announce, console, emit
from reactal.cli.stores import DEFAULT_STORE, StoreOption

if TYPE_CHECKING:
    from reactal.potentials.base import Potential
    from reactal.runner import Campaign
    from reactal.sections import Goals
    from reactal.stages.subject import Subject
    from reactal.validation.base import Validation

__all__ = ["validate"]

_FILES = (".yaml", ".yml")
XTB = ("gfn1", "gfn2", "ipea1")


def validate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A campaign file, a model's folder or URL, or gfn2, gfn1.")],
    against: Annotated[
        str | None,
        typer.Option(
            help="FRAMES (a labelled file, or a data set NAME[@VERSION]) or CAMPAIGN.yaml; without it, its own campaign."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Also write everything found as JSON: tables, curves, geometries.")] = None,
    store: StoreOption = DEFAULT_STORE,
    settings: SetOption = None,
    json: JsonOption = False,
) -> None:
    """What a model can be trusted with.

    Errors of energies and forces overall, by element, by region and by distance to the training data; barriers; bounds; price.
    Goals are those of the campaign file's section `validation`. Nothing is labelled anew. Of a campaign, what was found is
    kept in its store, and `reactal report` shows it.

    [bold]Examples[/bold]

      reactal validate sn2/campaign.yaml

      reactal validate sn2/campaign.yaml --against hot.extxyz --out hot.json

      reactal validate gfn2 --against labelled.extxyz --set force=0.3
    """
    from reactal.cli.stores import require_folder

    if out is not None:
        require_folder(out)
    found = (
        _of_campaign(model, against, settings or [], store)
        if model.endswith(_FILES)
        else _of_model(model, against, settings or [], store)
    )
    if out is not None:
        out.write_bytes(found.sealed() + b"\n")
    if json:
        emit(found.as_json())
        return
    console().print(findings_of(found))
    if out is not None:
        announce(f"written to {out}")


def findings_of(found: Validation) -> Any:
    from reactal.cli.findings import findings

    return findings(found)


def _of_campaign(file: str, against: str | None, settings: list[str], store: str) -> Validation:
    """The newest model of a campaign, against the campaign itself or anything else."""
    from reactal.cli.progress import progress
    from reactal.runner import Campaign
    from reactal.stages.validate import campaign_subject
    from reactal.validation.kept import ValidationStore

    with progress() as shown, Campaign(file, settings=settings, progress=shown) as driver:
        subject = campaign_subject(driver.bench, driver.state)
        if against is None or (against.endswith(_FILES) and Path(against).resolve() == Path(file).resolve()):
            found = _itself(driver, subject)
        else:
            found = _against(subject, against, store)
        ValidationStore(driver.bench.objects, driver.config.name).put(subject.name, found)
        return found


def _itself(driver: Campaign, subject: Subject) -> Validation:
    import reactal
    from reactal.stages.validate import CAMPAIGN, validate_campaign
    from reactal.validation.base import Validation

    bench, state = driver.bench, driver.state
    findings = validate_campaign(bench, driver.events, state, subject=subject)
    facts = [
        ("campaign", driver.config.name),
        ("theory", bench.theory.name),
        ("data set", f"{driver.config.name} version {state.dataset}"),
        ("trained on version", str(state.trained.dataset if state.trained else 0)),
        ("reactal", reactal.__version__),
    ]
    return Validation.of(findings, model=subject.name, against=CAMPAIGN, facts=facts)


def _of_model(model: str, against: str | None, settings: list[str], store: str) -> Validation:
    """A model by itself, with the goals of the defaults."""
    from reactal.errors import InputError
    from reactal.stages.subject import Subject

    if against is None:
        raise InputError(f"say what {model} is held against: --against FRAMES or --against CAMPAIGN.yaml")
    potential = _potential(model)
    known = getattr(potential, "about", {}).get("calibration") or {}
    calibration = {"factor": known.get("factor"), "coverage": known.get("coverage")}
    subject = Subject(potential, model, _goals(settings), relative=model in XTB, **calibration)
    return _against(subject, against, store)


def _potential(model: str) -> Potential:
    if model in XTB:
        from reactal.potentials.xtb import XtbPotential

        return XtbPotential(model)
    from reactal.potentials.export import read_committee

    return read_committee(model)


def _goals(settings: list[str]) -> Goals:
    """The defaults with `--set force=0.2` or `--set validation.force=0.2`."""
    import yaml
    from pydantic import ValidationError

    from reactal.config import defaults
    from reactal.errors import ConfigError
    from reactal.sections import Goals

    tree = dict(defaults()["validation"])
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise ConfigError(f"--set {setting!r} is not of the form key=value, for example validation.force=0.2")
        tree[name.strip().removeprefix("validation.")] = yaml.safe_load(value)
    try:
        return Goals.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(
            f"--set validation.{'.'.join(map(str, first['loc']))}: {first['msg']}; known are: {', '.join(Goals.model_fields)}"
        ) from error


def _against(subject: Subject, against: str, store: str) -> Validation:
    import numpy as np

    from reactal.cli.references import labelled_frames
    from reactal.stages.validate import validate_frames

    if against.endswith(_FILES):
        frames, against = _labels_of_campaign(against)
    else:
        frames = labelled_frames(against, store)
    return validate_frames(subject, frames, against=against, rng=np.random.default_rng(0))


def _labels_of_campaign(file: str) -> tuple[Any, str]:
    """All that another campaign has labelled."""
    from reactal.errors import InputError
    from reactal.runner import Campaign

    with Campaign(file) as other:
        if not other.state.dataset:
            raise InputError(f"campaign {other.config.name} has no labels yet; run it first")
        return other.bench.dataset(other.state.dataset), f"the labels of campaign {other.config.name}"
