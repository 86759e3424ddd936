"""The account of causes on the page of a drift report."""

from __future__ import annotations

from evenkeel.gateways.account_section import add_account

PAGE = '<header><h1>drift</h1></header>\n<section id="account"></section>\n<div id="report"></div>'


def test_the_account_stands_above_the_report_and_replaces_an_earlier_one() -> None:
    """Sentences are a list between the title and the report; told again, only the later ones are there."""
    once = add_account(PAGE, ["visibility moved", "JFK lost"])
    assert (
        once.index("<h1>drift") < once.index("<li>visibility moved</li><li>JFK lost</li>") < once.index('id="report"')
    )
    again = add_account(once, ["hour moved"])
    assert "visibility" not in again
    assert again.count("<li>") == 1


def test_what_the_data_says_is_text() -> None:
    """A value of the data is neither markup nor a back-reference."""
    assert r"&lt;b&gt;\1" in add_account(PAGE, [r"<b>\1"])
