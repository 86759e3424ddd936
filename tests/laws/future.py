"""A future for a house: all that its sources, its tables and its ledger may hold of after an instant, and some of it is lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.tables import CHECKS, SCORES
from evenkeel.workflows.ledger import Entry, Kind
from evenkeel.workflows.retrain import signal_id
from tests.laws.house import DAY_LONG, HOUR, RIVAL, SCORED, each

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tests.workflows.conftest import House

_AROUND = pd.Timedelta(days=4)
"""How long before the instant the past is denied: as well as all of it, and sooner."""


def change_sources(house: House, as_of: datetime, *, labels: bool = True) -> None:
    """After an instant every row is another, is corrected, and has company; labels that mature after it are turned round, unless
    they are to be left alone.
    """
    instant, flights = pd.Timestamp(as_of), house.root / "data" / "flights"
    since = house.spec.partition(f"{instant - _AROUND:%Y-%m-%d}").key
    each(flights / "schedule", lambda rows: _retold(rows, instant, _elsewhere, "announced"), since)
    each(flights / "outcomes", lambda rows: _retold(rows, instant, _turned, "known_at"), since)
    each(flights / "weather", lambda rows: _retold(rows, instant, _stormy, "known_at"), since)
    if labels:
        each(flights / "labels", lambda rows: _retold(_unripe(rows, instant), instant, _turned, "known_at"), since)


def _retold(
    rows: pd.DataFrame, instant: pd.Timestamp, lie: Callable[[pd.DataFrame], pd.DataFrame], known_at: str
) -> pd.DataFrame:
    """What came after the instant is a lie; what came before is denied by rows that land, or are known, only later."""
    there = (rows["landed"] <= instant) & (rows[known_at] <= instant)
    past, after = rows[there], lie(rows[~there])
    landed_later = lie(past).assign(landed=instant + HOUR)
    known_later = lie(past).assign(**{known_at: instant + HOUR})
    company = landed_later.head(3)
    if "flight_id" in rows:
        strangers = company.assign(flight_id="stranger-" + company["flight_id"])
        company = pd.concat([strangers, landed_later.assign(flight_id=_a_day_later(landed_later["flight_id"]))])
    return pd.concat([past, after, landed_later, known_later, company], ignore_index=True)


def _a_day_later(keys: pd.Series[str]) -> pd.Series[str]:
    """Keys that begin with a day, as those of the day after."""
    return (pd.to_datetime(keys.str[:10]) + DAY_LONG).dt.strftime("%Y-%m-%d") + keys.str[10:]


def _unripe(rows: pd.DataFrame, instant: pd.Timestamp) -> pd.DataFrame:
    """Labels of events that mature after the instant are turned round, however early they were known."""
    unripe = rows["scheduled_departure"] + DAY_LONG > instant
    return pd.concat([rows[~unripe], _turned(rows[unripe])], ignore_index=True)


def _elsewhere(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(distance=rows["distance"] + 300, carrier=rows["carrier"].where(rows["carrier"] != "UA", "AA"))


def _turned(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(arrived_late=1 - rows["arrived_late"], air_time=rows["air_time"] + 100)


def _stormy(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(visib=0.0, wind_speed=60.0, humid=100.0, precip=2.0)


def add_later_decisions(house: House, as_of: datetime) -> None:
    """Tables and ledger know of later days: scores under the same keys, a check that was quiet, a promotion, a retraining."""
    model, gateways, instant = house.spec.model, house.gateways, pd.Timestamp(as_of)
    last = house.spec.partition(SCORED[-1])
    scores = gateways.lake.read(model, SCORES, partitions=[last.key])
    assert scores is not None
    later = scores.assign(flight_id=scores["flight_id"].str.replace(last.key, last.shift(1).key, regex=False))
    for days in (5, 6, 7):
        gateways.lake.publish(model, SCORES, last.shift(days).key, later.drop(columns=c.PARTITION), {"run": "later"})
    checks = gateways.lake.read(model, CHECKS)
    assert checks is not None
    quiet = checks.assign(drift_outcome="none", decay_outcome="none", as_of=instant + HOUR).drop(columns=c.PARTITION)
    gateways.lake.publish(model, CHECKS, last.shift(7).key, quiet, {"run": "later"})
    soon, training = (instant + HOUR).to_pydatetime(), "20130301T000000Z-later"
    for entry in (
        Entry(signal_id(soon), model, Kind.RETRAIN, soon, "later", training=training),
        Entry(f"training/{training}/x/1", model, Kind.PROMOTED, soon, "later", 2, training=_training_of_rival(house)),
        Entry(f"training/{training}/y/1", model, Kind.PROMOTED, soon, "later", 2, training=training),
    ):
        gateways.ledger.record(model, entry.id, lambda _, entry=entry: entry)  # type: ignore[misc]


def _training_of_rival(house: House) -> str:
    stamp = f"{house.at(RIVAL):%Y%m%dT%H%M%SZ}"
    found = [one.training for one in house.gateways.ledger.entries(house.spec.model) if one.training]
    return next(one for one in found if one.startswith(stamp))
