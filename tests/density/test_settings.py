"""The settings of a training: one place for what they are by default, and what is refused."""

from __future__ import annotations

from dataclasses import fields

import pytest
from typer.main import get_command

from reactal.cli.main import app
from reactal.density.settings import DensityRequest, Schooling
from reactal.errors import ConfigError


def test_the_command_line_has_the_defaults_of_the_settings() -> None:
    given = get_command(app).commands["density"].commands["train"].make_context("train", ["a.xyz", "--out", "m"]).params  # type: ignore[attr-defined]
    asked = DensityRequest("a.xyz", "m", given["store"]).as_rows()
    shown = {name: value for name, value in given.items() if name in asked and name != "out"}
    assert shown == {name: asked[name] for name in shown}
    assert {"network", "size", "members", "steps", "minutes", "patience", "vary", "hold_out", "basis", "functional"} <= set(shown)


def test_one_row_is_the_same_as_the_settings_it_names() -> None:
    assert DensityRequest.plainly("a.xyz", "m", "s") == DensityRequest("a.xyz", "m", "s")
    asked = DensityRequest.plainly("a.xyz", "m", "s", network="points", steps=7, members=3, vary=2, basis="gth-szv").as_rows()
    assert (asked["network"], asked["steps"], asked["members"], asked["vary"], asked["basis"]) == ("points", 7, 3, 2, "gth-szv")
    assert {field.name for field in fields(Schooling) if field.name not in ("spec", "plan")} <= set(asked)


@pytest.mark.parametrize(("wrong", "words"), [({"members": 0}, "1 or more"), ({"hold_out": 0.9}, "0 to 0.5")])
def test_committees_that_are_none_are_refused(wrong: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Schooling(**wrong)
