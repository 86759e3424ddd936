"""The human step of the train DAG: a person sees what the gate saw, and says whether the challenger becomes champion."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLBranchOperator
from airflow.sdk import Param

from evenkeel.airflow.as_of import as_of_of_run
from evenkeel.airflow.operators.step import open_gateways
from evenkeel.vocabulary.approval import APPROVE, KEEP
from evenkeel.vocabulary.partition import duration_text
from evenkeel.vocabulary.settings import read_settings
from evenkeel.vocabulary.spec_file import find_spec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

    from evenkeel.vocabulary.spec import ModelSpec

_REASON = Param(None, type=["null", "string"], maxLength=500, title="Reason", description="Why, for the ledger.")
_MARKED = re.compile(r"([\\`*_{}\[\]<>()#|~])")


class ApproveChallengerOperator(HITLBranchOperator):
    """Ask a person, in the Airflow UI, whether a challenger that passed the gate becomes champion; silence is a no.

    The answer and who gave it are the task's XCom `approval`. A training that was decided before is not asked about again:
    run again, it goes the way that is on record.

    Args:
        model: name of the model.
        spec: its spec.
        gate: task whose verdict is asked about.
        register: task that registered the challenger.
        approved: task that follows a yes.
        rejected: task that follows a no.
    """

    def __init__(
        self, *, spec: ModelSpec, gate: str, register: str, approved: str, rejected: str, **kwargs: Any
    ) -> None:
        kwargs["params"] = {"reason": _REASON}  # beside those of the DAG, which Airflow adds
        super().__init__(
            subject=f"Promote the challenger of {spec.model}?",
            options=[APPROVE, KEEP],
            options_mapping={APPROVE: approved, KEEP: rejected},
            defaults=[KEEP],
            response_timeout=spec.promotion.approval_timeout,
            **kwargs,
        )
        self.model, self.gate, self.register = spec.model, gate, register

    def execute(self, context: Context) -> Any:
        """Ask and wait, or go the way that is on record."""
        from evenkeel.workflows.ledger import Kind
        from evenkeel.workflows.promote import decided_already

        ti, spec = context["ti"], find_spec(read_settings().models, self.model)
        as_of = as_of_of_run(spec, context)
        decided = decided_already(spec, as_of, open_gateways(context))
        if decided is not None:
            self.log.info("%s %s: %s before, by %s", self.model, self.task_id, decided.kind, decided.actor)
            chosen = APPROVE if decided.kind is Kind.PROMOTED else KEEP
            return self.do_branch(context=context, branches_to_execute=[self.options_mapping[chosen]])
        version = ti.xcom_pull(task_ids=self.register)["version"]
        verdict = ti.xcom_pull(task_ids=self.gate, key="verdict")
        self.subject = f"Promote version {version} of {self.model}?"
        waits = duration_text(spec.promotion.approval_timeout)
        self.body = question(self.model, version, f"{as_of:%Y-%m-%d %H:%M}Z", verdict, self._pages(context), waits)
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Note who answered what, and go the way that was chosen."""
        if "error" not in event:
            who = event["responded_by_user"] or {}
            answer = {
                "approved": event["chosen_options"] == [APPROVE],
                "by": who.get("name") or who.get("id"),
                "reason": (event["params_input"] or {}).get("reason") or "",
            }
            context["ti"].xcom_push(key="approval", value=answer)
        return super().execute_complete(context, event)

    def _pages(self, context: Context) -> dict[str, str]:
        """The pages that the steps before have noted: name to address."""
        found = {}
        for task in self.get_flat_relatives(upstream=True):
            for link in task.operator_extra_links:
                address = context["ti"].xcom_pull(task_ids=task.task_id, key=link.xcom_key)
                if address:
                    found[link.name] = address
        return found


def question(
    model: str, version: int, as_of: str, verdict: Mapping[str, Any], pages: Mapping[str, str], waits: str
) -> str:
    """What the person reads, in Markdown: the verdict, its reason, every number of it, and links to the pages.

    Args:
        model: whose challenger.
        version: its version.
        as_of: the instant of its training, from which it would be champion.
        verdict: the gate's, as plain values.
        pages: name to address.
        waits: how long an answer is waited for.
    """
    rows = [f"| {_plain(name)} | {_figure(value)} |" for name, value in verdict["numbers"].items()]
    return "\n".join(
        [
            f"**{_plain(model)} version {version}**, trained as of {as_of}. The gate says **{verdict['outcome']}**: "
            f"{_plain(verdict['reason'])}.",
            "",
            "| number | value |",
            "|---|---:|",
            *rows,
            "",
            " · ".join(f"[{name}](<{address}>)" for name, address in sorted(pages.items())),
            "",
            f"Without an answer within {waits} the champion stays.",
        ]
    )


def _figure(value: float | int | None) -> str:
    if value is None:
        return "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _plain(text: str) -> str:
    """Text in Markdown that shows as it is: slices are named by values of the data."""
    return _MARKED.sub(r"\\\1", text)
