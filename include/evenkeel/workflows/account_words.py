"""The account of a signal in sentences, for its page and its alerts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def account_in_words(account: str) -> list[str]:
    """The sentences of an account as it is on record; none of an empty one.

    Args:
        account: JSON text of `account.account_of`, or nothing.
    """
    told = json.loads(account) if account else {}
    found = []
    if told.get("columns"):
        shown = ", ".join(f"{one['cause']} ({one['excess']:.3g} times what is chance)" for one in told["columns"])
        found.append(f"Moved most: {shown}.")
    if "loss" in told:
        found += _losses_in_words(told)
    for one in told.get("since", []):
        found.append(
            f"{one['what']} is at another level since {one['day']}: {one['after']:.4g} after {one['before']:.4g}."
        )
    for one in told.get("findings", []):
        many = "" if one["count"] == 1 else "s"
        found.append(f"The data gate {one['did']} {one['count']} {one['of']}{many} in these days: {one['reason']}.")
    return found


def _losses_in_words(told: Mapping[str, Any]) -> list[str]:
    loss = told["loss"]
    found = [f"{loss['name']} a row is {loss['now']:.4g}, on the champion's holdout it was {loss['before']:.4g}."]
    rise = loss["now"] - loss["before"]
    by_shift = [one for one in told["losses"] if rise > 0 and one["shift"] > 0]
    if by_shift:
        shown = ", ".join(f"{one['column']} {one['shift'] / rise:.0%}" for one in by_shift)
        found.append(f"Of the rise, the shift of one column alone explains: {shown}.")
    for one in told["slices"]:
        interval = f"{one['rise']:.3g} [{one['low']:.3g}, {one['high']:.3g}]"
        found.append(f"Where {one['column']} is {one['value']}, {one['rows']} rows, it rose by {interval}.")
    return found
