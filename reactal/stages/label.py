"""A batch labelled, the model tested on it before it learns from it, the next dataset version written."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import final

import numpy as np

from reactal.campaign.events import ArmPoint, Labelled, SaddleTest, ValleyProbe, WayTest
from reactal.campaign.state import CampaignState
from reactal.chem import Frames, Label, LabelFailure
from reactal.stages.absurd import absurd_rows
from reactal.stages.bench import Bench
from reactal.stages.element_doubts import pairs_of
from reactal.stages.inheritance import inherited
from reactal.stages.seed import RELAX
from reactal.stages.valley import VALLEY, probe_valley, visited_frames
from reactal.stages.ways import way_test
from reactal.units import KCAL_PER_MOL

__all__ = ["MODE", "RANDOM", "SADDLE", "label"]

SADDLE, MODE, RANDOM = "saddle", "mode", "random"


@final
@dataclass
class _Tally:
    answers: list[Label | LabelFailure | None]
    computed: int = 0
    reused: int = 0
    probed: int = 0  # gradients asked for beside the batch
    core_seconds: float = 0.0
    failures: Counter[str] = field(default_factory=Counter)
    failure_text: str = ""


def label(bench: Bench, state: CampaignState) -> Labelled:
    """Label the pending batch."""
    pending = state.pending
    assert pending is not None  # decide() only asks for it then
    batch = bench.pools.get(pending.batch)
    valley, batch = batch[np.flatnonzero(batch.extra["role"] == VALLEY)], batch[np.flatnonzero(batch.extra["role"] != VALLEY)]
    tally = _label_all(bench, batch, iteration=pending.iteration)
    probe, visited = _probe(bench, state, valley, max(1, pending.probe), tally) if len(valley) else (None, Frames.of([]))
    known = np.asarray([isinstance(answer, Label) for answer in tally.answers])
    labels = [answer if isinstance(answer, Label) else None for answer in tally.answers]
    rows = Frames.concat([batch.with_labels(labels)[known], visited])
    rows = rows.with_extra(iteration=np.full(len(rows), pending.iteration, dtype=np.int64))
    version = _commit(bench, state, rows, iteration=pending.iteration)
    everything = bench.dataset(version)
    absurd = absurd_rows(everything, bench.config.training)[len(everything) - len(rows) :]
    saddle = _saddle_test(bench, state, batch, labels, probe)
    event = Labelled(
        iteration=pending.iteration,
        asked=int((batch.extra["role"] != RELAX).sum()) + tally.probed,
        computed=tally.computed,
        reused=tally.reused,
        failed=sum(tally.failures.values()),
        failures=dict(tally.failures),
        failure_text=tally.failure_text,
        absurd=int(absurd.sum()),
        core_seconds=tally.core_seconds,
        dataset=version,
        rows=len(everything),
        saddle=saddle,
        valley=probe,
        ways=_way_test(bench, state, batch, labels) if pending.proof else None,
        proof=pending.proof,
        arm=_arm_points(bench, state, batch, labels),
    )
    bench.progress.end(_summary(event))
    return event


def _label_all(bench: Bench, batch: Frames, *, iteration: int) -> _Tally:
    tally = _Tally(answers=[None] * len(batch))
    paid = np.flatnonzero(batch.extra["role"] == RELAX)
    for row in paid:
        tally.answers[row] = bench.label_of(batch.structure(int(row)).key)
    rows = np.flatnonzero(batch.extra["role"] != RELAX)
    bench.progress.begin(f"label {iteration}", total=len(rows))
    structures = [batch.structure(int(row)) for row in rows]
    for done, outcome in enumerate(bench.label_pool().label(structures), start=1):
        tally.answers[rows[outcome.index]] = outcome.answer
        tally.reused += outcome.reused
        tally.computed += isinstance(outcome.answer, Label) and not outcome.reused
        if isinstance(outcome.answer, LabelFailure):
            tally.failures[str(outcome.answer.kind)] += 1
            tally.failure_text = tally.failure_text or outcome.answer.message
        elif not outcome.reused:
            threads = outcome.threads or bench.config.resources.threads_for(len(structures[outcome.index]))
            tally.core_seconds += outcome.answer.wall_seconds * threads
        bench.progress.update(done, {"failed": sum(tally.failures.values()), "reused": tally.reused})
    return tally


def _probe(bench: Bench, state: CampaignState, valley: Frames, steps: int, tally: _Tally) -> tuple[ValleyProbe, Frames]:
    """Ask the reference about the valley, and count what that costs."""
    assert state.explored is not None
    if steps > 1:
        bench.progress.begin("probe", total=steps)
    above = float(valley.energy[0]) - state.explored.ends_ev[0]
    probe, found = probe_valley(bench, state, valley.structure(0), predicted_ev=above, steps=steps)
    tally.probed = found.asked
    tally.computed += found.computed
    tally.reused += found.reused
    tally.core_seconds += found.core_seconds * bench.config.resources.threads_for(len(valley.structure(0)))
    if found.failure is not None:
        tally.failures[str(found.failure.kind)] += 1
        tally.failure_text = tally.failure_text or found.failure.message
    return probe, visited_frames(found)


def _commit(bench: Bench, state: CampaignState, rows: Frames, *, iteration: int) -> int:
    """The dataset's next version: what was there, then the new rows in the order in which they were chosen."""
    name = bench.config.name
    rows = Frames(
        numbers=rows.numbers,
        positions=rows.positions,
        offsets=rows.offsets,
        charge=rows.charge,
        multiplicity=rows.multiplicity,
        energy=rows.energy,
        forces=rows.forces,
        cell=rows.cell,
        pbc=rows.pbc,
        extra={column: rows.extra[column] for column in ("role", "arm", "iteration")},
    )
    theory, lineage = bench.theory.fingerprint, {"campaign": name, "iteration": iteration, "journal": state.events}
    if state.dataset:
        return bench.datasets.append(name, rows, parent=state.dataset, theory=theory, lineage=lineage).version
    first = Frames.concat([inherited(bench, rows), rows])
    version = bench.datasets.commit(name, first, parent=state.dataset, theory=theory, split={}, lineage=lineage)
    return version.version


def _saddle_test(
    bench: Bench, state: CampaignState, batch: Frames, labels: list[Label | None], probe: ValleyProbe | None
) -> SaddleTest | None:
    """The prediction that is in the pool against the label that came later."""
    explored, seeded = state.explored, state.seeded
    role = batch.extra["role"]
    rows = np.flatnonzero(role == SADDLE)
    if explored is None or explored.saddle is None or seeded is None or not len(rows):
        return None
    row = int(rows[0])
    answer = labels[row]
    if answer is None:
        return None
    reactant, product = bench.label_of(seeded.reactant), bench.label_of(seeded.product)
    model = batch.energy[row] - explored.ends_ev[0]
    reference = answer.energy - reactant.energy
    ends_error = (explored.ends_ev[1] - explored.ends_ev[0]) - (product.energy - reactant.energy)
    sides = [labels[int(i)] for i in np.flatnonzero(role == MODE)]
    energies = [side.energy for side in sides if side is not None]
    between = probe if explored.intermediate and probe is not None and (probe.intermediate or not probe.relaxed) else None
    return SaddleTest(
        key=answer.structure_key,
        model_kcal=model / KCAL_PER_MOL,
        reference_kcal=reference / KCAL_PER_MOL,
        error_kcal=(model - reference) / KCAL_PER_MOL,
        product_error_kcal=ends_error / KCAL_PER_MOL,
        force_max=float(np.linalg.norm(answer.forces, axis=1).max()),
        negative_modes=explored.saddle.negative_modes,
        joins=explored.saddle.joins,
        downhill=float(np.mean(energies)) < answer.energy if len(energies) == 2 else None,
        disagreement=explored.saddle.disagreement,
        intermediate_force=None if between is None else between.force_max,
        intermediate_kcal=None if between is None else between.kcal,
    )


def _way_test(bench: Bench, state: CampaignState, batch: Frames, labels: list[Label | None]) -> WayTest | None:
    if state.explored is None or state.seeded is None:
        return None
    reactant = bench.label_of(state.seeded.reactant)
    return way_test(batch, labels, model_zero=state.explored.ends_ev[0], reference_zero=reactant.energy)


def _arm_points(bench: Bench, state: CampaignState, batch: Frames, labels: list[Label | None]) -> tuple[ArmPoint, ...]:
    if state.explored is None or state.seeded is None:
        return ()
    reactant = bench.label_of(state.seeded.reactant)
    points = []
    for row in np.flatnonzero(batch.extra["arm"] == RANDOM):
        answer = labels[int(row)]
        if answer is None:
            continue
        error = batch.forces[batch.atoms(int(row))] - answer.forces
        relative = (batch.energy[row] - state.explored.ends_ev[0]) - (answer.energy - reactant.energy)
        points.append(
            ArmPoint(
                key=answer.structure_key,
                disagreement=float(batch.extra["disagreement"][row]),
                force_error_max=float(np.linalg.norm(error, axis=1).max()),
                force_mae=float(np.abs(error).mean()),
                energy_error=float(relative),
                elements=pairs_of(batch, int(row), error),
            )
        )
    return tuple(points)


def _summary(event: Labelled) -> str:
    text = f"{event.computed} labels computed, {event.reused} reused, {event.failed} failed"
    if event.saddle is not None:
        test = event.saddle
        text += f"; saddle {test.model_kcal:z.2f} model, {test.reference_kcal:z.2f} reference, force {test.force_max:.2f}"
    if event.valley is not None:
        text += f"; {_probed(event.valley)}"
    if event.ways is not None:
        ways = event.ways
        text += f"; ways down within {ways.force_error_max:.2f} eV/angstrom, {ways.energy_error_kcal:.1f} kcal/mol"
    if event.arm:
        text += f"; random arm force MAE {np.mean([point.force_mae for point in event.arm]):.3f}"
    return text


def _probed(probe: ValleyProbe) -> str:
    if probe.intermediate:
        return f"an intermediate lies at {probe.kcal:z.1f} kcal/mol"
    force = "" if probe.force_max is None else f", force {probe.force_max:.2f}"
    return f"valley of the path{force}"
