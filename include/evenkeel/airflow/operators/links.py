"""Buttons on a task: the Data Docs page, the drift report, the MLflow run, version or model card that the task made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey


class _PageLink(BaseOperatorLink):
    """A link whose address the task itself noted in `pages` while it ran."""

    page = ""

    @property
    def name(self) -> str:
        """Text on the button."""
        return self.page

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """The address, or nothing where the task made no such page."""
        del ti_key
        return operator.pages.get(self.page) or ""


class DataDocsLink(_PageLink):
    """The validation's Data Docs page."""

    page = "Data Docs"


class DriftReportLink(_PageLink):
    """The check's Evidently report."""

    page = "Drift report"


class RunLink(_PageLink):
    """The training's MLflow run."""

    page = "MLflow run"


class VersionLink(_PageLink):
    """The challenger's version in the MLflow registry."""

    page = "MLflow version"


class ModelCardLink(_PageLink):
    """The challenger's model card, among the files of its MLflow run."""

    page = "Model card"
