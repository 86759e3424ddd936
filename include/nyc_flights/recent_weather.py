"""The weather at each airport as last observed before an instant."""

from __future__ import annotations

import pandas as pd

WINDOW = pd.Timedelta(hours=6)
"""Observations older than this say nothing about the day to come."""

_STORM = 100.0  # mph; the source holds one reading of 1,048


def recent_weather(rows: pd.DataFrame, weather: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """For each row what was last seen at its origin, and the rain of the last six hours.

    Columns `wind_speed` (mph), `humidity` (%), `visibility` (miles), `precipitation` (inches); null for an airport
    without an observation.
    """
    seen = weather[weather["observed_at"] > as_of - WINDOW].sort_values("observed_at")
    wind = seen["wind_speed"].where(seen["wind_speed"] < _STORM)
    by_origin = seen.assign(wind_speed=wind).groupby("origin")
    last = by_origin[["wind_speed", "humid", "visib"]].last()
    last["precipitation"] = by_origin["precip"].sum(min_count=1)
    named = last.rename(columns={"humid": "humidity", "visib": "visibility"}).astype(float)
    return named.reindex(rows["origin"]).set_axis(rows.index)
