"""The arrows of the data's way as plain functions: what DAG tasks and commands call.

Each takes and gives paths, counts and a period, never data, and can be run again alone.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.channel import DatabaseSource
from catalog.errors import PassingError, UserError
from catalog.loader import Catalog, Finding, load_catalog
from catalog.model import Item
from catalog.period import Period
from catalog.personal import redact
from quality.audit import Outcome, lost_data_files
from quality.audit import audit as audit_lake
from quality.gate import build_data_docs, read_history
from quality.gate import judge as judge_batch
from quality.vanish import vanished
from transforms.assess import assess as assess_period
from transforms.assess import ensure_marts
from transforms.declaration import Declaration, replace_declarations, returns_reader
from transforms.extract.admission import expect_admissible
from transforms.extract.collect import collect
from transforms.extract.connection import Connections, from_environment
from transforms.extract.drop import CONVENTION, clear_inbox, extract_returns, land, unclaimed
from transforms.extract.landing import source_of
from transforms.integrate.build import integrate as build_libraries
from transforms.integrate.changed import commit_message as integration_message
from transforms.preview import Preview
from transforms.preview import preview as preview_files
from transforms.replay import Replayed, landed
from transforms.replay import replay as replay_file
from transforms.stage.batch import stage_delivery
from warehouse import commits
from warehouse.backup import BackupResult, RestoreResult, age_seconds
from warehouse.backup import backup as back_up
from warehouse.backup import newest as newest_backup
from warehouse.backup import restore as restore_home
from warehouse.backup import restore_missing as restore_lost
from warehouse.batch import Delivery, StagedBatch, Verdict, digest
from warehouse.datafiles import ever_filled
from warehouse.faults import told
from warehouse.home import Home, opted_in
from warehouse.lake import Lake, present_tables
from warehouse.load import LoadResult, load_batch, record_refusal, record_unclaimed
from warehouse.maintenance import inbox_before
from warehouse.maintenance import maintain as maintain_lake
from warehouse.query import run_query
from warehouse.rollback import RollbackResult
from warehouse.rollback import rollback as roll_back
from warehouse.schema import ensure_schema, lake_losses
from warehouse.sealed import reseal
from warehouse.secret import identity_key
from warehouse.vault import rotate, vault_key

if TYPE_CHECKING:
    from rich.table import Table

    from transforms.publish.check import Checked
    from transforms.publish.run import Published
    from transforms.publish.trace import Receipt
    from transforms.report import Explanation

_TOLD = 5
"""As many unreadable returns are named in one message."""


@told()
def extract(item_id: str, period: str, home: Home, connections: Connections = from_environment) -> list[str]:
    """Land what the item's departments delivered for the period; the manifests' paths, none if nothing came.

    `connections` gives the address of each source the item is fetched from.
    """
    return [str(path) for path in collect(_collected(item_id), Period.parse(period), home, connections)]


@told()
def hand_over(file: Path, item_id: str, period: str, home: Home, *, replace: bool = False) -> str:
    """Land one file given by hand; the manifest's path.

    Two places may both send a `数据.xlsx`: unless `replace` says that this one corrects it, a loaded file of the same
    name and other contents is not replaced. Names by the convention carry place and number and need no such care.
    Raises `UserError`.
    """
    manifest = land(file, _collected(item_id), Period.parse(period), home)
    delivery = Delivery.from_file(manifest)
    if delivery.division is None and not replace:
        lake, _ = open_lake(home)
        with lake:
            loaded = lake.scalar("SELECT sha256 FROM ops.batch WHERE batch_id = ?", [delivery.batch_id])
        if loaded not in (None, delivery.sha256):
            raise UserError(
                "同名而内容不同的文件已经入库",
                where=f"{file.name}（批次 {delivery.batch_id}）",
                remedy="是它的更正，加 --replace 替换；不是同一份，换个文件名",
            )
    return str(manifest)


def _collected(item_id: str) -> Item:
    catalog = load_catalog()
    item = catalog.item(item_id)
    if item.id not in catalog.collected(opted_in(catalog)):
        title = catalog.libraries[item.library].title
        raise UserError(
            f"“{item.title}”归“{title}”，不属公共信用信息，未开通",
            where=item.id,
            remedy=f"经批准后把 {item.library} 写进环境变量 XTCREDIT_OPT_IN",
        )
    return item


@told()
def stage(manifest: str, home: Home) -> str:
    """Read, normalise and judge one landed file row by row; the path of the staged batch's description."""
    delivery = Delivery.from_file(Path(manifest))
    folder = staged_folder(delivery, home)
    catalog = load_catalog()
    with _recorded("stage", delivery, home), _forgotten(folder):
        expect_admissible(delivery, catalog)
        return str(Path(stage_delivery(delivery, catalog, home, folder).folder) / "batch.json")


@told()
def judge(staged: str, home: Home, *, confirm_ends: bool = False) -> str:
    """Judge a staged batch as a set; the path of the verdict. Raises `UserError` when a `fail` check does.

    `confirm_ends`: somebody has looked at a full list that lacks much of the one before, and it is right.
    """
    batch = StagedBatch.from_file(Path(staged))
    with _recorded("judge", batch.delivery, home), _forgotten(Path(batch.folder)):
        batch.check()
        lake, catalog = open_lake(home)
        with lake:
            history = read_history(
                lake, batch.delivery.item_id, batch.delivery.period, division=batch.delivery.division
            )
            ends = vanished(lake, catalog.item(batch.delivery.item_id), batch, confirmed=confirm_ends)
        verdict = judge_batch(batch, catalog, history, docs=home.data_docs, besides=(ends,) if ends else ())
    return str(verdict.to_file(Path(batch.folder) / "verdict.json"))


def load(verdict: str, home: Home) -> dict[str, int]:
    """Replace the batch in the lake in one transaction; its counts."""
    result = load_result(verdict, home)
    return {
        "read": result.read,
        "new": result.new,
        "updated": result.updated,
        "duplicate": result.duplicate,
        "quarantined": result.quarantined,
        "set_aside": result.set_aside,
        "ignored": result.ignored,
    }


@told()
def preview(
    item_id: str,
    period: str,
    home: Home,
    *,
    file: Path | None = None,
    connections: Connections = from_environment,
    confirm_ends: bool = False,
) -> list[Preview]:
    """What loading the item's files of the period (or `file`) would change; nothing is landed, loaded or recorded."""
    return preview_files(
        _collected(item_id),
        Period.parse(period),
        load_catalog(),
        home,
        file=file,
        connections=connections,
        confirm_ends=confirm_ends,
    )


@told()
def load_result(verdict: str, home: Home) -> LoadResult:
    """As `load`, with the batch's status."""
    judged = Verdict.from_file(Path(verdict))
    with _recorded("load", judged.batch.delivery, home), Lake(home) as lake:
        return load_batch(lake, load_catalog(), judged)


@told()
def replay(item_id: str, period: str, home: Home, *, confirm_ends: bool = False) -> list[Replayed]:
    """Judge everything landed of an item's period again, by the rules of today; what changed, file by file.

    The landed bytes are read anew and replace exactly their batches, so once is as good as twice. A file that is refused
    leaves what was loaded of it before. Raises `UserError` when nothing was landed, or an original is lost.
    """
    item = _collected(item_id)
    lake, _ = open_lake(home)
    with lake:
        manifests = landed(lake, home, item.id, str(Period.parse(period)))
    if not manifests:
        raise UserError(
            f"{period} 没有落地的“{item.title}”文件",
            where=str(home.landing / item.id),
            remedy="核对期次；没有报送过的用 xtcredit ingest",
        )

    def load_again(manifest: str) -> LoadResult:
        return load_result(judge(stage(manifest, home), home, confirm_ends=confirm_ends), home)

    return [replay_file(manifest, lambda: open_lake(home)[0], load_again) for manifest in manifests]


@told()
def acknowledge(verdict: str, home: Home, connections: Connections = from_environment) -> dict[str, int]:
    """Write a loaded batch's receipt back to the source it was pulled from; rows by status, none where none is owed."""
    delivery = Verdict.from_file(Path(verdict)).batch.delivery
    source = source_of(delivery, load_catalog().item(delivery.item_id))
    if not isinstance(source, DatabaseSource) or source.receipt is None:
        return {}
    from transforms.extract.receipt import write_receipt  # drivers, for the few items that need them

    lake, _ = open_lake(home)
    with lake:
        return dict(write_receipt(source, delivery, lake, connections(source.connection)))


def staged_folder(delivery: Delivery, home: Home) -> Path:
    """Where a delivery is staged: one folder per file content, so that attempts at two versions never mix."""
    return (
        home.private_dir(home.staged)
        / delivery.item_id
        / delivery.period
        / f"{delivery.delivery}-{delivery.sha256[:12]}"
    )


def open_lake(home: Home) -> tuple[Lake, Catalog]:
    """The lake, brought up to the catalog, and the catalog."""
    catalog = load_catalog()
    lake = Lake(home)
    ensure_schema(lake, catalog)
    return lake, catalog


@told()
def declare(period: str, home: Home) -> int:
    """Take in the period's monthly returns, replacing what was declared before; how many declarations there are.

    A return that cannot be read does not keep the others out. Raises `UserError` naming such, once the rest is in. Files of
    the period's inbox that neither this nor any item takes are noted in `ops.outcome`: they would count as not delivered.
    """
    month = Period.parse(period)
    lake, catalog = open_lake(home)
    declarations: list[Declaration] = []
    refused: list[str] = []
    with returns_reader(catalog, home) as read:
        for delivered in extract_returns(month, home):
            try:
                declarations += read(delivered)
            except UserError as error:
                refused.append(str(error))
    with lake:
        count = replace_declarations(lake, month, declarations)
        strays = unclaimed(month, catalog.collected(opted_in(catalog)), home)
        files = {redact(path.name): digest(path) if path.is_file() else "" for path in strays}
        record_unclaimed(
            lake,
            period,
            files,
            f"收件箱里无人认领：不是约定的文件名（{CONVENTION}），或没有这项目录；未读取。处理办法：改名后重新放入",
        )
    if refused:
        more = f"；另有 {len(refused) - _TOLD} 份" if len(refused) > _TOLD else ""
        raise UserError(
            f"{len(refused)} 份月报表未能读取：{'；'.join(refused[:_TOLD])}{more}",
            remedy="改正后重新放入收件箱，再运行 declare",
        )
    return count


@told()
def unclaimed_files(period: str, home: Home) -> list[str]:
    """Names of what lies in the period's inbox and is taken by nobody."""
    catalog = load_catalog()
    return [
        redact(path.name)
        for path in unclaimed(Period.parse(period), catalog.collected(opted_in(catalog)), home)
    ]


def losses(home: Home) -> list[Finding]:
    """What the lake holds and the catalog would lose, as findings in the items' files; none without a lake."""
    if not home.lake.exists():
        return []
    catalog = load_catalog()
    with Lake(home) as lake:
        return [
            Finding(catalog.paths[item], 1, f"与湖中的数据不合：{loss.what}", loss.remedy)
            for item, loss in lake_losses(lake, catalog)
        ]


@told()
def integrate(home: Home, *, rebuild: bool = False) -> dict[str, int]:
    """Bring identities and libraries up to the ledger (`rebuild`: every subject anew); subjects per library."""
    lake, catalog = open_lake(home)
    with lake:
        return build_libraries(lake, catalog, rebuild=rebuild).subjects


@told()
def integrate_if_needed(home: Home) -> dict[str, int]:
    """As `integrate`, unless nothing was loaded and neither catalog nor rules have changed since the last time."""
    lake, catalog = open_lake(home)
    with lake:
        changed = lake.newest(commits.LOAD, commits.SCHEMA, commits.ROLLBACK)
        if lake.newest(integration_message(catalog)) > changed:
            return {}
        return build_libraries(lake, catalog).subjects


@told()
def assess(period: str, home: Home) -> dict[str, object]:
    """Replace the period's marts; its totals."""
    lake, catalog = open_lake(home)
    with lake:
        return asdict(assess_period(lake, catalog, Period.parse(period), opted=opted_in(catalog)))


@told()
def report(
    period: str,
    home: Home,
    *,
    out: Path | None = None,
    county: str | None = None,
    department: str | None = None,
) -> list[str]:
    """Write the period's bulletin for the city, one county or one department; the paths."""
    from transforms.report import (
        report as write_report,  # its libraries are slow to import for those who write none
    )

    month = Period.parse(period)
    lake, catalog = open_lake(home)
    with lake:
        paths = write_report(
            lake, catalog, month, out or home.reports / str(month), county=county, department=department
        )
    return [str(path) for path in paths]


@told()
def return_lists(period: str, home: Home, *, out: Path | None = None) -> list[str]:
    """Write the period's return lists, one per provider; the paths."""
    from transforms.report import write_return_lists

    month = Period.parse(period)
    lake, catalog = open_lake(home)
    with lake:
        paths = write_return_lists(lake, catalog, month, out or home.reports / str(month) / "退回清单")
    return [str(path) for path in paths]


@told()
def freeze(period: str, home: Home) -> int:
    """Publish the period as assessed; the snapshot that its bulletin is made from from now on."""
    from transforms.report import freeze as publish_month

    lake, catalog = open_lake(home)
    with lake:
        return publish_month(lake, catalog, Period.parse(period)).snapshot


@told()
def explain(county: str, period: str, home: Home, *, item: str | None = None, limit: int = 20) -> Explanation:
    """What a county's number is made of: items, files, lines."""
    from transforms.report import explain as trace

    lake, catalog = open_lake(home)
    wanted = catalog.item(item).id if item else None
    with lake:
        return trace(lake, catalog, county, Period.parse(period), item=wanted, limit=limit)


def county_table(period: str, home: Home) -> Table:
    """The counties' progress as a table for the terminal."""
    from transforms.report import county_table as render_county_table

    lake, _ = open_lake(home)
    with lake:
        return render_county_table(lake, Period.parse(period))


def audit(home: Home) -> Iterator[Outcome]:
    """Run the audit, each clause's outcome as it comes. Libraries behind their ledger are brought up first."""
    # A decorator would be left before the first clause.
    with told():
        lake, _ = open_lake(home)
        with lake:
            if not any(file.live for file in lost_data_files(lake)):
                integrate_if_needed(home)
                ensure_marts(lake)
            yield from audit_lake(lake)


@told()
def verify(home: Home) -> list[str]:
    """Run the audit; one Chinese line per clause that does not hold."""
    return [str(outcome) for outcome in audit(home) if not outcome.holds]


@told()
def maintain(home: Home) -> dict[str, int]:
    """Merge small files, remove orphans and old staged folders, seal landed files, clear the inbox of what is sealed; how many of each."""
    lake, _ = open_lake(home)
    with lake:
        done = asdict(maintain_lake(lake))
    return done | {"inbox": clear_inbox(home, inbox_before())}


@told()
def backup(target: Path, home: Home, *, with_key: bool = False) -> BackupResult:
    """Back the home up into a folder: only what no earlier backup there has is copied."""
    return back_up(home, target, with_key=with_key)


@told()
def restore(source: Path, home: Home, *, name: str | None = None) -> RestoreResult:
    """Restore a backup, the newest unless named, into an empty home."""
    return restore_home(source, home, name=name)


@told()
def restore_missing(source: Path, home: Home) -> list[str]:
    """Bring back data files and landed files that are gone or damaged; their paths."""
    return restore_lost(source, home)


@told()
def restore_drill(source: Path, home: Home) -> dict[str, object]:
    """Restore the newest backup beside the home, compare its state and audit it; what was measured.

    `rpo_seconds`: what a loss right now would cost, the time since the backup's snapshot; `snapshots_behind` the commits
    since. `rto_seconds`: how long until the data is back, checked and audited. Raises `UserError` if the state differs
    from the lake's at that snapshot or the audit finds something. The copy is removed.
    """
    name, manifest = newest_backup(source)
    rpo = age_seconds(manifest)
    with tempfile.TemporaryDirectory(prefix="drill-", dir=home.scratch()) as folder:
        copy = Home(Path(folder) / "home")
        key = copy.private_dir(copy.secrets) / "identity.key"
        key.touch(mode=0o600)
        key.write_text(identity_key(home).hex(), encoding="ascii")
        if (vault := vault_key(home)) is not None:
            (copy.secrets / "vault.key").touch(mode=0o600)
            (copy.secrets / "vault.key").write_text(vault.hex(), encoding="ascii")
        restored = restore_home(source, copy, name=name)
        with Lake(copy) as lake:
            found = state_hash(lake)
        outcomes = list(audit(copy))
        rto = restored.seconds + sum(outcome.seconds for outcome in outcomes)
    with Lake(home) as lake:
        newer = lake.snapshot_id() - manifest.snapshot
        with lake.at(manifest.snapshot) as then:
            expected = state_hash(then)
    differing = sorted(t for t in expected.keys() | found.keys() if expected.get(t) != found.get(t))
    violations = [str(outcome) for outcome in outcomes if not outcome.holds]
    if differing or violations:
        found_wrong = "；".join([*(f"{table} 与备份时的湖不同" for table in differing), *violations])
        raise UserError(
            f"恢复演练不合格：{found_wrong}", where=name, remedy="核对备份盘后重新备份，再演练一次"
        )
    return {
        "backup": name,
        "snapshot": manifest.snapshot,
        "snapshots_behind": newer,
        "rpo_seconds": round(rpo, 1),
        "rto_seconds": round(rto, 1),
        "restore_seconds": round(restored.seconds, 1),
        "files": restored.files,
        "bytes": restored.bytes,
        "tables": len(expected),
        "clauses": len(outcomes),
    }


@told()
def rotate_vault(home: Home) -> tuple[int, int]:
    """Seal the vault and the sealed landed files with a new key, written to `secrets/vault.key`; how many values and files.

    Interrupted among the files, the next `maintain` goes on.
    """
    lake, _ = open_lake(home)
    with lake:
        values = rotate(lake)
    return values, reseal(home)


@told()
def rollback(snapshot: int, home: Home) -> RollbackResult:
    """Set the state back to a snapshot, as a new snapshot; batches loaded since can be loaded again."""
    lake, catalog = open_lake(home)
    with lake:
        return roll_back(lake, catalog, snapshot)


@told()
def snapshots(home: Home) -> tuple[list[str], list[tuple[object, ...]]]:
    """The lake's snapshots, newest first: number, time, what was done."""
    lake, _ = open_lake(home)
    with lake:
        return lake.table(
            """SELECT snapshot_id AS "快照", date_trunc('second', snapshot_time::TIMESTAMP) AS "时间", commit_message AS "说明"
            FROM ducklake_snapshots('lake') ORDER BY 1 DESC"""
        )


@told()
def data_docs(period: str, home: Home) -> str:
    """Build Great Expectations' pages of a month; the index's path."""
    return str(build_data_docs(home, period))


@told()
def query(
    statement: str, home: Home, snapshot: int | None = None
) -> tuple[list[str], list[tuple[object, ...]]]:
    """The columns and rows of one SELECT, read-only, without the vault. Raises `UserError` for anything else."""
    lake, _ = open_lake(home)
    with lake:
        newest = lake.snapshot_id()
        wanted = newest if snapshot is None else snapshot
        if not 0 <= wanted <= newest:
            raise UserError(f"没有快照 {wanted}", where="--snapshot", remedy=f"写 0 至 {newest} 之间的快照号")
        with lake.at(wanted) as frozen:
            return run_query(frozen, statement)


@told()
def history(home: Home, item: str | None = None) -> tuple[list[str], list[tuple[object, ...]]]:
    """Loaded batches and refusals, newest first."""
    lake, catalog = open_lake(home)
    wanted = catalog.item(item).id if item else None
    with lake:
        return lake.table(
            """
            SELECT date_trunc('second', loaded_at) AS "时间", batch_id AS "批次", source_file AS "文件", status AS "状态", rows_read AS "上报", rows_new AS "新增",
                rows_updated AS "更新", rows_duplicate AS "重复", rows_quarantined AS "隔离", rows_ignored AS "忽略", NULL AS "说明"
            FROM ops.batch WHERE $item IS NULL OR item_id = $item
            UNION ALL
            SELECT date_trunc('second', occurred_at), batch_id, source_file, 'refused', NULL, NULL, NULL, NULL, NULL, NULL, message
            FROM ops.outcome WHERE success = 0 AND ($item IS NULL OR item_id = $item)
            ORDER BY 1 DESC, 2""",
            {"item": wanted},
        )


@told()
def publish(
    as_of: date,
    home: Home,
    *,
    audience: str = "public",
    grant: tuple[str, ...] = (),
    county: str | None = None,
) -> Published:
    """Publish the warehouse for an audience, or one county, as of a day; libraries are brought up to the ledger first."""
    from transforms.publish.run import audience_of
    from transforms.publish.run import publish as write_publication

    integrate_if_needed(home)
    lake, catalog = open_lake(home)
    wanted = audience_of(catalog, name=audience, grant=grant, county=county, as_of=as_of)
    with lake:
        return write_publication(lake, catalog, wanted, as_of)


@told()
def check(file: Path, out: Path, home: Home, *, by: str, purpose: str, as_of: date) -> Checked:
    """Look up a list of codes and write the workbook; logged. Libraries are brought up to the ledger first."""
    from transforms.publish.check import check as look_up

    integrate_if_needed(home)
    lake, catalog = open_lake(home)
    with lake:
        return look_up(lake, catalog, file, out, by=by, purpose=purpose, as_of=as_of)


@told()
def trace(
    home: Home, *, as_of: date, item: str | None = None, number: str | None = None, since: date | None = None
) -> list[Receipt]:
    """Who received a record (by its number), or every record that is no longer shown since a day."""
    from transforms.publish.trace import trace as find

    integrate_if_needed(home)
    lake, catalog = open_lake(home)
    with lake:
        return find(lake, catalog, as_of, item=item, number=number, since=since)


@contextmanager
def _forgotten(staged: Path) -> Iterator[None]:
    """Remove what was staged of a file that is refused: it holds numbers in clear, and `stage` makes it anew."""
    try:
        yield
    except PassingError:
        raise
    except UserError:
        for path in staged.glob("*.parquet"):
            path.unlink(missing_ok=True)
        raise


@contextmanager
def _recorded(step: str, delivery: Delivery, home: Home) -> Iterator[None]:
    """Keep a refusal in `ops.outcome`, so that what never became a batch can still be asked for.

    A full disk or a locked lake refuses no file; and where the lake cannot be written, the first error is the one to tell.
    """
    try:
        yield
    except PassingError:
        raise
    except UserError as error:
        try:
            with told():
                lake, _ = open_lake(home)
                with lake:
                    record_refusal(lake, delivery, step, str(error))
        except UserError as unrecorded:
            error.add_note(f"未能记入 ops.outcome：{unrecorded}")
        raise


def state_hash(lake: Lake, schemas: tuple[str, ...] = ("rec", "core", "lib", "mart")) -> dict[str, str]:
    """A fingerprint per table of all that is state: equal for equal contents, whatever the order of rows.

    Times of loading are no state; they stand in `ops` only.
    """
    filled = ever_filled(lake.connection)
    found = {}
    for name in present_tables(lake.connection):
        if name.startswith(tuple(f"{schema}." for schema in schemas)):
            value = None
            if name in filled:
                value = lake.scalar(
                    f"SELECT bit_xor(md5_number(t::VARCHAR))::VARCHAR || count(*) FROM {name} t"
                )
            found[name] = hashlib.sha256(str(value).encode()).hexdigest()[:16]
    return found
