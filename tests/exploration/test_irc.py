"""Intrinsic reaction coordinates: on the way that tiny steps take, down both sides, many saddles in one batch."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Frames, Structure
from reactal.exploration.bonds import bonds, same_bonds
from reactal.exploration.irc import IrcSettings, follow_irc, follow_ircs
from reactal.exploration.modes import masses_of
from reactal.exploration.saddle import SaddlePoint, find_saddle
from reactal.potentials.xtb import XtbPotential
from tests.exploration.surfaces import WELLS, BySize, Surface, h3, hcch, leps, leps_saddle, rotor

ON_THE_WAY = 0.005  # angstrom, of an atom
STEP = 0.1  # u^1/2 angstrom
ALONG = 0.995  # cosine between the path and the force
MIXED = h3(*([leps_saddle()[0]] * 2), bend=0.03)


def leps_top() -> SaddlePoint:
    return find_saddle(Surface(leps), MIXED, MIXED.positions)


def steepest(surface: Surface, template: Structure, saddle: SaddlePoint, *, arc: float, piece: float = 1e-3) -> np.ndarray:
    """The same curve by brute force: Euler steps of a hundredth of ours, (k, N, 3)."""
    root = np.sqrt(masses_of(template.numbers))[:, None]
    mode = saddle.mode * root  # the same line for like masses
    x = saddle.positions * root + 0.01 * mode / np.linalg.norm(mode)
    places = [x / root]
    for _ in range(round(arc / piece)):
        slope = -surface.predict(Frames.repeat(template, x / root)).forces / root
        x = x - piece * slope / np.linalg.norm(slope)
        places.append(x / root)
    return np.asarray(places)


def test_path_is_the_one_that_tiny_steps_take() -> None:
    saddle = leps_top()
    side, _ = follow_irc(Surface(leps), MIXED, saddle, settings=IrcSettings(step=STEP))
    exact = steepest(Surface(leps), MIXED, saddle, arc=1.0)
    lengths = side.arc[side.arc < 0.9]
    assert len(lengths) > 7
    for place in side.positions[1 : len(lengths)]:
        assert np.linalg.norm(exact - place, axis=2).max(axis=1).min() < ON_THE_WAY


def test_both_sides_go_down_evenly_to_the_two_ends() -> None:
    saddle = leps_top()
    reactant, product = h3(0.742, 2.6), h3(2.6, 0.742)
    sides = follow_irc(Surface(leps), MIXED, saddle, settings=IrcSettings(step=STEP))
    for side in sides:
        assert side.arrived
        assert (np.diff(side.energies) < 0).all()
        assert np.diff(side.arc) == pytest.approx(STEP, rel=0.1)
        assert side.energies[0] == saddle.energy
    reached = [MIXED.moved(side.end) for side in sides]
    assert {(same_bonds(r, reactant), same_bonds(r, product)) for r in reached} == {(True, False), (False, True)}
    told = sides[0].descent(MIXED.numbers)
    assert told.arrived
    assert len(told.trajectory) == len(sides[0].positions) - 1


def test_several_saddles_share_their_calls_and_change_nothing() -> None:
    """Three hydrogens and a rotor, each on its own surface."""
    turning = hcch(sum(WELLS) / 2, 0.02)
    tops = [(MIXED, leps_top()), (turning, find_saddle(Surface(rotor), turning, turning.positions))]
    settings = IrcSettings(step=STEP, max_steps=12)
    surface = BySize({3: Surface(leps), 4: Surface(rotor)})
    together = follow_ircs(surface, tops, settings=IrcSettings(step=STEP, max_steps=12, finish_steps=0))
    assert surface.calls <= settings.max_steps + 2
    alone = follow_irc(Surface(rotor), *tops[1], settings=IrcSettings(step=STEP, max_steps=12, finish_steps=0))
    for side, other in zip(together[1], alone, strict=True):
        assert side.positions == pytest.approx(other.positions, abs=1e-9)


def test_what_gives_no_number_ends_the_side_by_name() -> None:
    saddle = leps_top()
    sides = follow_irc(Surface(lambda x: leps(x) * np.nan), MIXED, saddle)
    assert [side.arrived for side in sides] == [False, False]
    assert all("no finite" in side.ended for side in sides)


def test_path_runs_along_the_mass_weighted_force_on_xtb() -> None:
    """What defines the coordinate, for unlike masses: HCN to HNC on GFN2-xTB, both ends reached."""
    bent = Structure.from_symbols(["H", "C", "N"], [[1.1, 0.0, 0.45], [0, 0, 0], [0, 0, 1.19]])
    potential = XtbPotential()
    saddle = find_saddle(potential, bent, bent.positions)
    assert saddle.first_order
    sides = follow_irc(potential, bent, saddle, settings=IrcSettings(step=STEP))
    root = np.sqrt(masses_of(bent.numbers))[:, None]
    for side in sides:
        assert side.arrived
        rows = np.arange(2, min(10, len(side.positions) - 2))
        forces = potential.predict(Frames.repeat(bent, side.positions[rows])).forces.reshape(len(rows), 3, 3)
        for row, force in zip(rows, forces, strict=True):
            way = ((side.positions[row + 1] - side.positions[row - 1]) * root).reshape(-1)
            pull = (force / root).reshape(-1)
            assert way @ pull / (np.linalg.norm(way) * np.linalg.norm(pull)) > ALONG
    reached = {bonds(bent.moved(side.end)) for side in sides}
    assert reached == {frozenset({(0, 1), (1, 2)}), frozenset({(0, 2), (1, 2)})}
