"""An analyst's query reaches every open table and no number of a person, by whatever road."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from catalog.errors import UserError
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.query import run_query

NUMBER = "130528198506070129"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("home"))
    with Lake(home) as lake, lake.transaction() as tx:
        for schema in ("vault", "core"):
            tx.execute(f"CREATE SCHEMA {schema}")
        tx.execute(f"CREATE TABLE vault.identifier AS SELECT '{NUMBER}' AS number FROM range(100)")
        tx.execute("CREATE TABLE core.record AS SELECT range AS n FROM range(3)")
    return home


@pytest.fixture(scope="module")
def lake(home: Home) -> Iterator[Lake]:
    with Lake(home) as lake:
        yield lake


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT sum(n) FROM core.record",
        "FROM core.record WHERE n = 2 UNION ALL SELECT 1",
        "WITH kept AS (SELECT n FROM lake.core.record) SELECT sum(n) FROM kept JOIN kept k USING (n)",
        "SELECT (SELECT sum(n) FROM core.record) FROM range(1)",
        "WITH RECURSIVE r AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM r WHERE a < 3) SELECT max(a) FROM r",
        "SELECT 3 AS one FROM (VALUES (1)) v(x), unnest([1]) u(y)",
        "DESCRIBE core.record",
        "SELECT table_name FROM information_schema.tables",
        "PIVOT core.record ON n IN (0, 1) USING sum(n)",
    ],
)
def test_open_tables_are_reached(lake: Lake, statement: str) -> None:
    columns, rows = run_query(lake, statement)
    assert columns
    assert rows


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM vault.identifier",
        'SELECT * FROM lake."Vault".identifier',
        "SELECT 1 WHERE EXISTS (SELECT * FROM vault.identifier)",
        "WITH v AS (SELECT * FROM vault.identifier) SELECT * FROM v",
        "SELECT n, (SELECT max(number) FROM vault.identifier) FROM core.record",
        "SUMMARIZE vault.identifier",
        "DESCRIBE vault.identifier",
        "PIVOT vault.identifier ON number IN ('1') USING count(*)",
        "SELECT * FROM read_parquet('{data}/vault/identifier/*.parquet')",
        "SELECT * FROM '{data}/vault/identifier/*.parquet'",
        "SELECT * FROM (WITH \"{data}/vault/identifier/*.parquet\" AS (SELECT 1) SELECT 1), '{data}/vault/identifier/*.parquet'",
        "SELECT * FROM query('FROM vault.identifier')",
        "SELECT * FROM query_table('vault.identifier')",
        "SELECT * FROM parquet_metadata('{data}/vault/identifier/*.parquet')",
        "SELECT * FROM glob('{data}/**')",
        "SELECT * FROM read_text('{root}/secrets/identity.key')",
        "SELECT * FROM sqlite_scan('{root}/lake/catalog.sqlite', 'ducklake_file_column_stats')",
        "SELECT * FROM __ducklake_metadata_lake.main.ducklake_file_column_stats",
        "SELECT * FROM __ducklake_metadata_lake.ducklake_table_column_stats",
        "SELECT * FROM ducklake_table_insertions('lake', 'vault', 'identifier', 0, 1)",
        "SELECT * FROM duckdb_tables()",
        "SELECT * FROM duckdb_tables",
        "SELECT macro_definition FROM duckdb_functions() WHERE function_name = 'xt_pseudonym'",
        f"SELECT xt_pseudonym('{NUMBER}')",
        "SHOW ALL TABLES",
        "DELETE FROM core.record",
        "COPY core.record TO 'x.csv'",
        "EXPLAIN ANALYZE SELECT * FROM vault.identifier",
        "SELECT 1; SELECT 2",
        "SELEC 1",
        "SELECT nothing FROM core.record",
        "",
    ],
)
def test_everything_else_is_refused_on_one_line(lake: Lake, statement: str) -> None:
    written = statement.replace("{data}", str(lake.home.lake / "data")).replace("{root}", str(lake.home.root))
    with pytest.raises(UserError) as refused:
        run_query(lake, written)
    assert NUMBER not in str(refused.value).replace(written, "")
    assert "\n" not in str(refused.value)
    assert refused.value.remedy


def test_the_roads_that_are_closed_lead_there(home: Home) -> None:
    """Were they dead ends anyway, the refusals above would prove nothing."""
    with Lake(home) as lake:
        found = lake.rows(
            f"SELECT * FROM read_parquet('{home.lake}/data/vault/identifier/*.parquet') LIMIT 1"
        )
        assert found == [{"number": NUMBER}]
        stats = lake.rows("SELECT max_value FROM __ducklake_metadata_lake.ducklake_file_column_stats")
        assert {"max_value": NUMBER} in stats
