"""What the documents tell who looks after a server to do: it starts servers with other settings, or changes the system.

Names, addresses and folders are the test's; the rest is run as it is written.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
import trustme

from tests.e2e.server.test_installed import build_wheel
from tests.support.long import long_or_short
from tests.support.server.documented import answers, noted, replaced, started
from tests.support.server.server import ROOT, Server, wait_until

# Everything below these is in memory, and of this process and its children only.
CHANGED = ("etc", "home", "opt", "srv", "var/lib")
IN_MEMORY = f"""
mount -t tmpfs flyteui-test "$1"
for folder in {" ".join(CHANGED)}; do
  mkdir -p "$1/upper/$folder" "$1/work/$folder"
  mount -t overlay -o "lowerdir=/$folder,upperdir=$1/upper/$folder,workdir=$1/work/$folder" flyteui-test "/$folder"
done
command -v sudo > /dev/null || sudo() {{ "$@"; }}
"""


# --- servers with other settings ---------------------------------------------------------------------------------------


@pytest.fixture
def owner() -> Iterator[str]:
    """A name for a user and a database that PostgreSQL does not have yet; both are dropped."""
    try:
        connection = psycopg.connect("dbname=postgres", connect_timeout=5, autocommit=True)
    except psycopg.OperationalError as error:
        pytest.skip(f"there is no PostgreSQL here: {error}")
    name = f"flyteui_{uuid.uuid4().hex[:8]}"
    with connection:
        yield name
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"DROP USER IF EXISTS {name}")


@pytest.fixture
def cache() -> None:
    try:
        redis.Redis(socket_timeout=5).ping()
    except redis.RedisError as error:
        pytest.skip(f"there is no Redis here: {error}")


def test_a_server_and_a_second_web_process_share_a_postgresql(tmp_path: Path, owner: str, cache: None):
    up, web, _ = noted("starts a server", "postgresql.md")
    make_tables_owner(owner)
    url = f"postgres://{owner}:a%20long%20one@localhost/{owner}"
    code = replaced(up.code, ("postgres://flyteui:…@db.example.com/flyteui", url))

    first = Server(tmp_path / "first", FLYTEUI_REDIS_URL="redis://localhost/0")
    second = Server(tmp_path / "second", FLYTEUI_DATABASE_URL=url)
    with started(first, code):
        run = first.submit("tests/workflows/printing.py", "main")
        with started(second, replaced(web.code, ("cache.example.com", "localhost"))):
            wait_until(
                lambda: "SUCCEEDED" in phase_of(second, run), "the other one says how the run has ended"
            )


def make_tables_owner(name: str) -> None:
    """The statements of the page."""
    text = (ROOT / "docs/how-to/postgresql.md").read_text()
    sql = text.partition("```sql\n")[2].partition("```")[0]
    own = replaced(
        sql, ("USER flyteui", f"USER {name}"), ("DATABASE flyteui", f"DATABASE {name}"), ("OWNER flyteui", f"OWNER {name}")
    )  # fmt: skip
    subprocess.run(["psql", "-q", "-v", "ON_ERROR_STOP=1", "postgres"], check=True, text=True, input=own)


def phase_of(server: Server, run: str) -> str:
    return server.call("flyteidl2.workflow.RunService/GetRunDetails", {"runId": server.run_id(run)}).text


def test_an_old_home_is_shown_by_a_server_of_its_own(tmp_path: Path):
    *_, block = noted("starts a server", "postgresql.md")
    server = Server(tmp_path / "old")
    server.take_migrated()

    with started(
        server, replaced(block.code, ("/var/lib/flyteui-old", str(server.home)), ("8001", str(server.port)))
    ):
        assert answers(server)


# --- what changes the system -------------------------------------------------------------------------------------------


def changed(folder: Path, code: str, *, look: str) -> list[str]:
    """Run lines as root of a system of its own, and afterwards what looks at it; returns the lines that this prints."""
    mounts = folder / "mounts"
    mounts.mkdir()
    prepared = subprocess.run(
        ["unshare", "--mount", "bash", "-euc", IN_MEMORY, "-", mounts], capture_output=True, text=True, check=False
    )  # fmt: skip
    if prepared.returncode:
        pytest.skip(f"this system lets us lay nothing over its folders: {prepared.stderr.strip()}")
    done = subprocess.run(
        ["unshare", "--mount", "bash", "-euo", "pipefail", "-c", f"{IN_MEMORY}\n{code}\necho LOOK\n{look}", "-", mounts],
        cwd=folder, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.partition("LOOK\n")[2].splitlines()


def enabled(code: str) -> str:
    """The lines for the service, with the unit of the page in its place: without a systemd that runs, it is enabled and not started."""
    (unit, *_) = (
        (ROOT / "docs/how-to/deploy.md")
        .read_text()
        .split("```ini\n# /etc/systemd/system/flyteui.service\n")[1:]
    )
    code = replaced(
        code,
        (" --now", ""),
        ("journalctl -u flyteui -f", "timeout 1 journalctl -u flyteui -f || test $? = 124"),
    )
    file = "/etc/systemd/system/flyteui.service"
    return f"cat > {file} <<'UNIT'\n{unit.partition('```')[0]}UNIT\nexport SYSTEMD_OFFLINE=1\n{code}"


def pinned(folder: Path) -> Path:
    """The versions of the lock without its hashes: where pip reads one, it wants that of the wheel, too."""
    file = folder / "versions.txt"
    lock = (ROOT / "requirements.lock").read_text()
    file.write_text(re.sub(r"( \\\n +--hash=\S+)+", "", lock))
    return file


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("unshare") is None, reason="a system without namespaces")
def test_a_machine_is_prepared_for_a_service_and_for_executors_of_another_user(tmp_path: Path):
    """Block after block, as who sets up a server does it."""
    install, service, authorities, executors = noted("changes the system", "deploy.md")
    build_wheel(tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    (tmp_path / "our-authority.pem").write_bytes(trustme.CA().cert_pem.bytes())
    # What it needs besides takes half a minute, and `uv tool install` has it in test_installed.
    options = long_or_short(f"--constraint {pinned(tmp_path)}", "--no-deps")
    code = replaced(install.code, ("<a checkout of flyteui>", f"-q {options} {wheel}")) + authorities.code
    if has_systemd := shutil.which("systemctl") is not None:
        code += enabled(service.code)
    has_acl = shutil.which("setfacl") is not None
    lines = executors.code.splitlines()
    code += "\n".join(line for line in lines if has_acl or "setfacl" not in line)

    said = changed(
        tmp_path,
        code,
        look="""
        /opt/flyteui/bin/flyteui --version
        id --name --user flyteui flyte-tasks
        cmp our-authority.pem <(tail -c $(stat -c %s our-authority.pem) /etc/flyteui/authorities.pem) && echo same
        stat --format %U /srv/flyteui-storage
        readlink -f /etc/systemd/system/multi-user.target.wants/flyteui.service || true
        touch /srv/flyteui-storage/of-the-server
        if command -v getfacl > /dev/null; then getfacl -pc /srv/flyteui-storage/of-the-server; fi
    """,
    )

    assert said[0].startswith("flyteui 0.")
    assert said[1:5] == ["flyteui", "flyte-tasks", "same", "flyteui"]
    if has_systemd:
        assert "/etc/systemd/system/flyteui.service" in said
    if has_acl:  # what the one writes, the other reads
        assert {"user:flyteui:rwx\t#effective:rw-", "user:flyte-tasks:rwx\t#effective:rw-"} <= set(said)
