"""Features of `flight_delay`: the schedule, how groups of flights did in the last 14 days, and the weather at midnight.

Rates of carriers, routes and destinations are relative to all flights of those days: a bad fortnight for everybody
then does not look like a bad carrier, and 60 days are too few to learn from a level that a whole day shares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from nyc_flights.recent_means import RecentMeans, local_midnight
from nyc_flights.recent_weather import recent_weather
from nyc_flights.tables import TIMEZONE

if TYPE_CHECKING:
    from collections.abc import Mapping

DAYS = 14
_WEIGHT = 20  # flights of the wider group mixed into a small one


def features(rows: pd.DataFrame, inputs: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> pd.DataFrame:
    """One row of features per scheduled flight of one New York day.

    `rows` is the day's schedule; `inputs` holds `outcomes` (15 days of lookback or more) and `weather` (a day or
    more), both as known at `as_of`. Rates are null where no outcome is known.
    """
    weather = recent_weather(rows, inputs["weather"], as_of)
    return pd.DataFrame(
        {
            "hour": rows["hour"].astype(float),
            "distance": rows["distance"].astype(float),
            "departures_in_hour": rows.groupby(["origin", "hour"])["hour"].transform("size").astype(float),
            **_late_rates(rows, inputs["outcomes"], as_of),
            "humidity": weather["humidity"],
            "precipitation": weather["precipitation"],
            "visibility": weather["visibility"],
            "carrier": rows["carrier"],
            "origin": rows["origin"],
            "dest": rows["dest"],
        },
        index=rows.index,
    )


def _late_rates(rows: pd.DataFrame, outcomes: pd.DataFrame, as_of: pd.Timestamp) -> dict[str, pd.Series[float]]:
    history = outcomes[outcomes["scheduled_departure"] >= local_midnight(as_of, DAYS)]
    history = history.assign(hour=history["scheduled_departure"].dt.tz_convert(TIMEZONE).dt.hour.astype("int64"))
    late = history["arrived_late"].astype(float)
    means = RecentMeans(rows, history, ["carrier", "origin", "dest", "hour"])
    carrier = means.of(late, ["carrier", "origin"], weight=_WEIGHT)
    hour = means.of(late, ["hour"], weight=_WEIGHT)
    return {
        "carrier_excess_late_rate": carrier - late.mean(),
        "route_excess_late_rate": means.of(late, ["carrier", "origin", "dest"], weight=10, prior=carrier) - late.mean(),
        "dest_excess_late_rate": means.of(late, ["dest"], weight=_WEIGHT) - late.mean(),
        "origin_hour_late_rate": means.of(late, ["origin", "hour"], weight=_WEIGHT, prior=hour),
    }
