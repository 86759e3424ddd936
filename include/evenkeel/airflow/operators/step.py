"""What all operators share: they find their spec, their as-of and their doors, and hand over a small result."""

from __future__ import annotations

import math
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.sdk import BaseOperator
from airflow.sdk import conf as airflow_conf

from evenkeel.vocabulary.settings import read_settings
from evenkeel.vocabulary.spec_file import find_spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways


class StepOperator(BaseOperator):
    """Runs one workflow step of one model.

    Args:
        model: name of the model (templated).
    """

    template_fields: Sequence[str] = ("model",)
    ui_color = "#e8f4f4"

    def __init__(self, *, model: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.pages: dict[str, str] = {}

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """The workflow call of this operator; a result dataclass, whose fields go into the XCom."""
        raise NotImplementedError

    def execute(self, context: Context) -> Any:
        """Run the step; its result is the task's XCom: ids, counts and paths, never data."""
        spec = find_spec(read_settings().models, self.model)
        result = self.step(spec, open_gateways(context), context)
        plain = as_json(asdict(result) if is_dataclass(result) and not isinstance(result, type) else result)
        self.log.info("%s %s: %s", self.model, self.task_id, plain)
        return plain


def as_json(value: Any) -> Any:
    """A result as an XCom can carry it: JSON knows no NaN, which a metric is that its rows do not define, so it goes as null."""
    if isinstance(value, dict):
        return {key: as_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def kind_of_run(context: Context) -> str:
    """What made the run: `scheduled`, `manual`, `backfill`, `asset_triggered`."""
    kind = context["dag_run"].run_type
    return str(getattr(kind, "value", kind))


def open_gateways(context: Context) -> Gateways:
    """The doors of a task: connections are Airflow's, and the actor is whoever triggered the run, or its kind of trigger."""
    from evenkeel.workflows.gateways import Gateways

    run = context["dag_run"]
    actor = getattr(run, "triggering_user_name", None) or kind_of_run(context)
    return Gateways(resolve=_connection_url, actor=f"airflow:{actor}", run=f"{run.dag_id}/{run.run_id}")


def page_url(page: str | None) -> str | None:
    """Where a kept page opens: behind Airflow's own login.

    Without host and port: Airflow keeps a link as the task wrote it, and may be reached elsewhere by the time it is read.
    """
    if page is None:
        return None
    base = urlsplit(airflow_conf.get("api", "base_url", fallback="")).path.rstrip("/")
    return f"{base}/evenkeel/pages/{page}"


def _connection_url(connection: str) -> str:
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowRuntimeError

    from evenkeel.vocabulary.errors import SourceError

    try:
        return str(BaseHook.get_connection(connection).get_uri())
    except AirflowRuntimeError as error:
        raise SourceError(
            f"connection {connection!r} is not defined in Airflow: add it under Admin, Connections"
        ) from error
