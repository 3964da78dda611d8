"""Clauses whose source lies outside the lake: landed files, data files, the catalog's own files."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import yaml

from catalog.errors import UserError
from catalog.loader import ROOT
from warehouse.batch import digest
from warehouse.datafiles import CATALOG, DataFile, data_files
from warehouse.lake import Lake
from warehouse.lookups import log_path
from warehouse.lookups import problems as lookup_problems
from warehouse.sealed import clear_digest, clear_size, sealed_path, undamaged

Row = dict[str, object]
Check = Callable[[Lake], Iterator[Row]]

_RESTORE = "用 xtcredit restore 备份目录 --missing 补回"


def lost_data_files(lake: Lake) -> list[DataFile]:
    """Data files that are gone, or not as long as they were written."""
    folder = lake.home.lake_data
    return [file for file in data_files(lake.connection, CATALOG) if _size(folder / file.path) != file.size]


def _lake_files(lake: Lake) -> Iterator[Row]:
    for file in lost_data_files(lake):
        yield {
            "文件": f"lake/data/{file.path}",
            "表": file.table,
            "影响": "现在的数据" if file.live else "只影响以往的快照",
            "处理": f"{_RESTORE}；没有备份则重跑 {'、'.join(_to_run_again(lake, file))}",
        }


def _to_run_again(lake: Lake, file: DataFile) -> list[str]:
    """What makes the file's rows anew: batches, or a step."""
    schema = file.table.partition(".")[0]
    if file.batches is None:
        return [{"lib": "integrate", "core": "integrate", "mart": "assess（各期）"}.get(schema, "全部批次")]
    low, high = file.batches
    try:
        found = lake.execute(
            "SELECT batch_id FROM ops.batch WHERE batch_id BETWEEN ? AND ? ORDER BY ALL", [low, high]
        ).fetchall()
    except duckdb.IOException:  # the lost file is that of the batches themselves
        return [f"批次 {low} 至 {high}"]
    return [f"批次 {batch}" for (batch,) in found] or [f"批次 {low} 至 {high}"]


@dataclass(frozen=True)
class _Landed:
    batch_id: str
    folder: Path
    path: Path
    sha256: str


def _landed(lake: Lake) -> Iterator[_Landed]:
    for batch, item, period, delivery, source, sha256 in lake.execute(
        "SELECT batch_id, item_id, period, delivery, source_file, sha256 FROM ops.batch ORDER BY batch_id"
    ).fetchall():
        folder = lake.home.landing / item / period / delivery / str(sha256)[:12]
        yield _Landed(batch, folder, folder / str(source), sha256)


def _landing(lake: Lake) -> Iterator[Row]:
    for landed in _landed(lake):
        sealed = sealed_path(landed.path)
        if not landed.path.is_file() and sealed.is_file():
            if _holds(sealed, landed.sha256, lake):
                continue
            fault, remedy = "封存的文件已损坏，或内容与批次所记摘要不符", f"移走该文件，{_RESTORE}"
        elif not landed.path.is_file():
            fault, remedy = "文件不在", f"{_RESTORE}；没有备份则请提供单位重报，或从 inbox 重新 ingest"
        elif digest(landed.path) != landed.sha256:
            fault, remedy = "内容变了，与批次所记摘要不符", f"移走该文件，{_RESTORE}"
        else:
            continue
        yield {"批次": landed.batch_id, "文件": str(landed.path), "不符": fault, "处理": remedy}


def _holds(sealed: Path, sha256: str, lake: Lake) -> bool:
    """Whether a sealed file holds what the batch says; without the vault's key, whether it is as it was written."""
    try:
        return undamaged(sealed) and clear_digest(sealed, lake.home) in (None, sha256)
    except UserError:
        return False


def _manifests(lake: Lake) -> Iterator[Row]:
    for landed in _landed(lake):
        manifest = landed.folder / "manifest.json"
        try:
            stated = json.loads(manifest.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            yield {
                "批次": landed.batch_id,
                "清单": str(manifest),
                "不符": "清单不在或读不出",
                "处理": _RESTORE,
            }
            continue
        named = f"{stated.get('item_id')}/{stated.get('period')}/{stated.get('delivery')}"
        sealed = sealed_path(landed.path)
        size = clear_size(sealed) if sealed.is_file() else _size(landed.path)
        if (named, stated.get("sha256")) != (landed.batch_id, landed.sha256) or size not in (
            None,
            stated.get("size"),
        ):
            yield {
                "批次": landed.batch_id,
                "清单": str(manifest),
                "不符": "标识、摘要或大小与批次、文件不一致",
                "处理": _RESTORE,
            }


def _returns(lake: Lake) -> Iterator[Row]:
    for period, source, sha256 in lake.execute(
        "SELECT DISTINCT period, source_file, sha256 FROM ops.declaration ORDER BY ALL"
    ).fetchall():
        path = lake.home.landing / "return" / period / str(sha256)[:12] / str(source)
        if not path.is_file():
            yield {"月报表": str(path), "不符": "文件不在", "处理": f"{_RESTORE}；或重新放入收件箱后 declare"}
        elif digest(path) != sha256:
            yield {"月报表": str(path), "不符": "内容变了", "处理": f"移走该文件，{_RESTORE}"}


def _reference(lake: Lake) -> Iterator[Row]:
    """The reference tables against the catalog's files, read without the catalog's own loader."""
    remedy = "目录改过而湖没有跟上：运行 xtcredit history 即更新；仍不符则删去 ref.catalog_version 的行再运行"
    for table, (sql, stated) in {
        "ref.item": ("SELECT item_id, code, title, department FROM ref.item", _items()),
        "ref.code": ("SELECT list, code, title FROM ref.code", _codes()),
        "ref.department": (
            "SELECT department, name, full_name FROM ref.department",
            _csv("departments", "id", "name", "full_name"),
        ),
        "ref.division": (
            "SELECT code, name, level, parent FROM ref.division",
            _csv("divisions", "code", "name", "level", "parent"),
        ),
    }.items():
        found = Counter(tuple(map(str, row)) for row in lake.execute(sql).fetchall())
        for row in sorted((found - stated) | (stated - found)):
            yield {
                "表": table,
                "行": "、".join(row),
                "不符": "目录中没有" if row in found else "表中没有",
                "处理": remedy,
            }


def _items() -> Counter[tuple[str, ...]]:
    documents = (_yaml(path) for path in sorted((ROOT / "items").glob("*/*.yml")))
    return Counter(tuple(str(d[k]) for k in ("id", "code", "title", "department")) for d in documents)


def _codes() -> Counter[tuple[str, ...]]:
    documents = [_yaml(path) for path in sorted((ROOT / "reference" / "lists").glob("*.yml"))]
    return Counter((str(d["id"]), str(c["code"]), str(c["title"])) for d in documents for c in d["codes"])


def _yaml(path: Path) -> dict[str, list[dict[str, str]]]:
    # Without types: a code 0555 stays text.
    loaded: dict[str, list[dict[str, str]]] = yaml.load(path.read_text("utf-8"), Loader=yaml.CBaseLoader)
    return loaded


def _csv(name: str, *columns: str) -> Counter[tuple[str, ...]]:
    with (ROOT / "reference" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return Counter(tuple(row[column] for column in columns) for row in csv.DictReader(file))


def _lookups(lake: Lake) -> Iterator[Row]:
    for line, wrong in lookup_problems(lake.home):
        yield {
            "流水": str(log_path(lake.home)),
            "第几条": line,
            "不符": wrong,
            "处理": "与备份和已发出的核查结果比对，查明经手人",
        }


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


CHECKS: dict[str, tuple[str, Check]] = {
    "files_lake": ("数据湖的数据文件都在，大小相符", _lake_files),
    "files_landing": ("每批的原文件都在，摘要与批次所记相符", _landing),
    "files_manifest": ("每批原文件旁的清单与批次、文件相符", _manifests),
    "files_returns": ("每份月报表的原文件都在，摘要相符", _returns),
    "files_lookups": ("信用核查的流水首尾相接，没有改动、删除", _lookups),
    "ref_catalog": ("目录、代码、部门、区划各表与目录文件相符", _reference),
}
