"""How often the drift check alarms where nothing moved, and how soon it finds what did. Beside it, Evidently's default preset.

    python -m benchmarks.drift [--runs 200] [--evidently 20] [--together 40] [--keep FOLDER]

False alarms: a reference of 60 days, a window of 14, both of one law. A run is an alarm if any measure of any column is beyond
its threshold; effects, which would hide some, are not asked. The laws:

    heavy tails   Student's t with 2 degrees of freedom, each day shifted by chance
    rare          a category of 40 whose frequencies fall as 1/rank, each day's shares moved by chance
    weekly        normal, each weekday at its own level
    memory        normal, each day's level remembers half of the day before's
    flights       the features of flight_delay: 74 days in a row, which of them are the window's is drawn; so they are of one law

The synthetic rows are drawn as counts in cells, which is all that a check sees of them; Evidently is given rows. Detection: 15
columns of the weekly law with some memory; from a day on one of them (or all pairs) moves. Everything is seeded.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy import stats

from benchmarks.example_models import PROJECT, year
from benchmarks.sequential import Rate
from evenkeel.decisions.calibrated import Reference, Together, measure_window, threshold_together
from evenkeel.decisions.profile import Cells, Counted, categorical_cells, numeric_cells
from evenkeel.gateways.domain_classifier import DomainClassifier
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.spec_file import load_spec
from evenkeel.workflows.counting import cells_of, count_reference, count_window
from nyc_flights.landing import land

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

REFERENCE, WINDOW, A_DAY = 60, 14, 1000
ALPHA = 0.05
LAWS = ("heavy tails", "rare", "weekly", "memory")
CATEGORIES = 40
PER_DAY = (1, 2, 3, 5, 7, 10, 14)
"""Days after the shift at which the window is looked at; where all features are looked at together, the last three of them."""


def levels(law: str, days: int, rng: np.random.Generator) -> Floats:
    """By how much each day's mean differs, shape (days,)."""
    if law == "heavy tails":
        return 0.3 * rng.standard_normal(days)
    rhythm = (
        0.4 * rng.standard_normal(7)[(np.arange(days) + int(rng.integers(7))) % 7]
        if law == "weekly"
        else np.zeros(days)
    )
    found, memory = np.zeros(days), 0.5 if law == "memory" else 0.2
    found[0] = rng.standard_normal()
    for day in range(1, days):
        found[day] = memory * found[day - 1] + np.sqrt(1 - memory**2) * rng.standard_normal()
    return rhythm + (0.3 if law == "memory" else 0.1) * found


@dataclass
class Column:
    """One column of a law: its days' levels, or shares of categories."""

    law: str
    days: Floats

    @classmethod
    def drawn(cls, law: str, days: int, rng: np.random.Generator) -> Column:
        """A column of so many days."""
        if law != "rare":
            return cls(law, levels(law, days, rng))
        logits = -np.log(np.arange(1, CATEGORIES + 1)) + 0.2 * rng.standard_normal((days, CATEGORIES))
        shares = np.exp(logits)
        return cls(law, shares / shares.sum(axis=1, keepdims=True))

    def rows(self, days: slice, a_day: int, rng: np.random.Generator) -> Floats:
        """Rows of each day, shape (days, a_day); categories by their number."""
        held = self.days[days]
        if self.law == "rare":
            return np.stack([rng.choice(CATEGORIES, a_day, p=one) for one in held]).astype(float)
        drawn = (
            rng.standard_t(2, (len(held), a_day))
            if self.law == "heavy tails"
            else rng.standard_normal((len(held), a_day))
        )
        return drawn + held[:, None]

    def cells(self, days: slice, rng: np.random.Generator) -> Cells:
        """Cut at some thousand rows of these days."""
        rows = self.rows(days, 100, rng)
        if self.law == "rare":
            return categorical_cells("", {str(one): 1 for one in range(CATEGORIES)})
        return numeric_cells("", rows.ravel())

    def counted(self, cells: Cells, days: slice, a_day: Floats, rng: np.random.Generator) -> Counted:
        """Counts in cells as so many rows of each day give."""
        held = self.days[days]
        if cells.cuts is None:
            order = [int(name) for name in cells.names]
            chances = np.column_stack([held[:, order], np.zeros(len(held))])
        else:
            law = stats.t(2) if self.law == "heavy tails" else stats.norm
            bounds = np.column_stack([np.zeros(len(held)), law.cdf(cells.cuts - held[:, None]), np.ones(len(held))])
            chances = np.diff(bounds, axis=1)
        none = np.zeros(len(held), dtype=np.int64)
        return Counted(rng.multinomial(a_day.astype(int), chances / chances.sum(axis=1, keepdims=True)), none, none)


def alarm(law: str, columns: int, rows: int, seed: int) -> bool:
    """One run of a synthetic law: whether anything is beyond its threshold."""
    rng = np.random.default_rng([LAWS.index(law), columns, rows, seed])
    references, windows = [], {}
    per_day = np.bincount(rng.integers(0, WINDOW, rows), minlength=WINDOW).astype(float)
    for place in range(columns):
        column = Column.drawn(law, REFERENCE + WINDOW, rng)
        before, after = slice(0, REFERENCE), slice(REFERENCE, None)
        found = column.cells(before, rng)
        cells = Cells(f"x{place}", found.cuts, found.values, found.spread, found.names, found.others)
        method = "jensenshannon" if law == "rare" else "wasserstein"
        references.append(
            Reference(cells, column.counted(cells, before, np.full(REFERENCE, float(A_DAY)), rng), method)
        )  # type: ignore[arg-type]
        windows[cells.column] = column.counted(cells, after, per_day, rng)
    return any(one.excess > 1 for one in measure_window(references, windows, alpha=ALPHA, seed=seed))


def preset_alarms(reference: pd.DataFrame, window: pd.DataFrame) -> tuple[bool, bool]:
    """Whether Evidently's default preset calls any column drifted, and whether it calls the data set drifted."""
    from evidently import Report
    from evidently.presets import DataDriftPreset

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = Report([DataDriftPreset()]).run(window, reference).dict()
    value = next(one["value"] for one in found["metrics"] if "DriftedColumnsCount" in one["metric_name"])
    return value["count"] > 0, value["share"] >= 0.5


def preset_run(law: str, columns: int, rows: int, seed: int) -> tuple[bool, bool]:
    """The same law, as rows, for Evidently."""
    rng = np.random.default_rng([9, LAWS.index(law), columns, rows, seed])
    before, after = {}, {}
    for place in range(columns):
        column = Column.drawn(law, REFERENCE + WINDOW, rng)
        for into, days, a_day in (
            (before, slice(0, REFERENCE), 200),
            (after, slice(REFERENCE, None), max(1, rows // WINDOW)),
        ):
            drawn = column.rows(days, a_day, rng).ravel()
            into[f"x{place}"] = [f"k{int(one)}" for one in drawn] if law == "rare" else drawn
    return preset_alarms(pd.DataFrame(before), pd.DataFrame(after))


class Flights:
    """The features of flight_delay over the year."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.spec = load_spec(PROJECT / "config" / "models" / "flight_delay.yaml")
        self.frame, self.days = frame, sorted(frame[c.PARTITION].unique())

    def split(self, rows: int | None, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        """74 days in a row, of which 14 are drawn as the window, with at most so many rows."""
        rng = np.random.default_rng([5, seed])
        first = int(rng.integers(10, len(self.days) - REFERENCE - WINDOW))
        days = np.array(self.days[first : first + REFERENCE + WINDOW])
        chosen = set(days[rng.permutation(len(days))[:WINDOW]])
        inside = self.frame[self.frame[c.PARTITION].isin(days)]
        window = inside[inside[c.PARTITION].isin(chosen)]
        reference = inside[~inside[c.PARTITION].isin(chosen)]
        return reference, window if rows is None else window.sample(min(rows, len(window)), random_state=seed)

    def alarm(self, rows: int | None, seed: int) -> bool:
        """Whether anything is beyond its threshold."""
        reference, window = self.split(rows, seed)
        references, windows = [], {}
        keys, now = sorted(reference[c.PARTITION].unique()), sorted(window[c.PARTITION].unique())
        for name in self.spec.features.names:
            numeric = name in self.spec.features.numeric
            cells = cells_of(name, reference[name], numeric=numeric)
            counted = count_reference(reference[name], reference[c.PARTITION], keys, cells)
            references.append(Reference(cells, counted, "wasserstein" if numeric else "jensenshannon"))
            windows[name] = count_window(window[name], window[c.PARTITION], now, cells)
        return any(one.excess > 1 for one in measure_window(references, windows, alpha=ALPHA, seed=seed))

    def preset(self, rows: int | None, seed: int) -> tuple[bool, bool]:
        """The same days, for Evidently."""
        reference, window = (one[list(self.spec.features.names)] for one in self.split(rows, seed))
        return preset_alarms(reference, window)


def rate(alarms: list[bool]) -> str:
    """A rate with its exact interval."""
    return str(Rate(sum(alarms), len(alarms), None)) if alarms else "-"


def false_alarms(flights: Flights, runs: int, preset: int, console: Console) -> None:
    """Print the table of false alarms."""
    table = Table("law", "columns", "rows", "any alarm", "preset: any column", "preset: data set", title="False alarms")
    arms: list[tuple[str, int, int | None, Callable[[int], bool], Callable[[int], tuple[bool, bool]]]] = [
        (
            law,
            columns,
            rows,
            lambda seed, law=law, columns=columns, rows=rows: alarm(law, columns, rows, seed),
            lambda seed, law=law, columns=columns, rows=rows: preset_run(law, columns, rows, seed),
        )
        for law in LAWS
        for columns, all_rows in (
            (5, (200, 2_000, 20_000, 200_000)),
            (50, (200, 20_000, 200_000)),
            (200, (200, 200_000)),
        )
        for rows in all_rows
    ]
    arms += [
        (
            "flights",
            13,
            rows,
            lambda seed, rows=rows: flights.alarm(rows, seed),
            lambda seed, rows=rows: flights.preset(rows, seed),
        )
        for rows in (200, 2_000, None)
    ]
    for law, columns, rows, ours, theirs in arms:
        name = f"{law} {columns} {rows}"
        alarms = [ours(seed) for seed in track(range(runs), name, transient=True, console=console)]
        affordable = columns <= 50 and (rows or 0) <= 20_000
        beside = [theirs(seed) for seed in range(preset)] if affordable else []
        shown = "all" if rows is None else f"{rows:,}"
        table.add_row(
            law, str(columns), shown, rate(alarms), rate([a for a, _ in beside]), rate([b for _, b in beside])
        )
        console.print(f"{name}: {rate(alarms)}", highlight=False)
    console.print(table)


def moved(kind: str, size: float, rows: Floats, rng: np.random.Generator) -> Floats:
    """Rows of the shifted days, shape (columns, days, rows); the first column moves, or all depend on each other."""
    changed = rows.copy()
    if kind == "mean":
        changed[0] += size
    elif kind == "variance":
        changed[0] *= size
    elif kind == "missing":
        changed[0] = np.where(rng.random(changed[0].shape) < size, np.nan, changed[0])
    elif kind == "category":
        changed[0] = np.where(rng.random(changed[0].shape) < size, 3.0, changed[0])
    elif kind == "correlation":
        common = rng.standard_normal(changed.shape[1:])
        changed[:4] = np.sqrt(1 - size) * changed[:4] + np.sqrt(size) * common
    return changed


def detect(kind: str, size: float, seed: int, *, columns: int = 15, a_day: int = 200) -> int | None:
    """Days until the shift is found, at most a window of them; None where it is not."""
    rng = np.random.default_rng([7, seed])
    days = REFERENCE + 2 * WINDOW
    level = np.stack([levels("weekly", days, rng) for _ in range(columns)])
    rows = rng.standard_normal((columns, days, a_day)) + level[:, :, None]
    if kind == "category":
        rows[0] = rng.choice(4, rows[0].shape, p=[0.5, 0.3, 0.15, 0.05])
    rows[:, REFERENCE + WINDOW :] = moved(kind, size, rows[:, REFERENCE + WINDOW :], rng)
    names, keys = [f"x{place}" for place in range(columns)], [f"{day:03}" for day in range(days)]
    numeric = [name for name in names if not (kind == "category" and name == "x0")]
    frame = pd.DataFrame({name: rows[place].ravel() for place, name in enumerate(names)})
    if kind == "category":
        frame["x0"] = frame["x0"].map(lambda one: f"k{int(one)}")
    frame["day"] = np.repeat(keys, a_day)
    learnt = frame[frame["day"] < keys[REFERENCE]]
    references = []
    for name in names:
        cells = cells_of(name, learnt[name], numeric=name in numeric)
        counted = count_reference(learnt[name], learnt["day"], keys[:REFERENCE], cells)
        references.append(Reference(cells, counted, "wasserstein" if name in numeric else "jensenshannon"))
    domain = DomainClassifier(numeric, [name for name in names if name not in numeric], seed)
    sample, threshold = learnt.sample(2500, random_state=seed), 1.0
    if kind == "correlation":
        chance = domain.by_chance(sample, "day", window_days=WINDOW, rows=580, draws=12)
        threshold = threshold_together(
            Together(chance.mean(), chance.std(ddof=1), len(chance), 580),
            alpha=0.2 * ALPHA,
            reference_days=REFERENCE,
            window_days=WINDOW,
            reference_rows=2500,
            window_rows=2500,
        )
    for since in PER_DAY[-3:] if kind == "correlation" else PER_DAY:
        last = REFERENCE + WINDOW + since
        now = frame[frame["day"].between(keys[last - WINDOW], keys[last - 1])]
        if kind == "correlation":
            if domain.tell(sample, now.sample(2500, random_state=seed), "day").auc > threshold:
                return since
            continue
        windows = {
            one.cells.column: count_window(now[one.cells.column], now["day"], keys[last - WINDOW : last], one.cells)
            for one in references
        }
        if any(one.excess > 1 for one in measure_window(references, windows, alpha=0.8 * ALPHA, seed=seed)):
            return since
    return None


SHIFTS = {
    "mean": (0.0, 0.1, 0.2, 0.5),
    "variance": (1.1, 1.25, 1.5, 2.0),
    "category": (0.01, 0.03, 0.1),
    "missing": (0.001, 0.01, 0.05),
    "correlation": (0.0, 0.2, 0.5, 0.8),
}
"""Sizes: in standard deviations; factor of the standard deviation; share of rows; share of rows; share of common variance."""


def detection(runs: int, console: Console) -> None:
    """Print the table of what is found, and how soon."""
    table = Table("shift", "size", "found within 14 days", "median days", title="Detection, 15 columns, 200 rows a day")
    for kind, sizes in SHIFTS.items():
        for size in sizes:
            found = [
                detect(kind, size, seed)
                for seed in track(range(runs), f"{kind} {size}", transient=True, console=console)
            ]
            days = [one for one in found if one is not None]
            median = f"{np.median(days):g}" if days else "-"
            table.add_row(kind, f"{size:g}", rate([one is not None for one in found]), median)
            console.print(f"{kind} {size}: {rate([one is not None for one in found])}, {median}", highlight=False)
    console.print(table)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--evidently", type=int, default=20, help="runs of Evidently's preset, which take longer")
    parser.add_argument("--together", type=int, default=40, help="runs of each shift")
    parser.add_argument("--keep", type=Path, help="folder in which the built flights are kept")
    asked = parser.parse_args()
    console = Console()
    detection(asked.together, console)
    false_alarms(Flights(_flights(asked.keep)), asked.runs, asked.evidently, console)


def _flights(keep: Path | None) -> pd.DataFrame:
    kept = None if keep is None else keep / "flight_delay.parquet"
    if kept is not None and kept.exists():
        return pd.read_parquet(kept)
    data = os.environ.get("EVENKEEL_DATA") or tempfile.mkdtemp(prefix="evenkeel-flights-")
    if not (Path(data) / "flights").exists():
        land(data)
    frame = year(load_spec(PROJECT / "config" / "models" / "flight_delay.yaml"), data)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(kept)
    return frame


if __name__ == "__main__":
    main()
