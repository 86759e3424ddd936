"""The data gate: a suite's findings into accepted rows, quarantined rows with reasons, or a refusal.

Beside its own rows a partition is held against those before it: how many are usual, and whether a key was there before.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import GateRefusedError, SourceError
from evenkeel.vocabulary.partition import Partition, back, partitions_between

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from evenkeel.gateways.expectations import Validation
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways

_USUAL = 3
"""Recent partitions below which nobody can say how many rows are usual."""


@dataclass(frozen=True)
class Gated:
    """What the gate let through, what it set aside (with `_reasons`), and the page that shows why.

    `unevaluated` names the expectations that could not be held against the rows, and says why.
    """

    accepted: pd.DataFrame
    quarantined: pd.DataFrame
    page: str
    suite_hash: str
    findings: tuple[str, ...]
    unevaluated: tuple[str, ...]


def gate_partition(
    spec: ModelSpec, partition: Partition, frame: pd.DataFrame, *, what: str, page: str, gateways: Gateways
) -> Gated:
    """Hold the rows of one partition against the spec's suite and the partitions before it.

    Args:
        spec: the model, with its suite and its quarantine budget.
        partition: whose rows they are.
        frame: the rows; features and key included.
        what: the run in words, for the message and the page's title.
        page: name under which the Data Docs page is kept; it is kept before anything is refused.
        gateways: the doors.

    Raises:
        GateRefusedError: for a critical finding, and for more quarantined rows than the budget.
    """
    recent = _recent_rows(spec, partition, spec.scoring_as_of(partition), gateways)
    checked = frame.assign(**{c.ALSO_IN: _met_in(spec, frame, recent), c.LOCAL_HOUR: _local_hour(spec, frame)})
    usual = _usual_rows(recent)
    strays = _strays(spec, partition, frame, gateways)
    return _gate(spec, spec.data_gate.rows, checked, usual, what=what, page=page, gateways=gateways, strays=strays)


def gate_window(
    spec: ModelSpec, as_of: datetime, frame: pd.DataFrame, *, what: str, page: str, gateways: Gateways
) -> Gated:
    """Hold a training's rows against the same suite as each partition's; a key counts where it was met first.

    Takes and raises what `gate_partition` does; `as_of` is the training's.
    """
    first = frame.groupby(list(spec.rows.key), dropna=False)[c.PARTITION].transform("first")
    also_in = first.astype(object).mask(first == frame[c.PARTITION])
    checked = frame.assign(**{c.ALSO_IN: also_in, c.LOCAL_HOUR: _local_hour(spec, frame)})
    usual = _usual_rows(_recent_rows(spec, Partition.containing(as_of, spec.timezone), as_of, gateways))
    return _gate(spec, spec.data_gate.rows, checked, usual, what=what, page=page, gateways=gateways)


def gate_labels(
    spec: ModelSpec, before: pd.DataFrame, holdout: pd.DataFrame, *, what: str, page: str, gateways: Gateways
) -> Gated:
    """Hold a training's labels against the spec's label suite: those before the holdout, then the holdout's beside them.

    Rows that it sets aside are neither learnt from nor measured on. The page kept is the holdout's, or that of what came
    before it where that is refused. Raises GateRefusedError as `gate_partition`.
    """
    gate = partial(_gate, spec, str(spec.data_gate.labels), page=page, gateways=gateways)
    early = gate(before, {}, what=f"{what}, labels before the holdout")
    usual = {}
    if len(early.accepted) >= spec.promotion.min_labels and pd.api.types.is_numeric_dtype(early.accepted[c.LABEL]):
        usual["recent_label_mean"] = float(early.accepted[c.LABEL].mean())
    late = gate(holdout, usual, what=f"{what}, labels of the holdout")
    return replace(
        late,
        accepted=pd.concat([early.accepted, late.accepted], ignore_index=True),
        quarantined=pd.concat([early.quarantined, late.quarantined], ignore_index=True),
        findings=(*early.findings, *late.findings),
    )


def refuse_critical(validation: Validation, what: str) -> None:
    """Raise GateRefusedError naming every critical finding, if there is one."""
    critical = [one.sentence() for one in validation.findings if one.severity == "critical"]
    if critical:
        raise GateRefusedError(f"{what}: refused by suite {validation.suite}: {'; '.join(critical)}")


def _gate(
    spec: ModelSpec,
    suite: str,
    frame: pd.DataFrame,
    parameters: Mapping[str, float],
    *,
    what: str,
    page: str,
    gateways: Gateways,
    strays: pd.DataFrame | None = None,
) -> Gated:
    validation = gateways.expectations.validate(
        frame,
        suite,
        run_name=what,
        key=spec.rows.key,
        finite=spec.features.numeric,
        parameters=parameters,
        draw=gateways.draws_pages,
    )
    if gateways.draws_pages:
        gateways.pages.put(page, validation.html)
    refuse_critical(validation, what)
    rows = frame.drop(columns=[c.ALSO_IN, c.LOCAL_HOUR], errors="ignore")
    positions = sorted(validation.bad_rows)
    reasons = [_reasons(validation, frame, position) for position in positions]
    aside = rows.iloc[positions].assign(**{c.REASONS: np.array(reasons, dtype=object)})
    sentences = tuple(one.sentence() for one in validation.findings)
    if strays is not None and len(strays):
        aside = pd.concat([aside, strays], ignore_index=True).astype(rows.dtypes)
        sentences += (f"{len(strays)} rows without an event time, or with one days away",)
    _refuse_over_budget(spec, len(aside), len(frame) + len(aside) - len(positions), what, sentences)
    return Gated(
        accepted=rows.drop(index=rows.index[positions]).reset_index(drop=True),
        quarantined=aside.reset_index(drop=True),
        page=page,
        suite_hash=validation.suite_hash,
        findings=sentences,
        unevaluated=validation.unevaluated,
    )


def _strays(spec: ModelSpec, partition: Partition, frame: pd.DataFrame, gateways: Gateways) -> pd.DataFrame:
    """Rows of the partition's folder that lie in no partition, as quarantined rows, or they would be dropped in silence."""
    key = list(spec.rows.key)
    as_of = spec.scoring_as_of(partition)
    found = gateways.sources.strays(spec.rows, partition, as_of)
    corrected = pd.MultiIndex.from_frame(found[key]).isin(pd.MultiIndex.from_frame(frame[key]))
    strays = found.loc[~corrected, [*key, spec.rows.event_time]].copy()
    said = f"{spec.rows.event_time} is missing, or lies days away from the folder of {partition}"
    strays[c.PARTITION], strays[c.AS_OF], strays[c.REASONS] = partition.key, pd.Timestamp(as_of), said
    return strays


def _refuse_over_budget(spec: ModelSpec, aside: int, rows: int, what: str, sentences: tuple[str, ...]) -> None:
    share = aside / rows if rows else 0.0
    if share > spec.data_gate.quarantine_budget:
        raise GateRefusedError(
            f"{what}: {aside} of {rows} rows ({share:.1%}) would be quarantined, the budget is "
            f"{spec.data_gate.quarantine_budget:.1%}: {'; '.join(sentences)}"
        )


def _reasons(validation: Validation, frame: pd.DataFrame, position: int) -> str:
    reasons = "; ".join(validation.bad_rows[position])
    also_in = frame[c.ALSO_IN].iloc[position] if c.ALSO_IN in frame else None
    return reasons if pd.isna(also_in) else f"{reasons}; the key is in {also_in}"


def _local_hour(spec: ModelSpec, frame: pd.DataFrame) -> pd.Series[Any]:
    hour: pd.Series[Any] = frame[spec.rows.event_time].dt.tz_convert(spec.timezone).dt.hour
    return hour


def _recent_rows(spec: ModelSpec, partition: Partition, as_of: datetime, gateways: Gateways) -> pd.DataFrame:
    """Key and `_partition` of the source's rows in the partitions `data_gate.recent` before one, as known at the as-of.

    Read from the source and not from what was published, so that a backfill in any order sees what a daily run would have
    seen. A recent partition that cannot be read was refused when it was its turn, and is left out.
    """
    start = back(partition.start, spec.data_gate.recent, spec.timezone)
    needed = {*spec.rows.key, spec.rows.event_time, spec.rows.known_at, spec.rows.ingested_at}
    columns = {name: kind for name, kind in spec.rows.columns.items() if name in needed}
    table = spec.rows.model_copy(update={"columns": columns})
    read = partial(gateways.sources.read, table, as_of=as_of, timezone=spec.timezone)
    try:
        found = read(start=start, end=partition.start)
    except SourceError:
        parts = []
        for one in partitions_between(start, partition.start, spec.timezone):
            with contextlib.suppress(SourceError):
                parts.append(read(start=one.start, end=one.end))
        found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(columns))
    key = list(spec.rows.key)
    days = pd.to_datetime(found[spec.rows.event_time], utc=True).dt.tz_convert(spec.timezone).dt.strftime("%Y-%m-%d")
    return found[key].assign(**{c.PARTITION: days}).drop_duplicates(ignore_index=True)


def _usual_rows(recent: pd.DataFrame) -> dict[str, float]:
    """The parameter `recent_rows`; nothing where too few of the recent partitions have rows."""
    rows = recent.groupby(c.PARTITION).size()
    return {"recent_rows": float(rows.median())} if len(rows) >= _USUAL else {}


def _met_in(spec: ModelSpec, frame: pd.DataFrame, recent: pd.DataFrame) -> pd.Series[Any]:
    """For each row the first recent partition that has its key too, or None."""
    key = list(spec.rows.key)
    mine = recent[recent[key[0]].isin(frame[key[0]].dropna())].dropna(subset=key)
    first = mine.sort_values(c.PARTITION).drop_duplicates(key).rename(columns={c.PARTITION: c.ALSO_IN})
    met: pd.Series[Any] = frame[key].merge(first, on=key, how="left")[c.ALSO_IN].astype(object)
    return met.set_axis(frame.index)
