"""The replay: a period walked again under several policies, on real flights, with its resuming, its account and its report."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import yaml

from evenkeel.vocabulary.errors import AsOfMissingError, EvenkeelError, SpecError
from evenkeel.vocabulary.settings import Settings
from evenkeel.vocabulary.spec_file import find_spec
from evenkeel.workflows.frame import build_frame
from evenkeel.workflows.gateways import Gateways
from evenkeel.workflows.pipelines import run_drift_check, run_retraining, run_scoring, run_training
from evenkeel.workflows.replay import Replay, run_replay, write_report
from evenkeel.workflows.replay_policy import policies_of
from evenkeel.workflows.replay_timeline import Span, timeline
from evenkeel.workflows.replay_walk import JOURNAL, Journal, Step, walk

if TYPE_CHECKING:
    from evenkeel.vocabulary.replay import PolicyAccount, ReplayAccount
    from evenkeel.vocabulary.spec import ModelSpec

PROJECT = Path(__file__).parents[2]
FIRST, LAST = "2013-02-02", "2013-02-09"
TWICE = "2013-02-07"
"""The day whose schedule was landed twice over: its gate refuses it, and trainings that learn from it."""

FLIPPED = "2013-02-03"
"""From this day on late is called on time and the other way round, so that a champion of before decays."""

EAGER = (
    "drift.alpha=0.2",
    "drift.numeric_effect=0.0",
    "retraining.needed=1",
    "retraining.of=2",
    "retraining.cooldown=2d",
    "promotion.margin=0.0",
)
DEAF = "deaf: retraining.mode=off"
EVERY = 3


@dataclass(frozen=True)
class Walked:
    """A replay that was walked to its end, with its account and its report."""

    replay: Replay
    account: ReplayAccount
    report: str

    def policy(self, name: str) -> PolicyAccount:
        """One policy's account."""
        return next(one for one in self.account.policies if one.name == name)


def plan(project: Path, home: Path) -> Replay:
    settings = Settings(project, home, str(home / "lake"), str(project / "data"), f"sqlite:///{home / 'mlflow.db'}")
    spec = find_spec(settings.models, "flight_delay")
    return Replay(
        policies_of(spec, changes=EAGER, named=[DEAF], every=[EVERY]), Span.parse(spec, FIRST, LAST), settings
    )


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, flights: Path) -> Path:
    """A project with the example's suites and its spec, with windows as short as the slice of flights."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(PROJECT / "config" / "expectations", root / "config" / "expectations")
    shutil.copytree(flights, root / "data")
    content: dict[str, Any] = yaml.safe_load((PROJECT / "config" / "models" / "flight_delay.yaml").read_text())
    content["training"] |= {"schedule": "0 6 * * 1", "window": "20d", "holdout": "5d"}
    content["training"]["candidates"] = [
        one for one in content["training"]["candidates"] if one["name"] == "boosted_trees"
    ]
    del content["data_gate"]["labels"]  # it would refuse to learn from labels that flip
    content["promotion"] |= {"min_days": 2, "alpha": 0.2, "slices": {}, "calibration_tolerance": None}
    content["drift"] |= {"window": "3d", "min_rows": 500}
    content["drift"]["decay"] |= {"window": "3d", "min_labels": 500}
    (root / "config" / "models").mkdir()
    (root / "config" / "models" / "flight_delay.yaml").write_text(yaml.safe_dump(content))
    (file,) = (root / "data" / "flights" / "schedule" / f"date={TWICE}").glob("*.parquet")
    rows = pd.read_parquet(file, partitioning=None)
    pd.concat([rows, rows]).to_parquet(file, index=False)
    for day in (root / "data" / "flights" / "outcomes").iterdir():
        if day.name >= f"date={FLIPPED}":
            for landed in day.glob("*.parquet"):
                outcomes = pd.read_parquet(landed, partitioning=None)
                outcomes.assign(arrived_late=1 - outcomes["arrived_late"]).to_parquet(landed, index=False)
    return root


@pytest.fixture(scope="session")
def walked(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Walked:
    replay = plan(project, tmp_path_factory.mktemp("home"))
    account = run_replay(replay)
    return Walked(replay, account, write_report(account, replay.folder / "report.html").read_text(encoding="utf-8"))


def tables(gateways: Gateways) -> dict[str, pd.DataFrame]:
    """Every table of the model, in an order of its own, without what the clock or the process wrote."""
    found = {}
    for table in ("scores", "quarantine", "refused", "training_sets", "drift_checks", "drift_columns", "ledger"):
        frame = gateways.lake.read("flight_delay", table)
        if frame is not None:
            kept = frame.drop(columns=[one for one in ("recorded_at", "actor", "run", "digest") if one in frame])
            found[table] = kept.sort_values(list(kept.columns), ignore_index=True)
    return found


def assert_same_tables(some: Gateways, others: Gateways) -> None:
    one, other = tables(some), tables(others)
    assert one.keys() == other.keys()
    for name, frame in one.items():
        pd.testing.assert_frame_equal(frame, other[name], obj=name)


def test_a_replay_is_what_a_walk_by_hand_through_the_pipelines_gives(walked: Walked, tmp_path: Path) -> None:
    """Score, check, retrain and train by hand in the order of their instants: the same scores, checks and decisions."""
    spec = walked.replay.spec
    settings = replace(
        walked.replay.settings,
        home=tmp_path,
        lake=str(tmp_path / "lake"),
        tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}",
    )
    gateways = Gateways(settings, actor="hand", draws_pages=False)
    days = walked.replay.span.partitions

    def attempt(step: Any, about: Any) -> Any:
        try:
            return step(spec, about, gateways)
        except EvenkeelError:
            return None

    run_training(spec, spec.scoring_as_of(days[0]), gateways)
    for day in [*days, days[-1].shift(1)]:
        if day in days:
            attempt(run_scoring, day)  # at midnight
        if day.shift(-1) in days:  # at half past three
            recorded = attempt(run_drift_check, day.shift(-1))
            if recorded is not None and recorded.signal:
                attempt(run_retraining, spec.check_as_of(day.shift(-1)))
        if day in days and day.day.isoweekday() == 1:  # Mondays at six
            attempt(run_training, spec.training_as_of(day))
    assert_same_tables(gateways, walked.replay.gateways_of(walked.replay.policies[0]))


def test_every_kind_of_event_is_in_the_period(walked: Walked) -> None:
    """What the other tests rest on: the period holds promotions, refused trainings, declined signals and a refused day."""
    main = walked.account.policies[0].counts
    wanted = ("promoted", "refused_trainings", "retrain", "declined", "signals", "refused")
    assert [name for name in wanted if not main[name]] == []


def test_a_refused_day_is_an_event_and_the_walk_goes_on(walked: Walked) -> None:
    """The day that was landed twice is not scored, is told with its reason, and the days after it are scored."""
    for one in walked.account.policies:
        refused = [refusal for refusal in one.refusals if refusal.what == "score"]
        assert [
            (refusal.at, "quarantined" in refusal.reason or "refused" in refusal.reason) for refusal in refused
        ] == [(TWICE, True)]
        assert [day.partition for day in one.days if day.champion is None] == [TWICE]


def test_events_are_in_the_order_of_their_instants_and_decisions_come_first(walked: Walked) -> None:
    """The first training opens the period, the Monday's follows the check of the morning, a day's check comes the day after."""
    events = [one.key for one in timeline(walked.replay.policies[0], walked.replay.span)]
    assert events[:3] == ["train/2013-02-02T05:00:00+00:00", "score/2013-02-02", "score/2013-02-03"]
    assert events[3:7] == [
        "check/2013-02-02",
        "score/2013-02-04",
        "check/2013-02-03",
        "train/2013-02-04T11:00:00+00:00",
    ]
    assert events[-1] == f"check/{LAST}"


def test_a_day_scored_at_its_end_is_checked_after_it_was_scored(walked: Walked) -> None:
    """Where rows come a day late, the check of a partition still follows its scores."""
    main = walked.replay.policies[0]
    late = main.spec.model_copy(
        update={"rows": main.spec.rows.model_copy(update={"available_after": pd.Timedelta("36h")})}
    )
    events = [one.key for one in timeline(replace(main, spec=late), walked.replay.span)]
    assert all(events.index(f"score/{one}") < events.index(f"check/{one}") for one in walked.replay.span.partitions)


def test_never_retrain_keeps_its_first_champion(walked: Walked) -> None:
    """One training, one promotion, no answer; its checks go on and their signals are counted."""
    never = walked.policy("never retrain")
    assert (never.counts["trainings"], never.counts["retrain"], never.counts["declined"]) == (1, 0, 0)
    assert never.counts["signals"] > 0
    assert {one.champion for one in never.days} == {1, None}


def test_every_few_days_promotes_whatever_the_gate_says(walked: Walked) -> None:
    """A training every three days; what was judged became champion, by force where the gate said no."""
    always = walked.policy(f"every {EVERY} days")
    instants = ["2013-02-02 00:00", "2013-02-05 00:00", "2013-02-08 00:00"]
    promoted = [one for one in always.decisions if one.kind == "promoted"]
    kept = {one.at for one in always.decisions if one.kind == "kept"}
    assert [(one.at, one.version) for one in promoted] == list(zip(instants, (1, 2, 3), strict=True))
    assert kept
    assert {one.at for one in promoted if "forced: every 3 days, whatever the gate says" in one.reason} == kept
    assert [one.champion for one in always.days] == [1, 1, 1, 2, 2, None, 3, 3]


def test_a_named_policy_is_walked_with_what_it_changes(walked: Walked) -> None:
    """The policy that turns retraining off declines every signal, on record, and says what it changed."""
    deaf = walked.policy("deaf")
    assert deaf.rule == "retraining.mode=off"
    assert deaf.counts["declined"] == deaf.counts["signals"] > 0
    assert deaf.counts["retrain"] == 0
    assert all("mode is off" in one.reason for one in deaf.decisions if one.kind == "declined")


def test_policies_share_frames_and_nothing_else(walked: Walked) -> None:
    """Each policy has a lake and an MLflow of its own, each frame was built once, and the home's own are not touched."""
    replay = walked.replay
    assert {one.name for one in replay.folder.iterdir()} == {
        "frames",
        "replay.json",
        "report.html",
        *(replay.folder_of(one).name for one in replay.policies),
    }
    for policy in replay.policies:
        assert {"lake", "mlflow.db", "mlartifacts"} <= {one.name for one in replay.folder_of(policy).iterdir()}
        assert not list((replay.folder_of(policy) / "lake" / "_staging").iterdir())
    (shared,) = (replay.folder / "frames").iterdir()
    looked_at = pd.date_range("2013-01-13", "2013-02-10").strftime(
        "%Y-%m-%d"
    )  # of the first training to the last retraining
    assert sorted(one.name for one in shared.iterdir()) == [f"{one}.parquet" for one in looked_at]
    assert {one.name for one in replay.settings.home.iterdir()} == {"replays"}


def test_a_kept_frame_is_the_frame_that_would_be_built(walked: Walked) -> None:
    """What training and scoring read from the shared files equals what the sources give, partition by partition."""
    spec, gateways = walked.replay.spec, walked.replay.gateways_of(walked.replay.policies[0])
    days = [spec.partition(one) for one in ("2013-02-01", "2013-02-02", "2013-02-03")]
    kept = gateways.frames.build(spec, days)
    pd.testing.assert_frame_equal(kept, build_frame(spec, days, gateways.sources))
    (shared,) = walked.replay.frames.iterdir()
    assert (shared / "2013-02-02.parquet").exists()


def test_walked_again_it_changes_nothing(walked: Walked) -> None:
    """On record, nothing is done again: the same account, the same bytes (law 7)."""
    journals = [Journal(walked.replay.folder_of(one)).steps() for one in walked.replay.policies]
    again = run_replay(walked.replay)
    assert again == walked.account
    assert [Journal(walked.replay.folder_of(one)).steps() for one in walked.replay.policies] == journals
    assert write_report(again, walked.replay.folder / "report.html").read_text(encoding="utf-8") == walked.report


@pytest.mark.parametrize("event", ["train/2013-02-04", "check/2013-02-03", "check/2013-02-04", "score/2013-02-06"])
def test_an_event_that_was_done_and_not_put_on_record_is_done_again_to_the_same_effect(
    walked: Walked, event: str
) -> None:
    """A kill between an event's last effect and its line in the journal, or amid that line, leaves nothing to tidy up."""
    policy = walked.replay.policies[0]
    folder, gateways = walked.replay.folder_of(policy), walked.replay.gateways_of(policy)
    before, lines = tables(gateways), (folder / JOURNAL).read_text().splitlines(keepends=True)
    kept = [line for line in lines if not json.loads(line)["event"].startswith(event)]
    assert len(kept) == len(lines) - 1
    (folder / JOURNAL).write_text("".join(kept) + lines[0][:17])
    walk(policy, walked.replay.span, folder, gateways)
    assert {replace(one, decisions=0) for one in Journal(folder).steps()} == {
        replace(Step(**json.loads(one)), decisions=0) for one in lines
    }
    for name, frame in tables(gateways).items():
        pd.testing.assert_frame_equal(frame, before[name], obj=name)
    (folder / JOURNAL).write_text("".join(lines))


def test_killed_in_the_middle_it_goes_on_to_the_same_bytes(walked: Walked, project: Path, tmp_path: Path) -> None:
    """Two processes walk, all are killed, the command is run again: the same report, byte for byte, and equal tables (law 6)."""
    replay = plan(project, tmp_path)
    command = [Path(sys.executable).with_name("evenkeel"), "replay", "flight_delay", "--from", FIRST, "--to", LAST]
    command += [argument for one in EAGER for argument in ("--set", one)]
    command += ["--policy", DEAF, "--every", str(EVERY), "--jobs", "2", "--json"]
    environment = os.environ | {
        "EVENKEEL_PROJECT": str(project),
        "EVENKEEL_HOME": str(tmp_path),
        "EVENKEEL_DATA": str(project / "data"),
    }
    environment.pop("MLFLOW_TRACKING_URI", None)
    journal = Journal(replay.folder_of(replay.policies[0]))
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as begun:
        while len(journal.steps()) < 9:
            assert begun.poll() is None, "the replay ended before it could be killed"
            time.sleep(0.05)
        begun.send_signal(signal.SIGKILL)
    events = len(timeline(replay.policies[0], replay.span))
    assert 9 <= len(journal.steps()) < events
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert Path(told["report"]).read_text(encoding="utf-8") == walked.report
    assert [one["name"] for one in told["policies"]] == [one.name for one in walked.account.policies]
    assert told["policies"][0]["counts"] == walked.account.policies[0].counts
    for policy in replay.policies:
        assert_same_tables(replay.gateways_of(policy), walked.replay.gateways_of(policy))


def test_the_report_names_every_decision(walked: Walked) -> None:
    """Each policy's decisions are there, with number, instant, version and reason; so are its counts."""
    text = html.unescape(re.sub(r"<[^>]+>", " ", walked.report))
    plain = " ".join(text.split())
    for policy in walked.account.policies:
        assert policy.decisions
        for one in policy.decisions:
            version = "\N{EN DASH}" if one.version is None else one.version
            kind = one.kind.replace("_", " ")
            assert f"{one.number} {one.at} {kind} {version} {' '.join(one.reason.split())}" in plain


def test_the_report_stands_alone_and_tells_no_clock_and_no_path(walked: Walked) -> None:
    """Nothing is fetched or run, and neither this machine's folders nor the time of the walk are in it."""
    assert not re.search(r"https?:|file:|//[a-z]|<script|<link|<img|<iframe|@import|\bsrc=|\bon[a-z]+=", walked.report)
    assert set(re.findall(r"""(?:href="|url\()(.)""", walked.report)) <= {"#"}
    assert str(walked.replay.settings.home) not in walked.report
    assert str(walked.replay.settings.project) not in walked.report
    assert f"{pd.Timestamp.now():%Y-%m-%d}" not in walked.report
    identities = re.findall(r'\bid="([^"]+)"', walked.report)
    assert len(identities) == len(set(identities))


def test_text_of_others_cannot_become_markup(walked: Walked, tmp_path: Path) -> None:
    """A policy's name, a description and a reason with angle brackets and dollar signs are shown as they are."""
    nasty = "<script>alert(1)</script> & $x_y$"
    main, *others = walked.account.policies
    decision, *more = main.decisions
    changed = replace(main, name=nasty, decisions=(replace(decision, reason=nasty), *more))
    account = replace(walked.account, description=nasty, policies=(changed, *others))
    report = write_report(account, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in report
    assert html.escape(nasty) in report


def test_a_replay_that_was_begun_with_other_code_is_not_gone_on_with(walked: Walked, tmp_path: Path) -> None:
    """What other code or other suites did would not be repeated: the way out is named."""
    replay = replace(walked.replay, settings=replace(walked.replay.settings, home=tmp_path))
    replay.folder.mkdir(parents=True)
    ground = json.loads((walked.replay.folder / "replay.json").read_text())
    (replay.folder / "replay.json").write_text(json.dumps(ground | {"code": "another"}))
    with pytest.raises(EvenkeelError, match=r"begun with other code.*--fresh"):
        run_replay(replay)


def test_a_period_is_replayed_once_at_a_time(walked: Walked) -> None:
    """A second replay of the same period is told to wait, and changes nothing."""
    holder = (
        "import fcntl, sys, time; stream = open(sys.argv[1], 'a'); fcntl.flock(stream, fcntl.LOCK_EX); "
        "print('held', flush=True); time.sleep(600)"
    )
    lock = walked.replay.folder.parent / f".{walked.replay.span}.lock"
    with subprocess.Popen([sys.executable, "-c", holder, str(lock)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(EvenkeelError, match="is being replayed already"):
            run_replay(walked.replay)
        other.kill()


def spec_of(project: Path) -> ModelSpec:
    return find_spec(project / "config" / "models", "flight_delay")


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2013-02-09", "2013-02-02", "--to 2013-02-02 is before --from 2013-02-09"),
        ("2012-12-31", "2013-02-02", "before 2013-01-01, where the data of flight_delay begins"),
        ("2013-12-01", "2014-01-01", "not before 2014-01-01, where the data of flight_delay ends"),
        ("february", "2013-02-02", "'february' is not a day"),
    ],
)
def test_a_period_that_cannot_be_is_refused(project: Path, first: str, last: str, said: str) -> None:
    """Days out of order or outside the spec's period are named with the rule they break."""
    with pytest.raises(AsOfMissingError, match=said):
        Span.parse(spec_of(project), first, last)


@pytest.mark.parametrize(
    ("changes", "named", "said"),
    [
        (["drift.alhpa=0.4"], [], r"--set: drift\.alhpa: unknown key\. Did you mean 'alpha'\?"),
        (["drfit.alpha=0.4"], [], r"--set: drfit: unknown key\. Did you mean 'drift'\?"),
        (["drift.alpha=2"], [], r"--set: drift\.alpha: input should be less than or equal to 0\.2, got 2"),
        (["drift.alpha.deep=2"], [], r"--set: drift\.alpha\.deep: drift\.alpha is a value, 0\.05, and has no keys"),
        (["drift.alpha"], [], r"--set: 'drift\.alpha': write path=value"),
        (["rows.key=[a]"], [], r"--set: rows\.key: policies are compared on the same rows and labels"),
        (["training.candidates.trees.encoding=one_hot"], [], r"there is no 'trees'\. Valid: boosted_trees"),
        ([], ["patient"], r"--policy 'patient': write a name, a colon and changes"),
        ([], ["patient: retraining.needed=9"], r"--policy patient: retraining: needed: 9 signals can never be found"),
        ([], ["a: drift.alpha=0.1", "a: drift.alpha=0.2"], "are the names of two policies"),
    ],
)
def test_a_change_that_cannot_be_is_refused_with_its_nearest_match(
    project: Path, changes: list[str], named: list[str], said: str
) -> None:
    """Changes are held to the spec's own rules, in its own words."""
    with pytest.raises(SpecError, match=said):
        policies_of(spec_of(project), changes=changes, named=named)


def test_changes_reach_into_lists_and_a_named_policy_may_change_several_keys(project: Path) -> None:
    """A candidate is named by its name, values are read as YAML, and what --set changes holds for every policy."""
    policies = policies_of(
        spec_of(project),
        changes=["training.candidates.boosted_trees.params.max_iter=7"],
        named=["patient: retraining.needed=2, retraining.cooldown=28d"],
    )
    assert [one.name for one in policies] == [
        "as set",
        "patient",
        "never retrain",
        "every 14 days",
    ]
    assert policies[0].rule.startswith("training.candidates.boosted_trees.params.max_iter=7; schedule 0 6 * * 1; ")
    assert {one.spec.training.candidates[0].params["max_iter"] for one in policies} == {7}
    assert (policies[1].spec.retraining.needed, policies[1].spec.retraining.cooldown.days) == (2, 28)


def test_what_passes_is_promoted_as_if_approved(project: Path) -> None:
    """A replay has nobody to ask: a spec that wants approval is walked as if it had been given, under every policy."""
    asks = policies_of(spec_of(project), changes=["promotion.mode=approval"])
    assert {one.spec.promotion.mode for one in asks} == {"automatic"}
