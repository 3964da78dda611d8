"""The one kind of error a user of the system is meant to read."""

from __future__ import annotations

from catalog.personal import redact


class UserError(Exception):
    """A mistake the reader can mend: what is wrong, where, and what to do, on one Chinese line.

    Commands print it without a traceback; DAG tasks fail on it without a retry. Whatever it quotes of a file, an ID
    number is not among it: messages end in logs, in `ops.outcome` and in reports.
    """

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None) -> None:
        self.what = redact(" ".join(what.split()))
        self.where = where and redact(where)
        self.remedy = remedy and redact(remedy)
        place = f"{self.where}：" if self.where else ""
        advice = f"。处理办法：{self.remedy.rstrip('。')}" if self.remedy else ""
        super().__init__(f"{place}{self.what.rstrip('。')}{advice}。")

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.where, self.remedy))


class PassingError(UserError):
    """A fault of the machine that ends without anybody changing a file or the catalog: disk full, lake locked.

    No file is refused for it, and DAG tasks try again.
    """


def _rebuild(kind: type[UserError], what: str, where: str | None, remedy: str | None) -> UserError:
    return kind(what, where=where, remedy=remedy)
