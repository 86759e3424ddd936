"""The data gate: a suite's findings into accepted rows, quarantined rows with reasons, or a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import GateRefusedError

if TYPE_CHECKING:
    import pandas as pd

    from evenkeel.gateways.expectations import Validation
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways


@dataclass(frozen=True)
class Gated:
    """What the gate let through, what it set aside (with `_reasons`), and the page that shows why."""

    accepted: pd.DataFrame
    quarantined: pd.DataFrame
    page: str
    suite_hash: str
    findings: tuple[str, ...]


def gate_rows(spec: ModelSpec, frame: pd.DataFrame, *, what: str, page: str, gateways: Gateways) -> Gated:
    """Hold rows against the spec's suite.

    Args:
        spec: the model, with its suite and its quarantine budget.
        frame: the rows; features and key included.
        what: the run in words, for the message and the page's title.
        page: name under which the Data Docs page is kept; it is kept before anything is refused.
        gateways: the doors.

    Raises:
        GateRefusedError: for a critical finding, and for more quarantined rows than the budget.
    """
    validation = gateways.expectations.validate(frame, spec.data_gate.rows, run_name=what, key=spec.rows.key)
    gateways.pages.put(page, validation.html)
    refuse_critical(validation, what)
    share = len(validation.bad_rows) / len(frame) if len(frame) else 0.0
    if share > spec.data_gate.quarantine_budget:
        raise GateRefusedError(
            f"{what}: {len(validation.bad_rows)} of {len(frame)} rows ({share:.1%}) would be quarantined, the budget is "
            f"{spec.data_gate.quarantine_budget:.1%}: {'; '.join(one.sentence() for one in validation.findings)}"
        )
    positions = sorted(validation.bad_rows)
    quarantined = frame.iloc[positions].assign(
        **{c.REASONS: ["; ".join(validation.bad_rows[position]) for position in positions]}
    )
    accepted = frame.drop(index=frame.index[positions]).reset_index(drop=True)
    sentences = tuple(one.sentence() for one in validation.findings)
    return Gated(accepted, quarantined.reset_index(drop=True), page, validation.suite_hash, sentences)


def refuse_critical(validation: Validation, what: str) -> None:
    """Raise GateRefusedError naming every critical finding, if there is one."""
    critical = [one.sentence() for one in validation.findings if one.severity == "critical"]
    if critical:
        raise GateRefusedError(f"{what}: refused by suite {validation.suite}: {'; '.join(critical)}")
