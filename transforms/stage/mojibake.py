"""Text that was decoded wrongly before it reached us."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from catalog.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable

_LOST = re.compile("锟斤拷|烫烫烫|屯屯屯|\ufffd{2,}|[\u00c0-\u00ff][\u0080-\u00bf][\u0080-\u00bf]|\\?{4,}")
_RUN = re.compile(r"[^\x00-\x7f]{4,}")
_CJK = re.compile(r"[\u3400-\u9fff]{2,}")
# Wrong codec that was used -> right one: encoding the text back and decoding it rightly makes sense only if
# it is so.
_PAIRS = (("gb18030", "utf-8"), ("cp1252", "utf-8"), ("latin-1", "utf-8"), ("latin-1", "gb18030"))


def is_mojibake(text: str) -> bool:
    """Tell whether the text shows signs of a wrong decoding (锟斤拷, Ã¦, 缁熶竴…)."""
    if _LOST.search(text):
        return True
    return any(_was_decoded_wrongly(run) for run in _RUN.findall(text))


def refuse(lines: Iterable[str], name: str) -> None:
    """Look at the first lines of a file: one damaged cell is a row's fault, damaged headings are the file's.

    Raises:
        UserError: the first line, or most lines that are not plain ASCII, are mojibake.
    """
    written = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    telling = [(number, line) for number, line in written if not line.isascii()]
    bad = [(number, line) for number, line in telling if is_mojibake(line)]
    if bad and (bad[0] == written[0] or len(bad) * 2 > len(telling)):
        number, line = bad[0]
        raise UserError(
            f"文字已是乱码：“{line.strip()[:30]}”",
            where=f"{name} 第{number}行",
            remedy="请从业务系统重新导出，保存为 UTF-8 编码的 CSV 或 XLSX 后再报送",
        )


def _was_decoded_wrongly(run: str) -> bool:
    for wrong, right in _PAIRS:
        try:
            again = run.encode(wrong).decode(right)
        except UnicodeError:
            continue
        if _CJK.search(again):
            return True
    return False
