"""SQL functions in Python that get whole columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType


def add_function(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    function: Callable[..., pa.Array],
    *,
    texts: int,
    gives: str,
) -> None:
    """Give the connection `name`, a function of so many columns of texts, NULLs among them, to a column of type `gives`."""
    typed: Any = function  # DuckDB's stubs do not know functions over Arrow arrays
    connection.create_function(
        name,
        typed,
        ["VARCHAR"] * texts,
        gives,
        type=PythonUDFType.ARROW,
        null_handling=FunctionNullHandling.SPECIAL,
    )
