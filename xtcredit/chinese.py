"""Typer in Chinese: its help, and one line for a command that is written wrongly."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

import typer
from typer import core, rich_utils
from typer.models import CommandFunctionType

from catalog.errors import UserError
from xtcredit.printing import tell


class _Chinese:
    """Help that is Chinese throughout, typer's own words included."""

    def get_help_option(self, ctx: Any) -> Any:
        option = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None:
            option.help = "显示本说明"
        return option

    def get_usage(self, ctx: Any) -> str:
        text = str(super().get_usage(ctx))  # type: ignore[misc]
        for word, chinese in (
            ("Usage: ", "用法："),
            ("[OPTIONS]", "[选项]"),
            ("COMMAND [ARGS]...", "命令 …"),
        ):
            text = text.replace(word, chinese, 1)
        return text


class Command(_Chinese, core.TyperCommand):
    """One command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        # Typer would refuse what is left over, in English.
        ctx.allow_extra_args = True
        if left := super().parse_args(ctx, args):
            ctx.fail(f"多余的参数 {' '.join(left)}")
        return left


class Group(_Chinese, core.TyperGroup):
    """Commands under a name."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and self.get_command(ctx, args[0]) is None:
            near = get_close_matches(args[0], self.list_commands(ctx), 1)
            raise UserError(
                f"没有命令“{args[0]}”" + (f"，是不是 {near[0]}" if near else ""),
                where=ctx.command_path,
                remedy=f"{ctx.command_path} --help 列出全部命令",
            )
        return super().resolve_command(ctx, args)


class App(typer.Typer):
    """Makes every command of these classes."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(cls=Group, no_args_is_help=True, rich_markup_mode="markdown", **settings)

    def command(
        self, name: str | None = None, **settings: Any
    ) -> Callable[[CommandFunctionType], CommandFunctionType]:
        return super().command(name, cls=Command, **settings)


def _wrong_usage(error: Any) -> None:
    """One line for a command that is written wrongly, where typer has a panel in English."""
    if (kind := type(error).__name__) == "NoArgsIsHelpError":
        return  # the help has been shown
    path = error.ctx.command_path if error.ctx else "xtcredit"
    named = ""
    if (param := getattr(error, "param", None)) is not None:
        named = "、".join(param.opts) if param.param_type_name == "option" else param.metavar or param.name
    what = {
        "NoSuchOption": lambda: (
            f"没有选项 {error.option_name}"
            + (f"，是不是 {'、'.join(sorted(error.possibilities))}" if error.possibilities else "")
        ),
        "MissingParameter": lambda: f"缺少 {named}",
        "BadParameter": lambda: f"{named} 的值不对",
        "BadOptionUsage": lambda: f"选项 {error.option_name} 的值缺少或多余",
    }.get(kind, lambda: f"写法有误（{error.format_message()}）")()
    told = UserError(what, where=path, remedy=f"{path} --help 有写法和例子")
    tell(f"错误：{told}")


rich_utils.ARGUMENTS_PANEL_TITLE = "参数"
rich_utils.OPTIONS_PANEL_TITLE = "选项"
rich_utils.COMMANDS_PANEL_TITLE = "命令"
rich_utils.rich_format_error = _wrong_usage  # type: ignore[assignment]  # its parameter is called `self`
rich_utils.REQUIRED_LONG_STRING = "[必填]"
rich_utils.DEFAULT_STRING = "[默认：{}]"
