"""`reactal validate`: what a model can be trusted with, with a verdict for each goal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, final

import typer

from reactal.cli.output import JsonOption, SetOption, announce, console, emit
from reactal.cli.stores import DEFAULT_STORE, StoreOption

if TYPE_CHECKING:
    from reactal.chem import Frames
    from reactal.labeling.base import LabelPool
    from reactal.potentials.base import Potential
    from reactal.progress import Progress
    from reactal.runner import Campaign
    from reactal.sections import Goals
    from reactal.stages.check_dynamics import Followed
    from reactal.stages.subject import Subject
    from reactal.validation.base import Validation

__all__ = ["validate"]

_FILES = (".yaml", ".yml")
XTB = ("gfn1", "gfn2", "ipea1")
BARRIERS = "barriers:"
MISSED = 3  # exit code of --strict; 1 and 2 say that nothing was found out


@final
@dataclass(frozen=True)
class _Source:
    """Where data sets are, and which state a file's geometries have."""

    store: str
    charge: int | None
    multiplicity: int | None


@final
@dataclass(frozen=True)
class _Work:
    """What may be computed anew: labels, the reference's own saddles, dynamics; None: for as long as the goal says."""

    label: bool
    refine: bool
    follow_fs: float | None
    temperatures: tuple[float, ...] = ()
    seeds: int | None = None

    def follow(self, otherwise: float) -> Followed:
        """`otherwise`: how long, where nothing was said."""
        from reactal.errors import InputError
        from reactal.stages.check_dynamics import Followed

        usual = Followed(otherwise if self.follow_fs is None else self.follow_fs)
        if not usual.fs and (self.temperatures or self.seeds):
            raise InputError("--temperature and --seeds are of dynamics, and none is run here; say how long with --dynamics FS")
        return replace(usual, temperatures=self.temperatures or usual.temperatures, seeds=self.seeds or usual.seeds)


_AGAINST = "Labelled files or data sets NAME@VERSION, repeatable; barriers:FOLDER; or CAMPAIGN.yaml. Default: its own."
_LABEL = "Let a campaign's reference compute Hessians at its stationary points, or single points of a suite: new labels."
_REFINE = "Let the reference go from the model's saddles to its own, and hold barriers against those: new labels."
_DYNAMICS = "Length of each run of dynamics; 0: none. Default: the goal's, of files none."
Model = Annotated[str, typer.Argument(metavar="MODEL", help="A campaign file, a model's folder or URL, or gfn2, gfn1, ipea1.")]
Against = Annotated[list[str] | None, typer.Option(help=_AGAINST)]
Out = Annotated[Path | None, typer.Option(help="Also write everything found as JSON: tables, curves, geometries.")]
Labelling = Annotated[bool, typer.Option("--label", help=_LABEL)]
Refine = Annotated[bool, typer.Option("--refine", help=_REFINE)]
Dynamics = Annotated[float | None, typer.Option(min=0, metavar="FS", help=_DYNAMICS)]
Temperatures = Annotated[
    list[float] | None, typer.Option("--temperature", min=1, metavar="K", help="Of dynamics, repeatable. Default: 300 and 600.")
]
Seeds = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Runs of dynamics from each start at each temperature. Default: 2.")
]
Strict = Annotated[
    bool, typer.Option("--strict", help=f"Exit code {MISSED} unless the verdict is met: for scripts that must stop.")
]
Charge = Annotated[int | None, typer.Option(help="Of a file's geometries; without it the model's, else the file's own.")]
Multiplicity = Annotated[int | None, typer.Option(help="Spin multiplicity; likewise.")]


def validate(
    model: Model,
    against: Against = None,
    out: Out = None,
    label: Labelling = False,
    refine: Refine = False,
    dynamics: Dynamics = None,
    temperature: Temperatures = None,
    seeds: Seeds = None,
    strict: Strict = False,
    charge: Charge = None,
    multiplicity: Multiplicity = None,
    store: StoreOption = DEFAULT_STORE,
    settings: SetOption = None,
    json: JsonOption = False,
) -> None:
    """What a model can be trusted with.

    Errors of energies and forces overall, by element, by region and by distance
    to the training data; barriers; frequencies and rates; dynamics; error bounds;
    price. Goals are those of the campaign file's section `validation`. Without
    --label and --refine nothing is labelled anew. Of a campaign, what was found
    is kept in its store, and `reactal report` shows it. A missed goal is a
    finding: the exit code is 0 all the same, unless --strict is given.

    [bold]Examples[/bold]

      reactal validate sn2/campaign.yaml

      reactal validate sn2/campaign.yaml --against hot.extxyz --out hot.json

      reactal validate gfn2 --against barriers:rdb7 --set barrier=5
    """
    from reactal.cli.stores import require_folder

    if out is not None:
        require_folder(out)
    source = _Source(store, charge, multiplicity)
    work = _Work(label, refine, dynamics, tuple(temperature or ()), seeds)
    one = _of_campaign if model.endswith(_FILES) else _of_model
    found = one(model, against or [], settings or [], source, work)
    if out is not None:
        out.write_bytes(found.sealed() + b"\n")
    if json:
        emit(found.as_json())
    else:
        _told(found, out)
    if strict and str(found.verdict) != "met":
        raise typer.Exit(MISSED)


def _told(found: Validation, out: Path | None) -> None:
    from reactal.cli.findings import findings

    terminal = console()
    terminal.print(findings(found, width=terminal.width))
    if out is not None:
        announce(f"written to {out}")


def _of_campaign(file: str, against: list[str], settings: list[str], source: _Source, work: _Work) -> Validation:
    """The newest model of a campaign, against the campaign itself or anything else."""
    from reactal.cli.progress import progress
    from reactal.runner import Campaign
    from reactal.stages.validate import campaign_subject
    from reactal.validation.kept import ValidationStore

    with progress() as shown, Campaign(file, settings=settings, progress=shown) as driver:
        subject = campaign_subject(driver.bench, driver.state)
        if not against or [Path(one).resolve() for one in against] == [Path(file).resolve()]:
            found = _itself(driver, subject, work)
        else:
            pool = driver.bench.label_pool() if work.label or work.refine else None
            found = _against(subject, against, source, work, shown=shown, pool=pool)
        ValidationStore(driver.bench.objects, driver.config.name).put(subject.name, found)
        return found


def _itself(driver: Campaign, subject: Subject, work: _Work) -> Validation:
    import reactal
    from reactal.stages.validate import CAMPAIGN, validate_campaign
    from reactal.validation.base import Validation

    bench, state = driver.bench, driver.state
    follow = work.follow(driver.config.validation.stable_fs)
    findings = validate_campaign(
        bench, driver.events, state, subject=subject, label=work.label, refine=work.refine, follow=follow
    )
    facts = [
        ("campaign", driver.config.name),
        ("theory", bench.theory.name),
        ("data set", f"{driver.config.name} version {state.dataset}"),
        ("trained on version", str(state.trained.dataset if state.trained else 0)),
        ("reactal", reactal.__version__),
    ]
    return Validation.of(findings, model=subject.name, against=CAMPAIGN, facts=facts)


def _of_model(model: str, against: list[str], settings: list[str], source: _Source, work: _Work) -> Validation:
    """A model by itself, with the goals of the defaults."""
    from reactal.cli.progress import progress
    from reactal.errors import InputError
    from reactal.stages.subject import Subject

    if not against:
        raise InputError(f"say what {model} is held against: --against FRAMES or --against CAMPAIGN.yaml")
    if work.label or work.refine:
        raise InputError(f"{model} names no reference that could label; give its campaign file for --label and --refine")
    potential = _potential(model)
    known = getattr(potential, "about", {}).get("calibration") or {}
    calibration = {"factor": known.get("factor"), "coverage": known.get("coverage")}
    subject = Subject(potential, model, _goals(settings), relative=model in XTB, **calibration)
    with progress() as shown:
        return _against(subject, against, source, work, shown=shown)


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


def _suite(subject: Subject, against: str, *, shown: Progress, pool: LabelPool | None, refine: bool) -> Validation:
    import numpy as np

    import reactal
    from reactal.stages.check_suite import check_suite
    from reactal.stages.suite import read_suite
    from reactal.validation.base import Validation

    suite = read_suite(Path(against.removeprefix(BARRIERS)))
    findings = check_suite(subject, suite, rng=np.random.default_rng(0), progress=shown, pool=pool, refine=refine)
    facts = [("reactions", str(len(suite))), ("reactal", reactal.__version__)]
    return Validation.of(findings, model=subject.name, against=against, facts=facts)


def _against(
    subject: Subject, against: list[str], source: _Source, work: _Work, *, shown: Progress, pool: LabelPool | None = None
) -> Validation:
    import numpy as np

    from reactal.chem import Frames
    from reactal.errors import InputError
    from reactal.stages.validate import validate_frames

    follow = work.follow(0.0)
    if against[0].startswith(BARRIERS):
        if len(against) > 1:
            raise InputError("one folder of barriers at a time; run `reactal validate` once for each")
        return _suite(subject, against[0], shown=shown, pool=pool, refine=work.refine)
    if pool is not None:
        raise InputError(
            "--label and --refine are for a campaign by itself and for barriers:FOLDER; `reactal label` labels files"
        )
    sets = [_labelled(one, subject, source) for one in against]
    named = [frames.with_extra(set=np.full(len(frames), name)) for name, frames in sets]
    frames = Frames.concat(named) if len(named) > 1 else sets[0][1]
    names = ", ".join(name for name, _ in sets)
    return validate_frames(subject, frames, against=names, rng=np.random.default_rng(0), progress=shown, follow=follow)


def _labelled(against: str, subject: Subject, source: _Source) -> tuple[str, Frames]:
    """What it is called, and its labels."""
    from reactal.chem.files import is_file_of_frames, read_any
    from reactal.chem.states import StateRules
    from reactal.cli.references import labelled_frames
    from reactal.errors import InputError

    if against.endswith(_FILES):
        return _labels_of_campaign(against)
    if is_file_of_frames(Path(against)):
        about = getattr(subject.potential, "about", {})
        charge = about.get("charge") if source.charge is None else source.charge
        multiplicity = about.get("multiplicity") if source.multiplicity is None else source.multiplicity
        return against, read_any(Path(against), StateRules(charge, multiplicity))
    if Path(against).suffix:
        raise InputError(f"there is no file {against} to hold {subject.name} against; `reactal label` writes one")
    return against, labelled_frames(against, source.store)


def _labels_of_campaign(file: str) -> tuple[str, Frames]:
    """All that another campaign has labelled."""
    from reactal.errors import InputError
    from reactal.runner import Campaign

    with Campaign(file) as other:
        if not other.state.dataset:
            raise InputError(f"campaign {other.config.name} has no labels yet; run it first")
        return f"the labels of campaign {other.config.name}", other.bench.dataset(other.state.dataset)
