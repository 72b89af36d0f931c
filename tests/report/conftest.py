"""A campaign as it might have been: the numbers are made up, their sizes and shapes are those of a real one."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.report.data import (
    BarrierRow,
    IterationRow,
    LabelCounts,
    ParityPoints,
    PathProfile,
    RandomArm,
    ReportData,
    StageCost,
    TrackingRef,
    TrustRegion,
    UncertaintyPairs,
)
from reactal.report.shown import (
    Chart,
    ControlCurve,
    Exhibit,
    Goal,
    Line,
    LineageRow,
    MapPoints,
    Mode,
    Shown,
    Stationary,
    Table,
    WorstRow,
)

TRAINED, BLIND, IMAGES = 80, 16, 13
ATOMS = (17, 6, 1, 1, 1, 17)
SADDLE = TRAINED + BLIND + IMAGES // 2


def _structures(rng: np.random.Generator) -> tuple[Shown, ...]:
    """Chloride passing through chloromethane, shaken; the last ones are the images of the path."""
    flat = np.array([[-2.4, 0, 0], [0, 0, 0], [0, 1.07, 0], [0, -0.53, 0.93], [0, -0.53, -0.93], [2.4, 0, 0]])
    passed = np.concatenate([rng.uniform(-0.7, 0.7, TRAINED + BLIND), np.linspace(-0.7, 0.7, IMAGES)])
    shaken = np.concatenate([np.full(TRAINED + BLIND, 0.08), np.zeros(IMAGES)])
    names = [f"row {i}" for i in range(TRAINED)] + [f"random {i}" for i in range(BLIND)] + [f"image {i}" for i in range(IMAGES)]
    out = []
    for name, shift, sigma in zip(names, passed, shaken, strict=True):
        places = flat + sigma * rng.normal(size=flat.shape)
        places[1] += (shift, 0, 0)
        places[2:5, 0] += 0.6 * shift
        out.append(Shown(name, ATOMS, tuple(np.round(places, 4).reshape(-1).tolist()), f"{name}: made up"))
    return tuple(out)


def _map(rng: np.random.Generator) -> MapPoints:
    count = TRAINED + BLIND
    x, y = rng.normal(size=(2, count))
    return MapPoints(
        x=tuple(x),
        y=tuple(y),
        iteration=(*(i // 12 for i in range(TRAINED)), *([-1] * BLIND)),
        structures=tuple(range(count)),
        energy_kcal=tuple(rng.gamma(2.0, 14.0, count)),
        role=("path",) * TRAINED + ("dynamics",) * BLIND,
        path_x=tuple(np.linspace(-2, 2, IMAGES)),
        path_y=tuple(np.cos(np.linspace(-2, 2, IMAGES))),
        marks=(("reactant", -2.0, -0.4), ("saddle", 0.0, 1.0), ("product", 2.0, -0.4)),
        explained=(0.8, 0.1),
        thinned_from=count,
    )


def _rounds(rng: np.random.Generator) -> tuple[IterationRow, ...]:
    errors = (-9.8, 3.1, -1.4, 0.62, -0.28, 0.09, 0.05)
    rows, seen = [], []
    for i, error in enumerate(errors):
        now = tuple(float(v) for v in 0.42 * 0.62**i * rng.lognormal(0, 0.35, 2))
        seen += now
        recent = np.array(seen[-8:])
        half = 1.2 * recent.std(ddof=1)
        rows.append(
            IterationRow(
                iteration=i,
                labels=33 + 9 * i,
                focus=i >= 4,
                arm_errors=now,
                arm_mae=float(recent.mean()),
                arm_low=float(max(recent.mean() - half, 0.3 * recent.mean())) if i else None,
                arm_high=float(recent.mean() + half) if i else None,
                barrier_model_kcal=13.82 + error,
                barrier_reference_kcal=13.82,
                saddle_force=2.6 * 0.55**i,
                disagreement=1.9 * 0.6**i,
                trust=0.8,
                label_seconds=7.5,
                train_seconds=11.0,
                explore_seconds=4.2,
            )
        )
    return tuple(rows)


def _parity(rng: np.random.Generator, places: range, noise: float) -> ParityPoints:
    structures = len(places)
    energy = rng.gamma(2.0, 14.0, structures)
    forces = rng.laplace(0.0, 1.6, structures * 3 * len(ATOMS))
    return ParityPoints(
        tuple(energy),
        tuple(energy + 12 * noise * rng.normal(size=structures)),
        tuple(forces),
        tuple(forces + noise * rng.normal(size=len(forces)) * (0.4 + 0.3 * np.abs(forces))),
        tuple(places),
        structures,
    )


@pytest.fixture(scope="session")
def campaign() -> ReportData:
    rng = np.random.default_rng(7)
    progress = np.linspace(0.0, 3.1, 13)
    profile = 13.82 * np.exp(-(((progress - 1.55) / 0.62) ** 2))
    doubt = rng.lognormal(-1.9, 0.7, 22)
    return ReportData(
        campaign="sn2-chloride",
        reaction="Cl⁻ + CH3Cl → ClCH3 + Cl⁻",
        theory="hf/6-31g*",
        outcome="verified",
        evidence=(
            "The model's barrier is 13.87 kcal/mol, Psi4's at the same points 13.82: a difference of +0.05.",
            "The largest Psi4 force at the model's saddle is 0.072 eV/Å; at most 0.15 is allowed.",
            "The saddle has one negative mode, and descents along it reach both ends.",
            "The random arm's force MAE is 0.046 eV/Å (0.031 to 0.068), from 8 structures.",
        ),
        barriers=(BarrierRow("reactant → product", 13.87, 13.82, 0.072, 1, product_error_kcal=-0.03, verified=True),),
        barrier_tolerance_kcal=1.0,
        force_tolerance=0.15,
        iterations=_rounds(rng),
        path=PathProfile(
            tuple(progress),
            tuple(profile + 0.06 * rng.normal(size=13)),
            tuple(0.15 + 0.5 * np.abs(np.sin(progress))),
            (0.0, 0.78, 1.55, 2.3, 3.1),
            (0.0, 3.05, 13.82, 3.2, 0.02),
            ("reactant", "", "saddle", "", "product"),
            tuple(range(TRAINED + BLIND, TRAINED + BLIND + IMAGES)),
            (0, 1, SADDLE, 2, 3),
            (0.1, 3.4, 13.87, 3.0, 0.0),
        ),
        trained_on=_parity(rng, range(TRAINED), 0.05),
        blind=_parity(rng, range(TRAINED, TRAINED + BLIND), 0.16),
        uncertainty=UncertaintyPairs(
            tuple(doubt),
            tuple(1.5 * doubt * rng.lognormal(0, 0.5, 22)),
            factor=2.9,
            coverage=0.9,
            floor=0.005,
            structures=tuple(TRAINED + i % BLIND for i in range(22)),
        ),
        stages=(
            StageCost("seed", 28.0, 32, 0, 24.0, 0.000333),
            StageCost("label", 46.0, 63, 1, 45.0, 0.000625),
            StageCost("train", 81.0),
            StageCost("explore", 38.0),
            StageCost("select", 1.2),
            StageCost("verify", 9.0, 3),
        ),
        labels=LabelCounts(98, 95, 3, 1, 2, 71.0, (("scf_not_converged", 1),)),
        random_arm=RandomArm(8, 0.046, 0.031, 0.068, limit=0.5),
        trust_region=TrustRegion(0.9, 0.93, 14, 0.34, 1.0),
        wall_seconds=208.0,
        store="file:///home/ada/sn2-chloride/.reactal/store",
        tracking=TrackingRef(
            "sqlite:////home/ada/sn2-chloride/.reactal/mlflow.db", "reactal", "b4337f2d1e3141d4abf206fa0b73b992"
        ),
        settings=(("model.kind", "painn"), ("model.members", "4"), ("training.steps_first", "500"), ("budget.labels", "100")),
        provenance=(
            ("reactal", "0.1.0"),
            ("Configuration", "9f8e1c02b7aa"),
            ("Seed", "0"),
            ("Dataset", "sn2-chloride, version 8, 97 rows"),
            ("Potential", "campaigns/sn2-chloride/models/7"),
            ("Journal", "41 events"),
        ),
        structures=_structures(rng),
        stationary=(
            Stationary(TRAINED + BLIND, "reactant", 0.0, 0.0),
            Stationary(SADDLE, "saddle", 13.87, 13.82, "one negative mode"),
            Stationary(TRAINED + BLIND + IMAGES - 1, "product", 0.02, 0.05),
        ),
        mode=Mode(SADDLE, tuple(np.eye(18)[3]), -412.0),
        worst=(WorstRow(TRAINED + 2, 0.62, 0.21, 3, "dynamics"), WorstRow(TRAINED + 5, 0.4, None, 4, "near saddle")),
        map=_map(rng),
        lineage=(LineageRow(0, 1, 32, "9f" * 32), LineageRow(1, 2, 41, "3c" * 32, 0.08, 1)),
        rows_by_round=((0, 32), (1, 9)),
        control=ControlCurve((30.0, 60.0, 90.0), (0.3, 0.2, 0.12), (30.0, 60.0, 90.0), (0.3, 0.1, 0.05), 34.0),
        tables=(Table("Forgetting", ("Region", "Then", "Now"), (("reactant", "0.04", "0.05"),), "The ratio is 1.2."),),
        goals=(
            Goal("Forces", "46 meV/Å", "at most 100 meV/Å", "met", "the mean absolute error"),
            Goal("Frequencies", "–", "at most 50 cm⁻¹", "not testable", "no reference Hessian"),
        ),
        charts=(
            Chart(
                "vacf",
                "Velocity autocorrelation",
                "time (fs)",
                "autocorrelation",
                (
                    Line("model", (0.0, 1.0, 2.0), (1.0, 0.4, -0.1), (0.0, 0.1, 0.1)),
                    Line("seen", (1.0,), (0.5,), marks=True, structures=(4,)),
                ),
            ),
        ),
        exhibits=(Exhibit("Validated minima", "chloromethane", (2,), "drawn to 0.001 Å", tuple(np.eye(18)[0])),),
    )
