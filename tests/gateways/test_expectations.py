"""The data gate's suites and what Great Expectations finds with them."""

from __future__ import annotations

import logging
import re
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from evenkeel.gateways.expectations import Expectations
from evenkeel.vocabulary.errors import EvenkeelError, SpecError

SUITES = Path(__file__).parents[2] / "config" / "expectations"


def entry(kind: str, severity: str = "critical", notes: str | None = None, **kwargs: Any) -> dict[str, Any]:
    written: dict[str, Any] = {"type": f"expect_{kind}", "kwargs": kwargs, "severity": severity}
    return written | ({"notes": notes} if notes else {})


def suite(folder: Path, *entries: dict[str, Any]) -> Expectations:
    (folder / "rows.yaml").write_text(yaml.safe_dump({"name": "rows", "expectations": list(entries)}, sort_keys=False))
    return Expectations(folder)


def flights(rows: int = 200) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "flight_id": [f"f{number}" for number in range(rows)],
            "scheduled_departure": pd.Timestamp("2013-04-01", tz="UTC"),
            "hour": np.arange(rows, dtype="float64") % 24,
            "distance": 900.0,
            "carrier": "AA",
            "origin": np.resize(["JFK", "EWR", "LGA"], rows),
            "_partition": "2013-04-01",
            "_also_in": None,
            "_local_hour": np.arange(rows) % 24,
        }
    )


def test_a_clean_frame_has_no_finding(tmp_path):
    """A frame that meets its suite has no finding and no bad row, and its page says so."""
    gate = suite(tmp_path, entry("column_values_to_not_be_null", column="carrier"))
    found = gate.validate(flights(3), "rows", run_name="a clean day")
    assert (found.suite, found.rows, found.evaluated, found.findings, found.bad_rows) == ("rows", 3, 1, (), {})
    assert "<h1>a clean day</h1>" in found.html
    assert "passed</p>" in found.html


def test_a_finding_names_expectation_column_count_and_keys(tmp_path):
    """A finding's sentence holds the expectation, the column, the count and three examples by key."""
    frame = flights(6)
    frame.loc[1:4, "hour"] = 77.0
    gate = suite(tmp_path, entry("column_values_to_be_between", column="hour", min_value=0, max_value=23))
    (finding,) = gate.validate(frame, "rows", run_name="x", key=["flight_id"]).findings
    assert finding.sentence() == (
        "expect_column_values_to_be_between on hour: 4 rows, such as "
        "flight_id=f1 hour=77.0, flight_id=f2 hour=77.0, flight_id=f3 hour=77.0"
    )
    assert (finding.severity, finding.count) == ("critical", 4)


def test_warnings_about_rows_name_positions_whatever_the_index(tmp_path):
    """Bad rows are positions, with a reason for each warning they broke, and not those of critical expectations."""
    frame = flights(4).set_index(pd.Index([9, 9, 5, 5]))
    frame["carrier"] = ["AA", "ZZ", None, "ZZ"]
    frame["hour"] = [1.0, 99.0, 2.0, 3.0]
    gate = suite(
        tmp_path,
        entry("column_values_to_be_in_set", "warning", "an unknown carrier", column="carrier", value_set=["AA"]),
        entry("column_values_to_be_between", "warning", column="hour", max_value=23),
        entry("column_values_to_not_be_null", column="carrier"),
    )
    found = gate.validate(frame, "rows", run_name="x")
    carrier = "expect_column_values_to_be_in_set on carrier: an unknown carrier"
    assert found.bad_rows == {1: (carrier, "expect_column_values_to_be_between on hour"), 3: (carrier,)}
    assert {one.severity for one in found.findings} == {"critical", "warning"}


def test_a_warning_about_the_table_has_no_rows(tmp_path):
    """A warning about the whole table is a finding that says what was seen and expected, and sets no row aside."""
    gate = suite(tmp_path, entry("table_row_count_to_be_between", "warning", min_value=10, max_value=20))
    found = gate.validate(flights(3), "rows", run_name="x")
    assert [one.sentence() for one in found.findings] == [
        "expect_table_row_count_to_be_between: observed 3, expected min_value=10, max_value=20"
    ]
    assert found.bad_rows == {}


def test_uniqueness_over_several_columns_names_its_rows(tmp_path):
    """An expectation over several columns is about rows like any other."""
    frame = flights(3).assign(flight_id=["a", "b", "b"])
    gate = suite(tmp_path, entry("compound_columns_to_be_unique", "warning", column_list=["flight_id", "carrier"]))
    found = gate.validate(frame, "rows", run_name="x")
    assert list(found.bad_rows) == [1, 2]
    assert found.findings[0].column == "flight_id, carrier"


def test_a_missing_column_is_one_critical_finding(tmp_path):
    """A missing column is found once and critical, however mildly its expectations are meant, and on the page."""
    gate = suite(
        tmp_path,
        entry("column_values_to_not_be_null", "warning", column="gone"),
        entry("column_mean_to_be_between", "warning", column="gone", min_value=1),
        entry("column_values_to_not_be_null", column="carrier"),
    )
    found = gate.validate(flights(3), "rows", run_name="x")
    assert [(one.severity, one.sentence()) for one in found.findings] == [
        ("critical", "expect_column_to_exist on gone: the column is missing")
    ]
    assert found.evaluated == 2
    assert "the column is missing" in found.html


@pytest.mark.parametrize("severity", ["critical", "warning"])
def test_an_exception_is_never_a_pass(tmp_path, severity):
    """An expectation that raises, even a warning, fails the validation by name, cause and type."""
    frame = flights(2).assign(hour=["seven", 8])
    gate = suite(tmp_path, entry("column_stdev_to_be_between", severity, column="hour", min_value=0))
    said = r"rows: expect_column_stdev_to_be_between on hour could not be evaluated: .*seven.*, hour is object"
    with pytest.raises(EvenkeelError, match=said):
        gate.validate(frame, "rows", run_name="x")


def test_an_empty_frame_fails_on_what_cannot_hold(tmp_path):
    """A frame without rows has too few of them, and a deviation that is not a number is not above zero."""
    gate = suite(
        tmp_path,
        entry("table_row_count_to_be_between", min_value=1),
        entry("column_stdev_to_be_between", column="hour", min_value=0, strict_min=True),
    )
    found = gate.validate(flights(0), "rows", run_name="x")
    assert len(found.findings) == 2


def test_private_values_are_shown_nowhere(tmp_path, caplog, capfd):
    """No value of a private column is in a finding, the page, a message or the log; other keys still name the rows."""
    frame = flights(3).assign(name=["ann", "SECRET-7", "bob"], age=[1.0, 2.0, 987654.0])
    gate = suite(
        tmp_path,
        entry("column_values_to_match_regex", "warning", column="name", regex="^[a-z]+$"),
        entry("column_max_to_be_between", column="age", max_value=100),
        entry("column_distinct_values_to_be_in_set", column="name", value_set=["ann", "bob"]),
    )
    private = ["name", "age"]
    with caplog.at_level(logging.DEBUG):
        found = gate.validate(frame, "rows", run_name="x", key=["flight_id", "name"], private=private)
        broken = suite(tmp_path, entry("column_mean_to_be_between", column="name", max_value=1))
        with pytest.raises(EvenkeelError) as refused:
            broken.validate(frame, "rows", run_name="x", private=private)
    shown = [found.html, str(found.findings), str(found.bad_rows), str(refused.value), caplog.text, *capfd.readouterr()]
    assert not [text for text in shown if re.search("SECRET|987654", text)]
    assert refused.value.__cause__ is None
    assert found.findings[0].examples == ("flight_id=f1",)


def test_the_page_reads_offline(tmp_path):
    """The page asks for nothing from anywhere and runs no script, and a value cannot become markup."""
    frame = flights(3).assign(carrier=["AA", "<img src=x onerror=alert(1)>", "</td><script>"])
    gate = suite(tmp_path, entry("column_values_to_be_in_set", "warning", column="carrier", value_set=["AA"]))
    page = gate.validate(frame, "rows", run_name="<b>day</b>").html
    assert not re.search(r"https?://|<script|<link|<img|<b>day", page)
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_two_validations_are_identical(tmp_path):
    """The same frame gives the same findings and the same page, whenever it is validated."""
    frame = flights(30)
    frame.loc[3, "carrier"] = "ZZ"
    gate = suite(tmp_path, entry("column_values_to_be_in_set", "warning", column="carrier", value_set=["AA"]))
    assert gate.validate(frame, "rows", run_name="x") == gate.validate(frame, "rows", run_name="x")


def test_it_is_quiet_and_calls_nobody(tmp_path, monkeypatch, capfd):
    """A validation prints no progress bar, opens no connection and leaves the frame as it was."""

    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    frame = flights(5)
    before = frame.copy(deep=True)
    columns = ["carrier", "origin", "hour", "distance", "flight_id"]
    gate = suite(tmp_path, *(entry("column_values_to_not_be_null", column=column) for column in columns))
    gate.validate(frame, "rows", run_name="x")
    assert capfd.readouterr() == ("", "")
    pd.testing.assert_frame_equal(frame, before)


def test_the_hash_follows_what_is_expected(tmp_path):
    """A suite's hash changes with kwargs and severity, and not with notes or layout."""
    plain = entry("column_values_to_not_be_null", column="carrier")
    first = suite(tmp_path, plain).suite_hash("rows")
    assert suite(tmp_path, plain | {"notes": "why"}).suite_hash("rows") == first
    assert suite(tmp_path, plain | {"severity": "warning"}).suite_hash("rows") != first
    assert suite(tmp_path, plain | {"kwargs": {"column": "origin"}}).suite_hash("rows") != first


def test_an_edited_suite_is_read_again(tmp_path):
    """One gateway notices that a suite's file changed."""
    gate = suite(tmp_path, entry("column_values_to_not_be_null", column="carrier"))
    first = gate.suite_hash("rows")
    suite(tmp_path, entry("column_values_to_not_be_null", column="origin"))
    assert gate.suite_hash("rows") != first


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            "type: expect_column_values_to_be_nul",
            "expectations.0.type: .* Did you mean 'expect_column_values_to_be_null'?",
        ),
        ("{type: expect_column_to_exist, kwargs: {colum: a}}", "0.kwargs.colum: unknown key. Did you mean 'column'?"),
        ("{type: expect_column_to_exist, kwargs: {}}", "expectations.0.kwargs.column: field required"),
        (
            "{type: expect_column_to_exist, kwargs: {column: a}, severity: warn}",
            "severity: 'warn' is not one of the choices. Did you mean 'warning'? Valid: critical, warning",
        ),
        ("{type: expect_column_to_exist, kwarg: {column: a}}", "0.kwarg: unknown key. Did you mean 'kwargs'?"),
        ("{type: expect_column_to_exist, type: a}", "key 'type' is given twice"),
        (
            "{type: expect_column_values_to_be_null, kwargs: {column: a, mostly: 3}}",
            "kwargs.mostly: ensure this value is less than or equal to 1.0",
        ),
        (
            '{type: expect_table_row_count_to_equal, kwargs: {value: {$PARAMETER: "2 * partition"}}}',
            "0.kwargs.value: 'partition' is no parameter. Did you mean 'partitions'? Valid: partitions, recent",
        ),
        ('{type: expect_table_row_count_to_equal, kwargs: {value: {$PARAMETER: "now()"}}}', "'now' is no parameter"),
        ("just words", "expectations.0: must be a mapping with type and kwargs, got 'just words'"),
        ("{type: [", "cannot be read as YAML"),
    ],
)
def test_a_mistake_is_named(tmp_path, written, said):
    """A mistake in a suite is told with file, place, value and nearest match."""
    (tmp_path / "rows.yaml").write_text(f"name: rows\nexpectations:\n  - {written}\n")
    with pytest.raises(SpecError) as error:
        Expectations(tmp_path).check_suite("rows")
    text = str(error.value)
    assert f"{tmp_path.name}/rows.yaml: " in text
    assert all(part in text for part in said.split(".* "))


def test_every_mistake_is_told_at_once(tmp_path):
    """One reading tells all mistakes of a suite, its name and its unknown keys too."""
    (tmp_path / "rows.yaml").write_text("name: row\nowner: me\nexpectations:\n  - {type: nonsense}\n  - {kwargs: 3}\n")
    with pytest.raises(SpecError) as error:
        Expectations(tmp_path).check_suite("rows")
    assert len(error.value.mistakes) == 5


def test_an_empty_suite_is_a_mistake(tmp_path):
    """A suite that expects nothing is refused: it would let everything pass."""
    with pytest.raises(SpecError, match="guards nothing"):
        suite(tmp_path).check_suite("rows")


def test_a_missing_suite_names_the_nearest(tmp_path):
    """A suite that is not there is told with the nearest match and the others."""
    with pytest.raises(SpecError, match=r"row\.yaml: no such suite\. Did you mean 'rows'\? Valid: rows"):
        suite(tmp_path, entry("column_to_exist", column="a")).check_suite("row")


@pytest.mark.parametrize("name", sorted(path.stem for path in SUITES.glob("*.yaml")))
def test_the_projects_own_suites_are_right(name):
    """Every suite of the project is free of mistakes."""
    Expectations(SUITES).check_suite(name)


@pytest.mark.parametrize(
    ("column", "value", "severity"),
    [
        ("carrier", "ZZ", "warning"),
        ("carrier", None, "critical"),
        ("origin", "BOS", "critical"),
        ("distance", 0.0, "warning"),
        ("distance", 6000.0, "warning"),
        ("distance", np.nan, "critical"),
        ("_local_hour", 5, "warning"),
        ("_also_in", "2013-03-31", "warning"),
        ("flight_id", "f1", "critical"),
        ("flight_id", None, "critical"),
        ("scheduled_departure", pd.NaT, "critical"),
    ],
)
def test_a_bad_flight_is_found(column, value, severity):
    """A day's flights with one bad value have one finding, of its severity, on its column."""
    frame = flights()
    frame.loc[0, column] = value
    (finding,) = Expectations(SUITES).validate(frame, "flights_rows", run_name="x", key=["flight_id"]).findings
    assert column in str(finding.column).split(", ")
    assert finding.severity == severity


def test_an_hour_of_no_day_is_critical():
    """An hour that no clock shows refuses the day, beside not being that of the event."""
    found = (
        Expectations(SUITES).validate(flights().replace({"hour": {3.0: 24.0}}), "flights_rows", run_name="x").findings
    )
    assert {(one.column, one.severity) for one in found} == {("hour", "critical"), ("hour, _local_hour", "warning")}


@pytest.mark.parametrize(("rows", "refused"), [(99, True), (100, False)])
def test_a_fall_in_volume_is_found(rows, refused):
    """A day with far fewer flights than there ever were is refused."""
    found = Expectations(SUITES).validate(flights(rows), "flights_rows", run_name="x")
    assert [one.expectation for one in found.findings] == ["expect_table_row_count_to_be_between"] * refused


@pytest.mark.parametrize(
    ("rows", "days", "refused"), [(449, 1, True), (450, 1, False), (1620, 1, False), (1621, 1, True), (1621, 3, False)]
)
def test_a_jump_in_volume_is_found(rows, days, refused):
    """A day with half as many flights as lately, or nearly twice as many, is refused; of several days each counts."""
    frame = flights(rows).assign(_partition=np.resize([f"day {number}" for number in range(days)], rows))
    found = Expectations(SUITES).validate(frame, "flights_rows", run_name="x", parameters={"recent_rows": 900.0})
    assert [one.expectation for one in found.findings] == ["expect_table_row_count_to_be_between"] * refused
    assert found.unevaluated == ()


@pytest.mark.parametrize(("days", "findings"), [(1, 1), (2, 0), (80, 1)])
def test_volume_is_reckoned_by_partition(tmp_path, days, findings):
    """A suite may ask for so many rows a partition, and holds for one day and for a window of many."""
    each = {"min_value": {"$PARAMETER": "100 * partitions"}, "max_value": {"$PARAMETER": "5000 * partitions"}}
    frame = flights(7000)
    frame["_partition"] = [f"day {number % days}" for number in range(len(frame))]
    gate = suite(tmp_path, entry("table_row_count_to_be_between", **each))
    found = gate.validate(frame, "rows", run_name="x").findings
    figures = f"expected min_value={100 * days}, max_value={5000 * days}"
    assert [one.detail for one in found] == [f"observed 7000, {figures}"] * findings


def test_what_has_no_value_is_not_evaluated_and_said(tmp_path):
    """An expectation whose parameter has no value yet is neither met nor failed: the validation and its page name it (law 13)."""
    kwargs = {"column": "distance", "min_value": {"$PARAMETER": "0.5 * recent_label_mean"}}
    gate = suite(tmp_path, entry("column_mean_to_be_between", **kwargs), entry("column_to_exist", column="hour"))
    found = gate.validate(flights(3), "rows", run_name="x")
    said = (
        "expect_column_mean_to_be_between on distance: recent_label_mean has no value, too few labels came before these"
    )
    assert [one[: len(said)] for one in found.unevaluated] == [said]
    assert (found.evaluated, found.findings) == (1, ())
    assert "1 not evaluated" in found.html
    assert said in found.html
    told = gate.validate(flights(3), "rows", run_name="x", parameters={"recent_label_mean": 2000.0})
    assert [one.detail for one in told.findings] == ["observed 900.0, expected min_value=1000.0"]
    assert told.unevaluated == ()


def test_an_infinite_feature_is_a_warning(tmp_path):
    """No number is infinite, whatever the suite says of a feature; a missing one is no matter."""
    frame = flights(4).assign(hour=[np.inf, -np.inf, np.nan, 1.0])
    gate = suite(tmp_path, entry("column_to_exist", column="hour"))
    found = gate.validate(frame, "rows", run_name="x", finite=["hour"])
    assert list(found.bad_rows) == [0, 1]
    assert "An infinite value is no number." in found.bad_rows[0][0]


def test_a_suite_extends_another(tmp_path):
    """A suite holds what it extends before its own; the hash follows both, and an edit of either is noticed."""
    base, own = (
        entry("column_values_to_be_between", column="hour", max_value=23),
        entry("column_to_exist", column="gone"),
    )
    gate = suite(tmp_path, base)
    (tmp_path / "more.yaml").write_text(yaml.safe_dump({"name": "more", "extends": "rows", "expectations": [own]}))
    found = gate.validate(flights(3).assign(hour=77.0), "more", run_name="x").findings
    assert [one.expectation for one in found] == ["expect_column_values_to_be_between", "expect_column_to_exist"]
    before = gate.suite_hash("more")
    suite(tmp_path, base | {"severity": "warning"})
    assert gate.suite_hash("more") != before


def test_a_suite_that_extends_itself_is_a_mistake(tmp_path):
    """Suites that lead back to each other, or to one that is not there, are told and not followed."""
    for name, extended in (("one", "two"), ("two", "one"), ("three", "tow")):
        written = {"name": name, "extends": extended, "expectations": [entry("column_to_exist", column="a")]}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(written))
    with pytest.raises(SpecError, match=r"two\.yaml: extends: 'one' leads back to itself"):
        Expectations(tmp_path).check_suite("one")
    with pytest.raises(SpecError, match=r"tow\.yaml: no such suite\. Did you mean 'two'"):
        Expectations(tmp_path).check_suite("three")


def test_a_page_is_drawn_only_where_it_is_asked_for(tmp_path):
    """Without its page a validation finds the same."""
    gate = suite(tmp_path, entry("column_values_to_be_between", "warning", column="hour", max_value=1))
    drawn, plain = (gate.validate(flights(30), "rows", run_name="x", draw=draw) for draw in (True, False))
    assert (plain.html, plain.findings, plain.bad_rows) == ("", drawn.findings, drawn.bad_rows)


@pytest.mark.parametrize(
    ("name", "labels", "usual", "failed"),
    [
        ("delay_labels", [0.0, 1.0, 0.0, 0.0], 0.2, []),
        ("delay_labels", [1.0, 0.0, 1.0, 1.0], 0.3, ["critical"]),
        ("delay_labels", [0.0, 1.0, 0.0, 0.0], 0.05, ["critical"]),
        ("delay_labels", [0.0, 0.0, 0.0, 0.5], 0.2, ["critical"]),
        ("duration_labels", [100.0, 150.0, 200.0], 150.0, []),
        ("duration_labels", [6000.0, 9000.0, 12000.0], 150.0, ["warning", "critical"]),
        ("duration_labels", [100.0, 200.0, 300.0], 150.0, ["critical"]),
    ],
)
def test_bad_labels_are_found(name, labels, usual, failed):
    """Labels out of range, exchanged, in another unit or far from what was usual are found; the bounds are those of 2013."""
    frame = pd.DataFrame({"_label": labels})
    found = Expectations(SUITES).validate(frame, name, run_name="x", parameters={"recent_label_mean": usual})
    assert [one.severity for one in found.findings] == failed


@pytest.mark.parametrize(
    ("name", "scores", "failed"),
    [
        ("probability_scores", [0.0, 0.4, 1.0], 0),
        ("probability_scores", [0.1, np.nan, 0.2], 1),
        ("probability_scores", [0.1, 1.2, 0.2], 1),
        ("probability_scores", [0.1, np.inf, 0.2], 2),
        ("probability_scores", [0.3, 0.3, 0.3], 1),
        ("duration_scores", [30.0, 55.0, 600.0], 0),
        ("duration_scores", [-3.0, 55.0, 60.0], 1),
        ("duration_scores", [30.0, 55.0, 1001.0], 1),
        ("duration_scores", [55.0, 55.0, 55.0], 1),
    ],
)
def test_bad_scores_are_refused(name, scores, failed):
    """Scores that are null, out of range or constant are critical findings."""
    found = Expectations(SUITES).validate(pd.DataFrame({"_prediction": scores}), name, run_name="x")
    assert [one.severity for one in found.findings] == ["critical"] * failed
