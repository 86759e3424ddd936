"""SQL sources, through SQLAlchemy: a query with `:start` and `:end`, answered as an Arrow table."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import sqlalchemy as sa

from evenkeel.vocabulary.errors import SourceError, TransientError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.engine import URL

_FETCH = 50_000
_BESIDE = timedelta(days=1)


def read_query(url: str, query: str, start: datetime, end: datetime, timezone: str) -> pa.Table:
    """The rows of `query` with `:start` and `:end` bound to the window, in chunks of bounded size.

    Where the table's times are local, or texts, the window is a day wider at both ends: it is cut once they are instants.

    Raises TransientError where the database does not answer, SourceError where it refuses the query.
    """
    address = _address(url)
    shown = address.render_as_string(hide_password=True)
    try:
        engine = sa.create_engine(address, poolclass=sa.pool.NullPool)
        with engine.connect().execution_options(stream_results=True, yield_per=_FETCH) as connection:
            result = connection.execute(sa.text(query).bindparams(**_bounds(address, start, end, timezone)))
            names = list(result.keys())
            chunks = [_arrow(names, rows) for rows in result.partitions(_FETCH)]
    except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
        raise TransientError(
            f"database {shown} does not answer or lacks what the query names: {_cause(error)}"
        ) from error
    except ImportError as error:
        raise SourceError(
            f"database {shown} needs a driver that is not installed: {error}; install it beside evenkeel"
        ) from error
    except sa.exc.SQLAlchemyError as error:
        raise SourceError(f"database {shown} refuses the query: {_cause(error)}") from error
    return pa.concat_tables(chunks, promote_options="permissive") if chunks else pa.table({name: [] for name in names})


def _address(url: str) -> URL:
    # Airflow and much else say postgres://, which SQLAlchemy does not know; without a driver it would ask for psycopg 3.
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            url = "postgresql+psycopg2://" + url.removeprefix(prefix)
    try:
        return sa.engine.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise SourceError(
            "the database URL of an sql source cannot be read; write dialect://user:password@host/name, with %40 for an @ in the "
            "password, and so on"
        ) from None  # its words quote the URL


def _bounds(address: URL, start: datetime, end: datetime, timezone: str) -> dict[str, object]:
    """The window as the database compares it: instants; or local times, which a session in another zone takes for instants;
    or, in SQLite, text, where `T` sorts after a space and an offset is not looked at.
    """
    text = address.get_backend_name() == "sqlite"
    if timezone == "UTC" and not text:
        return {"start": start, "end": end}
    zone = ZoneInfo(timezone)
    first, last = (bound.astimezone(zone).replace(tzinfo=None) for bound in (start, end))
    local = {"start": first - _BESIDE, "end": last + _BESIDE}
    return {name: f"{bound:%Y-%m-%d %H:%M:%S}" if text else bound for name, bound in local.items()}


def _arrow(names: list[str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    columns = zip(*rows, strict=True)
    return pa.table({name: [_plain(value) for value in column] for name, column in zip(names, columns, strict=True)})


def _plain(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else value


def _cause(error: sa.exc.SQLAlchemyError) -> str:
    # The driver's own words only: SQLAlchemy's would repeat the parameters.
    return " ".join(str(getattr(error, "orig", error)).split())
