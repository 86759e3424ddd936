"""What people do in the Airflow UI, done in a real Chromium: look at the models' health, follow a task's link, backfill, answer
whether a challenger becomes champion.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
from selenium import webdriver
from selenium.common.exceptions import ElementClickInterceptedException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from tests.e2e.scratch_project import ASKED, FIRST_TRAINING, MODEL, make_project

from evenkeel.local.credentials import ADMIN
from evenkeel.local.journey import Journey
from evenkeel.local.stack import LocalStack, running
from evenkeel.vocabulary.settings import Settings
from evenkeel.workflows.gateways import Gateways
from evenkeel.workflows.ledger import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selenium.webdriver.remote.webelement import WebElement

T = TypeVar("T")

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--window-size=1600,1000",
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (CHROMIUM.exists() and DRIVER.exists()),
        reason=f"needs {CHROMIUM} and {DRIVER}, from the Debian packages chromium and chromium-driver",
    ),
]


class Screen:
    """A window: what is written in it, and where one clicks. Whatever is asked for is waited for."""

    def __init__(self, driver: webdriver.Chrome, address: str) -> None:
        self.driver = driver
        self.address = address

    def open(self, path: str) -> None:
        self.driver.get(self.address + path)

    def see(self, css: str, text: str = "", *, nth: int = 0, within: float = 20.0) -> WebElement:
        """The n-th element on display that matches and says the text."""

        def found(_: object) -> WebElement | None:
            shown = [one for one in self.driver.find_elements(By.CSS_SELECTOR, css) if one.is_displayed()]
            return next(iter([one for one in shown if text in one.text][nth:]), None)

        return self._waited(found, f"no {css} that says {text!r} (number {nth})", within)

    def click(self, css: str, text: str = "", *, nth: int = 0) -> None:
        """Click on the n-th such element, as soon as nothing covers it."""

        def clicked(_: object) -> bool:
            self.see(css, text, nth=nth).click()
            return True

        self._waited(clicked, f"{css} that says {text!r} (number {nth}) cannot be clicked", 20.0)

    def _waited(self, condition: Callable[[object], T], complaint: str, within: float) -> T:
        passing = [StaleElementReferenceException, ElementClickInterceptedException]
        wait = WebDriverWait(self.driver, within, poll_frequency=0.2, ignored_exceptions=passing)
        return wait.until(condition, f"{complaint} at {self.driver.current_url}")


DAYS = (date(2013, 2, 1), date(2013, 2, 3))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack on a scratch project whose model has a champion, as of the first of February."""
    project = make_project(tmp_path_factory.mktemp("project"), patience="2h")
    with running(project / ".evenkeel", project) as up, up.client() as client:
        journey = Journey(client, MODEL, "America/New_York", print)
        journey.begin()
        journey.train(FIRST_TRAINING)
        yield up


@pytest.fixture
def screen(stack: LocalStack) -> Iterator[Screen]:
    """A fresh browser, signed in as the administrator."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in FLAGS:
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    try:
        one = Screen(driver, stack.airflow_url)
        one.open("/")
        one.see("input[name=username]").send_keys(ADMIN)
        one.see("input[name=password]").send_keys(stack.credentials.admin_password, Keys.ENTER)
        one.see("a", "Dags")
        yield one
    finally:
        driver.quit()


def test_the_health_of_the_models_is_in_the_navigation(screen: Screen) -> None:
    """One click opens the page inside the UI; it names the champion, and its links lead to the DAGs."""
    screen.click("a", "Model health")
    screen.driver.switch_to.frame(screen.see("iframe"))
    screen.see("h1", "Model health")
    card = screen.see(f"#{MODEL}").text
    assert "version 1, since 2013-02-01 00:00 EST" in card
    assert "not checked yet" in card
    screen.click(f"#{MODEL} .dags a", "score")
    screen.driver.switch_to.default_content()
    screen.see("h2, h1", f"{MODEL}: score")
    assert screen.driver.current_url.endswith(f"/dags/{MODEL}_score")


def test_a_task_leads_to_its_data_docs(screen: Screen) -> None:
    """The button among a task's details opens what the data gate saw."""
    screen.open(f"/dags/{MODEL}_train/runs/journey__{FIRST_TRAINING}/tasks/validate")
    screen.click("a", "Details")
    screen.click("a", "Data Docs")
    assert "passed" in screen.see("body", f"{MODEL} train as of {FIRST_TRAINING}").text


def test_a_backfill_is_started_in_the_dialog(screen: Screen, stack: LocalStack) -> None:
    """Two dates are three runs, one a partition, and all of them succeed before one's eyes; the third waits for a check."""
    with stack.client() as client:
        Journey(client, MODEL, "America/New_York", print).start_backfill("drift_check", *DAYS)
    screen.open(f"/dags/{MODEL}_score")
    screen.click("[data-testid=trigger-dag-button]")
    screen.click("[role=dialog] label", "Backfill")
    for place, day, shown in ((0, "2013/02/01", "Feb 01, 2013"), (1, "2013/02/03", "Feb 03, 2013")):
        screen.click("[data-testid=datetime-input]", nth=place)
        screen.see('input[placeholder="YYYY/MM/DD"]').send_keys(day, Keys.TAB)
        screen.click("[role=dialog] p", "Date Range")
        screen.see("[data-testid=datetime-input]", shown)
    screen.see("[role=dialog]", "3 runs will be triggered")
    screen.click("[role=dialog] button", "Run Backfill")
    screen.see("p, span, div", "Backfill in progress")
    screen.click("a", "Runs")
    screen.see("tbody tr", "Success", nth=2, within=120)
    with stack.client() as client:
        states = {run["partition_key"]: run["state"] for run in client.runs(f"{MODEL}_score")}
    assert states == {f"2013-02-{day:02}": "success" for day in (1, 2, 3)}


def test_an_approval_and_a_rejection_are_clicked(screen: Screen, stack: LocalStack) -> None:
    """The required action shows the verdict with its numbers; a click promotes, or keeps the champion, and the ledger says who
    clicked what, and the reason they typed.
    """
    home = stack.options.home
    gateways = Gateways(Settings(stack.options.project, home, str(home / "lake"), str(home / "data"), ""))
    with stack.client() as client:
        Journey(client, ASKED, "America/New_York", print).begin()
        answers = (("2013-02-01", "Promote", "clicked"), ("2013-02-13", "Keep the champion", "clicked too"))
        for number, (day, button, reason) in enumerate(answers, start=1):
            run_id = client.trigger(f"{ASKED}_train", {"as_of": day})["dag_run_id"]
            WebDriverWait(client, 180).until(lambda one: one.questions(f"{ASKED}_train"), "nobody is asked")
            screen.open("/required_actions")
            screen.click("a", f"Promote version {number} of {ASKED}?")
            screen.see("p", f"{ASKED} version {number}, trained as of {day}")
            assert [one.text for one in screen.driver.find_elements(By.CSS_SELECTOR, "td")][:1] == ["challenger"]
            assert screen.see("a", "MLflow run").get_attribute("href").startswith(stack.mlflow_url)
            screen.see("input[name=element_reason]").send_keys(reason)
            screen.click(f"[data-testid='hitl-option-{button}']")
            assert client.wait_for_run(f"{ASKED}_train", run_id)["state"] == "success"
    yes, no = gateways.ledger.entries(ASKED)
    assert (yes.kind, yes.version, yes.actor) == (Kind.PROMOTED, 1, "airflow:admin")
    assert (no.kind, no.version, no.actor) == (Kind.KEPT, 2, "airflow:admin")
    assert yes.reason.endswith("; approved by admin: clicked")
    assert no.reason.endswith("; rejected by admin: clicked too")
