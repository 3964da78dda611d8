"""What a dbt run came to, as JSON; run by the peers' own Python, in the project's folder."""

import json
import sys

import duckdb

with duckdb.connect(sys.argv[1], read_only=True) as connection:
    names = [name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()]

    def rows(kind: str) -> int:
        return sum(
            connection.execute(f"select count(*) from {name}").fetchone()[0]
            for name in names
            if name.startswith(f"{kind}_")
        )

    print(
        json.dumps(
            {
                "rows": rows("stg"),
                "valid": rows("valid"),
                "records": rows("ledger"),
                "quarantined": rows("quarantine"),
            }
        )
    )
