"""Houses that are killed: one warm parent, one house at a time, and what an undisturbed run leaves in it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = Path(__file__).parents[2]
SEED = os.environ.get("KILLS_SEED", "2013")

STATES = {
    "nothing": None,
    "empty": "nothing",
    "trained": "empty",
    "trained twice": "trained",
    "alias moved": "trained twice",
    "shadowed": "trained twice",
    "scored before": "trained",
    "scored now": "trained",
}
"""The states that pipelines start from, and the state that each is made from."""

PIPELINES = {
    "begin": "nothing",
    "train": "empty",
    "score": "scored before",
    "retrain": "scored now",
    "decide": "trained twice",
    "repair": "alias moved",
    "shadow": "shadowed",
}
"""What is killed, and the state it starts from."""

RANDOM = "a random moment"


@dataclass(frozen=True)
class Undisturbed:
    """What a pipeline finds and leaves when nobody disturbs it, the boundaries it meets, and how long it takes."""

    before: Mapping[str, Any]
    after: Mapping[str, Any]
    boundaries: list[str]
    seconds: float


@dataclass(frozen=True)
class Kill:
    """One kill: at a boundary by its number, or after some seconds; resumed from the task that died, or from the first."""

    pipeline: str
    boundary: str
    kill_at: int | None = None
    kill_after: float | None = None
    again_after: float | None = None
    retry: bool = True


@dataclass(frozen=True)
class Outcome:
    """How a kill ended: whether readers saw only old or new before it was resumed, and what differs after it was."""

    kill: Kill
    kills: int
    torn: list[str]
    differences: list[str]


@dataclass
class Houses:
    """The warm parent and the folder that its children work in."""

    root: Path
    outcomes: list[Outcome] = field(default_factory=list)
    cpu: float = 0.0
    _known: dict[str, Undisturbed] = field(default_factory=dict)

    def __post_init__(self) -> None:
        environment = os.environ | {
            "DO_NOT_TRACK": "true",
            "EVENKEEL_CODE_VERSION": "kills",  # the tree may change meanwhile
            "EVIDENTLY_DISABLE_TELEMETRY": "true",
            "GX_ANALYTICS_ENABLED": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        command = [sys.executable, "-W", "ignore", "-m", "tests.kills.warm"]
        self._log = (self.root / "warm.log").open("w")
        self._warm = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self._heard()
        self.do("landing")

    def close(self) -> None:
        """End the warm parent."""
        assert self._warm.stdin is not None
        self._warm.stdin.close()
        self._warm.wait(30)
        self._log.close()

    def undisturbed(self, pipeline: str) -> Undisturbed:
        """What a pipeline does when nobody disturbs it; found once."""
        if pipeline not in self._known:
            self._prepare(PIPELINES[pipeline])
            self._restore(pipeline)
            before = self.do("look")
            boundaries = self.do("count", pipeline=pipeline)
            after = self.do("look")
            self._restore(pipeline)
            answer = self._ask("run", pipeline=pipeline)
            assert answer["code"] == 0, f"{pipeline}: {answer['answer']}"
            seconds = answer["seconds"]
            different = differences(after, self.do("look"))
            assert not different, f"two undisturbed runs differ: {different}"
            self._known[pipeline] = Undisturbed(before, after, boundaries, seconds)
        return self._known[pipeline]

    def plan(self, pipeline: str, at_boundaries: int, at_random: int) -> list[Kill]:
        """Kills of a pipeline by the seed: every kind of boundary once before any a second time, the tables, the
        ledger and the registry before staging; then random moments.
        """
        known = self.undisturbed(pipeline)
        draw = random.Random(f"{SEED}/{pipeline}")
        numbers = list(range(len(known.boundaries)))
        draw.shuffle(numbers)
        met: dict[str, int] = {}
        turns = []
        for number in numbers:
            label = known.boundaries[number]
            met[label] = met.get(label, 0) + 1
            turns.append((met[label], "staged" in label or "rename" in label, number))
        chosen = [number for *_, number in sorted(turns)][:at_boundaries]
        kills = [Kill(pipeline, known.boundaries[one], kill_at=one, retry=draw.random() < 0.5) for one in chosen]
        while len(kills) < at_boundaries + at_random:
            after, again = draw.uniform(0, known.seconds), draw.uniform(0, known.seconds / 2)
            twice = draw.random() < 1 / 3
            kills.append(Kill(pipeline, RANDOM, None, after, again if twice else None, retry=draw.random() < 0.5))
        return kills

    def at(self, pipeline: str, label: str, *, retry: bool = True) -> Kill:
        """A kill at a boundary of a name, the one in the middle where there are several."""
        found = [number for number, one in enumerate(self.undisturbed(pipeline).boundaries) if one == label]
        assert found, f"{pipeline} meets no boundary {label!r}: {sorted(set(self.undisturbed(pipeline).boundaries))}"
        return Kill(pipeline, label, kill_at=found[len(found) // 2], retry=retry)

    def suffer(self, kill: Kill) -> Outcome:
        """Kill a pipeline, look as readers do, resume it, and compare with an undisturbed run."""
        known = self.undisturbed(kill.pipeline)
        self._restore(kill.pipeline)
        kills = self._kill(kill, known)
        torn = torn_of(known, self.do("look"))
        if kill.again_after is not None:
            kills += self._ask("run", kill_after=kill.again_after, pipeline=kill.pipeline, retry=kill.retry)["killed"]
            torn += torn_of(known, self.do("look"))
        self.do("run", pipeline=kill.pipeline, retry=kill.retry)
        outcome = Outcome(kill, kills, torn, differences(known.after, self.do("look")))
        self.outcomes.append(outcome)
        return outcome

    def _kill(self, kill: Kill, known: Undisturbed) -> int:
        if kill.kill_at is not None:
            answer = self._ask("run", pipeline=kill.pipeline, kill_at=kill.kill_at)
            assert answer["killed"], f"{kill} was not met: {answer}"
            assert (self.root / "killed_at").read_text() == kill.boundary
            return 1
        after = kill.kill_after or 0.0
        while not self._ask("run", kill_after=after, pipeline=kill.pipeline)["killed"]:
            after *= 0.8  # it was faster this time
            self._restore(kill.pipeline)
        return 1

    def _restore(self, pipeline: str) -> None:
        self.do("restore", pipeline=pipeline)

    def _prepare(self, state: str) -> None:
        before = STATES[state]
        if before is not None:
            self._prepare(before)
        if not (self.root / "base" / state).exists():
            self.do("prepare", state=state)

    def do(self, job: str, **arguments: Any) -> Any:
        """What a child answers. Fails where it does not end well."""
        answer = self._ask(job, **arguments)
        assert answer["code"] == 0, f"{job} {arguments}: {(answer['answer'] or {}).get('error') or answer}"
        return answer["answer"]["value"]

    def _ask(self, job: str, kill_after: float | None = None, **arguments: Any) -> dict[str, Any]:
        assert self._warm.stdin is not None
        asked = {
            "do": f"tests.kills.jobs:{job}",
            "with": {"root": str(self.root), **arguments},
            "result": str(self.root / "answer.json"),
            "kill_after": kill_after,
        }
        self._warm.stdin.write(json.dumps(asked) + "\n")
        self._warm.stdin.flush()
        return self._heard()

    def _heard(self) -> dict[str, Any]:
        assert self._warm.stdout is not None
        line = self._warm.stdout.readline()
        assert line, f"the warm parent died: {(self.root / 'warm.log').read_text()[-2000:]}"
        heard: dict[str, Any] = json.loads(line)
        self.cpu += heard.get("cpu", 0.0)
        return heard


def torn_of(known: Undisturbed, seen: Mapping[str, Any]) -> list[str]:
    """What readers see of a killed run that is neither old nor new (law 6)."""
    torn = []
    for table, found in seen["tables"].items():
        old, new = (one["tables"].get(table, {}).get("partitions", {}) for one in (known.before, known.after))
        for key, part in found["partitions"].items():
            if table != "ledger" and part not in (old.get(key), new.get(key)):
                torn.append(f"{table} {key}: {part} is neither {old.get(key)} nor {new.get(key)}")
        torn += [f"{table}: {name} {found[name]}" for name in ("rows twice", "keys twice") if found[name]]
        torn += [f"{table} {key} is gone" for key in old if key in new and key not in found["partitions"]]
    entries = seen["ledger"]
    if entries != known.after["ledger"][: len(entries)] or len(entries) < len(known.before["ledger"]):
        torn.append(f"ledger: {[one['id'] for one in entries]}")
    torn += [f"page {name} cannot be opened" for name, whole in seen["pages"].items() if not whole]
    return torn


def differences(wanted: Any, found: Any, place: str = "") -> list[str]:
    """Where two looks differ, a line each."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        keys = sorted({*wanted, *found})
        return [one for key in keys for one in differences(wanted.get(key), found.get(key), f"{place}/{key}")]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        pairs = enumerate(zip(wanted, found, strict=True))
        return [one for number, (a, b) in pairs for one in differences(a, b, f"{place}/{number}")]
    if isinstance(wanted, list) and isinstance(found, list):
        more, less = [one for one in found if one not in wanted], [one for one in wanted if one not in found]
        return [f"{place}: {len(found)} instead of {len(wanted)}; more: {more}; missing: {less}"]
    return [] if wanted == found else [f"{place}: {found!r} instead of {wanted!r}"]
