"""The page says what choosing has saved, as an estimate, and nothing where nothing can be said."""

from __future__ import annotations

from dataclasses import replace

from reactal.report.data import RandomArm, ReportData
from reactal.report.html import render
from tests.report.test_html import Page


def test_the_estimate_stands_on_the_page_with_its_interval() -> None:
    bare = ReportData(campaign="c", reaction="A to B", theory="hf/6-31g*", outcome="running")
    told = replace(bare, random_arm=RandomArm(8, 0.05, saved=12.4, saved_low=-3.2, saved_high=40.1))
    assert "Labels saved, estimate +12 against random choice; 95 %: −3 to +40" in Page(render(told)).text
    assert "Labels saved" not in Page(render(bare)).text
    assert told.as_json()["random_arm"]["saved_high"] == 40.1
