"""Writes a dbt project for dbt-duckdb that does the job: models of staging, valid rows, quarantine, ledger, and tests on them.

Arguments: the city, the folder of the project, and the number of rows unless all.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from rules import Table, tables

PROJECT = """\
name: peer
version: "1.0"
profile: peer
models: {peer: {+materialized: table}}
"""
PROFILE = """\
peer:
  target: here
  outputs:
    here: {type: duckdb, path: peer.duckdb, threads: 1, settings: {threads: THREADS, memory_limit: 4GiB, preserve_insertion_order: false}}
"""
UNIQUE = """\
{% test mostly_unique(model, columns) %}
select * from (select count(*) as n, count(distinct ({{ columns | join(', ') }})) as keys from {{ model }}) where keys < 0.8 * n
{% endtest %}
"""


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _date(name: str) -> str:
    text = f"replace(regexp_replace({name}, '[年月/.]', '-', 'g'), '日', '')"
    return f"coalesce(try_cast({text} as date), try_strptime({text}, '%Y%m%d')::date)"


def models(table: Table) -> dict[str, str]:
    """SQL by name of model."""
    files = "[" + ", ".join(quoted(path) for path in table.files.values()) + "]"
    clean = [f"nullif(trim(\"{title}\"), '') as {name}" for title, name in table.columns.items()]
    period = f"case filename {' '.join(f'when {quoted(path)} then {quoted(p)}' for p, path in table.files.items())} end"
    wrong = [f"{name} is null" for name in table.required]
    wrong += [f"({name} is not null and {_date(name)} is null)" for name in table.dates]
    wrong += [
        f"({name} is not null and {name} not in ({', '.join(map(quoted, values))}))"
        for name, values in table.codes.items()
    ]
    area = f"substr({table.area}, {table.area_at}, 6)" if table.area else "''"
    return {
        f"stg_{table.item}": (
            f"select {', '.join(clean)}, {period} as period, row_number() over () as row_number\n"
            f"from read_csv({files}, all_varchar = true, header = true, filename = true)"
        ),
        f"judged_{table.item}": f"select *, ({' or '.join(wrong) or 'false'}) as faulty from {{{{ ref('stg_{table.item}') }}}}",
        f"quarantine_{table.item}": f"select * from {{{{ ref('judged_{table.item}') }}}} where faulty",
        f"valid_{table.item}": f"select * exclude (faulty) from {{{{ ref('judged_{table.item}') }}}} where not faulty",
        f"ledger_{table.item}": (
            f"select * from {{{{ ref('valid_{table.item}') }}}}\n"
            f"qualify row_number() over (partition by {', '.join(table.key)} order by period desc, row_number desc) = 1"
        ),
        f"counts_{table.item}": (
            f"select case when {area} like '1305%' then {area} else '130500' end as county, count(*) as records\n"
            f"from {{{{ ref('ledger_{table.item}') }}}} group by 1"
        ),
    }


def checks(table: Table) -> dict[str, object]:
    """The valid model's entry in schema.yml."""
    columns: dict[str, list[object]] = {}
    for name in table.required:
        columns.setdefault(name, []).append("not_null")
    for name, values in table.codes.items():
        columns.setdefault(name, []).append({"accepted_values": {"arguments": {"values": list(values)}}})
    return {
        "name": f"valid_{table.item}",
        "data_tests": [{"mostly_unique": {"arguments": {"columns": list(table.key)}}}],
        "columns": [{"name": name, "data_tests": tests} for name, tests in columns.items()],
    }


def main() -> None:
    found = tables(Path(sys.argv[1]), int(sys.argv[3]) if len(sys.argv) > 3 else None)
    out = Path(sys.argv[2])
    (out / "models").mkdir(parents=True)
    (out / "tests" / "generic").mkdir(parents=True)
    (out / "dbt_project.yml").write_text(PROJECT, "utf-8")
    (out / "profiles.yml").write_text(PROFILE.replace("THREADS", str(len(os.sched_getaffinity(0)))), "utf-8")
    (out / "tests" / "generic" / "mostly_unique.sql").write_text(UNIQUE, "utf-8")
    for table in found:
        for name, sql in models(table).items():
            (out / "models" / f"{name}.sql").write_text(sql + "\n", "utf-8")
    # JSON is YAML.
    schema = {"version": 2, "models": [checks(table) for table in found]}
    (out / "models" / "schema.yml").write_text(json.dumps(schema, ensure_ascii=False), "utf-8")


if __name__ == "__main__":
    main()
