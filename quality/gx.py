"""Great Expectations on DuckDB: the one module that imports it, and only when there is something to judge.

GX has no engine for DuckDB, and fetches rows after it has given the connection back, by when DuckDB's result
is gone. Two ways round that are known (design, section 7): an entry in GX's private
`_PERSISTED_CONNECTION_DIALECTS`, or a registered SQLAlchemy dialect whose execution context reads each result
at once. We take the dialect: it rests on SQLAlchemy's own fetch strategies and needs no patch of GX, and the
results are a handful of aggregates. What is patched, for speed alone, see `_light_bookkeeping`.

GX folds the metrics of one table into one SELECT. What would cost a scan per expectation is kept from it:
offending values are never asked for (LIMIT 0), which also keeps personal data out of results and Data Docs.
"""

from __future__ import annotations

import importlib
import logging
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import duckdb_sqlalchemy
from sqlalchemy.dialects import registry
from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy
from sqlalchemy.pool import StaticPool

from catalog.types.base_sql import quote
from quality.data_docs import Entry, make_offline
from quality.rules import plain
from quality.suite import Expectation
from warehouse.batch import Counts, Document
from warehouse.lake import connect

_NO_VALUES = {"result_format": "BASIC", "partial_unexpected_count": 0, "exclude_unexpected_values": True}
_SEVERITY = {"fail": "critical", "warn": "warning"}
_VIEW = "batch"


class _BufferedContext(duckdb_sqlalchemy.DuckDBExecutionContext):
    def _setup_result_proxy(self) -> Any:
        if self.cursor.description:
            self.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(
                self.cursor, initial_buffer=self.cursor.fetchall()
            )
        return super()._setup_result_proxy()


class BufferedDialect(duckdb_sqlalchemy.Dialect):
    """DuckDB whose results outlive the connection's return to the pool."""

    driver = "buffered"
    supports_statement_cache = True
    execution_ctx_cls = _BufferedContext

    @classmethod
    def get_pool_class(cls, url: Any) -> type[StaticPool]:
        return StaticPool


registry.register("duckdb.buffered", __name__, "BufferedDialect")


@dataclass(frozen=True)
class CheckResult:
    """What was seen of one expectation; `observed` is words and counts, never a value from the data."""

    expectation: Expectation
    success: bool
    observed: str


class StoredResult(Document):
    """A validation as GX reports it, kept until the month's Data Docs are built."""

    suite: str
    title: str
    run: str
    at: str
    result: dict[str, Any]


@dataclass(frozen=True)
class Label:
    """How a validation is named in Data Docs: suite (item), title, run (batch), time received."""

    suite: str
    title: str
    run: str
    at: str


def validate(
    parquet: Path,
    expectations: Sequence[Expectation],
    counts: Counts,
    *,
    label: Label,
    document: Path | None = None,
) -> list[CheckResult]:
    """Judge the valid rows of a staged file, in DuckDB; results in the order of `expectations`.

    `document`, if given, receives GX's result as JSON. Raises `RuntimeError` if an expectation could not be
    computed: that is an error of ours, never bad data.
    """
    asked = [e for e in expectations if counts.valid or not e.on_rows]
    with connect() as connection:
        try:
            measured = _prepare(connection, parquet, asked, counts)
        except duckdb.Error as error:
            raise RuntimeError(
                f"the batch cannot be put before its expectations: {_harmless(str(error))}"
            ) from None
        outcome = _run(connection, asked, label)
    found = {result.expectation_config.meta["id"]: result for result in outcome.results}
    _refuse_exceptions(found.items())
    if document is not None:
        stored = StoredResult(
            suite=label.suite, title=label.title, run=label.run, at=label.at, result=outcome.to_json_dict()
        )
        document.parent.mkdir(parents=True, exist_ok=True)
        stored.to_file(document)
    return [
        CheckResult(e, bool(found[e.id].success), _observed(e, found[e.id].result, measured))
        if e.id in found
        else CheckResult(e, True, "无有效行，不作判断")
        for e in expectations
    ]


def build_site(documents: Iterable[Path], site: Path, *, title: str) -> Path:
    """GX's Data Docs of the stored results as a static site, swapped in whole; gives its index.html."""
    gx = _gx()
    ids = importlib.import_module("great_expectations.data_context.types.resource_identifiers")
    schema = importlib.import_module(
        "great_expectations.core.expectation_validation_result"
    ).ExpectationSuiteValidationResultSchema()
    run_identifier = importlib.import_module("great_expectations.core.run_identifier").RunIdentifier

    building = site.with_name(f".{site.name}.{os.getpid()}")
    shutil.rmtree(building, ignore_errors=True)
    context = _context(
        {
            title: {
                "class_name": "SiteBuilder",
                "show_how_to_buttons": False,
                "store_backend": {
                    "class_name": "TupleFilesystemStoreBackend",
                    "base_directory": str(building.resolve()),
                },
                "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            }
        }
    )
    suites: dict[str, list[Any]] = {}
    pages: dict[str, StoredResult] = {}
    for path in sorted(documents):
        stored = StoredResult.from_file(path)
        result = schema.load(stored.result)
        run = run_identifier(run_name=stored.run, run_time=stored.at)
        result.meta["run_id"] = run
        key = ids.ValidationResultIdentifier(ids.ExpectationSuiteIdentifier(stored.suite), run, path.stem)
        context.validation_results_store.set(key, result)
        suites[stored.suite] = [r.expectation_config for r in result.results]
        pages[path.stem] = stored
    for name, configurations in suites.items():
        context.suites.add(
            gx.ExpectationSuite(name=name, expectations=[c.to_domain_obj() for c in configurations])
        )
    context.build_data_docs()
    shutil.rmtree(building / "static", ignore_errors=True)  # fonts and pictures for first-time users of GX
    found = {
        page.stem: page.relative_to(building).as_posix() for page in building.glob("validations/**/*.html")
    }
    make_offline(building, [_entry(stored, found[stem]) for stem, stored in pages.items()], title=title)
    shutil.rmtree(site, ignore_errors=True)
    site.parent.mkdir(parents=True, exist_ok=True)
    building.replace(site)
    return site / "index.html"


def _entry(stored: StoredResult, page: str) -> Entry:
    unmet = [r["expectation_config"] for r in stored.result["results"] if not r["success"]]
    refused = any(config["meta"]["level"] == "fail" for config in unmet)
    verdict = "未入库" if refused else "入库，有警告" if unmet else "通过"
    return Entry(
        stored.title, stored.run, stored.at[:19], verdict, [config["description"] for config in unmet], page
    )


@lru_cache(maxsize=1)
def _gx() -> Any:
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    gx: Any = importlib.import_module("great_expectations")
    importlib.import_module("great_expectations.expectations")
    # GX logs each failed metric with a traceback and goes on; we raise instead, on one line.
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL + 1)
    return gx


def _context(sites: dict[str, Any] | None = None) -> Any:
    gx = _gx()
    types = importlib.import_module("great_expectations.data_context.types.base")
    config = types.DataContextConfig(
        store_backend_defaults=types.InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        data_docs_sites=sites or {},
        analytics_enabled=False,
        progress_bars=types.ProgressBarsConfig(globally=False),
    )
    return gx.get_context(project_config=config, mode="ephemeral")


def _prepare(
    connection: duckdb.DuckDBPyConnection, parquet: Path, asked: Sequence[Expectation], counts: Counts
) -> dict[str, float]:
    """Make the view GX sees: valid rows, a column per predicate, the measures as constants."""
    connection.execute(f"CREATE TEMP VIEW valid AS FROM read_parquet({quote(str(parquet))})")
    measured = _measure(connection, [e for e in asked if e.kind == "measure"], counts)
    columns = [f"{value!r}::DOUBLE AS {plain(name)}" for name, value in measured.items()]
    columns += [f"({_computed(e)}) AS {plain(e.id)}" for e in asked if e.kind in ("holds", "unique")]
    columns += [
        plain(name)
        for name in dict.fromkeys(e.field for e in asked if e.kind in ("filled", "in_set", "between"))
        if name
    ]
    source = " FROM valid" if counts.valid else ""
    connection.execute(f"CREATE TEMP VIEW {_VIEW} AS SELECT {', '.join(columns)}{source}")
    return measured


def _measure(
    connection: duckdb.DuckDBPyConnection, wanted: Sequence[Expectation], counts: Counts
) -> dict[str, float]:
    if not wanted:
        return {}
    numbers = ", ".join(
        f"{value} AS {name}" for name, value in (counts.model_dump() | {"faulty": counts.faulty}).items()
    )
    values = ", ".join(f"({e.params['value']})::DOUBLE" for e in wanted)
    row = connection.execute(f"SELECT {values} FROM (SELECT {numbers}) AS counts").fetchone()
    assert row is not None
    missing = [e.id for e, value in zip(wanted, row, strict=True) if value is None]
    if missing:
        raise RuntimeError(f"expectations without a measure: {', '.join(missing)}")
    return {e.id: float(value) for e, value in zip(wanted, row, strict=True)}


def _computed(expectation: Expectation) -> str:
    if expectation.kind == "unique":
        # 64 bits are enough to count repeats: in 3 million rows a collision has odds of one in four million.
        return f"hash({', '.join(plain(column) for column in expectation.params['columns'])})"
    return str(expectation.params["predicate"])


def _run(connection: duckdb.DuckDBPyConnection, asked: Sequence[Expectation], label: Label) -> Any:
    gx = _gx()
    source = _context().data_sources.add_sql(
        "duckdb",
        connection_string="duckdb+buffered://",
        create_temp_table=False,
        kwargs={"creator": lambda: duckdb_sqlalchemy.ConnectionWrapper(connection)},
    )
    definition = source.add_table_asset(label.title, table_name=_VIEW).add_batch_definition_whole_table(
        label.run
    )
    suite = gx.ExpectationSuite(name=label.suite, expectations=[_translate(e) for e in asked])
    with _light_bookkeeping(gx):
        return definition.get_batch().validate(suite, result_format=_NO_VALUES)


@contextmanager
def _light_bookkeeping(gx: Any) -> Iterator[None]:
    """Spare GX most of what a small batch costs it (measured: half of the judging of 1,000 rows).

    It derives each expectation's configuration some eighty times, and names each of a thousand metrics by serialising its
    arguments as for a report. One derivation, and the arguments' plain text, serve as well within one run.
    """
    kind, named = (
        gx.expectations.Expectation,
        importlib.import_module("great_expectations.core.id_dict").IDDict,
    )
    derive, name = kind.configuration, named.to_id
    kept: dict[int, tuple[Any, Any]] = {}

    def configuration(self: Any) -> Any:
        if id(self) not in kept:
            kept[id(self)] = self, derive.fget(self)  # itself too, so that no other takes its id meanwhile
        return kept[id(self)][1]

    def to_id(self: Any, id_keys: Any = None, id_ignore_keys: Any = None) -> str | tuple[()]:
        ignored = self._id_ignore_keys if id_ignore_keys is None else id_ignore_keys
        keys = sorted(set(self if id_keys is None else id_keys) - set(ignored))
        return repr([(key, self[key]) for key in keys]) if keys else ()

    kind.configuration, named.to_id = property(configuration), to_id
    try:
        yield
    finally:
        kind.configuration, named.to_id = derive, name


def _translate(e: Expectation) -> Any:
    """The GX expectation behind ours. Its description, in Chinese, is what Data Docs show."""
    gxe = _gx().expectations
    common: dict[str, Any] = {
        "severity": _SEVERITY[e.level],
        "description": e.message,
        "meta": {"id": e.id, "level": e.level},
    }
    match e.kind:
        case "filled":
            return gxe.ExpectColumnValuesToNotBeNull(column=e.field, mostly=e.params["share"], **common)
        case "in_set":
            return gxe.ExpectColumnValuesToBeInSet(
                column=e.field, value_set=list(e.params["values"]), **common
            )
        case "between":
            return gxe.ExpectColumnValuesToBeBetween(
                column=e.field, min_value=e.params["min"], max_value=e.params["max"], **common
            )
        case "holds":
            return gxe.ExpectColumnValuesToBeInSet(column=e.id, value_set=[True], **common)
        case "unique":
            return gxe.ExpectColumnProportionOfUniqueValuesToBeBetween(
                column=e.id, min_value=e.params["share"], **common
            )
        case "measure":
            return gxe.ExpectColumnMaxToBeBetween(
                column=e.id, min_value=e.params["min"], max_value=e.params["max"], **common
            )


def _refuse_exceptions(found: Iterable[tuple[str, Any]]) -> None:
    """GX reports an exception as one flag, or as one entry per metric that failed; either is ours to mend."""
    broken = []
    for name, result in found:
        info = result.exception_info or {}
        entries = [info] if "raised_exception" in info else [v for v in info.values() if isinstance(v, dict)]
        raised = [str(entry.get("exception_message")) for entry in entries if entry.get("raised_exception")]
        if raised:
            broken.append(f"{name}: {_harmless(raised[0])}")
    if broken:
        raise RuntimeError(f"{len(broken)} expectations could not be computed; first: {broken[0]}")


def _harmless(message: str) -> str:
    """First words of a database error; quoted values and long numbers may be someone's data."""
    line = message.split("Traceback")[0].split("[SQL:")[0]
    return re.sub(r"[0-9Xx*]{6,}", "…", " ".join(line.split()))[:300]


def _observed(e: Expectation, result: dict[str, Any], measured: dict[str, float]) -> str:
    if e.kind == "measure":
        value = measured[e.id]
        return {"rows": f"{value:,.0f}行", "share": f"{value:.2%}", "ratio": f"{value:.2f}倍"}[
            e.params["unit"]
        ]
    if e.kind == "unique":
        return f"重复{1 - result['observed_value']:.2%}"
    wrong, rows = result["unexpected_count"], result["element_count"]
    if e.kind == "filled":
        return f"填报率{1 - wrong / rows:.2%}，缺{wrong:,}行"
    return f"{wrong:,}行不符"
