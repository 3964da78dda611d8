"""The one kind of error a user of the system is meant to read."""

from __future__ import annotations


class UserError(Exception):
    """A mistake the reader can mend: what is wrong, where, and what to do, on one Chinese line.

    Commands print it without a traceback; DAG tasks fail on it without a retry.
    """

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None) -> None:
        self.what = " ".join(what.split())
        self.where = where
        self.remedy = remedy
        place = f"{where}：" if where else ""
        advice = f"。处理办法：{remedy.rstrip('。')}" if remedy else ""
        super().__init__(f"{place}{self.what.rstrip('。')}{advice}。")

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (self.what, self.where, self.remedy))


def _rebuild(what: str, where: str | None, remedy: str | None) -> UserError:
    return UserError(what, where=where, remedy=remedy)
