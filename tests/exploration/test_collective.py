"""Collective variables: their values on paper, their slopes by differences, their text."""

from __future__ import annotations

import math

import numpy as np
import pytest

from reactal.chem import Structure
from reactal.errors import InputError
from reactal.exploration.collective import OnPath, measured, parsed, proposed
from tests.exploration.surfaces import hcch

STEP = 1e-5  # angstrom
SLOPE = 1e-6


def test_values_of_known_geometries() -> None:
    chain = hcch(1.5, twist=0.7)
    texts = ["d(1,2)", "a(0,1,2)", "t(0,1,2,3)", "2*d(0,1)-d(1,2)", "cn(1;0,2)"]
    values, _ = measured([parsed(text, chain) for text in texts], chain.positions[None])
    length, angle, torsion, total, coordination = values[0]
    arm = math.hypot(0.33, 1.1 * math.sqrt(1 - 0.09))
    assert length == pytest.approx(1.5)
    assert angle == pytest.approx(math.acos(-0.33 / arm), abs=1e-6)
    assert abs(torsion) == pytest.approx(0.7)
    assert total == pytest.approx(2 * arm - 1.5)
    assert 1.5 < coordination < 2.0


def test_slopes_are_those_of_the_values() -> None:
    chain = hcch(1.4, twist=0.5)
    path = OnPath(np.stack([hcch(r, twist=0.5).positions for r in (1.2, 1.5, 1.8)]))
    variables = [parsed(text, chain) for text in ("d(0,2)", "a(0,1,2)", "t(0,1,2,3)", "cn(1;0,2,3)", "d(1,2)-0.5*d(0,3)")]
    variables.append(path)
    place = chain.positions[None] + 0.05 * np.random.default_rng(0).normal(size=(2, 4, 3))
    _, slopes = measured(variables, place)
    for atom, axis in ((0, 1), (2, 0), (3, 2)):
        shift = np.zeros_like(place)
        shift[:, atom, axis] = STEP
        ahead, back = (measured(variables, place + sign * shift)[0] for sign in (1, -1))
        assert slopes[:, :, atom, axis] == pytest.approx((ahead - back) / (2 * STEP), abs=SLOPE)


def test_path_variable_runs_from_one_end_to_the_other() -> None:
    path = OnPath(np.stack([hcch(r).positions for r in np.linspace(1.2, 2.0, 9)]))
    places = np.stack([hcch(r).positions for r in (1.2, 1.6, 2.0)])
    values, _ = measured([path], places)
    assert values[:, 0] == pytest.approx([0.0, 0.5, 1.0], abs=0.05)
    turned = places @ np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    assert measured([path], turned)[0] == pytest.approx(values)  # turning a molecule changes nothing


def test_proposed_variable_tells_the_ends_apart() -> None:
    near = Structure((17, 6, 17), [[0, 0, 0], [1.8, 0, 0], [5.1, 0, 0]])
    far = near.moved([[0, 0, 0], [3.3, 0, 0], [5.1, 0, 0]])
    variable = proposed(near, far)
    values, _ = measured([variable], np.stack([near.positions, far.positions]))
    assert values[:, 0] == pytest.approx([-1.5, 1.5])  # it broke one bond and formed the other
    with pytest.raises(InputError, match="no bond differs"):
        proposed(near, near)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("d(0)", "atoms it needs"),
        ("d(0,0)", "each once"),
        ("d(0,9)", "the last of 4 atoms is 3"),
        ("cn(0)", "atoms it needs"),
        ("d(0,1)d(1,2)", "no collective variable from"),
        ("__import__('os')", "no collective variable"),
    ],
)
def test_what_is_no_variable_says_what_would_be(text: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        parsed(text, hcch(1.2))
