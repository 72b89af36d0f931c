"""Campaign events made by rule, for tests of what follows from them."""

from __future__ import annotations

from reactal.campaign.events import (
    ArmPoint,
    BatchChosen,
    Calibrated,
    Event,
    Explored,
    Labelled,
    SaddleSummary,
    SaddleTest,
    Seeded,
    Started,
    Trained,
    WayTest,
)


def started() -> Started:
    return Started(config="c" * 64, seed=0)


def seeded(*, problem: str | None = None) -> Seeded:
    return Seeded(
        reactant="r",
        product="p",
        relaxed=(True, True),
        labels=10,
        computed=10,
        reused=0,
        failed=0,
        core_seconds=7.0,
        batch="b0",
        batch_size=21,
        path="path",
        reference_kcal=-3.0,
        problem=problem,
    )


def saddle_test(
    *, error: float = 0.1, force: float = 0.1, modes: int = 1, joins: bool = True, intermediate: float | None = None
) -> SaddleTest:
    return SaddleTest(
        key="s",
        model_kcal=13.8 + error,
        reference_kcal=13.8,
        error_kcal=error,
        product_error_kcal=0.05,
        force_max=force,
        negative_modes=modes,
        joins=joins,
        downhill=True,
        disagreement=0.1,
        intermediate_force=intermediate,
    )


def arm(count: int, *, mae: float = 0.1) -> tuple[ArmPoint, ...]:
    return tuple(
        ArmPoint(key=f"a{i}", disagreement=0.1, force_error_max=0.2, force_mae=mae, energy_error=0.01) for i in range(count)
    )


def labelled(
    iteration: int,
    *,
    asked: int = 10,
    failed: int = 0,
    saddle: SaddleTest | None = None,
    points: tuple[ArmPoint, ...] = (),
    proof: bool = False,
    ways: WayTest | None = None,
) -> Labelled:
    return Labelled(
        iteration=iteration,
        asked=asked,
        computed=asked - failed,
        reused=0,
        failed=failed,
        failures={"crashed": failed} if failed else {},
        failure_text="the program died" if failed else "",
        absurd=0,
        core_seconds=float(asked),
        dataset=iteration + 1,
        rows=20 + 10 * iteration,
        saddle=saddle,
        arm=points,
        proof=proof,
        ways=ways,
    )


def way_test(*, force: float = 0.1, energy: float = 0.3, points: int = 6) -> WayTest:
    return WayTest(asked=6, points=points, force_error_max=force, energy_error_kcal=energy)


def calibrated(points: int) -> Calibrated:
    return Calibrated(points=points, factor=2.0, trust=0.5, target_coverage=0.9, observed_coverage=None, observed_points=0)


def trained(iteration: int) -> Trained:
    return Trained(iteration=iteration, dataset=iteration + 1, rows=20, model="m", force_mae=(0.1,) * 4, restarts=0)


def explored(iteration: int, *, modes: int = 1) -> Explored:
    saddle = SaddleSummary(
        energy_kcal=13.9,
        negative_modes=modes,
        lowest=(-2.0, 0.3, 0.4),
        disagreement=0.1,
        joins=True,
        ends=("reactant", "product"),
        refused=None,
    )
    return Explored(
        iteration=iteration,
        pool="pool",
        pool_size=60,
        path="path",
        ends_ev=(-1.0, -1.1),
        band_barrier_kcal=13.9,
        band_disagreement=0.1,
        band_converged=True,
        minima=(),
        saddle=saddle,
        intermediate=False,
        replicas=8,
        left_trust=0,
    )


def chosen(iteration: int, *, focus: bool = False, size: int = 10) -> BatchChosen:
    return BatchChosen(iteration=iteration, batch="b", batch_size=size, focus=focus, dropped={})


def beginning() -> list[Event]:
    """Up to the first labelled batch."""
    return [started(), seeded(), labelled(0, asked=11)]


def round_of(iteration: int, **test: float | int | bool) -> list[Event]:
    """One whole round whose saddle was tested so."""
    points = 2 * (iteration + 1)
    return [
        trained(iteration),
        explored(iteration),
        chosen(iteration + 1),
        labelled(iteration + 1, saddle=saddle_test(**test), points=arm(2)),  # type: ignore[arg-type]
        calibrated(points),
    ]
