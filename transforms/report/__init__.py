"""The bulletin (通报), return lists, publication and tracing of numbers; the county table for the terminal."""

from transforms.report.bulletin import report
from transforms.report.explain import Explanation, explain
from transforms.report.publication import freeze, published
from transforms.report.returns import write_return_lists
from transforms.report.terminal import county_table

__all__ = ["Explanation", "county_table", "explain", "freeze", "published", "report", "write_return_lists"]
