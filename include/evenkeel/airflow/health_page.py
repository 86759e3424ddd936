"""The model-health application that the Airflow API server mounts: what `evenkeel status` says, as a page and as JSON.

Airflow does not guard the applications of plugins, so this one does: every route asks for a user who may see plugins.
The page reads the lake and Airflow's own database, so it answers when MLflow does not.
"""

from __future__ import annotations

import errno
import secrets
from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.common.db.common import SessionDep  # noqa: TC002 - FastAPI reads the annotations at run time
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_view
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from evenkeel.airflow.latest_runs import latest_runs
from evenkeel.airflow.model_health import ModelHealth, read_health
from evenkeel.vocabulary.errors import EvenkeelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenkeel.airflow.latest_runs import Pipeline

PREFIX = "/evenkeel"
"""Where the API server mounts the application."""

HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store"}

KEPT_PAGE_POLICY = "; ".join(
    (
        "sandbox allow-scripts allow-downloads",  # an origin of its own: its scripts cannot use the reader's session
        "default-src 'none'",  # nothing is fetched and nothing is sent; a kept page holds all it needs
        "script-src 'unsafe-inline' 'unsafe-eval'",
        "style-src 'unsafe-inline'",
        "img-src data: blob:",
        "font-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    )
)


def create_app() -> FastAPI:
    """The application, without pages that describe it: those would answer anybody."""
    app = FastAPI(
        title="evenkeel",
        dependencies=[Depends(requires_access_view(AccessView.PLUGINS))],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    # Plain functions: reading tables blocks, so FastAPI runs them in its thread pool.
    app.get("/health", response_class=HTMLResponse)(health)
    app.get("/status")(status)
    app.get("/pages/{name:path}", response_class=HTMLResponse)(kept_page)
    return app


def health(user: GetUserDep, session: SessionDep) -> Response:
    """The page."""
    models, mistakes = read_health()
    runs = latest_runs([model.name for model in models], user, session)
    nonce = secrets.token_urlsafe(16)
    return HTMLResponse(
        render(models, mistakes, runs, nonce=nonce), headers={**HEADERS, "Content-Security-Policy": page_policy(nonce)}
    )


def status(response: Response) -> list[dict[str, Any]]:
    """What the page says, for programs: one record a model; `error` where its spec or its tables cannot be read."""
    response.headers.update(HEADERS)
    models, mistakes = read_health()
    unreadable = [{"model": mistake.partition(".yaml")[0], "error": mistake} for mistake in mistakes]
    return [model.as_dict() for model in models] + unreadable


def kept_page(name: str) -> Response:
    """A Data Docs page or a drift report, in a sandbox of its own."""
    from evenkeel.workflows.gateways import Gateways

    try:
        content = Gateways().pages.get(name)
    except EvenkeelError as error:
        raise HTTPException(
            404, f"{error}; pages are named on the page Model health and by the links of a task"
        ) from error
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno not in {errno.ENOTDIR, errno.ENAMETOOLONG}:
            raise
        raise HTTPException(404, "there can be no page of this name: no file could have it") from error
    return HTMLResponse(content, headers={**HEADERS, "Content-Security-Policy": KEPT_PAGE_POLICY})


def render(
    models: Sequence[ModelHealth], mistakes: Sequence[str], runs: dict[str, list[Pipeline]], *, nonce: str
) -> str:
    """The page's HTML; everything in it is escaped."""
    environment = Environment(
        loader=PackageLoader("evenkeel.airflow"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    ordered = sorted(models, key=lambda one: (-one.urgency, one.name))
    return environment.get_template("model_health.html").render(
        models=ordered, mistakes=mistakes, runs=runs, nonce=nonce, unwell=sum(one.urgency > 1 for one in models)
    )


def page_policy(nonce: str) -> str:
    """The page's own policy: its one style and one script run, nothing else does."""
    return (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
