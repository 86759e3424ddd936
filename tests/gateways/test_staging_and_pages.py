"""Staging between steps, and the pages people open."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from evenkeel.gateways.pages import Pages
from evenkeel.gateways.staging import KEEP, Staging
from evenkeel.vocabulary.errors import EvenkeelError, StagingMissingError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_step_finds_what_the_one_before_left(tmp_path: Path) -> None:
    """Frames, notes and bytes come back as they were, and a retry replaces them."""
    staging = Staging(str(tmp_path))
    for value in (1.0, 2.0):
        staging.put("m/score/2013-04-01", "rows", pd.DataFrame({"x": [value]}))
    assert staging.get("m/score/2013-04-01", "rows")["x"].tolist() == [2.0]
    staging.put_note("m/score/2013-04-01", "plan", {"shards": 3})
    assert staging.get_note("m/score/2013-04-01", "plan") == {"shards": 3}


def test_a_missing_step_is_told_with_the_way_out(tmp_path: Path) -> None:
    """Running a step alone says which result it lacks and what to run."""
    with pytest.raises(StagingMissingError, match="run \\(or clear\\) the whole run from its first step"):
        Staging(str(tmp_path)).get("m/score/2013-04-01", "rows")


def test_old_runs_are_swept_and_recent_ones_kept(tmp_path: Path) -> None:
    """What was staged longer ago than a week goes, of that model only."""
    staging = Staging(str(tmp_path))
    for run in ("m/score/old", "m/score/new", "other/score/old"):
        staging.put_note(run, "plan", {})
    long_ago = time.time() - KEEP.total_seconds() - 60
    for model in ("m", "other"):
        (old,) = (tmp_path / "_staging" / model / "score").glob("old*/plan.json")
        os.utime(old, (long_ago, long_ago))
    assert (
        staging.sweep("m", timedelta(days=1)) == 0
    )  # a run may be under way for a day, and be cleared for a week after it
    assert staging.sweep("m", timedelta(0)) == 1
    assert staging.get_note("m/score/new", "plan") == {}
    assert staging.get_note("other/score/old", "plan") == {}


def test_a_folder_that_was_made_just_now_is_not_swept(tmp_path: Path) -> None:
    """A run that is about to stage its first file keeps its folder; an empty one of long ago goes."""
    folders = [tmp_path / "_staging" / "m" / "score" / run for run in ("new", "old")]
    for folder in folders:
        folder.mkdir(parents=True)
    long_ago = time.time() - KEEP.total_seconds() - 60
    os.utime(folders[1], (long_ago, long_ago))
    assert Staging(str(tmp_path)).sweep("m", timedelta(0)) == 1
    assert [folder.exists() for folder in folders] == [True, False]


def test_all_that_a_model_staged_can_be_dropped(tmp_path: Path) -> None:
    """Where no run is under way, all of a model's go, another's stay, and dropping nothing is no mistake."""
    staging = Staging(str(tmp_path))
    for run in ("m/score/new", "other/score/new"):
        staging.put_note(run, "plan", {})
    for _ in range(2):
        staging.clear("m")
    assert not (tmp_path / "_staging" / "m").exists()
    assert staging.get_note("other/score/new", "plan") == {}


def test_a_page_is_kept_and_replaced(tmp_path: Path) -> None:
    """The last page of a name is the one that is shown."""
    pages = Pages(str(tmp_path))
    pages.put("m/train/x/data_docs.html", "<p>1</p>")
    pages.put("m/train/x/data_docs.html", "<p>2</p>")
    assert pages.get("m/train/x/data_docs.html") == b"<p>2</p>"


@pytest.mark.parametrize(
    "name", ["../secrets.html", "/etc/passwd.html", "m/../../x.html", "m/x.json", "", "m/none.html"]
)
def test_no_name_leads_out_of_the_pages(tmp_path: Path, name: str) -> None:
    """A name that climbs, is absolute, is no page or is not there is refused."""
    with pytest.raises(EvenkeelError, match="page"):
        Pages(str(tmp_path / "lake")).get(name)
