"""Features of `flight_duration`: the distance, and how long the same way took lately.

The jet stream changes from day to day and with the season, so yesterday's flights say most. The destination itself is
left out: what 60 days teach about it is its season, and the recent means know that better.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from nyc_flights.recent_means import RecentMeans, local_midnight
from nyc_flights.recent_weather import recent_weather

if TYPE_CHECKING:
    from collections.abc import Mapping

DAYS = 7
_WEIGHT = 1  # flights of the longer period mixed into the shorter: it fills what did not fly, and little more


def features(rows: pd.DataFrame, inputs: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> pd.DataFrame:
    """One row of features per scheduled flight of one New York day.

    `rows` is the day's schedule; `inputs` holds `outcomes` (8 days of lookback or more) and `weather` (a day or
    more), both as known at `as_of`. Means are minutes, null where nobody flew to the destination.
    """
    return pd.DataFrame(
        {
            "hour": rows["hour"].astype(float),
            "distance": rows["distance"].astype(float),
            **_recent_minutes(rows, inputs["outcomes"], as_of),
            "wind_speed": recent_weather(rows, inputs["weather"], as_of)["wind_speed"],
            "carrier": rows["carrier"],
            "origin": rows["origin"],
        },
        index=rows.index,
    )


def _recent_minutes(rows: pd.DataFrame, outcomes: pd.DataFrame, as_of: pd.Timestamp) -> dict[str, pd.Series[float]]:
    flown = outcomes[outcomes["air_time"].notna()]
    found: dict[int, tuple[RecentMeans, pd.Series[float]]] = {}
    for days in (DAYS, 3, 1):
        history = flown[flown["scheduled_departure"] >= local_midnight(as_of, days)]
        found[days] = RecentMeans(rows, history, ["carrier", "origin", "dest"]), history["air_time"]
    route = ["origin", "dest"]
    (week, minutes), (half, half_minutes), (day, day_minutes) = found[DAYS], found[3], found[1]
    # Where nobody flew a route, the same destination from the other airports stands in.
    dest_7d = week.of(minutes, ["dest"])
    route_7d = week.of(minutes, route, weight=_WEIGHT, prior=dest_7d)
    route_3d = half.of(half_minutes, route, weight=_WEIGHT, prior=route_7d)
    route_1d = day.of(day_minutes, route, weight=_WEIGHT, prior=route_3d)
    return {
        "route_minutes_1d": route_1d,
        "route_minutes_3d": route_3d,
        "route_minutes_7d": route_7d,
        "carrier_route_minutes_7d": week.of(minutes, ["carrier", *route], weight=_WEIGHT, prior=route_7d),
        "dest_minutes_1d": day.of(day_minutes, ["dest"], weight=_WEIGHT, prior=dest_7d),
    }
