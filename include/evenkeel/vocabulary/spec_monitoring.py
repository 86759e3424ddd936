"""A spec's watch over its model: drift, decay, retraining, alerts."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from evenkeel.vocabulary.spec_fields import ConnectionId, DailyCron, Name, Part, PositiveDuration, in_words

What = Literal["decay", "drift", "rolled_back", "needs_person", "refused", "failed"]
"""What people are told of: a champion worse than it promised, inputs or scores that moved, a champion rolled back, a person that
is needed, a gate's refusal, a run that failed.
"""
EVERYTHING: tuple[What, ...] = get_args(What)


def _off(value: object) -> object:
    return "off" if value is False else value  # YAML reads a bare `off` as false


def _address(value: str) -> str:
    if not re.fullmatch(r"[^@\s,;<>]+@[^@\s,;<>]+", value):
        raise ValueError("is not an e-mail address, such as oncall@example.com")
    return value


def _not_empty(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError("is empty; name at least one")
    return value


class Decay(Part):
    """How far the champion's metric on matured labels may fall below what it did on its own holdout.

    Decayed is whose fall is beyond `tolerance`, in the metric's unit, with the confidence of `drift.alpha`.
    """

    window: PositiveDuration
    tolerance: Annotated[float, Field(gt=0)]
    min_labels: Annotated[int, Field(ge=1)] = 500


class Drift(Part):
    """The drift check: the scored window against what the champion learnt from.

    What moved is told by thresholds that the reference's own days give: `alpha` is the chance that a window like the reference
    drifts in anything. Beyond chance is not yet worth an answer: that is a distance from `numeric_effect` (by `numeric_method`)
    or `categorical_effect` up, a rate of nulls or unseen values that differs by `rate_effect`, features that are told apart
    together with a ROC AUC of `together_effect`. `season` is how long ago the same season was: what is then as it is now is no
    drift. At most `daily_rows` rows a day are looked at, and `sample` rows where a classifier is fitted or a page is drawn.
    """

    schedule: DailyCron
    window: PositiveDuration
    alpha: Annotated[float, Field(gt=0, le=0.2)] = 0.05
    numeric_method: Literal["wasserstein", "jensenshannon", "psi"] = "wasserstein"
    categorical_method: Literal["jensenshannon", "psi"] = "jensenshannon"
    numeric_effect: Annotated[float, Field(ge=0)] = 0.1
    categorical_effect: Annotated[float, Field(ge=0)] = 0.1
    rate_effect: Annotated[float, Field(ge=0, le=1)] = 0.01
    together_effect: Annotated[float, Field(ge=0.5, le=1)] = 0.6
    season: PositiveDuration | None = None
    min_rows: Annotated[int, Field(ge=1)] = 500
    daily_rows: Annotated[int, Field(ge=100)] = 10_000
    sample: Annotated[int, Field(ge=100)] = 5_000
    decay: Decay

    @model_validator(mode="after")
    def _season_is_past(self) -> Drift:
        if self.season is not None and self.season < 2 * self.window:
            raise ValueError(
                f"season: {in_words(self.season)} is less than twice the window, {in_words(self.window)}: the days around the "
                "window's of then would be days of now"
            )
        return self


class Cap(Part):
    """At most so many retrainings within so long, those left out whose data a gate refused."""

    trainings: Annotated[int, Field(ge=1)] = 4
    within: PositiveDuration = timedelta(days=90)


class Retraining(Part):
    """When a signal is answered: it must persist (in `needed` of the last `of` checks), an earlier answer must have had time to
    work (`cooldown`), and the `cap` is not reached.

    A cause is answered once: after a retraining that kept the champion it is answered for `answer_holds`, or until there is
    another champion. `rollback` says what becomes of a decayed champion that its retraining kept: `automatic` returns to an
    earlier champion that is better beyond the promotion's margin, `off` calls a person. `mode: off` leaves every answer to
    people: signals are declined, on record.
    """

    mode: Annotated[Literal["automatic", "off"], BeforeValidator(_off)] = "automatic"
    needed: Annotated[int, Field(ge=1)] = 3
    of: Annotated[int, Field(ge=1)] = 5
    cooldown: PositiveDuration = timedelta(days=14)
    cap: Cap = Cap()
    answer_holds: PositiveDuration = timedelta(days=60)
    rollback: Annotated[Literal["automatic", "off"], BeforeValidator(_off)] = "automatic"

    @model_validator(mode="after")
    def _needed_fits(self) -> Retraining:
        if self.needed > self.of:
            raise ValueError(f"needed: {self.needed} signals can never be found in the last of: {self.of} checks")
        return self


class Route(Part):
    """Base of every route: `about` is of what its readers hear."""

    about: Annotated[tuple[What, ...], Field(strict=False), AfterValidator(_not_empty)] = EVERYTHING


class EmailRoute(Route):
    """E-mail to some addresses, by an Airflow connection of type SMTP, which says who it is from."""

    kind: Literal["email"]
    name: Name = "email"
    to: Annotated[tuple[Annotated[str, AfterValidator(_address)], ...], Field(strict=False), AfterValidator(_not_empty)]
    connection: ConnectionId = "smtp_default"


class SlackRoute(Route):
    """A Slack channel, by an Airflow connection of type Slack Incoming Webhook."""

    kind: Literal["slack"]
    name: Name = "slack"
    connection: ConnectionId = "slack_default"


class WebhookRoute(Route):
    """A JSON object posted to the address in an Airflow connection of type HTTP."""

    kind: Literal["webhook"]
    name: Name = "webhook"
    connection: ConnectionId


AlertRoute = Annotated[EmailRoute | SlackRoute | WebhookRoute, Field(discriminator="kind")]


class Silence(Part):
    """What nobody is told of before the day `until` begins, and why; it is put on record as silenced.

    With `columns`, drift of these only, named as the alert names its causes (`dest`, `nulls of dest`, `features together`): where
    others moved too, people are told.
    """

    what: What
    columns: Annotated[tuple[str, ...], Field(strict=False)] = ()
    until: date
    reason: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _columns_drift(self) -> Silence:
        if self.columns and self.what != "drift":
            raise ValueError(f"`columns` are those that drift; leave them out to silence {self.what}")
        return self


class Alerts(Part):
    """Who is told of what, by which Airflow connection, once until it has been quiet for `repeat` or the cause is another."""

    routes: Annotated[tuple[AlertRoute, ...], Field(strict=False)] = ()
    repeat: PositiveDuration = timedelta(days=7)
    silences: Annotated[tuple[Silence, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _names_of_their_own(self) -> Alerts:
        names = [route.name for route in self.routes]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"several routes are called {', '.join(twice)}; give each a `name` of its own")
        return self
