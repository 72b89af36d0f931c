"""What a report shows of learned densities: where labels came from and what that spared, and the density model beside the SCF.

Of campaigns that label by another program and begin every SCF afresh it shows nothing, and looks at nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reactal.campaign.state import CampaignState
from reactal.chem import Frames, Label, Structure
from reactal.errors import ReactalError
from reactal.labeling.pinned import pinned
from reactal.report.shown import Chart, Line, Table
from reactal.report.wording import MISSING, number
from reactal.stages.bench import Bench

if TYPE_CHECKING:
    from reactal.density.evaluation import Case
    from reactal.density.model import DensityModel
    from reactal.density.reference import ReferenceDensity
    from reactal.report.html import Picture

__all__ = ["charts", "pictures", "tables"]

BEGINNINGS = {
    "learned_guess": "orbitals learned from all labels",
    "nearby_guess": "orbitals of geometries nearby",
    "default": "the program's own guess",
}
ROUTES = {"one-shot": "one step from the learned density", "scf": "the full SCF"}


def tables(bench: Bench, rows: Frames) -> tuple[Table, ...]:
    """Of the labels in these rows."""
    if _by_density(bench):
        return _model_table(bench), _routes_table(_labels(bench, rows))
    if bench.config.resources.reuse_guess:
        return (_beginnings_table(_labels(bench, rows)),)
    return ()


def charts(bench: Bench, rows: Frames) -> tuple[Chart, ...]:
    """SCF iterations, label by label in the order of the data set, by where they began."""
    if _by_density(bench) or not bench.config.resources.reuse_guess:
        return ()
    points: dict[str, list[tuple[float, float]]] = {}
    for place, label in enumerate(_labels(bench, rows)):
        if label.scf_iterations is not None:
            points.setdefault(_beginning(label), []).append((place + 1.0, float(label.scf_iterations)))
    lines = tuple(
        Line(name, tuple(x for x, _ in found), tuple(y for _, y in found), marks=True) for name, found in sorted(points.items())
    )
    return (Chart("scf-iterations", "SCF iterations by where they began", "label", "SCF iterations", lines),)


def pictures(bench: Bench, state: CampaignState) -> list[Picture]:
    """The residual density of the saddle that was tested last, or of the reactant; nothing where there is no reference of it."""
    found = _shown(bench, state) if _by_density(bench) else None
    if found is None:
        return []
    from reactal.density.figures import Residual
    from reactal.report.densities import density_pictures

    name, structure = found
    try:
        model = _model(bench)
        if model.guard.before(structure) is not None:
            return []
        return density_pictures(Residual(model, _reference(bench, model, structure)), name=name)
    except ReactalError:
        return []  # a report is no reason to stop; what is wrong with the model its labels tell


def _by_density(bench: Bench) -> bool:
    return bench.theory.program == "deepscf"


def _model(bench: Bench) -> DensityModel:
    from reactal.density.model import DensityModel

    return DensityModel.read(pinned(bench.theory, "model"))


def _shown(bench: Bench, state: CampaignState) -> tuple[str, Structure] | None:
    if state.tests:
        return "saddle", bench.structure_of(state.tests[-1].key)
    if state.seeded is not None and state.seeded.reactant:
        return "reactant", bench.structure_of(state.seeded.reactant)
    return None


def _reference(bench: Bench, model: DensityModel, structure: Structure) -> ReferenceDensity:
    """Computed once, and kept in the store."""
    from reactal.density.records import DensityStore

    made, failed = DensityStore(bench.objects, model.theory).compute([structure])
    if failed:
        raise ReactalError(failed[0])
    return made[0]


def _model_table(bench: Bench) -> Table:
    """What the model is, and its errors on what it did not learn from."""
    title, columns = "Density model", ("What", "Value")
    try:
        model = _model(bench)
    except ReactalError as error:
        return Table(title, columns, (("cannot be read", str(error)),))
    about = model.about
    errors = ", ".join(number(value) for value in about.get("rho_error_held_out", ()))
    rows = (
        ("content", str(dict(bench.theory.keywords).get("content", MISSING))),
        ("networks", f"{len(model.networks)}, {model.spec.kind}, {model.spec.size}"),
        ("learned from", f"{about.get('rows', MISSING)} densities of {', '.join(about.get('molecules', ())) or MISSING}"),
        ("data set", str(about.get("dataset", MISSING))),
        ("error of δρ on what was held out, by member", f"{errors} %" if errors else MISSING),
        ("error of the energy there", _unit(about.get("energy_error_mha_held_out"), "mHa")),
        ("guard's factor on the step's residual", number(model.guard.factor)),
        *_judged(bench, model),
    )
    return Table(title, columns, rows, "δρ: the electron density less that of the free atoms.")


def _judged(bench: Bench, model: DensityModel) -> list[tuple[str, str]]:
    """The model against the SCF at the two ends of the reaction."""
    from reactal.density.evaluation import evaluated

    rows = []
    for name, structure in zip(("reactant", "product"), bench.config.ends, strict=False):
        try:
            (case,) = evaluated(model, [_reference(bench, model, structure)], forces=False)
        except ReactalError as error:
            rows.append((f"at the {name}", str(error)))
            continue
        rows.append((f"at the {name}", _case_words(case)))
    return rows


def _case_words(case: Case) -> str:
    if not case.predicted:
        return f"nothing is predicted: {case.because}"
    errors = f"δρ off by {number(case.rho_error)} %, the energy by {number(abs(case.harris_mha))} mHa"
    saved = f"{case.iterations} SCF iterations, {case.iterations_from_guess} from the predicted density"
    return f"{errors} (bound {number(case.bound_mha)}); {saved}"


def _routes_table(labels: Sequence[Label]) -> Table:
    routes = [_settings(label).get("route", MISSING) for label in labels]
    rows = []
    for route in sorted(set(routes)):
        mine = [label for label, other in zip(labels, routes, strict=True) if other == route]
        bounds = [float(_settings(label)["bound_mha"]) for label in mine if "bound_mha" in _settings(label)]
        bound = number(float(np.mean(bounds))) if bounds else MISSING
        rows.append((ROUTES.get(route, route), str(len(mine)), bound, _mean([label.wall_seconds for label in mine])))
    note = (
        "The bound is what the guard says the energy of one step is right to; beyond the theory's limit the SCF is run instead."
    )
    return Table("Where labels came from", ("Route", "Labels", "Bound (mHa)", "Time (s)"), tuple(rows), note)


def _beginnings_table(labels: Sequence[Label]) -> Table:
    rows = []
    for name in sorted({_beginning(label) for label in labels}):
        mine = [label for label in labels if _beginning(label) == name]
        iterations = [float(label.scf_iterations) for label in mine if label.scf_iterations is not None]
        rows.append((name, str(len(mine)), _mean(iterations), _mean([label.wall_seconds for label in mine])))
    return Table("Where SCFs began", ("Beginning", "Labels", "SCF iterations", "Time (s)"), tuple(rows), "Means over labels.")


def _beginning(label: Label) -> str:
    """By the attempt that succeeded."""
    rung = _settings(label).get("rung", "")
    return BEGINNINGS.get(rung, rung or "not known")


def _settings(label: Label) -> Mapping[str, str]:
    return dict(label.attempts[-1].settings) if label.attempts else {}


def _labels(bench: Bench, rows: Frames) -> list[Label]:
    """In the order of the rows."""
    keys = rows.keys()
    found = bench.labels.get_many(bench.theory.fingerprint, keys)
    return [label for key in keys if isinstance(label := found.get(key), Label)]


def _mean(values: Sequence[float]) -> str:
    return number(float(np.mean(values))) if values else MISSING


def _unit(value: Any, unit: str) -> str:
    return MISSING if value is None else f"{number(float(value))} {unit}"
