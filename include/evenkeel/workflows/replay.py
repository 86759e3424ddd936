"""Replay: a period walked again under several policies, through the same workflows, into a report that compares them.

Each policy has a lake and an MLflow of its own below the replay's folder; they share the frames of partitions and nothing else.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import math
import os
import shutil
import signal
import threading
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from multiprocessing import active_children, get_context, parent_process
from typing import TYPE_CHECKING, Any

from evenkeel.decisions.uncertainty import rolling_mean_of_days
from evenkeel.vocabulary.errors import EvenkeelError
from evenkeel.vocabulary.partition import Partition
from evenkeel.vocabulary.settings import environment
from evenkeel.workflows.evidence import code_version, environment_hash
from evenkeel.workflows.replay_account import account_of
from evenkeel.workflows.replay_frames import KeptFrames, ReplayGateways, frames_hash
from evenkeel.workflows.replay_timeline import partitions_needed, timeline, trainings
from evenkeel.workflows.replay_walk import Journal, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from evenkeel.vocabulary.replay import ReplayAccount
    from evenkeel.vocabulary.settings import Settings
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.replay_policy import Policy
    from evenkeel.workflows.replay_timeline import Span

_PATIENCE = 0.5
"""Seconds between two looks at how far the walks are."""

_BUILT_AT_ONCE = 31
"""Partitions whose frames one process builds in one go."""

_ONE_CORE_EACH = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""What a process that shares the cores with others has to know before it loads numpy."""


@dataclass(frozen=True)
class Progress:
    """How far one policy is: events done of all, the day it has reached, and decisions so far."""

    name: str
    done: int
    total: int
    day: str
    decisions: int


@dataclass(frozen=True)
class Replay:
    """A period of a model, the policies it is walked under, and where that is kept.

    Args:
        spec: the model.
        policies: what is compared; the first is the main one.
        span: the days.
        settings: where the project, its data and its home are; the home's own lake and MLflow are not touched.
    """

    policies: Sequence[Policy]
    span: Span
    settings: Settings

    @property
    def spec(self) -> ModelSpec:
        """The main policy's."""
        return self.policies[0].spec

    @property
    def folder(self) -> Path:
        """Where everything of the period is kept."""
        return self.settings.home / "replays" / self.spec.model / str(self.span)

    @property
    def frames(self) -> Path:
        """Where the shared frames are kept."""
        return self.folder / "frames"

    def folder_of(self, policy: Policy) -> Path:
        """Where a policy's lake, MLflow and journal are kept."""
        return self.folder / f"{policy.slug}-{policy.spec.hash[:8]}"

    def gateways_of(self, policy: Policy) -> ReplayGateways:
        """A policy's own doors."""
        folder = self.folder_of(policy)
        lake, tracking = str(folder / "lake"), f"sqlite:///{folder / 'mlflow.db'}"
        return ReplayGateways(replace(self.settings, home=folder, lake=lake, tracking_uri=tracking), self.frames)


def run_replay(
    replay: Replay,
    *,
    jobs: int = 0,
    fresh: bool = False,
    notes: Sequence[str] = (),
    watch: Callable[[Sequence[Progress]], None] = lambda _: None,
) -> ReplayAccount:
    """Walk every policy through the period and give the account of it. What an earlier run did is not done again.

    Args:
        replay: what to walk.
        jobs: how many processes walk at a time; with none, this one does.
        fresh: forget what earlier runs of this period did.
        notes: what a reader of the account has to know beside it.
        watch: hears now and then how far each policy is.

    Raises:
        EvenkeelError: where the period is being replayed already, or was begun with other code, suites or libraries.
    """
    with _alone(replay):
        if fresh:
            shutil.rmtree(replay.folder, ignore_errors=True)
        replay.folder.mkdir(parents=True, exist_ok=True)
        _same_ground(replay)
        with _Workers(replay, jobs, watch) as workers:
            workers.do(_build_frames, _chunks(replay))
            # The longest first, so that no process ends up alone with it.
            order = sorted(replay.policies, key=lambda one: -len(trainings(one, replay.span)))
            workers.do(_walk, [(replay, one) for one in order])
        gateways = [replay.gateways_of(one) for one in replay.policies]
        folders = [replay.folder_of(one) for one in replay.policies]
        return account_of(replay.policies, replay.span, folders, gateways, notes)


def progress_of(replay: Replay) -> list[Progress]:
    """How far each policy is, by what is on record."""
    found = []
    for policy in replay.policies:
        steps = Journal(replay.folder_of(policy)).steps()
        events = timeline(policy, replay.span)
        last = next((one.instant for one in events if steps and one.key == steps[-1].event), None)
        day = "" if last is None else Partition.containing(last, policy.spec.timezone).key
        decisions = steps[-1].decisions if steps else 0
        found.append(Progress(policy.name, len(steps), len(events), day, decisions))
    return found


class _Workers:
    """Does tasks in processes of their own, or in this one where none are wanted."""

    def __init__(self, replay: Replay, jobs: int, watch: Callable[[Sequence[Progress]], None]) -> None:
        self._replay = replay
        self._jobs = jobs
        self._watch = watch
        self._stack = contextlib.ExitStack()
        self._pool: ProcessPoolExecutor | None = None
        self._others = set(active_children())

    def __enter__(self) -> _Workers:
        if self._jobs:
            self._stack.enter_context(environment(_ONE_CORE_EACH))
            self._pool = ProcessPoolExecutor(self._jobs, get_context("spawn"), initializer=_die_with_parent)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._pool is not None:
            if kind is not None:
                for child in set(active_children()) - self._others:
                    child.kill()  # what it was at is done again, to the same effect
            self._pool.shutdown(cancel_futures=True)
        self._stack.close()

    def do(self, task: Callable[..., None], calls: Sequence[tuple[Any, ...]]) -> None:
        if self._pool is None:
            for call in calls:
                task(*call)
                self._watch(progress_of(self._replay))
            return
        left = {self._pool.submit(task, *call) for call in calls}
        while left:
            done, left = wait(left, timeout=_PATIENCE, return_when=FIRST_COMPLETED)
            for one in done:
                one.result()
            self._watch(progress_of(self._replay))


def _chunks(replay: Replay) -> list[tuple[Replay, Policy, list[Partition]]]:
    """What frames there are to build: once for all policies that look at the same."""
    chunks = []
    seen: set[tuple[str, str]] = set()
    for policy in replay.policies:
        kind = frames_hash(policy.spec)
        wanted = [one for one in partitions_needed(policy, replay.span) if (kind, one.key) not in seen]
        seen.update((kind, one.key) for one in wanted)
        chunks += [
            (replay, policy, wanted[begin : begin + _BUILT_AT_ONCE]) for begin in range(0, len(wanted), _BUILT_AT_ONCE)
        ]
    return chunks


def _build_frames(replay: Replay, policy: Policy, partitions: list[Partition]) -> None:
    frames = KeptFrames(replay.gateways_of(policy).sources, replay.frames)
    # A damaged day is an event of the walk: it is met there, by itself.
    with contextlib.suppress(EvenkeelError):
        frames.keep(policy.spec, partitions)


def _walk(replay: Replay, policy: Policy) -> None:
    walk(policy, replay.span, replay.folder_of(policy), replay.gateways_of(policy))


def _die_with_parent() -> None:
    """Let this process end with the one that started it, so that a replay that was killed leaves nothing at work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the parent's to answer
    parent = parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


@contextlib.contextmanager
def _alone(replay: Replay) -> Iterator[None]:
    replay.folder.parent.mkdir(parents=True, exist_ok=True)
    with (replay.folder.parent / f".{replay.span}.lock").open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EvenkeelError(
                f"{replay.spec.model} from {replay.span.first} to {replay.span.last} is being replayed already; wait for that "
                "replay, or end it: this one then goes on where it stopped"
            ) from None
        yield


def _same_ground(replay: Replay) -> None:
    """What was walked with other code, suites or libraries would not be repeated: it is not gone on with."""
    file = replay.folder / "replay.json"
    ground = {
        "code": code_version(replay.settings.project),
        "environment": environment_hash(),
        "modules and suites": _modules_and_suites(replay.settings),
    }
    if not file.exists():
        draft = file.with_suffix(".draft")
        draft.write_text(json.dumps(ground, indent=2) + "\n")
        draft.replace(file)
        return
    begun = json.loads(file.read_text())
    changed = [name for name, value in ground.items() if begun.get(name) != value]
    if changed:
        raise EvenkeelError(
            f"the replay in {replay.folder} was begun with other {', '.join(changed)}, so it cannot be gone on with; "
            "pass --fresh to start over"
        )


def _modules_and_suites(settings: Settings) -> str:
    """Sixteen hex digits over what a commit does not tell while it is being worked on."""
    digest = hashlib.sha256()
    files = [*settings.project.glob("include/**/*.py"), *settings.suites.glob("*.yaml")]
    for file in sorted(files):
        digest.update(f"{file.relative_to(settings.project)}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def write_report(account: ReplayAccount, file: Path) -> Path:
    """Write the report, whole or not at all; return where it lies."""
    from evenkeel.gateways.replay_page import replay_page

    metric = account.measures[0]
    values = [[day.measured.get(metric, math.nan) for day in policy.days] for policy in account.policies]
    bands = [rolling_mean_of_days(one) for one in values]
    differences = [
        rolling_mean_of_days([mine - first for mine, first in zip(one, values[0], strict=True)]) for one in values[1:]
    ]
    file = file.absolute()
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.draft")
    draft.write_text(replay_page(account, bands, differences), encoding="utf-8")
    return draft.replace(file)
