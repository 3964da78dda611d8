"""Makes GX's pages readable where there is no internet: styles, icons and the index come from outside.

Every reference to another host goes, and with it the scripts that could not run without; a small style sheet
and a plain table on the first page take their place. The pages' own text is untouched.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

_OUTSIDE = re.compile(
    r"<script\b.*?</script>|<link\b[^>]*https?://[^>]*>|<img\b[^>]*https?://[^>]*>|<footer\b.*?</footer>",
    re.DOTALL,
)
_STYLE = """<style>
body{font-family:"Noto Sans CJK SC","Microsoft YaHei",sans-serif;font-size:14px}
body{margin:0 auto;max-width:1200px;padding:16px}
table{border-collapse:collapse;width:100%;margin:4px 0 16px}
td,th{border:1px solid #ccc;padding:4px 8px;text-align:left}
th{background:#f2f4f7}ul{list-style:none;padding:0}.nav li{display:inline-block;margin-right:12px}
i.fas{font-style:normal}.fa-check-circle::before{content:"✔";color:#1a7f37}
.fa-times::before,.fa-exclamation-triangle::before{content:"✘";color:#b42318}.fa-exclamation-circle::before{content:"！"}
button,input,label,.btn-group,.tab-content,.nav-tabs{display:none}
</style>"""
_FILTER = re.compile(r"<strong>\s*Actions\s*</strong>|<p[^>]*>\s*Validation Filter:\s*</p>")


@dataclass(frozen=True)
class Entry:
    """One line of the first page: a validated batch and the path of its page, relative to the site."""

    title: str
    batch: str
    received: str
    verdict: str
    unmet: Sequence[str]
    page: str


def make_offline(site: Path, entries: Sequence[Entry], *, title: str) -> None:
    """Rewrite the pages of a built site in place."""
    for page in site.rglob("*.html"):
        text = _FILTER.sub("", _OUTSIDE.sub("", page.read_text(encoding="utf-8")))
        text = text.replace("</head>", f"{_STYLE}</head>", 1)
        if page.parent == site:
            text = text.replace("</body>", f"{_table(entries, title)}</body>", 1)
        page.write_text(text, encoding="utf-8")


def _table(entries: Sequence[Entry], title: str) -> str:
    lines = "".join(
        f'<tr><td>{escape(e.title)}</td><td><a href="{escape(e.page)}">{escape(e.batch)}</a></td>'
        f"<td>{escape(e.received)}</td><td>{escape(e.verdict)}</td>"
        f"<td>{'<br>'.join(escape(text) for text in e.unmet)}</td></tr>"
        for e in entries
    )
    head = "".join(f"<th>{name}</th>" for name in ("目录", "批次", "收到时间", "结论", "未达到的检查"))
    return f"<h2>{escape(title)}</h2><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
