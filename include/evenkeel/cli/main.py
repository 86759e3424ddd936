"""The command `evenkeel`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from evenkeel.cli.alerts import alerts
from evenkeel.cli.approvals import approvals, approve
from evenkeel.cli.console import Steps, err, history_table, out, status_table
from evenkeel.cli.doors import open_gateways
from evenkeel.cli.explain import explain
from evenkeel.cli.quarantine import quarantine
from evenkeel.cli.replay import replay
from evenkeel.cli.reproduce import rebuild, reproduce
from evenkeel.vocabulary.errors import AsOfMissingError, EvenkeelError, GateRefusedError
from evenkeel.vocabulary.partition import parse_instant
from evenkeel.vocabulary.settings import read_settings
from evenkeel.vocabulary.spec_file import find_spec, load_specs

if TYPE_CHECKING:
    from datetime import datetime

    from evenkeel.vocabulary.partition import Partition
    from evenkeel.vocabulary.spec import ModelSpec

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Keeps machine-learning models on an even keel.")
app.command()(replay)
app.command()(quarantine)
app.command()(reproduce)
app.command()(explain)
app.command(hidden=True)(rebuild)
app.command()(alerts)
app.command()(approvals)
app.command()(approve)

Model = Annotated[str, typer.Argument(help="Name of the model, as in config/models/NAME.yaml.")]
AsOf = Annotated[str | None, typer.Option(help="Instant to act from: a date in the model's time zone, or ISO 8601.")]
Key = Annotated[str | None, typer.Option("--partition", help="Partition to work on, such as 2013-04-01.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command()
def check(
    sources: Annotated[
        bool, typer.Option("--sources", help="Also ask each source for its first hour of data.")
    ] = False,
) -> None:
    """Validate every model spec, its suites, estimators and feature function."""
    from evenkeel.workflows.check import check_spec

    settings = read_settings()
    specs, mistakes = load_specs(settings.models)
    for spec in specs:
        found = check_spec(spec, open_gateways(), sources=sources)
        mistakes += found
        if not found:
            out.print(f"{spec.model}: ok ({spec.task}, {len(spec.features.names)} features, spec {spec.hash})")
    if mistakes:
        raise_mistakes(mistakes)
    if not specs:
        raise EvenkeelError(f"no model spec in {settings.models}; write one, config/models/NAME.yaml")


@app.command()
def up(
    airflow_port: Annotated[int, typer.Option(help="Port of the Airflow UI and API, on the loopback address.")] = 8080,
    mlflow_port: Annotated[int, typer.Option(help="Port of the MLflow server, on the loopback address.")] = 5000,
    stock_executor: Annotated[
        bool, typer.Option("--stock-executor", help="Run Airflow's own LocalExecutor instead of the warm one.")
    ] = False,
) -> None:
    """Run Airflow and MLflow together until Ctrl-C; prints where they are and where their passwords lie."""
    from evenkeel.local.environment import STOCK_EXECUTOR, WARM_EXECUTOR
    from evenkeel.local.services import StackOptions, serve

    settings = read_settings()
    options = StackOptions(
        home=settings.home,
        project=settings.project,
        airflow_port=airflow_port,
        mlflow_port=mlflow_port,
        executor=STOCK_EXECUTOR if stock_executor else WARM_EXECUTOR,
    )
    raise typer.Exit(serve(options))


@app.command()
def demo(
    airflow_port: Annotated[int, typer.Option(help="Port of the Airflow UI and API, on the loopback address.")] = 8080,
    mlflow_port: Annotated[int, typer.Option(help="Port of the MLflow server, on the loopback address.")] = 5000,
) -> None:
    """Take a year of real flights through all pipelines in a real Airflow; on a terminal it stays up until Ctrl-C."""
    from evenkeel.cli.demo import run_demo

    run_demo(read_settings(), airflow_port=airflow_port, mlflow_port=mlflow_port, stay=sys.stdout.isatty())


@app.command()
def train(model: Model, as_of: AsOf = None, partition: Key = None) -> None:
    """Train a challenger as of an instant, and promote it if it beats the champion."""
    from evenkeel.workflows.pipelines import run_training

    spec = _spec(model)
    instant = _instant(spec, as_of, partition)
    out.print(f"{model}: train as of {instant.isoformat()}")
    decided = run_training(spec, instant, open_gateways(), Steps())
    told = f"{decided.kind}: version {decided.version}; champion is {decided.champion}. {decided.reason}"
    out.print(told, soft_wrap=True, markup=False)


@app.command()
def score(
    model: Model,
    partition: Key = None,
    champion: Annotated[str, typer.Option(help="Version that scores: as_of, current, or a number.")] = "as_of",
    stale: Annotated[
        bool, typer.Option("--stale", help="Score again what a later decision about the past has made out of date.")
    ] = False,
) -> None:
    """Score one partition with the champion of its day, and publish it."""
    from evenkeel.workflows.pipelines import run_scoring
    from evenkeel.workflows.stale import stale_partitions

    spec, gateways = _spec(model), open_gateways()
    if stale and partition is not None:
        raise EvenkeelError("pass --partition or --stale, not both")
    keys = stale_partitions(spec, gateways) if stale else [_partition(spec, partition).key]
    for key in keys:
        published = run_scoring(spec, spec.partition(key), gateways, Steps(), champion=champion)
        out.print(
            f"published {published.rows} scores of {model} {published.partition} by version {published.champion}, table "
            f"version {published.table_version}",
            soft_wrap=True,
        )
    if not keys:
        out.print(f"no partition of {model} is stale")


@app.command()
def drift_check(model: Model, partition: Key = None) -> None:
    """Check one partition for drift of the inputs and decay of the champion."""
    from evenkeel.workflows.pipelines import run_drift_check

    spec = _spec(model)
    recorded = run_drift_check(spec, _partition(spec, partition), open_gateways(), Steps())
    out.print(f"drift {recorded.drift}, performance {recorded.decay}. {recorded.reason}", soft_wrap=True, markup=False)


@app.command()
def retrain(model: Model, as_of: AsOf = None, partition: Key = None) -> None:
    """Answer the signals up to an instant: retrain if they persist, or say why not. A partition stands for its check."""
    from evenkeel.workflows.pipelines import run_retraining

    spec = _spec(model)
    instant = (
        spec.check_as_of(spec.partition(partition)) if partition and as_of is None else _instant(spec, as_of, partition)
    )
    run_retraining(spec, instant, open_gateways(), Steps())


@app.command()
def promote(
    model: Model,
    version: Annotated[str, typer.Argument(help="Version to promote, or `previous` to roll back.")],
    as_of: AsOf = None,
    force: Annotated[bool, typer.Option("--force", help="Promote whatever the gate says; needs a reason.")] = False,
    reason: Annotated[str, typer.Option(help="Why, for the ledger.")] = "",
) -> None:
    """Promote a version past the gate, or roll back to the previous champion."""
    from evenkeel.workflows.promote import judge_version, promote_version, roll_back

    spec, gateways = _spec(model), open_gateways()
    instant = _instant(spec, as_of, None)
    if version == "previous":
        decided = roll_back(spec, instant, gateways, reason=reason)
    elif version.isdigit():
        verdict = judge_version(spec, instant, int(version), gateways)
        decided = promote_version(spec, instant, int(version), verdict, gateways, force=force, reason=reason)
    else:
        raise EvenkeelError(f"version {version!r} is neither a number nor `previous`")
    told = f"{decided.kind}: champion is {decided.champion} from {decided.effective_at}. {decided.reason}"
    out.print(told, soft_wrap=True, markup=False)


@app.command()
def maintain(model: Model) -> None:
    """Compact a model's tables, drop what its stated history does not keep, close orphaned runs, put the alias right, let go of
    versions nobody needs, name the signals that nobody answered.
    """
    from datetime import UTC, datetime

    from evenkeel.vocabulary.tables import TABLES
    from evenkeel.workflows.maintain import close_orphans, maintain_table, retire_versions, sweep_staging
    from evenkeel.workflows.promote import repair_alias
    from evenkeel.workflows.retrain import unanswered_signals

    spec, gateways, told = _spec(model), open_gateways(), Steps()
    for table in TABLES:
        told(f"table {table}", maintain_table(spec, table, gateways))
    told("orphaned runs", close_orphans(spec, datetime.now(UTC), gateways))
    told("old versions", retire_versions(spec, datetime.now(UTC), gateways))
    told("staging", sweep_staging(spec, gateways))
    repaired = repair_alias(spec, gateways)
    told("alias", "as the ledger says" if repaired is None else repaired.reason)
    unanswered = [one.key for one in unanswered_signals(spec, gateways)]
    told("signals", f"without an answer: {', '.join(unanswered)}" if unanswered else "answered, all of them")


@app.command()
def history(model: Model, as_json: AsJson = False) -> None:
    """Show every decision about a model: when it holds from, when it was written, by whom, and why."""
    entries = open_gateways().ledger.entries(_spec(model).model)
    if as_json:
        sys.stdout.write(json.dumps([asdict(one) for one in entries], indent=2, default=str) + "\n")
    elif entries:
        out.print(history_table(model, entries))
    else:
        out.print(f"nothing has been decided about {model} yet; train it: evenkeel train {model} --as-of DATE")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show each model's champion, last training, last scores and last drift check."""
    from evenkeel.workflows.status import model_status

    specs, mistakes = load_specs(read_settings().models)
    statuses = [model_status(spec, open_gateways()) for spec in specs]
    if as_json:
        sys.stdout.write(json.dumps([asdict(one) for one in statuses], indent=2) + "\n")
    else:
        out.print(status_table(statuses))
    if mistakes:
        raise_mistakes(mistakes)


def run() -> None:
    """Entry point: an error of ours is one clear message and an exit code, never a traceback.

    Exit codes: 1 something is wrong, 2 wrong usage, 3 a gate refused.
    """
    try:
        app()
    except GateRefusedError as error:
        err.print(f"refused: {error}", soft_wrap=True, markup=False)
        sys.exit(3)
    except EvenkeelError as error:
        err.print(f"error: {error}", soft_wrap=True, markup=False)
        sys.exit(1)


def raise_mistakes(mistakes: list[str]) -> None:
    """Raise SpecError with all mistakes."""
    from evenkeel.vocabulary.errors import SpecError

    raise SpecError(mistakes)


def _spec(model: str) -> ModelSpec:
    return find_spec(read_settings().models, model)


def _instant(spec: ModelSpec, as_of: str | None, partition: str | None) -> datetime:
    if (as_of is None) == (partition is None):
        raise AsOfMissingError(
            "pass exactly one of --as-of (an instant) and --partition (a day, acting from when its schedule comes to it)"
        )
    return spec.training_as_of(spec.partition(partition)) if partition else parse_instant(str(as_of), spec.timezone)


def _partition(spec: ModelSpec, key: str | None) -> Partition:
    if key is None:
        raise AsOfMissingError("pass --partition, a day such as 2013-04-01; nothing here acts from the clock")
    return spec.partition(key)
