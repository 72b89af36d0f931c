"""`reactal compare` and `reactal search` from the command line: what goes wrong is said, and what is asked is remembered."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.toy import reactal
from tests.comparison.contests import request

TABLE = "id,x,barrier\n" + "".join(f"r{n},{n / 10},{'' if n else 30.0}\n" for n in range(8))


def test_mistakes_in_a_comparison_are_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    asked = request(tmp_path)
    always = ("compare", asked.pool, "--test", asked.tests[0], "--out", tmp_path / "out", "--engine", "inprocess")
    for options, said in (
        (("--strategies", "fartest"), "did you mean farthest"),
        (("--start", 39), "fewer than a start of 39 and one batch of 20"),
        (("--rounds", 9, "--batch", 5), "write --rounds 4"),
    ):
        answer = reactal(capfd, *always, *options)
        assert (answer.code, answer.out) == (2, "")
        assert said in answer.err
    assert not (tmp_path / "out").exists()


def test_a_search_is_asked_and_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "library.csv").write_text(TABLE)
    folder = tmp_path / "lowest"
    begun = reactal(capfd, "search", "begin", tmp_path / "library.csv", "--target", "barrier", "--out", folder, "--json").json
    assert (begun["entries"], begun["known"]) == (8, 1)
    (first,) = reactal(capfd, "search", "ask", folder, "--json").json["ask"]
    told = reactal(capfd, "search", "tell", folder, f"{first}=12.5", "--json").json
    assert told["best"][0] == {"id": first, "value": 12.5}
    second = reactal(capfd, "search", "ask", folder, "--batch", 2, "--json").json
    assert set(second["pending"]) == set(second["ask"]) and first not in second["ask"]
    shown = reactal(capfd, "search", "show", folder)
    assert "8 entries: 2 known, 2 under way, 0 failed; best" in shown.out
    again = reactal(capfd, "search", "begin", tmp_path / "library.csv", "--target", "barrier", "--out", folder)
    assert again.code == 2 and "holds a search already" in again.err
    wrong = reactal(capfd, "search", "tell", folder, "r3:4")
    assert wrong.code == 2 and "ID=VALUE" in wrong.err
    nowhere = reactal(capfd, "search", "ask", tmp_path / "nowhere")
    assert nowhere.code == 2 and "no search in" in nowhere.err
