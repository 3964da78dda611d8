"""Deliveries of any items and periods, and beside each the truth about it.

Out of the catalog and a seed come files as departments send them, and per batch what a right system must count: the
reader and the rules are tested against this, so nothing here may come from them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catalog.divisions import CITY
from catalog.errors import UserError
from catalog.loader import Catalog
from catalog.model import SUBJECT, Format, Item
from catalog.obligations import Provider, providers
from catalog.period import Period
from catalog.sample.draw import Bools, Draw, Ints
from catalog.sample.faults import Recipe, Row, fault_recipes, set_aside_recipes
from catalog.sample.files import FileStyle, Writer, open_writer
from catalog.sample.noise import EMPTY, NOISE
from catalog.sample.population import EPOCH, Population
from catalog.sample.returns import write_returns
from catalog.sample.values import Build, Column, Plan, Style

CHUNK = 200_000
XLSX_ROWS, XLS_ROWS, JSON_ROWS = 20_000, 5_000, 200_000
FIRST_PERIOD = Period(2019, 1)
"""The population was registered before 2019 and is of age since then."""


@dataclass(frozen=True)
class Truth:
    """What must come of a batch. `by_rule` has the quarantined rows, set-aside ones included, by
    `rule/field`.
    """

    batch_id: str
    item: str
    period: str
    file: str
    rows_read: int
    rows_accepted: int
    rows_new: int
    rows_updated: int
    rows_duplicate: int
    rows_quarantined: int
    rows_ignored: int
    rows_set_aside: int
    by_rule: dict[str, int]


@dataclass(frozen=True)
class GeneratedFile:
    """A delivery on disk and its truth."""

    path: Path
    truth_path: Path
    truth: Truth
    provider: Provider


@dataclass(frozen=True)
class Shares:
    """How much of what: shares of the rows, and of the cells for `noise`."""

    fault: float = 0.02
    duplicate: float = 0.03
    update: float = 0.05
    set_aside: float = 0.01
    noise: float = 0.03


@dataclass
class History:
    """What has been accepted of an item so far, one entry per record."""

    version: Ints
    """Current version, -1 before the first."""
    first_period: Ints
    home: Ints
    """Position of the format in which a record is delivered."""
    used: int = 0
    wave: int = 0


@dataclass
class _Counts:
    by_status: Counter[str] = field(default_factory=Counter)
    by_rule: Counter[str] = field(default_factory=Counter)
    set_aside: int = 0
    ignored: int = 0


def generate(
    catalog: Catalog,
    out: Path,
    *,
    periods: Sequence[Period],
    rows: int,
    seed: int,
    items: Sequence[str] | None = None,
    fault_share: float = 0.02,
    duplicate_share: float = 0.03,
    update_share: float = 0.05,
    set_aside_share: float = 0.01,
    noise_share: float = 0.03,
    kinds: Sequence[str] = ("csv", "csv", "csv", "xlsx", "json"),
    progress: Callable[[GeneratedFile], None] | None = None,
) -> list[GeneratedFile]:
    """Write deliveries of `rows` rows per item and period into `out`, with their truth in `out/truth`.

    Args:
        catalog: the catalog; it alone says what an item looks like.
        out: folder of the inbox's layout, `<period>/<division>_<department>_<item>_<yyyymmdd>_<no>.<ext>`.
        periods: months; history starts with the first, and quarterly and yearly items appear where
        theirs end.
        rows: data rows per item and period, duplicates, updates and faults among them.
        seed: the same arguments give the same bytes.
        items: ids, codes or titles; all if None.
        fault_share: share of rows with one fault each, which the truth names.
        duplicate_share: share of rows sent again unchanged, half of them in the same file.
        update_share: share of rows that change an earlier record.
        set_aside_share: share of rows of other cities, other catalog items or minors, where the
        item has such rules.
        noise_share: share of cells written in an unusual but right way.
        kinds: file kinds to draw from: csv, xlsx, json, and xls where xlwt is installed.
        progress: called after each file.

    Raises:
        UserError: an unknown item, a period before 2019-01, no rows, a share out of range.
    """
    shares = Shares(fault_share, duplicate_share, update_share, set_aside_share, noise_share)
    months = sorted(set(periods))
    _check(months, rows, shares)
    chosen = [catalog.item(name) for name in items] if items is not None else list(catalog.items.values())
    population = Population(seed, catalog.divisions)
    done: list[GeneratedFile] = []
    chosen.sort(key=lambda item: item.id)
    for item in chosen:
        maker = _Maker(catalog, item, population, out, months, rows, shares, tuple(kinds))
        for made in maker.run():
            done.append(made)
            if progress is not None:
                progress(made)
    for month in months:
        accepted: dict[tuple[str, Provider], int] = {}
        for made in done:
            if made.truth.period == str(month):
                accepted[made.truth.item, made.provider] = made.truth.rows_accepted
        write_returns(catalog, out, chosen, month, accepted, seed)
    return done


def _check(periods: Sequence[Period], rows: int, shares: Shares) -> None:
    if not periods or periods[0] < FIRST_PERIOD:
        raise UserError(f"样例的期次不能早于 {FIRST_PERIOD}", remedy="例如 --periods 2019-10:2019-12")
    if rows < 1:
        raise UserError("样例的行数须是正整数", remedy="例如 --rows 1000")
    if (
        any(not 0 <= share <= 1 for share in asdict(shares).values())
        or shares.duplicate + shares.update > 0.9
    ):
        raise UserError(
            "样例的各种比例须在 0 与 1 之间，重复与更新合计不超过 0.9", remedy="例如 --faults 0.08"
        )


class _Maker:
    """All deliveries of one item, in order."""

    def __init__(
        self,
        catalog: Catalog,
        item: Item,
        population: Population,
        out: Path,
        periods: Sequence[Period],
        rows: int,
        shares: Shares,
        kinds: tuple[str, ...],
    ) -> None:
        self.catalog, self.item, self.population, self.out = catalog, item, population, out
        self.periods, self.rows, self.shares, self.kinds = periods, rows, shares, kinds
        self.total = rows * len(periods)
        self.draw = Draw(f"deliveries/{population.seed}/{item.id}")
        self.formats: list[Format | None] = [
            None,
            *(f for f in item.formats if f.fixed_width is None and self._complete(f)),
        ]
        first, home = np.zeros(self.total, dtype=np.int64), np.zeros(self.total, dtype=np.int64)
        self.history = History(np.full(self.total, -1, dtype=np.int64), first, home)

    def _complete(self, fmt: Format) -> bool:
        """Whether records can be told apart in the format: what the key needs is there or may be missing."""
        return all(
            k == SUBJECT or not self.item.lacks(k, fmt) or self.item.field(k).required is True
            for k in self.item.key
        ) and (
            Plan(self.item, fmt, self.catalog, self.population, self.total, self.rows, Style(fmt)).serial
            is not None
            or not set(fmt.absent) & set(self.item.key)
        )

    def run(self) -> Iterator[GeneratedFile]:
        """Write the deliveries of all periods that end an interval of the item."""
        for number, period in enumerate(self.periods):
            if period.month % self.item.period_months:
                continue
            units = self._providers(period)
            sizes = [self.rows // len(units) + (i < self.rows % len(units)) for i in range(len(units))]
            for unit, size in zip(units, sizes, strict=True):
                if size:
                    yield self._delivery(number, period, unit, size)

    def _providers(self, period: Period) -> list[Provider]:
        """Who delivers, of all who owe: one department of the city, two units of counties, or one of each."""
        owing = list(providers(self.item, self.catalog, period))
        city = [p for p in owing if p.county_code == CITY]
        counties = [p for p in owing if p.county_code != CITY]
        some = []
        if city:
            some.append(city[self.draw.of("department").one(len(city))])
        if counties:
            first = self.draw.of("county").one(len(counties))
            wanted = 1 if city else 2
            some += [counties[(first + 7 * n) % len(counties)] for n in range(wanted)]
        return sorted(some, key=lambda p: p.county_code)

    def _delivery(self, number: int, period: Period, unit: Provider, size: int) -> GeneratedFile:
        due = period.shift(1)
        day = f"{due.year:04d}{due.month:02d}{self.item.due.day:02d}"
        delivery = f"{day}-01-{unit.county_code}"
        if unit.department != self.item.department:
            delivery += f"-{unit.department}"
        draw = self.draw.of(period, unit.county_code)
        self.history.wave += 1
        home = 0
        if len(self.formats) > 1 and draw.of("format").one(4) == 0:
            home = 1 + draw.of("which format").one(len(self.formats) - 1)
        style = self._file_style(draw, size)
        plan = Plan(
            self.item,
            self.formats[home],
            self.catalog,
            self.population,
            self.total,
            max(int(self.rows * 0.8), 1),
            Style(self.formats[home], dates=draw.of("dates").one(6), codes=draw.of("codes").one(3)),
        )
        folder = self.out / str(period)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{unit.county_code}_{unit.department}_{self.item.id}_{day}_01.{style.kind}"
        counts = _Counts()
        read = self._write(path, style, plan, draw, number, period, home, size, counts)
        status, quarantined = counts.by_status, sum(counts.by_rule.values())
        truth = Truth(
            batch_id=f"{self.item.id}/{period}/{delivery}",
            item=self.item.id,
            period=str(period),
            file=f"{period}/{path.name}",
            rows_read=read,
            rows_accepted=status["new"] + status["updated"],
            rows_new=status["new"],
            rows_updated=status["updated"],
            rows_duplicate=status["duplicate"],
            rows_quarantined=quarantined,
            rows_ignored=counts.ignored,
            rows_set_aside=counts.set_aside,
            by_rule=dict(sorted(counts.by_rule.items())),
        )
        truth_path = self.out / "truth" / f"{truth.batch_id.replace('/', '__')}.json"
        truth_path.parent.mkdir(exist_ok=True)
        truth_path.write_text(
            json.dumps(asdict(truth), ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )
        return GeneratedFile(path, truth_path, truth, unit)

    def _file_style(self, draw: Draw, size: int) -> FileStyle:
        kind = self.kinds[draw.of("kind").one(len(self.kinds))]
        if size > {"xlsx": XLSX_ROWS, "xls": XLS_ROWS, "json": JSON_ROWS}.get(kind, size):
            kind = "csv"
        encoding = ("utf-8", "utf-8", "utf-8-sig", "gb18030", "gb18030", "utf-16")[draw.of("encoding").one(6)]
        delimiter = (",", ",", ",", "\t", ";")[draw.of("delimiter").one(5)]
        return FileStyle(kind, encoding, delimiter, crlf=draw.of("crlf").one(4) == 0)

    # --- which records
    # ---------------------------------------------------------------------------------------------

    def _sequence(self, plan: Plan, draw: Draw, number: int, home: int, size: int) -> tuple[Ints, Ints]:
        """Records and versions of a delivery's rows, in their order."""
        history = self.history
        known = np.flatnonzero(
            (history.version[: history.used] >= 0)
            & (history.home[: history.used] == home)
            & (history.version[: history.used] < 200)
        )
        again, changed = (
            round(size * self.shares.duplicate),
            round(size * self.shares.update) if plan.mutable else 0,
        )
        # Half of each refers to earlier files where there are any, the rest to rows of this one.
        early_again, early_changed = min(again // 2, len(known) // 2), min(changed * 3 // 4, len(known) // 2)
        picked = known[
            np.argsort(draw.of("earlier").words(known), kind="stable")[: early_again + early_changed]
        ]
        own = again + changed - early_again - early_changed
        fresh = min(size - again - changed, self.total - history.used)
        own = min(own, fresh + len(picked))
        new = np.arange(history.used, history.used + fresh, dtype=np.int64)
        history.first_period[new], history.home[new] = number, home
        history.used += fresh
        record = np.concatenate([picked, new])
        version = np.maximum(history.version[record], 0)
        version[early_again : early_again + early_changed] += 1
        place = draw.of("order").share(record)
        source = np.argsort(draw.of("repeat").words(record), kind="stable")[:own]
        later = version[source] + (np.arange(own) < own - (again - early_again))
        if self.item.source_time is not None:
            # An old version that arrives after the new one is no news.
            later = np.where(
                (later == version[source]) & (later > 0) & (np.arange(own) % 3 == 0), later - 1, later
            )
        record, version = np.concatenate([record, record[source]]), np.concatenate([version, later])
        place = np.concatenate(
            [place, place[source] + (1 - place[source]) * draw.of("gap").share(record[len(place) :])]
        )
        order = np.argsort(place, kind="stable")
        return record[order], version[order]

    def _settle(self, record: Ints, version: Ints, good: Bools) -> Counter[str]:
        """Count new, updated and duplicate among good rows in their order, and move the history on.

        Versions of a record only ever rise with its source time, so a row is news where its version
        is higher than
        the highest before it.
        """
        rows = np.flatnonzero(good)
        rows = rows[np.argsort(record[rows], kind="stable")]
        if not len(rows):
            return Counter()
        who, what = record[rows], version[rows]
        starts = np.concatenate([[True], who[1:] != who[:-1]])
        segment = np.cumsum(starts) * 1024
        floor = segment + self.history.version[who] + 1
        highest = np.maximum.accumulate(np.maximum(segment + what + 1, floor))
        before = np.where(starts, floor, np.concatenate([[0], highest[:-1]])) - segment - 1
        self.history.version[who] = np.maximum(self.history.version[who], 0)
        np.maximum.at(self.history.version, who, what)
        return Counter(
            new=int((before < 0).sum()),
            updated=int(((before >= 0) & (what > before)).sum()),
            duplicate=int((what <= before).sum()),
        )

    # --- the file -----------------------------------------------------------------------------------
    # ---------------

    def _write(
        self,
        path: Path,
        style: FileStyle,
        plan: Plan,
        draw: Draw,
        number: int,
        period: Period,
        home: int,
        size: int,
        counts: _Counts,
    ) -> int:
        record, version = self._sequence(plan, draw, number, home, size)
        names, headers, extra = self._layout(plan, draw)
        fields = {f.name: f for f in plan.fields}
        dates = frozenset(i for i, n in enumerate(names) if n in fields and fields[n].type == "date")
        numbers = frozenset(
            i
            for i, n in enumerate(names)
            if n in fields and fields[n].type in ("amount", "integer", "decimal")
        )
        writer = open_writer(path, style, headers, dates, numbers)
        messy = style.kind != "json"
        if messy and draw.of("title").one(3) == 0:
            writer.line(
                _padded([f"邢台市{self.item.title}（{period.year}年{period.month}月）"], len(headers))
            )
        writer.line(headers)
        faults, aside = fault_recipes(plan), set_aside_recipes(plan)
        inserted = self._inserted(draw, headers, len(record)) if messy else []
        for start in range(0, len(record), CHUNK):
            stop = min(start + CHUNK, len(record))
            rows = slice(start, stop)
            build = self._build(plan, record[rows], version[rows], period)
            table, good = self._table(build, draw, start, period, names, faults, aside, counts, extra)
            counts.by_status += self._settle(record[rows], version[rows], good)
            _put(
                writer,
                table,
                [(at - start, cells) for at, cells in inserted if start <= at < stop],
                stop - start,
            )
        footer = draw.of("footer").one(3) if messy else 2
        if footer < 2:
            for cells in (
                [["合计", str(len(record))]] if footer else [["合计", str(len(record))], ["填表人：样例"]]
            ):
                writer.line(_padded(cells, len(headers)))
                counts.ignored += 1
        writer.close()
        counts.ignored += len(inserted)
        return len(record) + counts.ignored

    def _build(self, plan: Plan, record: Ints, version: Ints, period: Period) -> Build:
        end = (period.last_day - EPOCH).days
        first = np.array([(p.first_day - EPOCH).days for p in self.periods], dtype=np.int64)
        last = np.array([(p.last_day - EPOCH).days for p in self.periods], dtype=np.int64)
        at = self.history.first_period[record]
        return Build(plan, record, version, first[at], last[at], end, self.history.wave)

    def _layout(self, plan: Plan, draw: Draw) -> tuple[list[str], list[str], list[str]]:
        """Columns of the file: field names (or headers of ignored columns), and the headers written."""
        foreign = {
            h
            for f in self.item.formats
            if f is not plan.fmt
            for options in f.headers.values()
            for h in options
        }
        ignored = [h for h in (*self.item.ignore, *(plan.fmt.ignore if plan.fmt else ()))]
        taken: set[str] = set(map(_flat, ignored))
        aliases = draw.of("headers").one(3)
        names, headers = [], []
        for f in plan.fields:
            own = plan.fmt.headers.get(f.name) if plan.fmt is not None else None
            options = list(own) if own is not None else [f.title, *(h for h in f.headers if h not in foreign)]
            wanted = options[draw.of("header", f.name).one(len(options))] if aliases == 2 else options[0]
            header = next(h for h in (wanted, *options) if _flat(h) not in taken)
            taken.add(_flat(header))
            names.append(f.name)
            headers.append(header)
        if draw.of("turned").one(5) == 0:
            turn = draw.of("turn").one(len(names))
            names, headers = names[turn:] + names[:turn], headers[turn:] + headers[:turn]
        extra = []
        if "序号" in self.item.ignore and draw.of("numbered").one(2):
            names, headers, extra = ["序号", *names], ["序号", *headers], ["序号"]
        return names, headers, extra

    def _inserted(self, draw: Draw, headers: list[str], rows: int) -> list[tuple[int, list[str | None]]]:
        """Lines between the records that are none: blank ones, the header once more."""
        lines: list[tuple[int, list[str | None]]] = []
        for number in range(draw.of("blank rows").one(4)):
            lines.append((draw.of("blank").one(rows, number), _padded([], len(headers))))
        if draw.of("again").one(3) == 0 and rows > 20:
            lines.append((rows // 2, list(headers)))
        return sorted(lines, key=lambda pair: pair[0])

    def _table(
        self,
        build: Build,
        draw: Draw,
        start: int,
        period: Period,
        names: list[str],
        faults: list[Recipe],
        aside: list[Recipe],
        counts: _Counts,
        extra: list[str],
    ) -> tuple[list[pa.StringArray], Bools]:
        """The columns of a part of the file, and which of its rows are good."""
        position = np.arange(start, start + build.rows, dtype=np.int64)
        broken = self._break(build, draw, position, period, faults, aside, counts)
        good = np.ones(build.rows, dtype=bool)
        good[list(broken)] = False
        columns = []
        for name in names:
            if name in extra:
                columns.append(pc.cast(pa.array(position + 1), pa.string()))
                continue
            cells = self._noise(build, draw.of("noise", name), name, position)
            cells |= {i: new[name] for i, new in broken.items() if name in new}
            text = pc.if_else(
                pa.array(build.filled(name)), build.column(name).text, pa.scalar(None, pa.string())
            )
            columns.append(_replaced(text, cells))
        return columns, good

    def _noise(self, build: Build, draw: Draw, name: str, position: Ints) -> dict[int, str]:
        """Cells of a column to be written in another way."""
        f, filled = build.plan.item.field(name), build.filled(name)
        hit = np.flatnonzero(draw.share(position) < self.shares.noise)
        how = draw.of("how").words(position[hit]) % np.uint64(1 << 30)
        noise = NOISE.get(f.type)
        column: Column = build.column(name)
        cells = {}
        for i, n in zip(hit.tolist(), how.tolist(), strict=True):
            if not filled[i]:
                cells[i] = EMPTY[n % len(EMPTY)]
            elif noise is not None:
                cells[i] = noise(build, f, i, str(column.text[i].as_py()), n)
        return cells

    def _break(
        self,
        build: Build,
        draw: Draw,
        position: Ints,
        period: Period,
        faults: list[Recipe],
        aside: list[Recipe],
        counts: _Counts,
    ) -> dict[int, dict[str, str]]:
        """New cells of the rows that get a fault or are none of ours; the truth about them is counted
        here.
        """
        cells: dict[int, dict[str, str]] = {}
        lot, how = draw.of("lot").share(position), draw.of("fault").words(position)
        end = (period.last_day - EPOCH).days
        foreign = self.shares.set_aside if aside else 0.0
        set_aside = {(r.rule, name) for r in self.item.rules if r.level == "set_aside" for name in _labels(r)}
        for i in np.flatnonzero(lot < self.shares.fault + foreign).tolist():
            recipes = faults if lot[i] < self.shares.fault else aside
            n = int(how[i] >> np.uint64(34))
            row = Row(build, i, n // 97, end)
            for offset in range(len(recipes)):
                broken = recipes[(n + offset) % len(recipes)](row)
                if broken is not None:
                    cells[i] = broken.cells
                    counts.by_rule[f"{broken.rule}/{broken.field}"] += 1
                    counts.set_aside += (broken.rule, broken.field) in set_aside
                    break
        return cells


def _labels(rule: object) -> list[str]:
    """Fields under which a rule may be reported."""
    return [
        n for n in (getattr(rule, a, None) for a in ("field", "id", "city", "code")) if isinstance(n, str)
    ]


def _flat(header: str) -> str:
    return header.replace("（", "(").replace("）", ")").replace(" ", "").replace("＿", "_").casefold()


def _padded(cells: Sequence[str | None], width: int) -> list[str | None]:
    return [*cells, *([None] * (width - len(cells)))][:width]


def _replaced(text: pa.StringArray, cells: dict[int, str]) -> pa.StringArray:
    """The column with some cells written otherwise; an empty one is null."""
    if not cells:
        return text
    mask = np.zeros(len(text), dtype=bool)
    order = sorted(cells)
    mask[order] = True
    return pc.replace_with_mask(
        text, pa.array(mask), pa.array([cells[i] or None for i in order], pa.string())
    )


def _put(
    writer: Writer, table: list[pa.StringArray], inserted: list[tuple[int, list[str | None]]], rows: int
) -> None:
    """Write the rows with the lines that stand between them."""
    done = 0
    for at, cells in inserted:
        if at > done:
            writer.block([c.slice(done, at - done) for c in table])
            done = at
        writer.line(cells)
    if rows > done:
        writer.block([c.slice(done, rows - done) for c in table])
