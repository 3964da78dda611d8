"""ID numbers are recognised in text as people write them, by messages and by SQL alike."""

import pytest

from catalog.errors import UserError
from catalog.personal import redact

NUMBERS = [
    "130503199001011239",
    "13050319900101123X",
    "13050319900101123x",
    "130503 19900101 1239",
    "１３０５０３１９９００１０１１２３９",
    "１３０５０３１９９００１０１１２３Ｘ",
    "130503900101123",
    "１３０５０３９００１０１１２３",
]
OTHERS = [
    "91130500MA0A1B2C2J",  # a USCC
    "130500000012345",  # a registration number
    "20200103-01-130500",
    "2019-12",
    "1305031990",
    "130503900199123",  # no day
]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("around", ["{}", "王某（{}）罚款", "证号{}，{}", "a,{},{}"])
def test_numbers_are_hidden_from_messages_and_rows(connection, number, around):
    text = around.replace("{}", number)
    birth = number.replace(" ", "")[6:12]
    hidden = connection.execute("SELECT xt_hide(?)", [text]).fetchone()[0]
    for shown in (redact(text), hidden, str(UserError(text, where=text, remedy=text))):
        assert number not in shown
        assert birth not in shown
    assert "*****" in hidden
    assert "〔身份证号〕" in redact(text)


@pytest.mark.parametrize("text", [*OTHERS, "ＡＢＣ１２３有限公司"])
def test_other_text_is_left_as_it_is(connection, text):
    assert redact(text) == text
    assert connection.execute("SELECT xt_hide(?)", [text]).fetchone() == (text,)


def test_what_stands_around_a_number_stays():
    assert redact("第3行，王某130503900101123，处罚") == "第3行，王某〔身份证号〕，处罚"
