#!/bin/sh
# Airflow with this checkout's settings, e.g.
#   dags/airflow.sh up       UI on localhost: `airflow standalone`, made ready first
#   dags/airflow.sh demo     see .ci/demo.py
#   dags/airflow.sh python X  a Python program with these settings
#   dags/airflow.sh backfill create --dag-id ingest__x --from-date 2019-10-01 --to-date 2019-12-31
# State lies in $AIRFLOW_HOME (default $XTCREDIT_HOME/airflow); the first call prepares it.
set -eu
checkout=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
: "${XTCREDIT_HOME:=$checkout/var}"
export PATH="$checkout/.venv/bin:$PATH"  # `standalone` starts its parts by the name `airflow`
if [ "${1-}" = demo ]; then
    shift
    export XTCREDIT_HOME
    exec python "$checkout/.ci/demo.py" "$@"
fi
mkdir -p "$XTCREDIT_HOME"
XTCREDIT_HOME=$(CDPATH= cd -- "$XTCREDIT_HOME" && pwd)
: "${AIRFLOW_HOME:=$XTCREDIT_HOME/airflow}"
mkdir -p "$AIRFLOW_HOME/config"
export XTCREDIT_HOME AIRFLOW_HOME
export AIRFLOW_CONFIG="$checkout/airflow.cfg"
export AIRFLOW__CORE__DAGS_FOLDER="$checkout/dags"
export GX_ANALYTICS_ENABLED=False  # Great Expectations reads it at import and would call out
export PYTHONFAULTHANDLER=1  # where a part dies of a native fault its log says what it was doing

ln -sf "$checkout"/dags/settings/*.py "$AIRFLOW_HOME/config/"

# Scheduler and API server must share these, and Airflow would invent new ones in every process.
if [ ! -s "$AIRFLOW_HOME/secrets.env" ]; then
    (
        umask 077
        python -c 'import base64, os
print("AIRFLOW__API_AUTH__JWT_SECRET=" + os.urandom(32).hex())
print("AIRFLOW__API__SECRET_KEY=" + os.urandom(32).hex())
print("AIRFLOW__CORE__FERNET_KEY=" + base64.urlsafe_b64encode(os.urandom(32)).decode())' > "$AIRFLOW_HOME/secrets.env.$$"
    )
    mv "$AIRFLOW_HOME/secrets.env.$$" "$AIRFLOW_HOME/secrets.env"
fi
set -a
. "$AIRFLOW_HOME/secrets.env"
set +a

# A task of a pool that does not exist waits for ever, so the pool comes with the database.
if [ ! -e "$AIRFLOW_HOME/prepared" ]; then
    airflow db migrate > "$AIRFLOW_HOME/prepare.log" 2>&1 &&
        airflow pools set lake_writer 1 "湖的写入：SQLite 目录一次一个" >> "$AIRFLOW_HOME/prepare.log" 2>&1 || {
        echo "Airflow 数据库准备失败：$AIRFLOW_HOME/prepare.log。处理办法：看该文件最后几行。" >&2
        exit 1
    }
    touch "$AIRFLOW_HOME/prepared"
fi
if [ "${1-}" = python ]; then
    shift
    exec python "$@"
fi
if [ "${1-}" = up ]; then
    echo "Airflow 界面：$(airflow config get-value api base_url 2>/dev/null)（Ctrl-C 停止）"
    # `standalone` stops its parts on Ctrl-C only; a service manager sends SIGTERM.
    exec python -c 'import signal, sys
from airflow.__main__ import main
signal.signal(signal.SIGTERM, signal.default_int_handler)
sys.argv = ["airflow", "standalone"]
main()'
fi
if [ "${1-} ${2-}" = "backfill create" ]; then
    # With SQLite a backfill that meets a write of the scheduler is undone as a whole: ask again.
    for attempt in 1 2 3 4 5 6 7 8 9 10; do
        if said=$(airflow "$@" 2>&1); then
            echo "$said"
            exit 0
        fi
        case $said in
        *"database is locked"*) sleep 1 ;;
        *) break ;;
        esac
    done
    echo "$said" | tail -n 1 >&2
    exit 1
fi
exec airflow "$@"
