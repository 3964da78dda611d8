"""The job with pandas, Great Expectations on pandas and Parquet files, as a usual script does it.

    python benchmarks/peers/pandas_gx.py CITY OUT [ROWS]

Prints JSON: rows read, valid, quarantined, records. One file after the other, each wholly in memory.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd
from rules import Table, tables


def month(table: Table, path: str, period: str, out: Path, asset: Any) -> tuple[int, int]:
    """Read, normalise, judge and write one file; rows and valid rows."""
    frame = pd.read_csv(path, dtype="string", keep_default_na=False).rename(columns=table.columns)
    for name in frame.columns:
        frame[name] = frame[name].str.strip().replace("", pd.NA)
    faulty = frame[list(table.required)].isna().any(axis=1)
    for name in table.dates:
        stated = frame[name].notna()
        text = frame[name].str.replace("[年月/.]", "-", regex=True).str.replace("日", "")
        frame[name] = pd.to_datetime(text, errors="coerce", format="mixed")
        faulty |= stated & frame[name].isna()
    for name, values in table.codes.items():
        faulty |= frame[name].notna() & ~frame[name].isin(values)
    frame["period"] = period
    frame["row_number"] = range(len(frame))
    frame[faulty].to_parquet(out / f"{table.item}-{period}-quarantine.parquet", compression="zstd")
    valid = frame[~faulty]
    batch = asset.get_batch(batch_parameters={"dataframe": valid})
    result = batch.validate(suite(table), result_format="BASIC")
    if not result.success:
        wrong = [r.expectation_config.type for r in result.results if not r.success]
        raise SystemExit(f"{path}: {wrong}")
    valid.to_parquet(out / f"{table.item}-{period}.parquet", compression="zstd")
    return len(frame), len(valid)


def suite(table: Table) -> gx.ExpectationSuite:
    """What the batch as a set must be."""
    found: list[Any] = [gxe.ExpectTableRowCountToBeBetween(min_value=1)]
    found += [gxe.ExpectColumnValuesToNotBeNull(column=name) for name in table.required]
    found += [gxe.ExpectColumnValuesToBeInSet(column=n, value_set=list(v)) for n, v in table.codes.items()]
    # Departments send a record twice, so the share of unique keys has a floor only.
    found += [gxe.ExpectCompoundColumnsToBeUnique(column_list=list(table.key), mostly=0.8)] if len(table.key) > 1 else [
        gxe.ExpectColumnValuesToBeUnique(column=table.key[0], mostly=0.8)
    ]  # fmt: skip
    return gx.ExpectationSuite(name=table.item, expectations=found)


def ledger(table: Table, out: Path) -> int:
    """The current version of each record, counted by county; records."""
    whole = pd.concat([pd.read_parquet(out / f"{table.item}-{period}.parquet") for period in table.files])
    whole = whole.sort_values(["period", "row_number"], kind="stable").drop_duplicates(
        list(table.key), keep="last"
    )
    area = (
        whole[table.area].str[table.area_at - 1 : table.area_at + 5]
        if table.area
        else pd.Series(pd.NA, whole.index)
    )
    known = area.where(area.str.startswith("1305"), "130500")
    known.value_counts().to_frame().to_parquet(out / f"{table.item}-counts.parquet")
    whole.to_parquet(out / f"{table.item}-ledger.parquet", compression="zstd")
    return len(whole)


def main() -> None:
    city, out = Path(sys.argv[1]), Path(sys.argv[2])
    logging.disable(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    asset = (
        context.data_sources.add_pandas("peer")
        .add_dataframe_asset("files")
        .add_batch_definition_whole_dataframe("file")
    )
    told = {"rows": 0, "valid": 0, "records": 0}
    for table in tables(city, int(sys.argv[3]) if len(sys.argv) > 3 else None):
        for period, path in table.files.items():
            rows, valid = month(table, path, period, out, asset)
            told["rows"] += rows
            told["valid"] += valid
        told["records"] += ledger(table, out)
    print(json.dumps(told | {"quarantined": told["rows"] - told["valid"]}))


if __name__ == "__main__":
    main()
