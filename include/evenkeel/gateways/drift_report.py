"""Drift report: how far each column moved, by Evidently's measures and with its page. The only door to it.

Evidently's table is run on its own: the preset around it measures every column three times, and titles the page with a
verdict of its own at a share that is not the spec's. Nothing of it that phones home is used.
"""

from __future__ import annotations

import base64
import html
import json
import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import evidently
import numpy as np
from evidently.legacy.metrics import DataDriftTable
from evidently.legacy.pipeline.column_mapping import ColumnMapping
from evidently.legacy.report import Report
from evidently.legacy.utils import NumpyEncoder

from evenkeel.vocabulary.errors import EvenkeelError, SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

_STATIC = Path(evidently.__file__).parent / "nbextension" / "static"
_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
header, #account {{ font: 15px/1.5 system-ui, sans-serif; padding: 1rem 1.5rem 0 }}
h1 {{ font-size: 1.5rem; margin: 0 }} p {{ margin: .2rem 0 }}
</style>
</head>
<body>
<header><h1>{title}</h1>{notes}</header>
<section id="account"></section>
<div id="report"></div>
{script}
{draw}
</body>
</html>
"""


@dataclass(frozen=True)
class ColumnDrift:
    """How far one column moved.

    `score` is a distance, and above `threshold` Evidently's page calls the column drifted. It is
    NaN where nothing could be measured, because a side holds no value of the column: then the column drifted if the
    other side holds one, and did not if neither does. Against a side without any rows nothing drifts.
    """

    column: str
    method: str
    score: float
    threshold: float
    drifted: bool


@dataclass(frozen=True)
class DriftReport:
    """All columns, in the order they were asked for, and the page."""

    columns: tuple[ColumnDrift, ...]
    rows_reference: int
    rows_current: int
    html: str


class DriftReporter:
    """Compares two frames column by column."""

    def compare(
        self,
        reference: pd.DataFrame,
        current: pd.DataFrame,
        *,
        numeric: Sequence[str],
        categorical: Sequence[str],
        numeric_method: str,
        categorical_method: str,
        thresholds: Mapping[str, float],
        title: str,
        notes: Sequence[str] = (),
    ) -> DriftReport:
        """Hold the current rows against the reference. Nulls and infinities are left out before measuring.

        Args:
            reference: what the columns looked like, of any index.
            current: what they look like now.
            numeric: columns measured by `numeric_method`.
            categorical: columns measured by `categorical_method`.
            numeric_method: wasserstein (in standard deviations of the reference), jensenshannon or psi.
            categorical_method: jensenshannon or psi.
            thresholds: by column, a distance.
            title: the page's title.
            notes: sentences above the drawing.

        Raises:
            SourceError: for a column that is missing, or listed as numeric and is not.
            EvenkeelError: for a column that could not be measured.
        """
        methods = dict.fromkeys(numeric, numeric_method) | dict.fromkeys(categorical, categorical_method)
        before = _prepare(reference, numeric, categorical, side="reference")
        after = _prepare(current, numeric, categorical, side="current")
        held = {column: (before[column].notna().any(), after[column].notna().any()) for column in methods}
        report, scores = _measure(
            before, after, {one: methods[one] for one in methods if all(held[one])}, numeric, thresholds
        )
        columns = []
        for column, method in methods.items():
            score, threshold = scores.get(column, math.nan), thresholds[column]
            drifted = score >= threshold
            if column not in scores:
                drifted = any(held[column]) and len(before) > 0 and len(after) > 0
            columns.append(ColumnDrift(column, method, score, threshold, bool(drifted)))
        drawn = _PAGE.format(
            title=html.escape(title),
            notes=_notes(columns, len(before), len(after), notes),
            script=_inline(_script()),
            draw=_inline(_drawing(report)),
        )
        return DriftReport(tuple(columns), len(before), len(after), drawn)


def _prepare(frame: pd.DataFrame, numeric: Sequence[str], categorical: Sequence[str], *, side: str) -> pd.DataFrame:
    missing = [column for column in (*numeric, *categorical) if column not in frame]
    if missing:
        there = ", ".join(map(str, frame))
        raise SourceError(f"drift: column {', '.join(missing)} is missing from the {side} rows, which have {there}")
    prepared = frame[[*numeric, *categorical]].reset_index(drop=True)
    for column in numeric:
        try:
            prepared[column] = prepared[column].astype("float64").replace([np.inf, -np.inf], np.nan)
        except (TypeError, ValueError) as error:
            kind = frame[column].dtype
            raise SourceError(f"drift: column {column} is listed as numeric, the {side} rows hold {kind}") from error
    for column in categorical:
        prepared[column] = prepared[column].astype("object").where(prepared[column].notna(), np.nan)
    return prepared


def _measure(
    before: pd.DataFrame,
    after: pd.DataFrame,
    methods: Mapping[str, str],
    numeric: Sequence[str],
    thresholds: Mapping[str, float],
) -> tuple[Report | None, dict[str, float]]:
    """Evidently's report on some columns, and the score of each. Raises EvenkeelError where one has no score."""
    if not methods:
        return None, {}
    numbers = [column for column in methods if column in numeric]
    groups = [column for column in methods if column not in numeric]
    table = DataDriftTable(
        columns=list(methods),
        per_column_stattest=dict(methods),
        per_column_stattest_threshold={column: thresholds[column] for column in methods},
    )
    report = Report(metrics=[table])
    mapping = ColumnMapping(target=None, prediction=None, numerical_features=numbers, categorical_features=groups)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            report.run(reference_data=before[list(methods)], current_data=after[list(methods)], column_mapping=mapping)
            found = table.get_result().drift_by_columns
            scores = {column: float(found[column].drift_score) for column in methods}
    except Exception as error:  # the vendor may raise anything; all of it means that nothing was measured
        raise EvenkeelError(f"drift of {', '.join(methods)} could not be measured: {type(error).__name__}") from error
    undefined = sorted(column for column, score in scores.items() if math.isnan(score))
    if undefined:
        raise EvenkeelError(f"drift of {', '.join(undefined)} is not a number; choose another method")
    return report, scores


def _notes(columns: Sequence[ColumnDrift], rows_reference: int, rows_current: int, said: Sequence[str]) -> str:
    notes = [
        *said,
        f"Below, as Evidently measures a sample of {rows_current} rows against {rows_reference} of the reference, at the "
        "thresholds that hold for these columns. What decided is above: it is measured on more rows.",
    ]
    notes += [f"{one.column}: not measured, because a side holds no value." for one in columns if math.isnan(one.score)]
    return "".join(f"<p>{html.escape(note)}</p>" for note in notes)


def _drawing(report: Report | None) -> str:
    if report is None:
        return ""
    _, dashboard, graphs = report._build_dashboard_info()
    info = dashboard.dict()
    for widget in info["widgets"]:
        widget.pop("additionalGraphs", None)  # they are handed over beside it
    return f"window.drawDashboard({_literal(info)}, new Map(Object.entries({_literal(graphs)})), 'report');"


def _literal(value: object) -> str:
    """A value as JavaScript that cannot end its script element: the data's own text is in it."""
    return json.dumps(value, cls=NumpyEncoder).replace("<", "\\u003c")


def _script() -> str:
    """What draws a page, Evidently's own: 3.6 MB, in every page, so that a page opens anywhere and asks no host."""
    font = base64.b64encode((_STATIC / "material-ui-icons.woff2").read_bytes()).decode()
    face = f"new FontFace('Material Icons', 'url(data:font/woff2;base64,{font})')"
    icons = ".material-icons { font: 24px/1 'Material Icons'; font-feature-settings: 'liga'; display: inline-block }"
    return (
        f"var global = globalThis; document.fonts.add({face}); document.head.append(Object.assign("
        f'document.createElement("style"), {{ textContent: "{icons}" }}));\n'
        + (_STATIC / "index.js").read_text(encoding="utf-8")
    )


def _inline(script: str) -> str:
    return f"<script>{script}</script>"
