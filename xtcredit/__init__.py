"""The `xtcredit` command: wiring only, like the DAGs. Every command prints one line on a user's mistake, no traceback.

One module per kind of work; the order of the parts is the order of the commands in the help.
"""

from __future__ import annotations

import sys

from catalog.errors import UserError
from xtcredit import assessment, catalog, deliveries, inspection, publication, safekeeping
from xtcredit.chinese import App
from xtcredit.printing import tell

app = App(
    name="xtcredit",
    help="邢台市公共信用信息归集与考核数据仓库。",
    add_completion=False,
    pretty_exceptions_enable=False,
)
for part in (deliveries, assessment, inspection, publication, safekeeping):
    app.add_typer(part.app)
app.add_typer(catalog.app, name="catalog")


def main() -> None:
    """Run the command; a `UserError`, or a path that cannot be used, is one line on standard error and exit code 1."""
    try:
        app(prog_name="xtcredit")
    except UserError as error:
        tell(f"错误：{error}")
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; nothing is left to tell
        sys.exit(1)
    except OSError as error:
        from warehouse.faults import machine_fault

        if error.filename is None:
            if (fault := machine_fault(error)) is None:
                raise
            tell(f"错误：{fault}")
            sys.exit(1)
        reason = f"错误：{error.filename}：不能读写（{error.strerror}）。处理办法：核对路径、权限与磁盘空间。"
        tell(reason)
        sys.exit(1)
