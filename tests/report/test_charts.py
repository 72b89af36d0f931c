"""Charts that the report does not know by name: bands, bars, the diagonal of like against like."""

from __future__ import annotations

from dataclasses import replace

from matplotlib.container import ErrorbarContainer

from reactal.report import captions
from reactal.report.charts import charts
from reactal.report.data import ReportData
from reactal.report.shown import Chart, Line

PLAIN = ReportData("c", "A → B", "hf/6-31g*", "running")
POINTS = ((1.0, 2.0, 4.0), (1.1, 1.9, 4.2))


def chart(y_label: str, *lines: Line) -> Chart:
    return Chart("some <chart>", "Barriers", "reference barrier (kcal/mol)", y_label, lines)


def test_like_against_like_has_its_diagonal() -> None:
    same, other = (
        chart("model barrier (kcal/mol)", Line("all", *POINTS, marks=True)),
        chart("time (s)", Line("all", *POINTS, marks=True)),
    )
    alone = chart("share", Line("all", *POINTS, marks=True))
    drawings = [drawing for _, drawing in charts(replace(PLAIN, charts=(same, other, alone)))]
    counts = [len(drawing.figure.axes[0].lines) for drawing in drawings]
    assert counts == [1, 0, 0]
    xs, ys = drawings[0].figure.axes[0].lines[0].get_data()
    assert list(xs) == list(ys) and xs[0] < 1.0 and xs[1] > 4.2
    panel = drawings[0].figure.axes[0]
    assert panel.get_xlim() == panel.get_ylim()
    assert drawings[0].name == "chart-0-some__chart_"


def test_two_quantities_of_one_unit_have_a_diagonal_and_spans_of_their_own() -> None:
    points = Line("structures", (0.01, 0.02, 0.03), (0.1, 0.3, 0.2), marks=True)
    shown = Chart("doubt", "Doubt and error", "disagreement (eV/Å)", "largest force error (eV/Å)", (points,))
    ((_, drawing),) = charts(replace(PLAIN, charts=(shown,)))
    (panel,) = drawing.figure.axes
    assert len(panel.lines) == 1 and panel.get_xlim()[1] < 0.05 < panel.get_ylim()[1]
    assert panel.get_legend() is None, "one name tells nothing apart"


def test_doubt_is_a_band_around_a_line_and_a_bar_through_a_point() -> None:
    line, marks = Line("model", *POINTS, spread=(0.1, 0.2, 0.3)), Line("found", *POINTS, spread=(0.1, 0.2, 0.3), marks=True)
    for one, bars, words in ((line, 0, "band"), (marks, 1, "Bars")):
        shown = chart("height (Å)", one)
        ((_, drawing),) = charts(replace(PLAIN, charts=(shown,)))
        panel = drawing.figure.axes[0]
        assert sum(isinstance(container, ErrorbarContainer) for container in panel.containers) == bars
        assert words in captions.chart(shown)


def test_a_single_pair_has_room_and_whole_numbers_on_its_axes() -> None:
    alone = chart("model barrier (kcal/mol)", Line("all", (13.8166647,), (13.828,), (0.007,), marks=True))
    ((_, drawing),) = charts(replace(PLAIN, charts=(alone,)))
    low, high = drawing.figure.axes[0].get_xlim()
    assert low < 13.5 and high > 14.2 and "e−" not in drawing.element


def test_lines_of_one_name_look_alike_and_many_names_stand_below() -> None:
    twice = chart("time (s)", Line("a", *POINTS), Line("a", *POINTS), Line("b", *POINTS))
    many = chart("time (s)", *(Line(f"line {i}", *POINTS) for i in range(6)))
    first, second = (drawing.figure for _, drawing in charts(replace(PLAIN, charts=(twice, many))))
    same, again, other = (line.get_color() for line in first.axes[0].lines)
    assert same == again != other
    assert [text.get_text() for text in first.axes[0].get_legend().get_texts()] == ["a", "b"]
    assert second.axes[0].get_legend() is None and len(second.legends[0].get_texts()) == 6
