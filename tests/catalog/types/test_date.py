"""Dates in every shape of domain notes 9.1 and 9.2 no. 16-22."""

import pytest

GOOD_AND_BAD = [  # delivered text, plain value, fault
    ("2019-09-30", "2019-09-30", None),
    ("2019/9/30", "2019-09-30", None),
    ("20190930", "2019-09-30", None),
    ("2019.9.30", "2019-09-30", None),
    ("2019年9月30日", "2019-09-30", None),
    ("2019年09月30日", "2019-09-30", None),
    ("2019-09-30 00:00:00", "2019-09-30", None),
    ("2019-09-30 00:00:00.0", "2019-09-30", None),
    ("2019-9-30 0:00", "2019-09-30", None),
    ("20190930154247", "2019-09-30", None),
    ("２０１９－０９－３０", "2019-09-30", None),
    ("2019-09-30T08:00:00", "2019-09-30", None),
    ("43738", "2019-09-30", None),
    ("长期", "2099-12-31", None),
    ("永久", "2099-12-31", None),
    ("无期限", "2099-12-31", None),
    ("无处罚期限", "2099-12-31", None),
    ("2099-12-31", "2099-12-31", None),
    ("9999-12-31", "2099-12-31", None),
    ("9999-09-09", "2099-12-31", None),
    ("2099-12-31 00:00;00", "2099-12-31", None),
    ("20991231", "2099-12-31", None),
    ("99991231", "2099-12-31", None),
    ("2099/12/31", "2099-12-31", None),
    ("1900-01-01", None, None),
    ("1899-12-31 12:00:00", None, None),
    ("0000-00-00", None, "date_invalid"),
    ("1900/1/1", None, None),
    ("1900/1/1 0:00:00", None, None),
    ("19000101", None, None),
    ("２０１９０９３０", "2019-09-30", None),
    ("２０１９／９／３０", "2019-09-30", None),
    ("2019年9月 30日", "2019-09-30", None),
    ("2019 年 9 月 30 日", "2019-09-30", None),
    ("2019年 9月30日 10:00", "2019-09-30", None),
    ("2019年 9月", None, "date_invalid"),
    ("2019-09-30 上午10时30分", "2019-09-30", None),
    ("2019-09-30T08:00:00.000+08:00", "2019-09-30", None),
    ("2019-09-30 154247", "2019-09-30", None),
    ("2019/9/30 星期一", "2019-09-30", None),
    ("2019-09-30 至 2022-09-29", None, "date_invalid"),  # of two days nobody may take the first
    ("2019-09-30 2022-09-29", None, "date_invalid"),
    ("2019-09-30 -- 2022-09-29", None, "date_invalid"),
    ("2019-09-30 延期至2020-01-01", None, "date_invalid"),
    ("2019-09-30 （长期）", None, "date_invalid"),
    ("1900-01-01 至 2022-09-29", None, "date_invalid"),
    ("2019-09-29T16:00:00Z", "2019-09-30", None),  # midnight in China, as programs write it
    ("2019-09-29T16:00:00.000+0000", "2019-09-30", None),
    ("2019-09-29T16:00Z", "2019-09-30", None),
    ("2019-09-30T00:00:00Z", "2019-09-30", None),
    ("2019-09-29 18:00:00 -02:00", "2019-09-30", None),
    ("1988-05-31T15:00:00Z", "1988-06-01", None),  # summer time was kept from 1986 to 1991
    ("9999-12-30T16:00:00Z", "2099-12-31", None),
    ("2019-09-30T25:00:00Z", None, "date_invalid"),
    ("2019-09-30 24:00:00", "2019-09-30", None),
    ("2019-09-31 00:00:00", None, "date_invalid"),
    ("00010101", None, None),
    ("0001-01-01T00:00:00Z", None, None),
    ("1019-09-30", None, "date_too_early"),
    ("0219-09-30", None, "date_too_early"),
    ("20190931", None, "date_invalid"),
    ("2099-02-30", None, "date_invalid"),  # far ahead is open-ended, but a day it must be
    ("99990231", None, "date_invalid"),
    ("2019-02-29", None, "date_invalid"),
    ("201909", None, "date_invalid"),
    ("2019-13-01", None, "date_invalid"),
    ("二〇一九年", None, "date_invalid"),
    ("abc", None, "date_invalid"),
    ("190001", None, "date_invalid"),
]


@pytest.mark.parametrize(("text", "plain", "fault"), GOOD_AND_BAD)
def test_reads(read, text, plain, fault):
    found = read("date", text)
    assert found[1] == fault
    if fault is None:
        assert found[0] == plain


def test_an_empty_cell_is_no_fault(read):
    assert read("date", "  ／".replace("／", "/")) == (None, None)


@pytest.mark.parametrize(
    ("text", "fault"),
    [("1979-12-31", "date_too_early"), ("1980-01-01", None), ("2020-01-02", "date_too_late"), ("长期", None)],
)
def test_limits(read, text, fault):
    assert read("date", text, min="1980-01-01", max="2020-01-01")[1] == fault


def test_names_its_repairs(repairs):
    assert repairs("date", "43738") == ["date_excel_serial"]
    assert repairs("date", "2019-09-30") == []
    assert repairs("date", "2019-09-29T16:00:00Z") == ["date_time_zone"]
    assert repairs("date", "2019-9-9T01:00:00Z") == []
