"""The bulletin (通报) as HTML and XLSX, also for one unit, and the county table for the terminal."""

from transforms.report.bulletin import report
from transforms.report.terminal import county_table

__all__ = ["county_table", "report"]
