"""Alerts on a real lake: who is told of what, once; what is silenced; what could not be sent stays due."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import yaml

from evenkeel.decisions.drift import TOGETHER, Moved
from evenkeel.vocabulary.errors import EvenkeelError, TransientError
from evenkeel.vocabulary.settings import Settings
from evenkeel.vocabulary.spec import ModelSpec
from evenkeel.vocabulary.tables import ALERTS, CHECKS, REFUSED
from evenkeel.workflows import alert_record
from evenkeel.workflows.alert_record import told_alerts
from evenkeel.workflows.alerts import Alert, deliver_alerts, due_alerts
from evenkeel.workflows.gateways import Gateways
from evenkeel.workflows.happenings import Failure, last_instant
from evenkeel.workflows.ledger import Entry, Kind
from tests.workflows.conftest import PROJECT

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from evenkeel.vocabulary.spec_monitoring import AlertRoute

MODEL = "flight_delay"
RUN = f"{MODEL}_drift_check/scheduled__2013-04-01"
DEST_MOVED = json.dumps({"columns": [{"cause": "dest", "excess": 3.0}]})
HOOK = {"name": "hook", "kind": "webhook", "connection": "evenkeel_webhook"}
MAIL = {"name": "mail", "kind": "email", "to": ["oncall@example.com"], "about": ["decay", "rolled_back"]}


@dataclass
class Desk:
    """A model with its tables, and somebody who sends: `refuses` names the routes that do not take anything."""

    gateways: Gateways
    alerts: dict[str, Any] = field(default_factory=lambda: {"routes": [HOOK]})
    sent: list[Alert] = field(default_factory=list)
    refuses: dict[str, EvenkeelError] = field(default_factory=dict)

    @property
    def spec(self) -> ModelSpec:
        content = yaml.safe_load((PROJECT / "config" / "models" / f"{MODEL}.yaml").read_text())
        return ModelSpec.model_validate(content | {"alerts": self.alerts})

    def instant(self, day: str) -> datetime:
        return self.spec.check_as_of(self.spec.partition(day))

    def check(self, day: str, *causes: str, decay: str = "none", champion: int = 3, **more: Any) -> None:
        """Put a check on record, whose drift is named by its causes."""
        row = {
            "as_of": self.instant(day),
            "champion": champion,
            "drift_outcome": "drift" if causes else "none",
            "drift_reason": f"{len(causes)} columns moved",
            "drift_numbers": json.dumps({"share": 0.5}),
            "decay_outcome": decay,
            "decay_reason": "roc_auc 0.55, was promised 0.67",
            "decay_numbers": json.dumps({"measured": 0.55}),
            "causes": json.dumps([*causes, *(["decay"] if decay == "drift" else [])]),
            "page": f"{MODEL}/drift_check/{day}/drift.html",
        }
        self.gateways.lake.publish(MODEL, CHECKS, day, pd.DataFrame([row | more]), {"run": RUN})

    def decide(self, day: str, kind: Kind, entry_id: str, **fields: Any) -> None:
        entry = Entry(entry_id, MODEL, kind, self.instant(day), **({"reason": "for a reason"} | fields))
        self.gateways.ledger.record(MODEL, entry_id, lambda _: entry)

    def send(self, route: AlertRoute, alert: Alert) -> None:
        if route.name in self.refuses:
            raise self.refuses[route.name]
        self.sent.append(alert)

    def deliver(self, day: str, failure: Failure | None = None) -> list[tuple[str, str]]:
        """Which route is told of what on a day."""
        self.sent.clear()
        deliver_alerts(self.spec, self.instant(day), self.gateways, self.send, failure=failure)
        return [(one.route, one.what) for one in self.sent]

    def record(self) -> list[tuple[str, str, str]]:
        return [(one.route, one.what, str(one.outcome)) for one in told_alerts(self.spec, self.gateways)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    settings = Settings(PROJECT, tmp_path, str(tmp_path / "lake"), str(tmp_path / "data"), "sqlite://")
    return Desk(Gateways(settings, run=RUN))


def test_an_alert_says_what_happened_to_whom_and_where_to_look(desk: Desk) -> None:
    """Cause in words, numbers, champion, day, the account, the report and the run that noticed it."""
    desk.check("2013-04-01", "dest", "hour", account=DEST_MOVED)
    assert desk.deliver("2013-04-01") == [("hook", "drift")]
    (alert,) = desk.sent
    assert (alert.champion, alert.day, alert.since, alert.causes) == (3, "2013-04-01", "2013-04-01", ("dest", "hour"))
    assert (alert.reason, alert.numbers) == ("2 columns moved", {"share": 0.5})
    assert (alert.account, alert.run) == ("Moved most: dest (3 times what is chance).", RUN)
    assert alert.page == f"{MODEL}/drift_check/2013-04-01/drift.html"


def test_what_goes_on_is_told_once_and_on_record_once(desk: Desk) -> None:
    """The next days, another run of a day: one alert. After a quiet week, or of another column: the next."""
    for day in ("2013-04-01", "2013-04-02", "2013-04-03"):
        desk.check(day, "dest")
        expected = [("hook", "drift")] if day == "2013-04-01" else []
        assert desk.deliver(day) == expected
        assert desk.deliver(day) == []
    desk.check("2013-04-04", "dest", "hour")
    assert desk.deliver("2013-04-04") == [("hook", "drift")]
    desk.check("2013-04-12", "dest")
    assert desk.deliver("2013-04-12") == [("hook", "drift")]
    assert desk.record() == [("hook", "drift", "sent")] * 3


def test_a_check_that_is_made_again_and_names_another_column_is_told_again(desk: Desk) -> None:
    """And then it is on record, so that it is not told a third time."""
    desk.check("2013-04-01", "dest")
    desk.deliver("2013-04-01")
    desk.check("2013-04-01", "hour")
    assert desk.deliver("2013-04-01") == [("hook", "drift")]
    assert desk.deliver("2013-04-01") == []


def test_each_route_hears_of_what_it_asked_for(desk: Desk) -> None:
    """Two routes: one of everything, one of decay and rollbacks only."""
    desk.alerts = {"routes": [HOOK, MAIL]}
    desk.check("2013-04-01", "dest", decay="drift")
    assert sorted(desk.deliver("2013-04-01")) == [("hook", "decay"), ("hook", "drift"), ("mail", "decay")]


def test_what_could_not_be_sent_stays_due(desk: Desk) -> None:
    """The other route is told, the trouble is raised and on record, and the next run sends it, though a month has gone by."""
    desk.alerts = {"routes": [HOOK, MAIL]}
    desk.refuses = {"mail": TransientError("route mail: timed out")}
    desk.check("2013-04-01", decay="drift")
    with pytest.raises(TransientError, match=f"{MODEL}: 1 alerts were not sent and stay due: route mail: timed out"):
        desk.deliver("2013-04-01")
    assert [one.route for one in desk.sent] == ["hook"]
    assert desk.record() == [("hook", "decay", "sent"), ("mail", "decay", "failed")]
    desk.refuses = {}
    assert desk.deliver("2013-05-01") == [("mail", "decay")]
    assert desk.deliver("2013-05-01") == []
    assert desk.record()[-1] == ("mail", "decay", "sent")


def test_what_one_run_is_sending_no_other_sends(desk: Desk) -> None:
    """A check of the next day that comes to its alerts while the first one's receiver is still answering."""
    other = Desk(Gateways(desk.gateways.settings, run=f"{MODEL}_drift_check/another"))
    desk.check("2013-04-01", "dest")
    desk.check("2013-04-02", "dest")
    meanwhile: list[Any] = []

    def slowly(route: AlertRoute, alert: Alert) -> None:
        meanwhile.append(other.deliver("2013-04-02"))
        desk.sent.append(alert)

    deliver_alerts(desk.spec, desk.instant("2013-04-01"), desk.gateways, slowly)
    assert (meanwhile, len(desk.sent)) == ([[]], 1)
    assert other.deliver("2013-04-02") == []
    assert desk.record() == [("hook", "drift", "sent")]


def test_a_backfill_that_comes_to_its_alerts_backwards_tells_no_more(desk: Desk) -> None:
    """The days between the last, which is told of, and the first, which is weeks before, make them one."""
    days = [f"2013-04-{day:02}" for day in range(1, 21)]
    for day in days:
        desk.check(day, "dest")
    assert [desk.deliver(day) for day in reversed(days)] == [[("hook", "drift")], *[[]] * 19]


def test_of_twenty_runs_at_once_one_tells(desk: Desk) -> None:
    """Twenty checks of drift that goes on, at the same moment, and two routes: a message each."""
    desk.alerts = {"routes": [HOOK, MAIL | {"about": ["drift"]}]}
    days = [f"2013-04-{day:02}" for day in range(1, 21)]
    for day in days:
        desk.check(day, "dest")
    desks = [Desk(Gateways(desk.gateways.settings, run=f"run/{day}"), desk.alerts) for day in days]
    with ThreadPoolExecutor(len(days)) as pool:
        told = list(pool.map(lambda one, day: one.deliver(day), desks, days))
    assert sorted(one for each in told for one in each) == [("hook", "drift"), ("mail", "drift")]
    assert sorted(desk.record()) == [("hook", "drift", "sent"), ("mail", "drift", "sent")]


def test_what_a_run_died_of_sending_is_sent_by_its_retry_or_later_by_another(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is on record that it was being sent; another run leaves it alone for as long as a sender may take."""
    other = Desk(Gateways(desk.gateways.settings, run=f"{MODEL}_drift_check/another"))
    for day in ("2013-04-01", "2013-04-20"):
        desk.check(day, "dest")

        def killed(route: AlertRoute, alert: Alert) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            deliver_alerts(desk.spec, desk.instant(day), desk.gateways, killed)
        assert desk.record()[-1] == ("hook", "drift", "sending")
        assert other.deliver(day) == []
        if day == "2013-04-01":
            assert desk.deliver(day) == [("hook", "drift")]
    monkeypatch.setattr(alert_record, "LEASE", timedelta(0))
    assert other.deliver("2013-05-30") == [("hook", "drift")]
    assert desk.record() == [("hook", "drift", "sent")] * 2


def test_trouble_that_time_does_not_mend_is_not_retried(desk: Desk) -> None:
    """A connection that is not there is no transient error."""
    desk.refuses = {"hook": EvenkeelError("connection 'evenkeel_webhook' is not defined in Airflow")}
    desk.check("2013-04-01", "dest")
    with pytest.raises(EvenkeelError, match="is not defined") as caught:
        desk.deliver("2013-04-01")
    assert not isinstance(caught.value, TransientError)


def test_a_silence_is_on_record_and_ends(desk: Desk) -> None:
    """Silenced drift is written down once, with the reason; what still goes on when the silence is over is told then."""
    silence = {"what": "drift", "columns": ["dest"], "until": date(2013, 4, 3), "reason": "a new terminal opens"}
    desk.alerts = {"routes": [HOOK], "silences": [silence]}
    for day in ("2013-03-31", "2013-04-01"):  # checked on 1 and 2 April
        desk.check(day, "dest")
        assert desk.deliver(day) == []
    assert desk.record() == [("hook", "drift", "silenced")]
    assert told_alerts(desk.spec, desk.gateways)[0].note == "silenced until 2013-04-03: a new terminal opens"
    desk.check("2013-04-02", "dest")
    assert desk.deliver("2013-04-02") == [("hook", "drift")]
    assert (desk.sent[0].day, desk.sent[0].since) == ("2013-04-02", "2013-03-31")


def test_a_silence_names_columns_as_an_alert_names_causes(desk: Desk) -> None:
    """Whatever a check can name as what moved may be silenced."""
    kinds = {"distribution": "dest", "nulls": "dest", "unseen": "dest", "together": TOGETHER}
    causes = [Moved(column, kind, "", 1, 0.5, 0).cause for kind, column in kinds.items()]
    silence = {"what": "drift", "columns": [*causes, "_prediction"], "until": date(2013, 5, 1), "reason": "known"}
    desk.alerts = {"routes": [HOOK], "silences": [silence]}
    desk.check("2013-04-01", *causes, "_prediction")
    assert desk.deliver("2013-04-01") == []


def test_a_silence_of_some_columns_hides_no_other(desk: Desk) -> None:
    """Nor does silenced drift hide decay."""
    silence = {"what": "drift", "columns": ["dest"], "until": date(2013, 5, 1), "reason": "known"}
    desk.alerts = {"routes": [HOOK], "silences": [silence]}
    desk.check("2013-04-01", "dest", "hour", decay="drift")
    assert sorted(desk.deliver("2013-04-01")) == [("hook", "decay"), ("hook", "drift")]


def test_decisions_are_told_each_under_its_name(desk: Desk) -> None:
    """Each rollback; refusals, a training's without the gate's words, which quote rows; no promotion."""
    desk.check("2013-04-01", decay="drift", account=DEST_MOVED)
    desk.decide("2013-04-01", Kind.PROMOTED, "training/1/a", version=3, previous_version=2)
    quote = "12 rows, such as flight_id=7"
    desk.decide("2013-04-01", Kind.REFUSED, "training/2/refused", previous_version=3, training="2", reason=quote)
    said = f"worse; its retraining did not replace it ({quote})"
    desk.decide("2013-04-01", Kind.ROLLED_BACK, "rolled_back/1", version=2, previous_version=3, reason=said)
    desk.decide("2013-04-02", Kind.ROLLED_BACK, "rolled_back/2", version=1, previous_version=2)
    assert sorted(what for _, what in desk.deliver("2013-04-02")) == ["decay", "refused", "rolled_back", "rolled_back"]
    told = {one.id: one for one in desk.sent}
    assert told["rolled_back/rolled_back/1"].account.startswith("Moved most: dest")
    assert told["rolled_back/rolled_back/1"].reason.startswith(
        "worse; its retraining did not replace it (a gate refused"
    )
    assert not any("flight_id" in one.reason for one in desk.sent)


def test_a_refused_partition_is_told_until_it_is_published(desk: Desk) -> None:
    """Without the gate's words."""
    row = {"as_of": desk.instant("2013-03-31"), "reason": "flight_id=7 is null"}
    desk.gateways.lake.publish(MODEL, REFUSED, "2013-04-01", pd.DataFrame([row]), {"run": f"{MODEL}_score/1"})
    (alert,) = due_alerts(desk.spec, desk.instant("2013-04-01"), desk.gateways)
    assert (alert.what, alert.day, alert.run) == ("refused", "2013-04-01", f"{MODEL}_score/1")
    assert "flight_id" not in alert.reason
    desk.gateways.lake.publish(MODEL, REFUSED, "2013-04-01", pd.DataFrame(), {})
    assert due_alerts(desk.spec, desk.instant("2013-04-01"), desk.gateways) == []


def test_a_failed_run_is_told_and_stays_due_where_it_could_not_be(desk: Desk) -> None:
    """A later run tells of it, though no table but that of the alerts knows."""
    desk.refuses = {"hook": TransientError("down")}
    failure = Failure("drift_check", ("gather",), desk.instant("2013-04-01"))
    with pytest.raises(TransientError):
        desk.deliver("2013-04-01", failure)
    desk.refuses = {}
    assert desk.deliver("2013-04-02") == [("hook", "failed")]
    assert "gather failed" in desk.sent[0].reason
    again = Failure("drift_check", ("gather",), desk.instant("2013-04-03"))
    assert desk.deliver("2013-04-03", again) == []


def test_a_refusal_is_not_told_as_a_failure_too(desk: Desk) -> None:
    """A gate's refusal makes its run red: one alert, not two."""
    desk.decide("2013-04-01", Kind.REFUSED, "training/2/refused", training="2")
    failure = Failure("train", ("validate",), desk.instant("2013-04-01"))
    assert desk.deliver("2013-04-01", failure) == [("hook", "refused")]


def test_a_new_route_is_not_told_of_the_past(desk: Desk) -> None:
    """What is older than the time after which it would be news again is history."""
    desk.check("2013-03-01", "dest")
    desk.check("2013-04-01", decay="drift")
    assert desk.deliver("2013-04-01") == [("hook", "decay")]


def test_what_comes_later_changes_nothing(desk: Desk) -> None:
    """Checks and decisions after the as-of do not exist for it (law 2)."""
    desk.check("2013-04-02", "dest")
    desk.decide("2013-04-02", Kind.ROLLED_BACK, "rolled_back/1", version=2, previous_version=3)
    assert due_alerts(desk.spec, desk.instant("2013-04-01"), desk.gateways) == []
    assert last_instant(desk.spec, desk.gateways) == desk.instant("2013-04-02")


def test_checks_from_before_causes_were_on_record_are_told_all_the_same(desk: Desk) -> None:
    """A table without the column `causes`, and a drift that names none."""
    desk.check("2013-04-01", "dest")
    old = desk.gateways.lake.read(MODEL, CHECKS)
    assert old is not None
    desk.gateways.lake.publish("older", CHECKS, "2013-04-01", old.drop(columns=["causes", "_partition"]), {})
    older = desk.spec.model_copy(update={"model": "older"})
    (alert,) = due_alerts(older, desk.instant("2013-04-01"), desk.gateways)
    assert alert.causes == ("drift",)


def test_the_table_is_maintained_like_the_others(desk: Desk) -> None:
    """Many small commits become one file, and what is on record stays."""
    for day in ("2013-04-01", "2013-04-12", "2013-04-23"):
        desk.check(day, "dest")
        desk.deliver(day)
    before = desk.record()
    done = desk.gateways.lake.maintain(MODEL, ALERTS, timedelta(days=30))
    assert done is not None
    assert (done.files_before, done.files_after) == (6, 1)  # taken, then sent
    assert desk.record() == before
