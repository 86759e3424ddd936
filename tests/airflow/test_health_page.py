"""The model-health page, in the real Airflow API server application: who may see it, and what it says."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from evenkeel.decisions.alerting import Event
from evenkeel.gateways.pages import Pages
from evenkeel.vocabulary import tables
from evenkeel.vocabulary.settings import read_settings
from evenkeel.vocabulary.spec_file import load_spec
from evenkeel.workflows.alert_record import Outcome, Telling, record_outcome
from evenkeel.workflows.gateways import Gateways
from evenkeel.workflows.ledger import Entry, Kind
from evenkeel.workflows.status import model_status

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "config" / "models" / "flight_delay.yaml"
MODEL = "flight_delay"
PATHS = {
    "/health": "/health",
    "/status": "/status",
    "/pages/{name:path}": f"/pages/{MODEL}/drift_check/2013-03-02/drift.html",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Airflow's API server application with this project's plugins, its users and a database of its own."""
    home = tmp_path_factory.mktemp("airflow")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "vera:viewer",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
            "AIRFLOW__API_AUTH__JWT_SECRET": "only-for-this-test-" * 4,
        }.items():
            patch.setenv(name, value)
        _configure_airflow()
        from airflow.api_fastapi.app import create_app, purge_cached_app
        from airflow.utils.db import initdb
        from fastapi.testclient import TestClient

        initdb()
        purge_cached_app()
        with TestClient(create_app(), raise_server_exceptions=False) as client:
            yield client
        purge_cached_app()
    _configure_airflow()


def _configure_airflow():
    """Airflow reads its settings when it is first imported, which another test may have done: read them again."""
    from airflow import plugins_manager, settings

    settings.configure_vars()
    settings.configure_orm()
    for collected in ("_get_plugins", "get_fastapi_plugins", "_get_ui_plugins"):
        getattr(plugins_manager, collected).cache_clear()


@pytest.fixture(scope="module")
def token(server):
    """A viewer's token, got as any program gets it."""
    from airflow.configuration import conf

    passwords = json.loads(Path(conf.get("core", "simple_auth_manager_passwords_file")).read_text())
    answer = server.post("/auth/token", json={"username": "vera", "password": passwords["vera"]})
    assert answer.status_code == 201, answer.text
    return answer.json()["access_token"]


@pytest.fixture
def look(server, token, project):
    """What a viewer gets from a route of the application."""
    return lambda path: server.get(f"/evenkeel{path}", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project without models; its settings reach the server through the environment, as they do in life."""
    (tmp_path / "config" / "models").mkdir(parents=True)
    for name in ("EVENKEEL_HOME", "EVENKEEL_LAKE", "EVENKEEL_DATA", "EVENKEEL_MLFLOW_UI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EVENKEEL_PROJECT", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://robot:hunter2@mlflow.example:5000")
    return tmp_path


@pytest.fixture
def specified(project):
    """The project with one sound spec."""
    shutil.copy(SPEC, project / "config" / "models")
    return load_spec(SPEC)


@pytest.fixture
def alive(specified):
    """The model, trained, scored and checked: real tables and a real ledger."""
    gateways = Gateways(read_settings())
    _decide(gateways, "training/1", Kind.PROMOTED, "better by <0.17>", version=3, numbers={"challenger": 0.6726})
    _decide(gateways, "signal/1", Kind.DECLINED, "1 signal of 3 needed")
    scores = pd.DataFrame({"_prediction": [0.1, 0.2, 0.3]})
    gateways.lake.publish(MODEL, tables.SCORES, "2013-03-01", scores, {})
    gateways.lake.publish(MODEL, tables.SCORES, "2013-03-02", scores.head(2), {})
    _check(gateways, "none", "none")
    gateways.pages.put(f"{MODEL}/drift_check/2013-03-02/drift.html", "<script>1</script>")
    return specified


def _decide(gateways, entry_id, kind, reason, **fields):
    entry = Entry(entry_id, MODEL, kind, datetime(2013, 3, 1, 5, tzinfo=UTC), reason, **fields)
    gateways.ledger.record(MODEL, entry_id, lambda _: entry)


def _check(gateways, drift, decay):
    row = {
        "drift_outcome": drift, "drift_reason": f"why {drift} of inputs", "decay_outcome": decay,
        "decay_reason": f"why {decay} of the metric", "page": f"{MODEL}/drift_check/2013-03-02/drift.html",
    }  # fmt: skip
    gateways.lake.publish(MODEL, tables.CHECKS, "2013-03-02", pd.DataFrame([row]), {})


def _routes(server):
    [mount] = [route for route in server.app.routes if getattr(route, "path", None) == "/evenkeel"]
    return mount.app.routes


# Who may see it


def test_every_route_answers_401_without_a_token(server, alive):
    """Each route the application has, whichever it is, answers 401 to somebody unknown (law 29)."""
    from fastapi.routing import APIRoute

    routes = _routes(server)
    assert {route.path for route in routes} == set(PATHS), "tell PATHS of the new route"
    for route in routes:
        assert isinstance(route, APIRoute), f"{route.path} would not pass through the application's guard"
        for method in route.methods:
            answer = server.request(method, f"/evenkeel{PATHS[route.path]}")
            assert (route.path, method, answer.status_code) == (route.path, method, 401)


@pytest.mark.parametrize("path", ["/", "/openapi.json", "/docs", "/redoc", "/docs/oauth2-redirect"])
def test_the_application_does_not_describe_itself(server, project, path):
    """There is no page that tells a stranger which routes there are."""
    assert server.get(f"/evenkeel{path}").status_code == 404


def test_a_forged_token_is_refused(server, project):
    """A token that Airflow did not sign opens nothing."""
    assert server.get("/evenkeel/status", headers={"Authorization": "Bearer a.b.c"}).status_code == 403


@pytest.mark.parametrize("path", PATHS.values())
def test_a_viewer_may_look(look, alive, path):
    """The least of Airflow's roles sees everything on the page."""
    assert look(path).status_code == 200


def test_nobody_can_change_anything_here(server):
    """The application only answers to GET: it has no actions that would need more than looking."""
    assert {method for route in _routes(server) for method in route.methods} == {"GET"}


def test_the_ui_cookie_is_enough(server, token, alive):
    """The frame in the Airflow UI sends no header, only the cookie of the login."""
    try:
        server.cookies.set("_token", token)
        assert server.get("/evenkeel/health").status_code == 200
    finally:
        server.cookies.clear()


def test_the_navigation_has_an_entry_that_opens_in_the_ui(server, token):
    """Airflow's UI is told of the page: its name, its frame's address and its own route."""
    answer = server.get("/api/v2/plugins", headers={"Authorization": f"Bearer {token}"}).json()
    if "plugins" not in answer:  # listing plugins may ask for more than a viewer has
        pytest.fail(f"the viewer cannot read the plugins: {answer}")
    [view] = [view for plugin in answer["plugins"] for view in plugin["external_views"]]
    assert (view["name"], view["href"], view["url_route"]) == ("Model health", "evenkeel/health", "model-health")


# What it says


def test_a_project_without_models_says_what_to_write(look):
    """Nothing to show is said, with the way on."""
    page = look("/health").text
    assert "No model spec yet" in page
    assert "config/models/&lt;name&gt;.yaml" in page
    assert look("/status").json() == []


def test_a_folder_that_is_no_project_is_said_in_words(look, monkeypatch, tmp_path):
    """A server started in the wrong place says so on the page instead of failing."""
    monkeypatch.delenv("EVENKEEL_PROJECT")
    monkeypatch.chdir("/")
    answer = look("/health")
    assert (answer.status_code, "no project found" in answer.text) == (200, True)


def test_a_model_without_training_says_what_to_trigger(look, specified):
    """A new model's card names the DAG to trigger and an as_of that has a whole training window before it."""
    page = look("/health").text
    assert "Not trained yet" in page
    assert 'href="../dags/flight_delay_train"' in page
    assert "2013-03-02" in page


def test_mistakes_are_shown_in_words_and_cost_only_their_model(look, specified, project):
    """A bad spec is at the top, escaped, with file, key and value; the sound model is there all the same."""
    (project / "config" / "models" / "broken.yaml").write_text(
        SPEC.read_text().replace("task: binary", "task: <b>guess")
    )
    page = look("/health").text
    assert "mistake" in page.partition('id="flight_delay"')[0]
    assert "broken.yaml: task: &#39;&lt;b&gt;guess&#39; is not one of the choices" in page
    assert 'id="flight_delay"' in page
    sound, broken = look("/status").json()
    assert (sound["model"], sound["error"]) == (MODEL, None)
    assert (broken["model"], "broken.yaml: task" in broken["error"]) == ("broken", True)


def test_a_living_model_is_told_whole(look, alive):
    """Champion and since when, promise, training and reason, partition and rows, both verdicts and reasons, the answer."""
    page = " ".join(look("/health").text.split())
    for said in (
        "version 3</a>, since 2013-03-01 00:00 EST",
        "promised roc_auc 0.6726",
        "promoted (version 3)",
        "better by &lt;0.17&gt;",
        "2013-03-02: 2 rows",
        "no drift",
        "why none of inputs",
        "as promised",
        "why none of the metric",
        "declined, as of 2013-03-01 00:00 EST",
        "1 signal of 3 needed",
    ):
        assert said in page, said


def test_the_last_alert_is_told_and_whether_it_went_out(look, alive):
    """An alert that nobody got is seen here."""
    event = Event("decay/3/2013-03-02", "decay", 3, frozenset({"decay"}), datetime(2013, 3, 3, 8, tzinfo=UTC))
    gateways = Gateways(read_settings())
    record_outcome(alive, Telling("on_call", event, "worse"), Outcome.FAILED, "route on_call: <timed out>", gateways)
    page = look("/health").text
    assert "decay, failed (on_call), about 2013-03-03 03:00 EST" in page
    assert "route on_call: &lt;timed out&gt;" in page


def test_links_lead_to_the_report_the_docs_and_the_version(look, alive):
    """From a model to its drift report, its Data Docs and its MLflow version."""
    page = look("/health").text
    assert f'href="pages/{MODEL}/drift_check/2013-03-02/drift.html"' in page
    assert f'href="pages/{MODEL}/score/2013-03-02/data_docs.html"' in page
    assert 'href="http://mlflow.example:5000/#/models/flight_delay/versions/3"' in page


def test_the_data_docs_link_is_the_name_under_which_scoring_keeps_them(alive):
    """The page spells the name itself, because scoring imports scikit-learn; both must agree."""
    from evenkeel.airflow.model_health import read_health
    from evenkeel.workflows.score import data_docs_name

    [model], _ = read_health()
    assert model.data_docs == data_docs_name(alive, alive.partition("2013-03-02"))


@pytest.mark.parametrize("variable", ["MLFLOW_TRACKING_URI", "EVENKEEL_MLFLOW_UI"])
def test_no_password_is_on_the_page(look, alive, monkeypatch, variable):
    """An address with a user and a password is shown without them (law 30)."""
    monkeypatch.setenv(variable, "https://robot:hunter2@mlflow.example")
    for path in ("/health", "/status"):
        assert "hunter2" not in look(path).text
    assert "https://mlflow.example/#/models" in look("/health").text


@pytest.mark.parametrize(
    ("drift", "decay", "words"),
    [
        ("drift", "none", ["▲</span>drift", "✓</span>as promised"]),
        ("none", "drift", ["✓</span>no drift", "▲</span>decay"]),
        ("drift", "drift", ["▲</span>drift and decay"]),
        ("watch", "none", ["◐</span>watch"]),
        ("insufficient_data", "insufficient_data", ["?</span>not enough data"]),
    ],
)
def test_each_state_has_a_word_and_a_sign(look, alive, drift, decay, words):
    """States are told apart without colour; too little data is no good news and no alarm (law 21)."""
    _check(Gateways(read_settings()), drift, decay)
    page = look("/health").text
    for word in words:
        assert word in page
    assert "healthy" not in page


def test_a_training_that_was_not_good_enough_is_not_a_missing_one(look, specified):
    """A first challenger that lost to the baseline leaves no champion, and its reason."""
    _decide(Gateways(read_settings()), "training/1", Kind.KEPT, "worse than the baseline", version=1)
    page = look("/health").text
    assert "no champion yet" in page
    assert "worse than the baseline" in page
    assert "Not trained yet" not in page


def test_tables_that_cannot_be_read_cost_only_their_model(look, alive, project):
    """A damaged table is said in words on its model's card, and the other models are shown."""
    other = SPEC.read_text().replace("model: flight_delay", "model: another")
    (project / "config" / "models" / "another.yaml").write_text(other)
    for entry in (Path(read_settings().lake) / MODEL / tables.SCORES / "_delta_log").iterdir():
        entry.write_text("damaged")
    page = look("/health").text
    assert "cannot be read" in page.partition('id="flight_delay"')[2]
    assert 'id="another"' in page
    errors = {one["model"]: one["error"] for one in look("/status").json()}
    assert errors["another"] is None
    assert errors[MODEL]


def test_the_json_is_the_status(look, alive):
    """Programs get what `evenkeel status --json` prints, and `error`."""
    assert look("/status").json() == [{**asdict(model_status(alive, Gateways(read_settings()))), "error": None}]


def test_the_latest_run_of_each_dag_is_linked(look, alive):
    """The run that was made last, with its state and partition; a DAG that Airflow does not know has no link."""
    with _dag_with_runs("flight_delay_score", ["scheduled__2013-03-01", "manual__2013-03-02T00:00:00+00:00"]):
        page = look("/health").text
    assert 'href="../dags/flight_delay_score/runs/manual__2013-03-02T00%3A00%3A00%2B00%3A00"' in page
    assert "success (2013-03-02)" in page
    assert "scheduled__2013-03-01" not in page
    assert "flight_delay_retrain" not in page


@contextlib.contextmanager
def _dag_with_runs(dag_id, run_ids):
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.types import DagRunType
    from sqlalchemy import delete

    with create_session() as session:
        session.merge(DagBundleModel(name="dags-folder"))
        session.flush()
        session.add(DagModel(dag_id=dag_id, bundle_name="dags-folder", fileloc="score.py", max_active_tasks=1))
        session.flush()
        for day, run_id in enumerate(run_ids, 1):
            run = DagRun(dag_id=dag_id, run_id=run_id, run_type=DagRunType.MANUAL, state="success")
            run.partition_key = f"2013-03-0{day}"
            session.add(run)
            session.flush()
    try:
        yield
    finally:
        with create_session() as session:
            session.execute(delete(DagRun).where(DagRun.dag_id == dag_id))
            session.execute(delete(DagModel).where(DagModel.dag_id == dag_id))


def test_the_page_runs_only_its_own_script(look, alive):
    """Its policy names one nonce, new each time, and lets nothing be fetched."""
    first, second = look("/health"), look("/health")
    policy = first.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    nonce = policy.partition("script-src 'nonce-")[2].partition("'")[0]
    assert f'<script nonce="{nonce}">' in first.text
    assert policy != second.headers["content-security-policy"]


# Kept pages


def test_a_kept_page_has_an_origin_of_its_own(look, alive):
    """A report's scripts run in a sandbox: not in Airflow's origin, and with nobody to talk to."""
    answer = look(PATHS["/pages/{name:path}"])
    policy = {one.split()[0]: one.split()[1:] for one in answer.headers["content-security-policy"].split(";")}
    assert answer.text == "<script>1</script>"
    assert "allow-scripts" in policy["sandbox"]
    assert "allow-same-origin" not in policy["sandbox"]
    assert policy["default-src"] == ["'none'"]
    assert "connect-src" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_a_page_that_is_not_there_is_a_404_that_names_it(look, alive):
    """An old link says which page is missing."""
    answer = look(f"/pages/{MODEL}/score/1999-01-01/data_docs.html")
    assert answer.status_code == 404
    assert f"there is no page {MODEL}/score/1999-01-01/data_docs.html" in answer.json()["detail"]


@pytest.mark.parametrize(
    "name",
    [
        "..%2foutside.html", "%2e%2e/outside.html", f"{MODEL}%2f..%2f..%2foutside.html", "%2fetc%2fhosts.html",
        "..%5coutside.html", f"{MODEL}%00.html", "a" * 300 + ".html", f"{MODEL}/drift_check/2013-03-02/drift.html/x.html",
        f"{MODEL}/drift_check/2013-03-02/drift.txt",
    ],
)  # fmt: skip
def test_a_name_cannot_lead_out_of_the_pages(look, alive, name):
    """Whatever the spelling, only pages that were kept are served."""
    (Path(read_settings().lake) / "outside.html").write_text("secret")
    answer = look(f"/pages/{name}")
    assert answer.status_code == 404
    assert "secret" not in answer.text


def test_the_lakes_path_is_not_told(look, alive):
    """A 404 names the page, not where the server keeps it."""
    Pages(read_settings().lake)
    assert read_settings().lake not in look("/pages/a/b.html").text + look(f"/pages/{'a' * 300}.html").text


# What it costs


def test_loading_the_plugin_is_light():
    """Schedulers and tasks load every plugin: this one costs them neither the application nor a heavy library."""
    code = (
        "import sys, runpy, airflow.plugins_manager; before = set(sys.modules); "
        "runpy.run_path(sys.argv[1]); print(' '.join(sorted(set(sys.modules) - before)))"
    )
    loaded = _run(code, str(ROOT / "plugins" / "model_health.py"))
    assert not loaded & {"fastapi", "jinja2", "pandas", "evenkeel.airflow.health_page"}


def test_answering_needs_none_of_the_model_libraries():
    """What a first request imports stays clear of scikit-learn, MLflow, Great Expectations and Evidently."""
    code = (
        "import sys, evenkeel.airflow.health_page, evenkeel.workflows.status, evenkeel.workflows.ledger, "
        "evenkeel.gateways.lake, evenkeel.gateways.pages; print(' '.join(sys.modules))"
    )
    loaded = _run(code)
    assert "deltalake" in loaded
    assert not loaded & {"sklearn", "mlflow", "great_expectations", "evidently", "matplotlib", "scipy"}


def _run(code, *arguments):
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return set(done.stdout.split())
