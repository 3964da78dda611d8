"""`make demo`: two months of the bundled sample through Airflow's own scheduler, then the bulletin.

Everything lies under $XTCREDIT_HOME (default ./var). Airflow's state for the demo is a directory of its own,
made anew at every call; the warehouse is kept, since collecting the same files again changes nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote
from zoneinfo import ZoneInfo

from catalog.errors import UserError
from catalog.loader import load_catalog
from catalog.period import Period
from warehouse.home import opted_in

CHECKOUT = Path(__file__).resolve().parents[1]
PERIODS = Period.parse_range("2019-11:2019-12")
SHANGHAI = ZoneInfo("Asia/Shanghai")
WRAPPER = str(CHECKOUT / "dags" / "airflow.sh")
DONE = ("success", "failed")
MARK = ".demo"
OPEN_RUNS, LET_GO = 8, 12
"""With fewer than so many runs under way, so many more DAGs are let go: the scheduler looks at every running run again and
again, and with all of them open that takes more of the two cores than the work."""


class Airflow:
    """A private Airflow: three processes in sessions of their own, watched and driven by its REST API."""

    def __init__(self, home: Path) -> None:
        """Airflow with its state in `home`, which is emptied."""
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        self.home = home
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.env = os.environ | {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__BASE_URL": self.url,
            # Their runs are asked for at once and the DAGs let go a few at a time.
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
            # The demo asks for its runs itself; no run of the present month comes in between.
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
            "NO_COLOR": "1",
            # A part that dies of a fault below Python says in its log where it was.
            "PYTHONFAULTHANDLER": "1",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "1800",
            # Several small files at a time, a core each.
            "XTCREDIT_THREADS": os.environ.get("XTCREDIT_THREADS", "1"),
        }
        self.parts: dict[str, subprocess.Popen[bytes]] = {}
        self.restarts, self.ready = 0, False

    def prepare(self, dags: set[str]) -> None:
        """Make the database, start API and DAG processor and wait until every one of `dags` is known."""
        run(
            [WRAPPER, "version"], env=self.env, stdout=subprocess.DEVNULL
        )  # its first call makes the database
        self.start("api-server")
        self.start("dag-processor")
        wait("Airflow 启动", lambda: self._knows(dags), seconds=600)
        self.ready = True

    def start(self, *part: str, name: str = "") -> None:
        """Start one part of Airflow, logging to a file of its name."""
        name = name or part[0]
        with (self.home / f"{name}.log").open("ab") as log:
            self.parts[name] = subprocess.Popen(
                [WRAPPER, *part],
                env=self.env,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _knows(self, dags: set[str]) -> tuple[bool, str]:
        try:
            broken = self.get("importErrors")["import_errors"]
            known = {dag["dag_id"] for dag in self._pages("dags", "dags")}
        except (OSError, UserError):
            self._check_alive()
            return False, "等待接口"
        if broken:
            fail(f"流程文件有错：{broken[0]['filename']}", broken[0]["stack_trace"].strip().splitlines()[-1])
        return dags <= known, f"流程 {len(dags & known)}/{len(dags)}"

    def _check_alive(self) -> None:
        for name, process in self.parts.items():
            if process.poll() is None:
                continue
            # Seen in a demo of two on a busy machine: the API server dead of a segmentation fault, some layer below Airflow's.
            # A service manager would start it again, and tasks ask again meanwhile.
            if name != "api-server" or self.restarts == 5:
                fail(f"Airflow 的 {name} 退出（{process.returncode}）", str(self.home / f"{name}.log"))
            self.restarts += 1
            print(f"  Airflow 的 {name} 退出（{process.returncode}），重新启动", flush=True)
            self.start(name)
            return

    def get(self, path: str) -> Any:
        """The answer of the REST API to `path`."""
        return self._call("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The answer of the REST API to `body` sent to `path`."""
        return self._call("POST", path, body)

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/api/v2/{path}", data, {"Content-Type": "application/json"}, method=method
        )
        # A proxy of the environment has no business with localhost.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for attempt in range(40):
            try:
                with opener.open(request, timeout=60) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                text = error.read().decode()
                # SQLite: the scheduler was writing at the same moment; nothing was kept of the request.
                if attempt == 39 or not (error.code == 503 and "locked" in text):
                    fail(f"Airflow 接口 {method} {path} 回答 {error.code}：{text[:300]}", str(self.home))
            except (OSError, http.client.HTTPException) as error:
                # What was asked for by POST may have been done; a question can be asked again.
                if method == "POST" or attempt == 39 or not self.ready:
                    fail(f"Airflow 接口 {method} {path} 断开：{error}", str(self.home / "api-server.log"))
                self._check_alive()
                time.sleep(1)
            time.sleep(0.25)
        raise AssertionError

    def _pages(self, path: str, key: str) -> Iterator[dict[str, Any]]:
        offset = 0
        while page := self.get(f"{path}?limit=100&offset={offset}")[key]:
            yield from page
            offset += len(page)

    def backfill(self, dag_id: str, first: Period, last: Period, months: int, at_once: int = 4) -> None:
        """`airflow backfill create`: the runs of `dag_id` for the periods `first`..`last`."""
        # A run's logical date is the start of its interval, so an interval of several months begins earlier.
        begin = first.shift(1 - months).first_day
        self.post(
            "backfills",
            {
                "dag_id": dag_id,
                "from_date": datetime(begin.year, begin.month, 1, tzinfo=SHANGHAI).isoformat(),
                "to_date": datetime.combine(last.last_day, datetime.min.time(), SHANGHAI).isoformat(),
                "reprocess_behavior": "completed",
                "max_active_runs": at_once,
            },
        )

    def trigger(self, dag_id: str) -> None:
        """Run `dag_id` now."""
        self.post(f"dags/{dag_id}/dagRuns", {"logical_date": None})

    def let_go(self, dag_ids: Sequence[str]) -> None:
        """Let the runs of these DAGs begin.

        Not by the REST API: on SQLite a PATCH that meets a task's request waits for it and it for the PATCH.
        """
        names = "|".join(dag_ids)
        run(
            [WRAPPER, "dags", "unpause", "--yes", "--treat-dag-id-as-regex", f"^({names})$"],
            env=self.env, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def wait(self, label: str, runs: int, held: Sequence[str] = ()) -> None:
        """Wait until `runs` runs exist and have ended; the demo fails if any of them failed.

        The DAGs of `held` are let go a few at a time, in that order.
        """
        waiting, going = list(held), set[str]()

        def state() -> tuple[bool, str]:
            self._check_alive()
            found = list(self._pages("dags/~/dagRuns", "dag_runs"))
            under_way = [run for run in found if run["state"] not in DONE and run["dag_id"] in going]
            if waiting and len(under_way) < OPEN_RUNS:
                self.let_go(waiting[:LET_GO])
                going.update(waiting[:LET_GO])
                del waiting[:LET_GO]
            states = Counter(run["state"] for run in found)
            ended = sum(states[s] for s in DONE)
            return ended >= runs, f"{ended}/{runs} 完成，{states['running']} 运行中，{states['failed']} 失败"

        wait(label, state, seconds=1800)
        if failed := [run for run in self._pages("dags/~/dagRuns", "dag_runs") if run["state"] == "failed"]:
            for dag_run in failed:
                self._explain(dag_run)
            fail(f"{len(failed)} 次运行失败", str(self.home / "logs"))

    def _explain(self, dag_run: dict[str, Any]) -> None:
        path = f"dags/{dag_run['dag_id']}/dagRuns/{quote(dag_run['dag_run_id'])}/taskInstances"
        for task in self.get(f"{path}?state=failed&limit=100")["task_instances"]:
            part = f"dag_id={task['dag_id']}/run_id={task['dag_run_id']}/task_id={task['task_id']}"
            if task["map_index"] >= 0:
                part += f"/map_index={task['map_index']}"
            log = self.home / "logs" / part / f"attempt={task['try_number']}.log"
            print(f"  失败：{task['dag_id']}.{task['task_id']}：{last_error(log)}\n    日志：{log}")

    def result(self, dag_id: str, task_id: str) -> Any:
        """What the latest run's `task_id` returned."""
        run_id = self.get(f"dags/{dag_id}/dagRuns?order_by=-run_after&limit=1")["dag_runs"][0]["dag_run_id"]
        entry = f"dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/{task_id}/xcomEntries/return_value"
        value = self.get(f"{entry}?deserialize=false")["value"]
        return json.loads(value) if isinstance(value, str) else value

    def stop(self) -> None:
        """End every process that was started here, with all their children."""
        sessions = {process.pid for process in self.parts.values()}
        for process in self.parts.values():
            process.terminate()
        # After an interruption the scheduler would wait for its tasks; a killed load leaves nothing behind.
        for patience in (8, 5):
            deadline = time.monotonic() + patience
            while members(sessions) and time.monotonic() < deadline:
                reap()
                time.sleep(0.1)
            for pid in members(sessions):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        reap()


def adopt_orphans() -> None:
    """Become the parent of children's children that outlive them, so that `reap` finds them (Linux)."""
    if sys.platform == "linux":
        pr_set_child_subreaper = 36
        ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


def reap() -> None:
    """Collect every child that has ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def members(sessions: set[int]) -> list[int]:
    """The living processes of `sessions`: tasks have process groups of their own, but keep the session."""
    listing = subprocess.run(
        ["ps", "-eo", "pid=,sid=,stat="], capture_output=True, text=True, check=True
    ).stdout.split("\n")  # fmt: skip
    rows = [line.split() for line in listing if line.strip()]
    return [int(pid) for pid, sid, stat in rows if int(sid) in sessions and not stat.startswith("Z")]


def wait(label: str, state: Callable[[], tuple[bool, str]], *, seconds: int) -> None:
    """Poll `state` until it is true, showing what it says when that changes."""
    began, shown = time.monotonic(), ""
    while True:
        done, text = state()
        elapsed = time.monotonic() - began
        if text != shown or done:
            print(f"  {label}：{text}（{elapsed:.0f} 秒）", flush=True)
            shown = text
        if done:
            return
        if elapsed > seconds:
            fail(f"{label}超过 {seconds} 秒未完成：{text}", "重试；机器过慢时减少 --rows")
        time.sleep(0.5 if elapsed < 20 else 1.5)


def last_error(log: Path) -> str:
    """The message of the last error in a task's log."""
    message = "没有日志"
    if log.exists():
        for line in log.read_text("utf-8").splitlines():
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if entry.get("level") in ("error", "critical"):
                    detail = entry.get("error_detail") or [{}]
                    message = detail[0].get("exc_value") or entry.get("event", "")
    return message


def run(command: list[str], **options: Any) -> None:
    """Run a command to its end; the demo fails with it."""
    if subprocess.run(command, stdin=subprocess.DEVNULL, check=False, **options).returncode:
        fail("命令失败：" + " ".join(command), "看上面的输出")


def fail(what: str, remedy: str) -> NoReturn:
    """End the demo: one line, exit code 1."""
    raise UserError(what, remedy=remedy)


def demo(home: Path, rows: int, seed: int) -> None:
    """The whole demonstration in `home`."""
    began = time.monotonic()
    if not (home / MARK).exists() and (home / "lake").exists():
        raise UserError(
            "这里已有非演示的数据", where=str(home), remedy="另选目录：XTCREDIT_HOME=/别处 make demo"
        )  # fmt: skip
    home.mkdir(parents=True, exist_ok=True)
    (home / MARK).touch()
    os.environ["XTCREDIT_HOME"] = str(home)
    catalog = load_catalog()
    items = catalog.collected(opted_in(catalog))
    first, last = PERIODS[0], PERIODS[-1]
    print(f"一、生成 {first} 至 {last} 的样例（{len(items)} 个事项）", flush=True)
    xtcredit = [sys.executable, "-m", "xtcredit"]
    run([*xtcredit, "sample", "--out", str(home / "inbox"), "--rows", str(rows), "--periods", f"{first}:{last}", "--seed", str(seed)])  # fmt: skip

    ingest = {f"ingest__{item_id}": item for item_id, item in items.items()}
    airflow = Airflow(home / "demo-airflow")
    try:
        print("二、启动 Airflow", flush=True)
        airflow.prepare({*ingest, "libraries", "assess__monthly", "maintain"})
        print("三、补跑各事项、并库、考核", flush=True)
        # Before the scheduler starts: on SQLite a backfill cannot be created while it writes.
        for dag_id, item in ingest.items():
            airflow.backfill(dag_id, first, last, item.period_months)
        airflow.let_go(["libraries", "assess__monthly", "maintain"])
        airflow.start("scheduler", "--skip-serve-logs")
        due = {
            dag_id: sum(p.month % item.period_months == 0 for p in PERIODS) for dag_id, item in ingest.items()
        }
        expected = sum(due.values())
        airflow.wait("归集", expected, held=[dag_id for dag_id, runs in due.items() if runs])
        airflow.trigger("libraries")
        airflow.wait("并库与审计", expected + 1)
        airflow.backfill("assess__monthly", first, last, months=1, at_once=1)
        airflow.wait("考核与通报", expected + 1 + len(PERIODS))
        papers = airflow.result("assess__monthly", "report")
    finally:
        airflow.stop()
    print(f"四、{last} 各县（市、区）归集进度", flush=True)
    wide = {} if sys.stdout.isatty() else {"COLUMNS": "120"}  # a log has no width of its own
    run([*xtcredit, "counties", "--period", str(last)], env=os.environ | wide)
    print(f"用时 {time.monotonic() - began:.0f} 秒。通报：")
    for paper in papers:
        print(f"  {paper}")


def main() -> int:
    """Command line; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300, help="每个文件的行数")
    parser.add_argument("--seed", type=int, default=2019)
    arguments = parser.parse_args()
    adopt_orphans()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        home = Path(os.environ.get("XTCREDIT_HOME") or CHECKOUT / "var").resolve()
        demo(home, arguments.rows, arguments.seed)
    except UserError as error:
        print(f"演示未完成。{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("演示已中断。", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
