"""Judging landed files again after a rule, an alias or a correction changed, without asking the department."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from catalog.errors import UserError
from catalog.types.base_sql import quote
from warehouse.batch import Delivery, Document
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.load import LoadResult

_SHOWN = 10


class Row(Document):
    """One row of a file, and what was or is wrong with it."""

    row_number: int
    rule: str
    field: str | None


class Replayed(Document):
    """What judging one landed file again changed. `refused`: why it is not loaded; what was there before then stays."""

    batch_id: str
    source_file: str
    refused: str | None = None
    first: bool = False
    """Whether the file had been refused until now."""
    accepted: tuple[Row, ...] = ()
    """Rows taken now, with the rule that had kept them out."""
    quarantined: tuple[Row, ...] = ()
    """Rows kept out now, with the rule."""
    read_otherwise: int = 0
    """Rows taken before and now, whose contents are read otherwise."""

    @property
    def nothing(self) -> bool:
        return not (self.refused or self.first or self.accepted or self.quarantined or self.read_otherwise)

    def lines(self) -> Iterator[str]:
        """In words, a line each."""
        if self.refused:
            yield f"{self.batch_id}：未入库，原有数据不变。{self.refused}"
            return
        if self.nothing:
            yield f"{self.batch_id}：重新评判，没有变化"
            return
        first = "原来整份拒收，现已入库；" if self.first else ""
        yield (
            f"{self.batch_id}：{first}现入库 {len(self.accepted)} 行，现隔离 {len(self.quarantined)} 行，内容有变 {self.read_otherwise} 行"
        )
        for what, rows in (("现入库", self.accepted), ("现隔离", self.quarantined)):
            for row in rows[:_SHOWN]:
                yield f"  第{row.row_number}行{what}（{row.field or '整行'} {row.rule}）"
            if len(rows) > _SHOWN:
                yield f"  等共 {len(rows)} 行"


def landed(lake: Lake, home: Home, item_id: str, period: str) -> list[Path]:
    """Manifests of what counts of a period: the loaded version of each delivery; of one never loaded, the newest that was landed."""
    loaded = dict(
        lake.execute(
            "SELECT delivery, sha256 FROM ops.batch WHERE item_id = ? AND period = ?", [item_id, period]
        ).fetchall()
    )
    versions: dict[str, list[tuple[str, Path]]] = {}
    for manifest in sorted((home.landing / item_id / period).glob("*/*/manifest.json")):
        delivery = Delivery.from_file(manifest)
        wanted = loaded.get(delivery.delivery, delivery.sha256)
        if delivery.sha256 == wanted:
            versions.setdefault(delivery.delivery, []).append((delivery.received_at, manifest))
    lost = sorted(loaded.keys() - versions.keys())
    if lost:
        raise UserError(
            f"{len(lost)} 批的原文件不在，无法重新评判：{'、'.join(lost[:5])}",
            where=str(home.landing / item_id / period),
            remedy="用 xtcredit restore 备份目录 --missing 补回后再试",
        )
    return [max(found)[1] for _, found in sorted(versions.items())]


def replay(manifest: Path, open_lake: Callable[[], Lake], load: Callable[[str], LoadResult]) -> Replayed:
    """Take one landed file through all steps again (`load`) and say what became otherwise."""
    delivery = Delivery.from_file(manifest)
    with open_lake() as lake:
        before = _rows(lake, delivery)
    told = {"batch_id": delivery.batch_id, "source_file": delivery.source_file}
    try:
        load(str(manifest))
    except UserError as error:
        return Replayed.model_validate(told | {"refused": str(error)})
    with open_lake() as lake:
        after = _rows(lake, delivery)
    if before is None or after is None:
        return Replayed.model_validate(told | {"first": True})
    was_out, was_in = before
    out, taken = after
    return Replayed(
        **told,
        accepted=tuple(row for number, row in was_out.items() if number in taken),
        quarantined=tuple(row for number, row in out.items() if number in was_in),
        read_otherwise=sum(was_in[n] != content for n, content in taken.items() if n in was_in),
    )


def _rows(lake: Lake, delivery: Delivery) -> tuple[dict[int, Row], dict[int, str]] | None:
    """The batch's rows that are out, and the contents of those that are in; None if there is no such batch."""
    batch = quote(delivery.batch_id)
    if not lake.scalar(f"SELECT count(*) FROM ops.batch WHERE batch_id = {batch}"):
        return None
    out = lake.execute(
        f"SELECT row_number, rule, field FROM ops.quarantine WHERE item_id = ? AND batch_id = {batch} ORDER BY 1",
        [delivery.item_id],
    ).fetchall()
    taken = lake.execute(
        f'SELECT row_number, record_key::VARCHAR || content_hash::VARCHAR FROM rec."{delivery.item_id}"'
        f" WHERE period = ? AND batch_id = {batch}",
        [delivery.period],
    ).fetchall()
    return {n: Row(row_number=n, rule=rule, field=field) for n, rule, field in out}, dict(taken)
