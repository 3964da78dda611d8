"""The bulletin's sentences, in the form of an official 通报 (domain notes 10), all from `Figures`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from catalog.bulletin import Wording
from catalog.calendar import FIRST_YEAR, LAST_YEAR, is_working_day
from catalog.divisions import CITY
from catalog.period import Period
from transforms.report.figures import Figures, Row

LISTED = 12  # more items than these are counted by department, not named one by one


@dataclass(frozen=True)
class Section:
    """A heading and its paragraphs; `annex` names the tables that follow."""

    heading: str
    paragraphs: tuple[str, ...]
    annex: tuple[str, ...] = ()


def whole(number: int | None) -> str:
    """1234567 -> 1,234,567; nothing known -> —."""
    return "—" if number is None else f"{number:,}"


def percent(rate: float | None) -> str:
    """0.12345 -> 12.35%; a share too small for two decimals keeps a digit, one short of the whole never reads 100%."""
    if rate is None:
        return "—"
    if 0.99995 <= rate < 1:
        return next(text for digits in range(3, 16) if not (text := f"{rate:.{digits}%}").startswith("100"))
    if 0 < rate < 0.0001:
        return f"{rate * 100:.1g}%" if rate >= 0.000001 else "不足0.0001%"
    return f"{rate:.2%}"


def wan(number: int) -> str:
    """38000000 -> 3800万; what is not a whole number of 万 stays as it is."""
    return f"{number // 10000}万" if number and number % 10000 == 0 else whole(number)


def month(period: Period) -> str:
    return f"{period.month}月份"


def issue_date(period: Period, wording: Wording) -> date:
    """The first working day from the stated day of the following month: a date of the period, not of the clock."""
    following = period.shift(1)
    day = date(following.year, following.month, wording.issue_day)
    while FIRST_YEAR <= day.year <= LAST_YEAR and not is_working_day(day):
        day += timedelta(days=1)
    return day


def chinese_date(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


def title(f: Figures) -> str:
    whose = f.unit.name if f.unit else "全市"
    what = "情况的通报" if f.unit is None else "情况的反馈"
    return f"关于{f.period.year}年{month(f.period)}{whose}公共信用信息归集{what}"


def phrases(line: str) -> list[str]:
    """A headline in the pieces at which it may break, so that no term is torn on a narrow screen."""
    return [part for part in re.split("(?=公共信用信息)|(?=领导小组)|(?=归集情况)", line) if part]


def addressee(f: Figures) -> str:
    return f"{f.unit.name}：" if f.unit else f.wording.addressee


def title_lines(f: Figures) -> list[str]:
    """The title in two lines, broken where a term ends."""
    head, _, tail = title(f).partition("公共信用信息")
    return [head, f"公共信用信息{tail}"]


def sections(f: Figures) -> list[Section]:
    """The bulletin's sections in order, for the city or for the one unit."""
    if f.unit is None:
        parts = [
            _overall(f),
            _counties(f),
            _departments(f),
            _double_publicity(f),
            _quality(f),
            _problems(f),
            _next(f),
        ]
    elif f.unit.kind == "county":
        parts = [_one_county(f), _own_quality(f)]
    else:
        parts = [_one_department(f), _own_quality(f)]
    return [
        Section(f"{number}、{part.heading}", part.paragraphs, part.annex)
        for number, part in zip("一二三四五六七", parts, strict=False)
    ]


def notes(f: Figures) -> list[str]:
    """How the figures were made: counting rule, targets and what rests on estimates, snapshot, catalog."""
    lines = [
        "归集量按记录计：每条记录在首次入库的期次计一次，内容变更计入更新，重复报送不计。"
        "上报＝入库＋更新＋重复＋疑问＋搁置；合规率＝（入库＋更新＋重复）÷（上报－搁置）。"
    ]
    if f.targets is not None and f.layout is not None:
        lines.append(both_targets(f))
        lines.append(
            f"任务数按{f.targets.document}“{f.targets.quote}”计算：{f.targets.alpha_note}"
            f"权重口径：{f.targets.layouts[f.layout].note}"
        )
        if f.estimated:
            star = "" if f.unit else "（表中标*）"
            lines.append(
                f"各县（市、区）的任务数{star}以估计或推算的GDP计算，任务完成率和排名随之，待取得统计公报数后重算；"
                "归集量、保底目标和保底完成率不受影响。"
            )
        lines.append("排名按任务完成率从高到低，并列同名次（次序按区划代码）；开发区和市本级不排名。")
    else:
        lines.append("本期没有适用的归集目标，不计算完成率，不排名。")
    if f.unit is None:
        gaps = sorted({s["not_measured"] for s in f.county_scores if s["not_measured"]})
        if gaps:
            lines.append(
                "得分中有的指标在有的单位无从计算，不计分，其余各项按权重折算为100分；未计的在得分表中以“—”表示。"
            )
        lines.append("表中各项错误均注明提供单位：谁提供、谁负责。")
    unplaced = sum(c["unplaced"] for c in f.counties)
    if unplaced:
        lines.append(
            f"市本级中有{whole(unplaced)}条按期末区划不能归到某一县（市、区）"
            "（如只记原邢台县、未记乡镇），查明后另行归属。"
        )
    if f.filled:
        lines.append(f"印发时没有保存、按现行目录补出的：{'、'.join(f.filled)}；这些以发出的原件为准。")
    lines.append(f"全部数字取自数据仓库快照{f.snapshot}，目录版本{f.city['catalog_version']}，可据此重算。")
    return lines


def both_targets(f: Figures) -> str:
    """The sentence that both readings of the target cannot hold at once."""
    assert f.targets is not None
    city, floor, total = f.targets.city_target, f.targets.county_floor, f.city["floor_total"]
    sums = f"{f.city['counties']}个县（市、区）每个{wan(floor)}条合计{wan(total)}条"
    clash = f"，超过全市{wan(city)}条的目标，两者不能同时作为分配数" if total > city else ""
    return (
        f"{sums}{clash}，故同时列示每县（市、区）{wan(floor)}条的保底目标和按人口、GDP加权分配的任务数，"
        f"后者合计{wan(city)}条。"
    )


def _overall(f: Figures) -> Section:
    c, p = f.city, f.period
    target = f"，完成全市目标{whole(c['target'])}条的{percent(c['rate'])}" if c["target"] else ""
    first = (
        f"截至{p.year}年{p.month}月底，全市累计归集公共信用信息{whole(c['collected'])}条{target}。"
        f"其中，{month(p)}新增{whole(c['collected_in_period'])}条，{_compared(f)}。"
    )
    by_kind = {
        kind: [r for r in f.counties if r["unit_kind"] == kind] for kind in ("county", "zone", "city_level")
    }
    sums = {kind: sum(r["collected"] for r in rows) for kind, rows in by_kind.items()}
    where = (
        f"按归属分，{len(by_kind['county'])}个县（市、区）合计{whole(sums['county'])}条，"
        f"开发区{whole(sums['zone'])}条，归市本级{whole(sums['city_level'])}条。"
    )
    aside = (
        f"另有{whole(c['set_aside'])}条不属本市或不属所报目录，已搁置，不计为差错。" if c["set_aside"] else ""
    )
    missing = c["items_owed"] - c["items_delivered"]
    unreported = f"，未报{missing}项" if missing else ""
    second = f"{month(p)}应报目录{c['items_owed']}项，已报{c['items_delivered']}项{unreported}；"
    if c["submitted"]:
        second += (
            f"共上报数据{whole(c['submitted'])}条，其中入库{whole(c['new'])}条、更新{whole(c['updated'])}条、"
            f"重复{whole(c['duplicate'])}条、疑问{whole(c['questioned'])}条，合规率{percent(c['valid_rate'])}。{aside}"
        )
    else:
        second += "没有上报数据。"
    spans = f.volume.get(("city", CITY), {})
    if spans:
        year, last = spans["year"], spans["last_year"]
        second += f"本年累计新增{whole(year['collected'])}条，上报{whole(year['submitted'])}条；"
        second += (
            f"上年同期新增{whole(last['collected'])}条，{_change(year['collected'], last['collected'])}。"
            if last["collected"]
            else "上年同期没有数据。"
        )
    paragraphs = [first + where, second]
    if f.targets is not None:
        paragraphs.append(both_targets(f))
    return Section("总体情况", tuple(paragraphs))


def _compared(f: Figures) -> str:
    now, before = f.city["collected_in_period"], f.city["collected_in_previous"]
    previous = month(f.period.shift(-1))
    if not before:
        return f"{previous}没有新增"
    if now == before:
        return f"与{previous}持平"
    return f"比{previous}（{whole(before)}条）{_change(now, before)}"


def _change(now: int, before: int) -> str:
    return (
        "持平"
        if now == before
        else f"{'增长' if now > before else '下降'}{percent(abs(now - before) / before)}"
    )


def _counties(f: Figures) -> Section:
    counties = [c for c in f.counties if c["unit_kind"] == "county"]
    with_data = [c for c in counties if c["collected"]]
    without = [c["county_name"] for c in counties if not c["collected"]]
    if not with_data:
        return Section("各县（市、区）归集情况", ("各县（市、区）均无归集数据。",), ("chart", "counties"))
    sentences = []
    if f.targets is not None:
        ranked = [c for c in with_data if c["rank"] is not None]
        tail = ranked[f.wording.named :][-f.wording.named :]
        last = f"；居后的是{_rated(tail)}" if tail else ""
        sentences.append(f"任务完成率居前的是{_rated(ranked[: f.wording.named])}{last}。")
        sentences.append(_reached(counties, wan(f.targets.county_floor)))
    if without:
        sentences.append(f"尚无归集数据的县（市、区）：{'、'.join(without)}。")
    scored = [s for s in f.county_scores if s["rank"] is not None]
    if scored:
        text = f"考核得分居前的是{_points(scored[: f.wording.named])}"
        text += (
            f"；居后的是{_points(scored[f.wording.named :][-f.wording.named :])}。"
            if scored[f.wording.named :]
            else "。"
        )
        sentences.append(text)
    return Section(
        "各县（市、区）归集情况", ("".join(sentences),), ("chart", "counties", "score_chart", "scores")
    )


def _points(scored: Iterable[Row]) -> str:
    return "、".join(f"{s['county_name']}（{s['score']:.2f}分）" for s in scored)


def _reached(counties: Sequence[Row], floor: str) -> str:
    done = sum((c["quota_rate"] or 0) >= 1 for c in counties)
    over = sum((c["floor_rate"] or 0) >= 1 for c in counties)
    if not done and not over:
        return f"目前尚无县（市、区）完成任务数或达到{floor}条的保底目标。"
    return f"完成任务数的县（市、区）{done}个，达到{floor}条保底目标的{over}个。"


def _rated(counties: Iterable[Row]) -> str:
    return "、".join(f"{c['county_name']}（{percent(c['quota_rate'])}）" for c in counties)


def _departments(f: Figures) -> Section:
    owing = [d for d in f.departments if d["items_owed"]]
    silent = [d["department_name"] for d in owing if d["is_zero"]]
    top = sorted(
        (d for d in f.departments if d["submitted"]), key=lambda d: (-d["submitted"], d["department"])
    )[: f.wording.named]
    text = f"{month(f.period)}有应报目录的部门{len(owing)}个，已报送{len(owing) - len(silent)}个。"
    if top:
        listed = "、".join(f"{d['department_name']}（{whole(d['submitted'])}条）" for d in top)
        text += f"上报量（含县级部门报送的）居前的是{listed}。"
    text += (
        f"市级一条未报的部门：{'、'.join(silent)}。"
        if silent
        else "没有市级一条未报的部门。"
        if owing
        else ""
    )
    return Section("市直部门归集情况", (text + _missing(f, besides=silent),), ("departments",))


def _missing(f: Figures, *, besides: Sequence[str]) -> str:
    """What else nobody who owes it delivered, by department: the items that the total counts as such; `besides` are already named."""
    by_department: dict[str, list[str]] = {}
    for item in f.items:
        unmet = item["providers_owed"] and not item["providers_met"]
        if unmet and item["department_name"] not in besides:
            by_department.setdefault(item["department_name"], []).append(item["title"])
    number = sum(len(titles) for titles in by_department.values())
    if not number:
        return ""
    if number > LISTED:
        counted = "、".join(f"{name}{len(titles)}项" for name, titles in by_department.items())
        return f"另有应报未报的目录{number}项：{counted}，逐项见附表。"
    listed = "；".join(f"{name}的{'、'.join(titles)}" for name, titles in by_department.items())
    return f"另有应报未报的目录：{listed}。"


def _quality(f: Figures) -> Section:
    c = f.city
    judged = c["submitted"] - c["set_aside"]
    if not judged:
        return Section("数据质量情况", (f"{month(f.period)}没有应判数据。",))
    share = f"，占上报量（不含搁置）的{percent(c['questioned'] / judged)}"
    text = f"{month(f.period)}发现疑问数据{whole(c['questioned'])}条{share if c['questioned'] else ''}。"
    questioned = [r for r in f.faults if r["level"] == "quarantine"]
    if questioned:
        leading = "；".join(
            f"{r['title']}“{r['field_title']}”{whole(r['count'])}条" for r in questioned[: f.wording.named]
        )
        text += f"较集中的有：{leading}。"
    worst = sorted(
        (d for d in f.departments if d["questioned"]), key=lambda d: (d["valid_rate"], d["department"])
    )[: f.wording.named]
    if worst:
        listed = "、".join(f"{d['department_name']}（{percent(d['valid_rate'])}）" for d in worst)
        text += f"合规率较低的部门：{listed}。"
    return Section("数据质量情况", (text,), ("faults",) if f.faults else ())


def _double_publicity(f: Figures) -> Section:
    sums = [r for r in f.double_publicity if r["county_code"] is None and (r["submitted"] or r["produced"])]
    line = f.reference
    if not sums:
        return Section("“双公示”情况", (f"{month(f.period)}没有上报“双公示”信息。",), ("double_publicity",))
    submitted, valid, questioned, timed, in_time, concealed, produced = (
        sum(r[key] or 0 for r in sums)
        for key in ("submitted", "valid", "questioned", "timed", "in_time", "concealed_records", "produced")
    )
    each = "、".join(f"{r['title']}{whole(r['submitted'])}条" for r in sums)
    rate = ratio(concealed, produced)
    compliance, timeliness = ratio(valid, valid + questioned), ratio(in_time, timed)
    text = (
        f"{month(f.period)}共上报“双公示”信息{whole(submitted)}条，其中{each}。"
        f"合规率{percent(compliance)}（参考线{percent(float(line.compliance))}，{_against(compliance, float(line.compliance))}）；"
        f"及时率{percent(timeliness)}（参考线{percent(float(line.timeliness))}，{_against(timeliness, float(line.timeliness))}），"
        f"迟报{whole(timed - in_time)}条。"
    )
    if any(r["produced"] is not None for r in sums):
        text += (
            f"按月报表核对，瞒报{whole(concealed)}条，瞒报率{permille(rate)}"
            f"（参考线{permille(float(line.concealed))}，{'达标' if (rate or 0) <= float(line.concealed) else '未达标'}）。"
        )
    else:
        text += "各单位未申报产生数，瞒报率无从核对。"
    return Section("“双公示”情况", (text,), ("double_publicity",))


def ratio(part: int, whole_number: int) -> float | None:
    return part / whole_number if whole_number else None


def permille(rate: float | None) -> str:
    """0.0123 -> 12.30‰; a share too small for two decimals keeps a significant digit."""
    if rate is None:
        return "—"
    return f"{rate * 1000:.1g}‰" if 0 < rate < 0.00001 else f"{rate * 1000:.2f}‰"


def _against(rate: float | None, line: float) -> str:
    return "无从计算" if rate is None else "达标" if rate >= line else "未达标"


def _problems(f: Figures) -> Section:
    """Faults by kind, each named with its provider (谁提供、谁负责)."""
    sentences = []
    for fault in ("瞒报", "漏报", "迟报"):
        found = [d for d in f.duties if d["fault"] == fault]
        if found:
            units: dict[str, int] = {}
            for d in found:
                who = d["department_name"] if d["county_code"] == CITY else d["county_name"]
                units[who] = units.get(who, 0) + 1
            most = sorted(units.items(), key=lambda pair: (-pair[1], pair[0]))
            listed = "、".join(f"{who}（{n}项）" for who, n in most[: f.wording.named])
            sentences.append(f"{fault}{len(found)}项，涉及{len(units)}个单位，较多的是{listed}，逐项见附表。")
    if f.adjustments:
        total = sum(a["difference"] for a in f.adjustments)
        of = f.adjustments[0]["of_period"]
        sentences.append(f"{of}已通报的累计归集量因其后更正调整{total:+,}条，分县见附表。")
    notes_on = sorted(
        {
            spans[name]["break_note"]
            for spans in f.volume.values()
            for name in ("previous", "last_year_month")
            if name in spans and spans[name]["break_note"]
        }
    )
    if notes_on:
        sentences.append("；".join(notes_on) + "。")
    return Section("存在问题", tuple(sentences) or ("本月未发现迟报、漏报、瞒报。",))


def _next(f: Figures) -> Section:
    holds = {
        "always": True,
        "missing": any(d["fault"] != "迟报" for d in f.duties),
        "questioned": bool(f.city["questioned"]),
        "target": f.targets is not None and (f.city["rate"] or 0) < 1,
        "double_publicity": any(r["submitted"] for r in f.double_publicity),
    }
    said = [demand.text for demand in f.wording.closing if holds[demand.when]]
    return Section("下一步要求", tuple(f"（{n}）{s}" for n, s in zip("一二三四五六七", said, strict=False)))


def _one_county(f: Figures) -> Section:
    assert f.unit is not None
    (c,) = (row for row in f.counties if row["county_code"] == f.unit.id)
    p = f.period
    text = (
        f"截至{p.year}年{p.month}月底，{c['county_name']}累计归集公共信用信息{whole(c['collected'])}条，"
        f"涉及目录{c['items']}项；{month(p)}新增{whole(c['collected_in_period'])}条，"
        f"{month(p.shift(-1))}新增{whole(c['collected_in_previous'])}条。"
    )
    if c["quota_target"]:
        basis = "（以估计或推算的GDP计算）" if c["estimated"] else ""
        text += f"任务数{whole(c['quota_target'])}条{basis}，任务完成率{percent(c['quota_rate'])}"
        text += f"，在{f.city['counties']}个县（市、区）中列第{c['rank']}位" if c["rank"] else ""
        text += "。"
    if c["floor_target"]:
        text += f"保底目标{whole(c['floor_target'])}条，保底完成率{percent(c['floor_rate'])}。"
    paragraphs = [text] + ([both_targets(f)] if f.targets is not None else [])
    return Section("归集情况", tuple(paragraphs), ("county_items",))


def _one_department(f: Figures) -> Section:
    (d,) = f.departments
    missing = [i["title"] for i in f.items if i["status"] == "missing"]
    text = (
        f"{month(f.period)}{d['department_name']}应报目录{d['items_owed']}项，已报{d['items_delivered']}项；"
        f"上报{whole(d['submitted'])}条，其中入库{whole(d['new'])}条、更新{whole(d['updated'])}条、"
        f"重复{whole(d['duplicate'])}条、疑问{whole(d['questioned'])}条、搁置{whole(d['set_aside'])}条，"
        f"合规率{percent(d['valid_rate'])}；累计归集{whole(d['collected'])}条。"
    )
    if missing:
        text += f"应报未报：{'、'.join(missing)}，请尽快补报；确无数据的，作零报告。"
    return Section("报送情况", (text,), ("items",))


def _own_quality(f: Figures) -> Section:
    if not f.rows:
        text = f"{month(f.period)}没有退回的疑问数据。"
    else:
        text = f"{month(f.period)}退回疑问数据{whole(len(f.rows))}条，请按下表逐条核实，改正后随下期报送。"
    return Section("疑问数据", (text,), ("faults", "rows") if f.faults else ())
