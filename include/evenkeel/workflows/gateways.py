"""The doors a workflow may use, opened when first used so that nobody pays for a library a step does not need."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from evenkeel.vocabulary.settings import Settings, read_settings

if TYPE_CHECKING:
    from evenkeel.gateways.domain_classifier import DomainClassifier
    from evenkeel.gateways.drift_report import DriftReporter
    from evenkeel.gateways.expectations import Expectations
    from evenkeel.gateways.lake import Lake
    from evenkeel.gateways.pages import Pages
    from evenkeel.gateways.registry import Registry
    from evenkeel.gateways.sources import ConnectionResolver, Sources
    from evenkeel.gateways.staging import Staging
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.frames import Frames
    from evenkeel.workflows.ledger import Ledger


class Gateways:
    """All doors of one process.

    Args:
        settings: where things are kept; read from the environment where not given.
        resolve: turns a connection id into a URL; the environment's `AIRFLOW_CONN_*` where not given.
        actor: who acts, for the ledger: a user, a schedule, a command.
        run: what acts for them: a DAG run, a process.
        draws_pages: whether HTML pages are drawn, which takes longer than measuring what is on them.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        resolve: ConnectionResolver | None = None,
        actor: str = "evenkeel",
        run: str = "",
        draws_pages: bool = True,
    ) -> None:
        self.settings = settings or read_settings()
        self.actor = actor
        self.run = run
        self.draws_pages = draws_pages
        self._resolve = resolve

    @cached_property
    def sources(self) -> Sources:
        """Where rows, labels and inputs come from."""
        from evenkeel.gateways import sources

        resolve = self._resolve or sources.connection_from_environment
        return sources.Sources(self.settings.data, self.lake.scan, resolve)

    @cached_property
    def frames(self) -> Frames:
        """Rows of whole partitions with their features."""
        from evenkeel.workflows.frames import Frames

        return Frames(self.sources)

    @cached_property
    def lake(self) -> Lake:
        """The Delta tables."""
        from evenkeel.gateways.lake import Lake

        return Lake(self.settings.lake)

    @cached_property
    def ledger(self) -> Ledger:
        """The decisions on record."""
        from evenkeel.workflows.ledger import Ledger

        return Ledger(self.lake, actor=self.actor, run=self.run)

    @cached_property
    def staging(self) -> Staging:
        """What steps leave for the next."""
        from evenkeel.gateways.staging import Staging

        return Staging(self.settings.lake, owner=self.run)

    @cached_property
    def pages(self) -> Pages:
        """The HTML that people open."""
        from evenkeel.gateways.pages import Pages

        return Pages(self.settings.lake)

    @cached_property
    def expectations(self) -> Expectations:
        """The data gate's suites."""
        from evenkeel.gateways.expectations import Expectations

        return Expectations(self.settings.suites)

    @cached_property
    def registry(self) -> Registry:
        """Experiments and model versions."""
        from evenkeel.gateways.registry import Registry

        return Registry(self.settings.tracking_uri)

    @cached_property
    def drift(self) -> DriftReporter:
        """The drift measures and their page."""
        from evenkeel.gateways.drift_report import DriftReporter

        return DriftReporter()

    def domain(self, spec: ModelSpec) -> DomainClassifier:
        """What tells two sets of rows apart by a model's features together."""
        from evenkeel.gateways.domain_classifier import DomainClassifier

        return DomainClassifier(spec.features.numeric, spec.features.categorical, spec.training.seed)
