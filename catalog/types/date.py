"""Calendar date in any of the forms departments write."""

from __future__ import annotations

import re

from catalog.codes import read_list
from catalog.types.base import Expected, Fault, Repair, SemanticType, Use
from catalog.types.base_sql import literal_list, quote

LONG_TERM = "2099-12-31"
_FOREVER = (*read_list("date_sentinel").accepted("long_term"), "长期")
_LISTED = read_list("date_sentinel").accepted("unknown")
_NEVER = tuple(
    dict.fromkeys(
        form for day in _LISTED for form in (day, re.sub("-0(?=[1-9])", "-", day), day.replace("-", ""))
    )
)
_EARLIEST = "1900-01-02"
"""No date of the catalog lies before it: 0219 and 1019 are slips for 2019."""
# A time of day follows, and not as hours:minutes[:seconds].
_ODD_TIME = (
    r"^[^ T]*[0-9日][ T]+[0-9:;；：.,]*[;；,][0-9:;；：.,]*$|^[^ T]*[0-9日][ T]+[0-9]{1,2}(:[0-9]{2}){0,2}:$"
)
# What may follow a day after a blank or T: a time of day, however odd, or a weekday. Anything else is more than one day.
_TIME = (
    r"(?:(?:凌晨|早上|上午|中午|下午|晚上|[AaPp][Mm]) *)?(?:[0-9]{1,2}|[0-9]{6})(?: *[:：;；.,时点分秒] *[0-9]{0,9})*整?"
    r" *(?:[AaPp][Mm])? *(?:Z|[A-Z]{3,4}|[+-][0-9]{2}:?[0-9]{2})?"
)
# A time that says how far from Greenwich it was taken: programs write China's midnight as 16:00Z of the day before.
_ZONE = "(?:Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})"
_ZONED = rf"[0-9][0-9/-]*[T ]+[0-9]{{1,2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:[.][0-9]+)?)? *{_ZONE}"
_DAY = rf"^([^ T]+)(?:[ T]+(?:(?:星期|周)[一二三四五六日天]|{_TIME}))?$"


class Date(SemanticType):
    """2019-09-30, 2019/9/30, 20190930, 2019.9.30, 2019年9月30日, with a time or not; 长期 and far sentinels are 2099-12-31.

    Impossible dates are faults, never moved to a neighbour; month-only values are no dates (domain notes 9.2 no. 16-22).
    """

    id = "date"
    title = "日期"
    shortest = 8
    hint = "写成 2019-09-30；长期有效的填“长期”"
    telling = 70
    storage = "DATE"
    options = frozenset({"min", "max"})
    macros = (
        # As the cast takes it: with seconds, and the zone in figures behind them.
        "xt_moment(t) AS regexp_replace(regexp_replace(regexp_replace(t, ' *(Z|UTC|GMT)$', '+00:00'), ' +([+-][0-9:]+)$', '\\1'),"
        " '([T ][0-9]{1,2}:[0-9]{2})([+-][0-9:]+)$', '\\1:00\\2')",
        # The day in China; a moment that is none leaves nothing to read.
        f"xt_local(t) AS CASE WHEN regexp_full_match(t, {quote(_ZONED)}) THEN coalesce(strftime("
        "try_cast(xt_moment(t) AS TIMESTAMPTZ) AT TIME ZONE 'Asia/Shanghai', '%Y-%m-%d'), '') ELSE t END",
        # 2019年 9月 30日, as typesetting writes it; other blanks divide the day from its time.
        r"xt_day_joined(t) AS CASE WHEN contains(t, '年') THEN regexp_replace(t, '[\s　]*([年月])[\s　]*|[\s　]+(日)', '\1\2', 'g') ELSE t END",
        # A time behind it is dropped ("00:00;00" is met); separators become hyphens.
        f"xt_day(t) AS rtrim(translate(regexp_extract(xt_day_joined(xt_local(xt_half(t))), {quote(_DAY)}, 1), '年月/.－／．日', '-------'), '-')",
        "xt_day8(d) AS substr(d, 1, 4) || '-' || substr(d, 5, 2) || '-' || substr(d, 7, 2)",
        # The plain forms first: nearly all dates have one, and the rest costs ten times as much.
        "xt_date(t) AS CASE WHEN regexp_full_match(t, '(19[1-9]|20[0-8])[0-9]-[0-9]{2}-[0-9]{2}') THEN try_cast(t AS DATE)"
        " WHEN regexp_full_match(t, '(19[1-9]|20[0-8])[0-9]-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?')"
        " THEN try_cast(left(t, 10) AS DATE)"
        " WHEN regexp_full_match(t, '(19[1-9]|20[0-8])[0-9][/.年][0-9]{1,2}[/.月][0-9]{1,2}日?') THEN try_cast("
        "rtrim(replace(replace(replace(replace(t, '/', '-'), '.', '-'), '年', '-'), '月', '-'), '日') AS DATE)"
        " WHEN regexp_full_match(t, '(19[1-9]|20[0-8])[0-9]{5}') THEN try_cast(xt_day8(t) AS DATE)"
        f" WHEN t IN ({literal_list(_FOREVER)}) THEN DATE '{LONG_TERM}'"
        " WHEN regexp_full_match(xt_day(t), '[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}') THEN CASE"
        f" WHEN xt_day(t) IN ({literal_list(_NEVER)}) THEN NULL"
        f" WHEN xt_day(t) >= '2099' AND try_cast(xt_day(t) AS DATE) IS NOT NULL THEN DATE '{LONG_TERM}'"
        " ELSE try_cast(xt_day(t) AS DATE) END"
        " WHEN regexp_full_match(xt_half(t), '[0-9]{8}|[0-9]{14}') THEN CASE"
        f" WHEN left(xt_half(t), 8) IN ({literal_list(_NEVER)}) THEN NULL"
        f" WHEN xt_half(t) >= '2099' AND try_cast(xt_day8(xt_half(t)) AS DATE) IS NOT NULL THEN DATE '{LONG_TERM}'"
        " ELSE try_cast(xt_day8(xt_half(t)) AS DATE) END"
        " WHEN regexp_full_match(t, '[2-6][0-9]{4}') THEN DATE '1899-12-30' + try_cast(t AS INTEGER) END",
        f"xt_no_date(t) AS xt_day(t) IN ({literal_list(_NEVER)}) OR left(xt_half(t), 8) IN ({literal_list(_NEVER)})",
    )

    def plain(self, text: str, use: Use) -> str:
        return f"xt_date({text})"

    def faults(self, text: str, plain: str, use: Use) -> list[Fault]:
        partial = f"regexp_full_match(xt_day({text}), '(19|20)[0-9]{{2}}(-?[0-9]{{1,2}})?')"
        faults = [
            Fault(
                "date_invalid",
                f"CASE WHEN {plain} IS NULL THEN {partial} ELSE FALSE END",
                "只有年份或年月，不是日期，应写到日（YYYY-MM-DD）",
            ),
            Fault(
                "date_invalid",
                f"CASE WHEN {plain} IS NULL THEN NOT ({partial} OR xt_no_date({text})) ELSE FALSE END",
                "日期不存在或无法识别，应写成 YYYY-MM-DD",
            ),
        ]
        low = use.field.min or _EARLIEST
        faults.append(Fault("date_too_early", f"{plain} < DATE '{low}'", f"日期早于{low}"))
        if use.field.max is not None:
            faults.append(
                Fault(
                    "date_too_late",
                    f"{plain} > DATE '{use.field.max}' AND {plain} < DATE '{LONG_TERM}'",
                    f"日期晚于{use.field.max}",
                )
            )
        return faults

    def expectations(self, use: Use) -> list[Expected]:
        low, high = use.field.min, use.field.max
        if low is None and high is None:
            return []
        message = f"在{low or '最早'}至{high or '长期'}之间"
        if high is None:
            return [Expected("date_range", "between", {"min": low, "max": LONG_TERM}, message)]
        bounds = f"{use.column()} BETWEEN DATE '{low or '0001-01-01'}' AND DATE '{high}'"
        return [
            Expected(
                "date_range",
                "holds",
                {"predicate": f"{bounds} OR {use.column()} = DATE '{LONG_TERM}'"},
                message,
            )
        ]

    def repairs(self, text: str, plain: str, use: Use) -> list[Repair]:
        return [
            Repair(
                "date_excel_serial",
                f"regexp_full_match({text}, '[2-6][0-9]{{4}}')",
                "电子表格的日期序号已换成日期",
            ),
            Repair(
                "date_sentinel",
                f"CASE WHEN {plain} IS NULL THEN xt_no_date({text})"
                f" WHEN {plain} = DATE '{LONG_TERM}' THEN regexp_matches({text}, '^(2[1-9]|[3-9][0-9])[0-9]{{2}}') ELSE FALSE END",
                "占位的日期：很早的作空值，很晚的作长期",
            ),
            Repair(
                "date_time_zone",
                f"CASE WHEN strlen({text}) > 10 THEN regexp_full_match(xt_half({text}), {quote(_ZONED)}) AND {plain} IS NOT NULL"
                f" AND {plain} IS DISTINCT FROM try_cast(regexp_extract(xt_half({text}), '^[0-9/-]+') AS DATE) ELSE FALSE END",
                "时刻是其他时区的，已换算为北京时间的日期",
            ),
            Repair(
                "date_time_malformed",
                f"strlen({text}) > 10 AND regexp_matches({text}, '{_ODD_TIME}')",
                "日期后的时刻写法不合规范，只取日期",
            ),
        ]
