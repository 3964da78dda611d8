"""Arguments and options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

from xtcredit.printing import Format

ItemArgument = Annotated[str, typer.Argument(metavar="ITEM", help="目录：标识、编号（XT001）或中文名称")]
PeriodOption = Annotated[str, typer.Option(help="期次（年-月）", metavar="YYYY-MM")]
ConfirmOption = Annotated[
    bool, typer.Option("--confirm-ends", help="已核实：全量清单比上期少了许多，确属终止")
]
FormatOption = Annotated[Format, typer.Option("--format", help="输出形式")]
