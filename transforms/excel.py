"""Workbooks that are sent out: what is text stays text, and they print on A4."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xlsxwriter

LAST_ROW = 1_048_575  # Excel's, 0-based


def new_workbook(path: Path, **options: Any) -> xlsxwriter.Workbook:
    """A workbook in which no text becomes a formula, a number or an address, whatever it begins with."""
    texts = {"strings_to_formulas": False, "strings_to_numbers": False, "strings_to_urls": False}
    return xlsxwriter.Workbook(path, texts | options)


def print_across(sheet: Any, left: str = "") -> None:
    """Print a sheet on A4 across, all its columns on one page, with the page's number (and a word on the left) at its foot."""
    sheet.set_paper(9)  # A4
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.set_footer(f"{left and f'&L{left}'}&C— &P —")
