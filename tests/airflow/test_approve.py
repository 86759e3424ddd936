"""What a person reads before a promotion, and what is noted of the answer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from evenkeel.airflow.operators.approve import question
from evenkeel.vocabulary.partition import duration_text, parse_duration
from evenkeel.vocabulary.verdict import Outcome, Verdict

VERDICT = Verdict(
    Outcome.PASS,
    "roc_auc 0.71 against 0.64",
    {"challenger": 0.712345678, "opponent": 0.64, "labels": 3536, "against": None, "slice.carrier|[a](b)": -0.01},
)


def asked(pages: dict[str, str]) -> str:
    return question("flight_delay", 3, "2013-03-01 05:00Z", VERDICT.as_dict(), pages, "1d")


def test_every_number_of_the_verdict_is_a_row() -> None:
    """The verdict, its reason and each of its numbers are there, one row a number."""
    body = asked({})
    assert "version 3**, trained as of 2013-03-01 05:00Z. The gate says **pass**: roc\\_auc 0.71 against 0.64." in body
    rows = [line for line in body.splitlines() if line.startswith("| ")]
    assert rows[0] == "| number | value |"
    assert rows[1:5] == [
        "| challenger | 0.712346 |",
        "| opponent | 0.64 |",
        "| labels | 3536 |",
        "| against | none |",
    ]
    assert len(rows) == 1 + len(VERDICT.numbers)
    assert "Without an answer within 1d the champion stays." in body


def test_values_of_the_data_cannot_write_markdown() -> None:
    """A slice is named by what is in the data: it makes no column and no link."""
    assert "| slice.carrier\\|\\[a\\]\\(b\\) | -0.01 |" in asked({})


def test_the_pages_are_links_by_name() -> None:
    """What the steps before have noted is one click away."""
    body = asked({"MLflow run": "http://mlflow/#/run", "Data Docs": "/evenkeel/pages/a b.html"})
    assert "[Data Docs](</evenkeel/pages/a b.html>) · [MLflow run](<http://mlflow/#/run>)" in body


@pytest.mark.parametrize("text", ["1m", "90m", "36h", "1d", "14d"])
def test_a_duration_is_told_as_it_is_written(text: str) -> None:
    """The largest unit that counts it whole; weeks are told in days."""
    assert duration_text(parse_duration(text)) == text
    assert duration_text(timedelta(weeks=1)) == "7d"
