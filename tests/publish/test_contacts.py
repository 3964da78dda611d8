"""Telephone numbers and e-mail addresses leave running text when it is published, and numbers of another kind stay."""

from __future__ import annotations

import duckdb
import pytest

from transforms.publish.tables import _scrubbed


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("电话13800138000，", "电话〔电话〕，"),
        ("0319-5861234转", "〔电话〕转"),
        ("致函zhou.yl@mail.example.com.cn。", "致函〔邮箱〕。"),
        ("身份证132228197501010013电话13800138000", "身份证〔身份证号〕电话〔电话〕"),
        ("许可证号13052800123456", "许可证号13052800123456"),
        ("代码91130500MA0A1B2C2J", "代码91130500MA0A1B2C2J"),
        ("罚款138001380元", "罚款138001380元"),
        ("第5861234号@", "第5861234号@"),
    ],
)
def test_contacts_leave_running_text(text: str, shown: str) -> None:
    connection = duckdb.connect()
    assert connection.execute(f"SELECT {_scrubbed('t', True)} FROM (SELECT ? AS t)", [text]).fetchone() == (
        shown,
    )


def test_a_column_of_numbers_keeps_them() -> None:
    connection = duckdb.connect()
    text = "13052800123"
    assert connection.execute(f"SELECT {_scrubbed('t')} FROM (SELECT ? AS t)", [text]).fetchone() == (text,)
