"""What holds for every semantic type."""

from pathlib import Path

import pytest

from catalog.model import Field
from catalog.types import TYPES, Use, sql_macros


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_has_tests_of_its_own(kind):
    assert (Path(__file__).parent / f"test_{kind}.py").exists()


def test_macros_can_be_made_in_their_order_and_again(connection):
    for statement in sql_macros():
        connection.execute(statement)


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES.keys())
def test_only_private_types_store_something_else(kind):
    use = Use(Field(name="f", title="项", type=kind.id))
    # Running text is the other case: an ID number that somebody typed into it is hidden.
    assert (kind.stored("p", use) != "p") == (kind.private or kind.id in ("text", "line", "address"))
    assert not kind.private or kind.mask("c") == "NULL"


@pytest.mark.parametrize(
    "text",
    ["", " ", "\u3000", "/", "\\", "-", "——", "无", "空", "暂无", "\\N", "null", "NULL", "N/A", "不详"],
)
def test_placeholders_are_empty(connection, text):
    assert connection.execute("SELECT xt_clean(?)", [text]).fetchone() == (None,)


def test_personal_numbers_in_running_text_are_hidden(connection):
    text = "王某（130528198506070129）罚款"
    assert connection.execute("SELECT xt_hide(?)", [text]).fetchone() == ("王某（130528********0129）罚款",)
