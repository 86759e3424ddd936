"""Mutants: for each law its mechanism, broken in one way. Every one of them must make a test of its law fail."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """An exact replacement in a file below `include/evenkeel`; `old` is there once."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutation:
    """One law's mechanism, removed or bent. Several edits where it has more than one door.

    The law's tests whose names hold `first` are run before its others.
    """

    law: int
    name: str
    edits: tuple[Edit, ...]
    first: str = ""


def one(law: int, name: str, file: str, old: str, new: str, first: str = "") -> Mutation:
    """A mutation of one edit."""
    return Mutation(law, name, (Edit(file, old, new),), first)


SOURCES, FRAME = "gateways/sources.py", "workflows/frame.py"
LAKE, REGISTRY, STAGING = "gateways/lake.py", "gateways/registry.py", "gateways/staging.py"
EXPECTATIONS, FINDINGS = "gateways/expectations.py", "gateways/findings.py"
LEDGER, SCORE, TRAIN, CHALLENGE = (f"workflows/{name}.py" for name in ("ledger", "score", "train", "challenge"))
CHECK, GATE, PROMOTE, NEEDS = (f"workflows/{name}.py" for name in ("drift_check", "data_gate", "promote", "needs"))
RETRAINING, DRIFT = "decisions/retraining.py", "decisions/drift.py"
SHADOW, SHADOW_SCORES = "workflows/shadow.py", "workflows/shadow_scores.py"
CALIBRATED = "decisions/calibrated.py"
RETRAIN, ROLLBACK = "workflows/retrain.py", "workflows/rollback.py"
PROMOTION, FOLDS, LINEAGE = "decisions/promotion.py", "decisions/folds.py", "workflows/lineage.py"
AS_OF, DECLARE, TURNS = "airflow/as_of.py", "airflow/declare.py", "airflow/fair_turns.py"

TIMES = "for column in filter(None, (table.known_at, table.ingested_at)):"

MUTATIONS = (
    # Time
    Mutation(
        1,
        "a check acts from the clock",
        (
            Edit(CHECK, "import json\n", "import json\nfrom datetime import UTC, datetime\n"),
            Edit(CHECK, "    as_of = spec.check_as_of(partition)\n", "    as_of = datetime.now(UTC)\n"),
        ),
        first="-drift check",
    ),
    Mutation(
        1,
        "the days before are looked at as they are now",
        (
            Edit(
                GATE,
                "from functools import partial\n",
                "from datetime import UTC, datetime\nfrom functools import partial\n",
            ),
            Edit(
                GATE,
                "recent = _recent_rows(spec, partition, spec.scoring_as_of(partition), gateways)",
                "recent = _recent_rows(spec, partition, datetime.now(UTC), gateways)",
            ),
        ),
        first="asks_the_clock",
    ),
    one(
        1,
        "a check draws another sample each time",
        "workflows/check_window.py",
        "random_state=seed",
        "random_state=None",
        first="-drift check",
    ),
    Mutation(
        2,
        "what was not known yet is there",
        (
            Edit(SOURCES, TIMES, "for column in filter(None, (table.ingested_at,)):"),
            Edit(FRAME, TIMES, "for column in filter(None, (table.ingested_at,)):"),
        ),
    ),
    Mutation(
        2,
        "what had not landed yet is there",
        (
            Edit(SOURCES, TIMES, "for column in filter(None, (table.known_at,)):"),
            Edit(FRAME, TIMES, "for column in filter(None, (table.known_at,)):"),
        ),
    ),
    one(2, "each day is seen as of the window's end", FRAME, TIMES, "for column in ():", first="learns_from_each_day"),
    one(
        2,
        "labels are there as soon as they are known",
        FRAME,
        "known = _there(found[matured], spec.label, as_of, key)",
        "known = _there(found, spec.label, as_of, key)",
    ),
    one(
        2,
        "checks of the future count",
        RETRAINING,
        "(one for one in checks if one.as_of <= as_of)",
        "(one for one in checks)",
        first="-retraining",
    ),
    one(
        2,
        "retrainings of the future count",
        RETRAINING,
        "(one for one in launched if one.as_of <= as_of)",
        "(one for one in launched)",
        first="-retraining",
    ),
    one(
        2,
        "the days before are looked at as of later",
        GATE,
        "recent = _recent_rows(spec, partition, spec.scoring_as_of(partition), gateways)",
        "recent = _recent_rows(spec, partition, partition.shift(30).start, gateways)",
        first="-scoring",
    ),
    one(
        3,
        "the champion that holds last scores the past",
        SCORE,
        "champion_of(entries, as_of if choice == AS_OF_CHAMPION else None)",
        "champion_of(entries)",
    ),
    one(
        3,
        "scores do not say who was asked for",
        SCORE,
        'c.CHOICE: start["choice"]}',
        "c.CHOICE: AS_OF_CHAMPION}",
        first="may_ask",
    ),
    one(
        3,
        "a promotion holds only after its instant",
        LEDGER,
        "if one.effective_at <= instant]",
        "if one.effective_at < instant]",
    ),
    one(
        3,
        "a check looks at the champion of its own instant",
        CHECK,
        "gateways.ledger.champion(spec.model, spec.scoring_as_of(partition))",
        "gateways.ledger.champion(spec.model, spec.check_as_of(partition))",
        first="champion_of_its_day",
    ),
    one(
        3,
        "a check looks at everybody's scores",
        "workflows/check_window.py",
        "mine = (pads.field(c.MODEL_VERSION) == champion)",
        "mine = (pads.field(c.MODEL_VERSION) >= 0)",
        first="champion_of_its_day",
    ),
    one(
        3,
        "a backfill does not wait for answers to signals",
        NEEDS,
        "    if unanswered:\n",
        "    if False:\n",
        first="backfill_waits",
    ),
    one(
        3, "a backfill does not wait for trainings", NEEDS, "    if late:\n", "    if False:\n", first="backfill_waits"
    ),
    one(
        3,
        "a backfill does not wait for retrainings",
        NEEDS,
        "    if undecided:\n",
        "    if False:\n",
        first="backfill_waits",
    ),
    one(
        3,
        "a backfill does not wait for rollbacks",
        NEEDS,
        "if unsettled else None",
        "if False else None",
        first="what_follows",
    ),
    one(
        3,
        "a backfill does not wait for checks",
        NEEDS,
        "    if unchecked:\n",
        "    if False:\n",
        first="backfill_waits",
    ),
    one(3, "a check takes stale scores", NEEDS, "    if stale:\n", "    if False:\n", first="check_waits"),
    one(
        4,
        "the order of writing is that of holding",
        LEDGER,
        "key=lambda one: (one.effective_at, one.sequence))",
        "key=lambda one: one.sequence)",
        first="order_of_writing",
    ),
    one(
        4,
        "the alias follows whoever decided last",
        PROMOTE,
        "        champion = champion_of(entries)\n        if champion is None or champion.version in",
        "        champion = entry\n        if champion is None or champion.version in",
    ),
    one(
        4,
        "a training of the past meets the champion of today",
        LEDGER,
        "if one.subject != subject and one.id != came_of_it], instant)",
        "if one.subject != subject and one.id != came_of_it])",
        first="training_meets",
    ),
    one(
        5,
        "without an instant the clock is asked",
        AS_OF,
        "    raise AsOfMissingError(\n        f\"run {context['run_id']} has no partition",
        "    from datetime import UTC, datetime\n\n    return Partition.containing(datetime.now(UTC), spec.timezone)\n"
        "    raise AsOfMissingError(\n        f\"run {context['run_id']} has no partition",
    ),
    one(
        5,
        "of two partitions one is chosen",
        AS_OF,
        "if given and own and given != own:",
        "if False:",
        first="two_instants",
    ),
    one(
        5,
        "the logical date is not looked at",
        AS_OF,
        "run.logical_date or run.data_interval_start",
        "run.data_interval_start",
        first="wherever",
    ),
    one(
        5,
        "the data interval is not looked at",
        AS_OF,
        "run.logical_date or run.data_interval_start",
        "run.logical_date",
        first="wherever",
    ),
    one(
        5,
        "a signal acts as a training does",
        AS_OF,
        "return spec.check_as_of(",
        "return spec.training_as_of(",
        first="wherever",
    ),
    # Publishing
    one(
        6,
        "a publish is two commits",
        LAKE,
        "            if len(frame):\n                _same_types(present, rows, uri)\n",
        "            if len(frame):\n                _same_types(present, rows, uri)\n"
        "            present.delete(f\"{c.PARTITION} = '{partition}'\")\n",
    ),
    one(
        6,
        "a publish appends",
        LAKE,
        '                mode="overwrite",\n                predicate=f"{c.PARTITION} = \'{partition}\'",\n',
        '                mode="append",\n',
    ),
    one(
        6,
        "a publish replaces the whole table",
        LAKE,
        "                predicate=f\"{c.PARTITION} = '{partition}'\",\n",
        "",
    ),
    one(
        7,
        "a publish does not know that it is done",
        LAKE,
        "if present.transaction_version(app) == token:",
        "if False:",
        first="-scoring",
    ),
    Mutation(
        7,
        "a version is made without looking for the run's",
        (
            Edit(
                REGISTRY,
                "        if not present:\n            self._make_version",
                "        if True:\n            self._make_version",
            ),
            Edit(
                REGISTRY,
                "        first, *ghosts = present\n",
                "        first, *ghosts = present\n        ghosts = []\n",
            ),
        ),
    ),
    Mutation(
        7,
        "a run is begun without looking for its key",
        (
            Edit(
                REGISTRY,
                "            if not found:\n                labels",
                "            if True:\n                labels",
            ),
            Edit(
                REGISTRY,
                "            for ghost in ghosts:\n                if DIGEST",
                "            for ghost in []:\n                if DIGEST",
            ),
        ),
    ),
    one(7, "a decision is written again", LEDGER, "            if present is not None:\n", "            if False:\n"),
    one(
        7,
        "a metric is written again",
        REGISTRY,
        " if shown.get(key) != float(value)\n",
        "\n",
        first="one_run_and_one_version",
    ),
    one(
        7,
        "a finished training is begun anew",
        REGISTRY,
        'if run_id == made or run.info.status == "FINISHED":',
        "if run_id == made:",
    ),
    one(
        8,
        "staged files are nobody's",
        STAGING,
        'return f"{self._root}/{run}@{self._owner}"',
        'return f"{self._root}/{run}"',
    ),
    one(
        8,
        "shards of two champions are one partition",
        SCORE,
        "if by not in ([champion], []):",
        "if False:",
        first="two_champions",
    ),
    one(
        9,
        "quarantined rows are dropped",
        SCORE,
        "    _publish_quarantine(spec, partition, quarantined, metadata, gateways)\n",
        "",
    ),
    one(9, "rows without a time are dropped", GATE, "    if strays is not None and len(strays):\n", "    if False:\n"),
    one(
        9,
        "repaired rows stay in quarantine",
        SCORE,
        "if len(rows) or (before is not None and len(before)):",
        "if len(rows):",
        first="repaired_rows",
    ),
    one(
        9,
        "a row has one reason at most",
        GATE,
        'reasons = "; ".join(validation.bad_rows[position])',
        "reasons = validation.bad_rows[position][0]",
    ),
    one(
        9,
        "a training learns from quarantined rows",
        TRAIN,
        '    gateways.staging.put(run, "validated", accepted)\n',
        '    gateways.staging.put(run, "validated", frame)\n',
        first="training_learns",
    ),
    Mutation(
        9,
        "the last shard is forgotten",
        (
            Edit(
                SCORE,
                "    shards = max(1, math.ceil(len(gated.accepted) / spec.scoring.shard_rows))\n",
                "    shards = max(1, math.floor(len(gated.accepted) / spec.scoring.shard_rows))\n",
            ),
            Edit(SCORE, 'if len(scored) != expected["rows"]:', "if False:"),
        ),
        first="-shards",
    ),
    one(10, "scores are not counted", SCORE, 'if len(scored) != expected["rows"]:', "if False:", first="fewer"),
    one(10, "critical findings about scores are let through", SCORE, "    refuse_critical(validation, what)\n", ""),
    # Data gate
    one(11, "a critical finding is a warning", GATE, 'if one.severity == "critical"]', 'if one.severity == "fatal"]'),
    one(
        11,
        "a message without examples",
        FINDINGS,
        'such = f", such as {\', \'.join(self.examples)}" if self.examples else ""',
        'such = ""',
        first="message_names",
    ),
    one(
        11,
        "a gate is tried again",
        DECLARE,
        "RetryRule(exception=EvenkeelError, action=RetryAction.FAIL,",
        "RetryRule(exception=EvenkeelError, action=RetryAction.RETRY,",
        first="not_tried",
    ),
    one(
        11,
        "a repaired partition stays refused",
        SCORE,
        "    if partition.key in gateways.lake.partitions(spec.model, REFUSED):\n",
        "    if False:\n",
        first="until_it_is",
    ),
    one(
        11,
        "a refused training leaves no record",
        TRAIN,
        "            _record_refusal(spec, as_of, str(error), gateways)\n",
        "",
        first="-training",
    ),
    one(
        12,
        "there is no budget",
        GATE,
        "if share > spec.data_gate.quarantine_budget:",
        "if False:",
        first="over_the_budget_a_warning",
    ),
    one(12, "a warning sets nothing aside", FINDINGS, 'if outcome.entry.severity != "warning":', "if True:"),
    one(
        12,
        "a reason says no more than the expectation",
        FINDINGS,
        'reason = f"{outcome.entry.name}: {notes}" if notes else outcome.entry.name',
        "reason = outcome.entry.name",
    ),
    one(13, "an exception is swallowed", EXPECTATIONS, "        if cause is None:\n", "        if True:\n"),
    one(
        13,
        "an exception of a warning is swallowed",
        EXPECTATIONS,
        "        if cause is None:\n",
        '        if cause is None or entry.severity == "warning":\n',
        first="-warning",
    ),
    one(
        13,
        "what was never staged is empty",
        SCORE,
        '    frame = gateways.staging.get(run, f"shard_{shard}")\n',
        "    frame = pd.DataFrame({name: [] for name in spec.features.names})\n",
        first="without_results",
    ),
    one(14, "a file without a column is nulls", SOURCES, "    _every_file_has(dataset, list(table.columns))\n", ""),
    one(
        14,
        "an empty partition is scored",
        SCORE,
        "    if frame.empty:\n        raise GateRefusedError(",
        "    if False:\n        raise GateRefusedError(",
        first="empty batch",
    ),
    one(
        14,
        "nobody knows how many rows are usual",
        GATE,
        'return {"recent_rows": float(rows.median())} if len(rows) >= _USUAL else {}',
        "return {}",
        first="volume drop",
    ),
    one(
        14,
        "labels are not gated",
        TRAIN,
        "if spec.data_gate.labels is not None and",
        "if False and",
        first="label-rate",
    ),
    one(
        14,
        "keys of other days are not looked for",
        GATE,
        "c.ALSO_IN: _met_in(spec, frame, recent), c.LOCAL_HOUR",
        "c.ALSO_IN: None, c.LOCAL_HOUR",
        first="another_day",
    ),
    # Airflow
    one(
        26,
        "a reason names every column",
        DRIFT,
        "for one in measures[:_NAMED]",
        "for one in measures",
        first="many_features",
    ),
    one(
        26,
        "quarantined rows travel between tasks",
        "airflow/operators/score.py",
        '"quarantined": validated.quarantined}',
        '"quarantined": gateways.staging.get(f"{self.model}/score/{partition.key}", "quarantined")["_reasons"].tolist()}',
    ),
    one(
        27,
        "a backfill weighs as much as today",
        TURNS,
        'return own if ti.run_id.startswith("backfill__") else _TODAY * own',
        "return own",
    ),
    one(27, "today weighs a little more", TURNS, "_TODAY = 100\n", "_TODAY = 2\n"),
    one(
        27,
        "scoring waits for long tasks",
        DECLARE,
        '_LONG = {"train", "drift_check"}',
        '_LONG = {"train", "drift_check", "score"}',
        first="share_a_pool",
    ),
    one(
        27,
        "checks may take every slot",
        DECLARE,
        '_LONG = {"train", "drift_check"}',
        '_LONG = {"train"}',
        first="share_a_pool",
    ),
    one(
        27,
        "the pool has all slots",
        TURNS,
        'conf.getint("core", "parallelism") - 2',
        'conf.getint("core", "parallelism")',
        first="two_slots",
    ),
    one(
        27,
        "a size that someone set is overwritten",
        TURNS,
        "    if Pool.get_pool(POOL) is not None:\n        return\n",
        "",
        first="two_slots",
    ),
    one(
        27,
        "tasks are weighed by what comes after them",
        DECLARE,
        '            "weight_rule": TODAY_FIRST,\n',
        "",
        first="weighed",
    ),
    one(28, "orphans stay", REGISTRY, "if _begun(run) < before]", "if False]", first="nobody_repeats"),
    one(28, "runs under way are ended", REGISTRY, "if _begun(run) < before]", "]", first="nobody_repeats"),
    one(
        28,
        "nobody waits for an approval",
        "workflows/maintain.py",
        "now - _LONGEST - spec.promotion.approval_timeout",
        "now - _LONGEST",
        first="nobody_repeats",
    ),
    one(28, "a run is never finished", CHALLENGE, '    gateways.registry.finish(evaluated["run_id"])\n', ""),
    one(
        28,
        "a failed training's run goes on",
        CHALLENGE,
        "gateways.registry.finish(run_id, failed=True)",
        "pass",
        first="that_fails",
    ),
    Mutation(
        28,
        "a killed training's run is not found again",
        (
            Edit(
                REGISTRY,
                "            if not found:\n                labels",
                "            if True:\n                labels",
            ),
            Edit(REGISTRY, "            run, *ghosts = found\n", "            *ghosts, run = found\n"),
            Edit(
                REGISTRY,
                "            for ghost in ghosts:\n                if DIGEST",
                "            for ghost in []:\n                if DIGEST",
            ),
        ),
    ),
    # Training and promotion
    one(
        15,
        "the holdout follows the training rows at once",
        TRAIN,
        "train_until = min(gap_from, holdout_from - spec.label.maturation)",
        "train_until = holdout_from",
        first="the_split",
    ),
    one(
        15,
        "a fold is measured on the day after",
        FOLDS,
        "return min(back(test.start, gap, test.timezone), test.start - maturation)",
        "return test.start",
        first="folds",
    ),
    one(
        16,
        "a version does not say its lock",
        LINEAGE,
        '        "evenkeel.lock": lock_hash(gateways.settings.project),\n',
        "",
    ),
    one(
        16,
        "a version is rebuilt with another seed",
        "workflows/rebuild.py",
        'update={"seed": recorded.seed}',
        'update={"seed": recorded.seed + 1}',
        first="made_again",
    ),
    one(
        17,
        "the larger metric wins",
        PROMOTION,
        "    if gain.low <= rules.margin:\n",
        "    if gain.value <= rules.margin:\n",
        first="noise",
    ),
    one(
        17,
        "rows are drawn as if they were days",
        "decisions/comparison.py",
        "keys, places = np.unique(days, return_inverse=True)",
        "keys, places = np.unique(np.arange(len(days)), return_inverse=True)",
        first="noise",
    ),
    one(
        17,
        "the champion again is promoted",
        PROMOTION,
        "        if gain.high <= rules.margin:\n            return Verdict(Outcome.REFUSE,",
        "        if gain.high <= rules.margin:\n            return Verdict(Outcome.PASS,",
        first="champion_again",
    ),
    Mutation(
        2,
        "a shadow is judged by labels as soon as they are known",
        (
            Edit(SHADOW, "if one.end + spec.label.maturation <= as_of]", "if one.end <= as_of]"),
            Edit(
                FRAME,
                "known = _there(found[matured], spec.label, as_of, key)",
                "known = _there(found, spec.label, as_of, key)",
            ),
        ),
        first="labels_have_matured",
    ),
    one(
        3,
        "the shadow's scores are published",
        SHADOW_SCORES,
        "published = _with_canary(spec, scored, theirs, version)",
        "published = _in_its_words(scored, theirs)",
        first="shadow_s_scores",
    ),
    one(
        3,
        "a canary's scores do not say so",
        SHADOW_SCORES,
        "{c.ROLE: c.CANARY_ROLE, c.MODEL_VERSION: version}",
        "{}",
        first="shadow_s_scores",
    ),
    one(
        3,
        "a shadow has no term",
        LEDGER,
        "found if found is not None and instant < term_end(found) else None",
        "found",
        first="within_its_term",
    ),
    one(
        17,
        "a dropped shadow is promoted",
        SHADOW,
        "Kind.PROMOTED if verdict.outcome is ShadowOutcome.PROMOTE else Kind.DROPPED",
        "Kind.PROMOTED",
        first="is_dropped",
    ),
    one(
        17,
        "a shadow is never dropped",
        SHADOW,
        "ended = as_of >= _last_label(spec, shadow)",
        "ended = False",
        first="is_dropped",
    ),
    one(
        17,
        "every look is a test of its own",
        "decisions/sequential.py",
        "    elif e_value >= needed:\n",
        "    elif student.sf(days.mean() / days.std(ddof=1) * len(days) ** 0.5, len(days) - 1) < alpha:\n",
        first="looking_every_day",
    ),
    one(18, "few labels decide", PROMOTION, "compared.labels < rules.min_labels", "False", first="too_little"),
    one(18, "few days decide", PROMOTION, "compared.days < rules.min_days", "False", first="too_little"),
    one(
        18,
        "a challenger is promoted that no gate passed",
        PROMOTE,
        "    if kind is Kind.PROMOTED and not passed:\n",
        "    if False:\n",
        first="cannot_judge",
    ),
    one(
        19,
        "who was rolled back is not barred",
        "workflows/ledger.py",
        "            found[one.previous_version] = one\n",
        "            pass\n",
        first="does_not_return",
    ),
    Mutation(
        19,
        "a rollback again goes one further back",
        (
            Edit(
                PROMOTE,
                'entry_id = f"rolled_back/{as_of.isoformat()}"',
                'entry_id = f"rolled_back/{as_of.isoformat()}/{len(gateways.ledger.entries(spec.model))}"',
            ),
            Edit(
                PROMOTE,
                "        if champion is not None and champion.kind is Kind.ROLLED_BACK and _same_day(",
                "        if champion is not None and champion.kind is Kind.KEPT and _same_day(",
            ),
        ),
        first="one_entry",
    ),
    one(
        20,
        "every measure has alpha to itself",
        CALIBRATED,
        "largest = np.maximum(largest, by_chance / scale)",
        "largest = np.full(draws, 1.0)",
        first="at_most_alpha",
    ),
    one(
        20,
        "rows of a day are taken for independent days",
        CALIBRATED,
        "return max(1, min(WEEK, window_days, reference_days // 6))",
        "return 1",
        first="at_most_alpha",
    ),
    one(
        20,
        "a window of few rows is held against one of many",
        CALIBRATED,
        "    thinned = _thinned(drawn, int(here.sum()), rng)\n",
        "    thinned = drawn\n",
        first="at_most_alpha",
    ),
    one(
        20,
        "nothing is beyond chance",
        CALIBRATED,
        "        return in_thresholds(self.value, self.threshold)",
        "        return 0.0",
        first="is_found",
    ),
    one(
        21,
        "a window of a few rows did not drift",
        DRIFT,
        "    if rows < min_rows:\n",
        "    if False:\n",
        first="too_few_rows",
    ),
    one(
        21,
        "where nothing was measured nothing drifted",
        DRIFT,
        "    if not measures:\n",
        "    if False:\n",
        first="nothing_measured",
    ),
    one(
        23,
        "the reference stays the first champion's",
        CHECK,
        "reference = reference_of(spec, champion.training, champion.version, gateways)",
        "reference = reference_of(\n"
        "        spec, gateways.lake.partitions(spec.model, 'reference_profiles')[0], champion.version, gateways\n"
        "    )",
        first="follows_the_champion",
    ),
    one(
        19,
        "a rollback by itself is decided anew each time",
        ROLLBACK,
        'return f"{SETTLED}{asked.training}"',
        'return f"{SETTLED}{asked.training}/{id(asked)}"',
        first="by_itself",
    ),
    one(
        19,
        "a rollback by itself returns to whoever was champion",
        ROLLBACK,
        "out = {champion.version, *barred(entries, as_of)}",
        "out = {champion.version}",
        first="nobody_who_is_barred",
    ),
    one(
        4,
        "a rollback by itself holds from the end of time",
        ROLLBACK,
        "rollback_entry(settled_id(asked), asked.effective_at,",
        "rollback_entry(settled_id(asked), asked.effective_at.replace(year=2999),",
        first="by_itself",
    ),
    # Signals
    one(
        23,
        "what an earlier champion signalled counts",
        RETRAINING,
        "if one.signals and one.champion == champion]",
        "if one.signals]",
        first="earlier_champion",
    ),
    one(
        22,
        "a retraining under way is not known",
        RETRAINING,
        'is under way" if found else None',
        'is under way" if False else None',
        first="ten_signals",
    ),
    one(
        22,
        "each run that was told of a signal launches",
        RETRAIN,
        "if by == gateways.run or not verdict.passed:",
        "if True:",
        first="woke",
    ),
    one(
        22,
        "a cause is answered again",
        RETRAINING,
        "if not asking or not asking <=",
        "if True or not asking <=",
        first="cause",
    ),
    one(
        22,
        "a new cause is declined with the old one",
        RETRAINING,
        "not asking <= {cause for one in kept for cause in one.causes}",
        "not asking & {cause for one in kept for cause in one.causes}",
        first="cause",
    ),
    one(22, "there is no cap", RETRAINING, "if asked.spent < cap.trainings:", "if True:", first="cap"),
    one(22, "there is no cooldown", RETRAINING, 'of cooldown" if near else None', 'of cooldown" if False else None'),
    one(
        22,
        "decay waits for what drift asked for",
        RETRAINING,
        "own = [one for one in judged if DECAY in one.causes] if DECAY in asked.lasting else judged",
        "own = judged",
        first="decay",
    ),
    one(
        22,
        "a lost signal is not found",
        RETRAIN,
        "if one.signals and not answered.intersection",
        "if one.signals and answered.intersection",
        first="lost",
    ),
    one(
        22,
        "an answer is written for each event",
        RETRAIN,
        "entry = gateways.ledger.record(spec.model, signal_id(as_of), decide)",
        'entry = gateways.ledger.record(spec.model, f"{signal_id(as_of)}/{len(gateways.ledger.entries(spec.model))}", decide)',
        first="lost",
    ),
    one(
        31,
        "the ledger's digest is not looked at",
        REGISTRY,
        "        if digest is not None and digest != found:\n",
        "        if False:\n",
        first="ledger_does_not_know",
    ),
    one(
        31,
        "nobody asks the ledger for the digest",
        "workflows/predict.py",
        "digest = digest_of(gateways.ledger.entries(spec.model), number)",
        "digest = None",
        first="ledger_does_not_know",
    ),
)
