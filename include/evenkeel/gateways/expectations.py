"""Expectations: a frame held against a suite by Great Expectations. The only door to it.

A context lives as long as one validation: nothing is shared between runs, nothing is written or sent.
"""

from __future__ import annotations

import logging
import sys
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import great_expectations as gx
from great_expectations.core import ExpectationSuiteValidationResult
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.expectations.registry import (
    get_expectation_impl,
    list_registered_expectation_implementations,
)
from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
from great_expectations.render.view import DefaultJinjaPageView
from jinja2 import ChoiceLoader, DictLoader

from evenkeel.gateways.data_docs_page import TEMPLATES
from evenkeel.gateways.findings import Finding, Outcome, bad_rows, find, is_private, presentable
from evenkeel.gateways.suites import (
    PARAMETER,
    PARAMETERS,
    SEVERITIES,
    Entry,
    Suite,
    choices,
    label,
    parse,
    read_text,
    unknown,
)
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import EvenkeelError, SpecError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

__all__ = ["Expectations", "Finding", "Validation"]

_SINK = logging.NullHandler()
_EXIST = "expect_column_to_exist"
_OURS = {"id", "meta", "notes", "severity", "description", "windows", "batch_id", "rendered_content"}
_NOT_KWARGS = _OURS | {"result_format", "catch_exceptions"}


@dataclass(frozen=True)
class Validation:
    """What a suite found in a frame.

    `bad_rows` maps a row's position in the frame to its reasons, from failed expectations about rows of severity
    warning; `unevaluated` says which expectations could not be held against it, and why; `html` is one self-contained page,
    empty where none was drawn.
    """

    suite: str
    suite_hash: str
    rows: int
    evaluated: int
    findings: tuple[Finding, ...]
    bad_rows: Mapping[int, tuple[str, ...]]
    unevaluated: tuple[str, ...]
    html: str


class Expectations:
    """Validates frames against the suites of a folder.

    Args:
        suites: folder of `<name>.yaml` files.
    """

    def __init__(self, suites: Path) -> None:
        self._folder = suites
        self._checked: dict[tuple[str, str], Suite] = {}

    def suite_hash(self, name: str) -> str:
        """Hash over what a suite expects; notes and layout do not count. Raises SpecError as `check_suite`."""
        return self._load(name).hash

    def check_suite(self, name: str) -> None:
        """Raise SpecError with every mistake in a suite: file, key, value and nearest match."""
        self._load(name)

    def validate(
        self,
        frame: pd.DataFrame,
        suite: str,
        *,
        run_name: str,
        key: Sequence[str] = (),
        private: Sequence[str] = (),
        finite: Sequence[str] = (),
        parameters: Mapping[str, float] | None = None,
        draw: bool = True,
    ) -> Validation:
        """Hold a frame against a suite.

        A missing column is a critical finding, whatever the severity of the expectations that ask for it: none of
        them could be looked at. An expectation whose parameter has no value is not evaluated, and named.

        Args:
            frame: the rows, of any index.
            suite: the suite's name.
            run_name: the page's title.
            key: columns that name a row in examples.
            private: columns of which no value may be shown, neither in a finding nor on the page.
            finite: numeric columns in which an infinite value is a warning, whatever the suite says.
            parameters: values of the suite's parameters beside `partitions`; one that is not here has none.
            draw: whether the page is drawn.

        Raises:
            SpecError: for a suite that is missing or wrong.
            EvenkeelError: for an expectation that could not be evaluated, which is never a pass.
        """
        loaded = self._load(suite)
        given = {"partitions": _partitions(frame), **(parameters or {})}
        planned = _plan(loaded, frame, finite)
        plan = [entry for entry in planned if given.keys() >= set(entry.parameters)]
        unevaluated = tuple(_unevaluated(entry, given) for entry in planned if entry not in plan)
        raw = _evaluate(loaded.name, plan, frame, private, given)
        outcomes = [
            Outcome(_reckoned(entry, one), bool(one.success), one.result) for entry, one in zip(plan, raw, strict=True)
        ]
        failed = [outcome for outcome in outcomes if not outcome.success]
        findings = tuple(find(outcome, frame, key, private) for outcome in failed)
        aside = bad_rows(failed)
        for outcome, one in zip(outcomes, raw, strict=True):
            one.result = presentable(outcome, private)
        facts = {"suite": loaded.name, "suite_hash": loaded.hash, "rows": len(frame), "evaluated": len(plan)}
        told = facts | {"run_name": run_name, "unevaluated": unevaluated}
        page = _page(raw, findings, len(aside), told) if draw else ""
        return Validation(loaded.name, loaded.hash, len(frame), len(plan), findings, aside, unevaluated, page)

    def _load(self, name: str, extended_by: tuple[str, ...] = ()) -> Suite:
        """A suite with what it extends before its own."""
        own = self._load_file(name)
        if own.extends is None:
            return own
        if own.extends in (name, *extended_by):
            raise SpecError([f"{label(self._folder, name)}: extends: {own.extends!r} leads back to itself"])
        base = self._load(own.extends, (name, *extended_by))
        return Suite(name, dict(enumerate([*base.entries.values(), *own.entries.values()])))

    def _load_file(self, name: str) -> Suite:
        text = read_text(self._folder, name)
        if (name, text) not in self._checked:
            file = label(self._folder, name)
            suite, mistakes = parse(text, name, file)
            for index, entry in suite.entries.items():
                mistakes += _mistakes(entry, file, f"expectations.{index}")
            if mistakes:
                raise SpecError(mistakes)
            self._checked[name, text] = suite
        return self._checked[name, text]


def _mistakes(entry: Entry, file: str, where: str) -> list[str]:
    types = list_registered_expectation_implementations()
    if entry.type not in types:
        return [f"{file}: {where}.type: {entry.type!r} is no expectation.{choices(entry.type, types)}"]
    implementation: Any = get_expectation_impl(entry.type)
    valid = [field for field in implementation.__fields__ if field not in _NOT_KWARGS]
    if strangers := unknown(file, f"{where}.kwargs", entry.kwargs, valid):
        return strangers
    try:
        implementation(**entry.kwargs)
    except (ValueError, TypeError) as error:
        return [f"{file}: {where}.kwargs{said}" for said in _refusals(error)]
    return []


def _refusals(error: ValueError | TypeError) -> list[str]:
    """What the vendor says of each kwarg. A union of types is refused once a type: the first is the plainest."""
    details = getattr(error, "errors", None)
    if details is None:
        return [f": {error}"]
    first: dict[str, str] = {}
    for detail in details():
        first.setdefault(str(detail["loc"][0]), str(detail["msg"]))
    about_all = first.pop("__root__", "")
    return [f".{kwarg}: {message}" for kwarg, message in first.items()] or [f": {about_all}"]


def _plan(suite: Suite, frame: pd.DataFrame, finite: Sequence[str]) -> list[Entry]:
    """The entries that can be looked at, and for each missing column one that says so."""
    there = set(frame.columns)
    entries = [*suite.entries.values(), *(_finite(column) for column in finite)]
    plan = [entry for entry in entries if entry.type == _EXIST or there.issuperset(entry.columns)]
    told = {entry.columns for entry in plan if entry.type == _EXIST and entry.severity == "critical"}
    wanted = dict.fromkeys(column for entry in entries if entry.type != _EXIST for column in entry.columns)
    missing = [column for column in wanted if column not in there and (column,) not in told]
    return plan + [Entry(_EXIST, {"column": column}) for column in missing]


def _finite(column: str) -> Entry:
    """Every feature is a number or missing; estimators differ in what they make of an infinite one, some say nothing."""
    largest = sys.float_info.max
    kwargs = {"column": column, "min_value": -largest, "max_value": largest}
    return Entry("expect_column_values_to_be_between", kwargs, "warning", "An infinite value is no number.")


def _unevaluated(entry: Entry, given: Mapping[str, float]) -> str:
    missing = [name for name in entry.parameters if name not in given]
    return f"{entry.name}: " + "; ".join(f"{name} has no value, {PARAMETERS[name]}" for name in missing)


def _evaluate(
    suite: str,
    plan: list[Entry],
    frame: pd.DataFrame,
    private: Collection[str],
    parameters: Mapping[str, float],
) -> list[Any]:
    """One result for each entry, in order. Raises EvenkeelError where one could not be evaluated."""
    try:
        with _quiet():
            found = _run(suite, plan, frame.reset_index(drop=True), parameters)
    except Exception as error:  # the vendor may raise anything; all of it means that nothing was validated
        said = f"suite {suite} could not be evaluated: {type(error).__name__}"
        if private:
            raise EvenkeelError(f"{said}; its message may quote private columns and is not shown") from None
        raise EvenkeelError(f"{said}: {error}") from error
    results = {one.expectation_config.meta["entry"]: one for one in found}
    for index, entry in enumerate(plan):
        cause = _cause(results.get(index))
        if cause is None:
            continue
        if is_private(entry, private):
            cause = "the cause may quote a private column and is not shown"
        types = [f"{column} is {frame[column].dtype}" for column in entry.columns if column in frame]
        raise EvenkeelError(
            f"suite {suite}: {entry.name} could not be evaluated: {', '.join([cause, *types])}; "
            "that is no pass: correct the data or the expectation"
        )
    return [results[index] for index in range(len(plan))]


def _run(suite: str, plan: list[Entry], frame: pd.DataFrame, parameters: Mapping[str, float]) -> list[Any]:
    # Without a configuration of ours it would make a folder for Data Docs, and show progress bars.
    settings = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
    )
    context = gx.get_context(mode="ephemeral", project_config=settings)
    asset = context.data_sources.add_pandas("frame").add_dataframe_asset(suite)
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})
    expectations: list[Any] = []
    for index, entry in enumerate(plan):
        implementation: Any = get_expectation_impl(entry.type)
        ours = {"severity": entry.severity, "notes": entry.notes, "meta": {"entry": index}}
        expectations.append(implementation(**entry.kwargs, **ours))
    validated = batch.validate(
        gx.ExpectationSuite(suite, expectations=expectations),
        result_format={"result_format": "COMPLETE"},
        expectation_parameters=dict(parameters),
    )
    return list(validated.results)


def _partitions(frame: pd.DataFrame) -> int:
    """How many partitions a frame spans; one where it does not say, or is empty and so holds none."""
    return max(1, int(frame[c.PARTITION].nunique())) if c.PARTITION in frame else 1


def _reckoned(entry: Entry, one: Any) -> Entry:
    """The entry with the figures its parameters came to, for messages."""
    given = [kwarg for kwarg, value in entry.kwargs.items() if isinstance(value, dict) and PARAMETER in value]
    figures = {kwarg: one.expectation_config.kwargs.get(kwarg) for kwarg in given}
    return replace(entry, kwargs={**entry.kwargs, **figures})


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the vendor's log and warnings to itself: they quote values, and what went wrong is in the results too."""
    logger = logging.getLogger("great_expectations")
    logger.addHandler(_SINK)
    propagates, logger.propagate = logger.propagate, False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.propagate = propagates
        logger.removeHandler(_SINK)


def _cause(one: Any) -> str | None:
    """What an expectation raised, or None. The vendor tells it for the expectation or for each of its metrics."""
    if one is None:
        return "it has no result"
    info: Mapping[str, Any] = one.exception_info or {}
    told = [info] if "raised_exception" in info else list(info.values())
    raised = [str(part.get("exception_message")) for part in told if part.get("raised_exception")]
    return "; ".join(dict.fromkeys(raised)) or None


def _page(raw: list[Any], findings: tuple[Finding, ...], aside: int, facts: dict[str, Any]) -> str:
    validation = ExpectationSuiteValidationResult(
        success=not findings, results=raw, suite_name=facts["suite"], statistics={}, meta={}
    )
    said = {rank: [one.sentence() for one in findings if one.severity == rank] for rank in SEVERITIES}
    mild = f"{len(said['warning'])} warnings"
    verdict, headline = "pass", "passed"
    if said["critical"]:
        verdict, headline = "refuse", f"refused: {len(said['critical'])} critical, {mild}"
    elif findings:
        verdict, headline = "warn", f"{mild}, {aside} rows with reasons to be set aside"
    if facts["unevaluated"]:
        headline += f"; {len(facts['unevaluated'])} not evaluated"
    with _quiet():
        document = ValidationResultsPageRenderer().render(validation)
        page: str = _view().render(document, findings=said, verdict=verdict, headline=headline, **facts)
    return page


@cache
def _view() -> Any:
    view: Any = DefaultJinjaPageView()
    view.env.loader = ChoiceLoader([DictLoader(TEMPLATES), view.env.loader])
    return view
