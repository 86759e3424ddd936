"""The REST client, where no Airflow is needed to see what it does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from evenkeel.local import rest
from evenkeel.local.rest import AirflowClient
from evenkeel.vocabulary.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator

TASK = {"dag_id": "m_train", "dag_run_id": "r", "task_id": "approve", "map_index": -1}


@pytest.fixture
def client() -> Iterator[AirflowClient]:
    with AirflowClient("http://127.0.0.1:9", "admin", "") as one:
        yield one


@pytest.mark.parametrize(("age", "waited"), [(0.5, 2.5), (60.0, 0.0), (-60.0, 3.0)])
def test_a_question_asked_just_now_is_answered_a_moment_later(
    client: AirflowClient, monkeypatch: pytest.MonkeyPatch, age: float, waited: float
) -> None:
    """Before Airflow has noticed that the task waits, the answer would be lost; a clock that is ahead costs no more than that."""
    slept: list[float] = []
    monkeypatch.setattr(rest.time, "sleep", slept.append)
    monkeypatch.setattr(client, "_call", lambda *_, **__: {})
    created = datetime.now(UTC) - timedelta(seconds=age)
    client.answer({"created_at": created.isoformat(), "task_instance": TASK}, "Promote")
    assert slept == [pytest.approx(waited, abs=0.4)]


def test_a_wait_outlives_a_request_without_an_answer(client: AirflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """That Airflow does not answer for a moment is waited out; at the end of the wait it is told."""
    answers: list[Any] = [
        TransientError("no answer"),
        {"state": "running"},
        TransientError("no answer"),
        {"state": "success"},
    ]

    def run(*_: Any) -> Any:
        found = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(rest.time, "sleep", lambda _: None)
    monkeypatch.setattr(client, "run", run)
    assert client.wait_for_run("m_train", "r")["state"] == "success"
    answers.append(TransientError("no answer"))
    with pytest.raises(TransientError, match="no answer"):
        client.wait_for_run("m_train", "r", timeout=-1)
