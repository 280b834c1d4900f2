"""``isthmus serve`` in a process of its own, and the commands that reach it over its admin socket."""

import asyncio
import signal
import stat
from collections.abc import Callable
from pathlib import Path

from bridge.cli import exits
from clients.client import Client
from tests.cli.conftest import Isthmus, Served, started_with

Serve = Callable[..., Served]


async def sign_in(url: str, token: str) -> str:
    async with Client(url, token=token) as client:
        (own,) = client.accounts.values()
        return own.handle


def test_a_hub_takes_orders_serves_people_and_ends_in_good_order(
    isthmus: Isthmus, serve: Serve, tmp_path: Path
) -> None:
    hub = serve()

    made = isthmus("account", "create", "direct/ana", "--no-password", "--json")
    token = isthmus("token", "mint", "direct/ana", "--json").data["token"]
    handle = asyncio.run(sign_in(hub.url, token))
    status = isthmus("top", "--once", "--json").data
    mode = stat.S_IMODE((tmp_path / "isthmus.db.admin").stat().st_mode)
    code = hub.stop()

    assert made.data["online"] is False  # only a hub knows
    assert handle == "ana"
    assert (status["url"], status["process"]) == (hub.url, hub.process.pid)
    assert status["metrics"]["isthmus_connections_total"] == 1
    assert mode == 0o600
    assert code == 0
    assert not (tmp_path / "isthmus.db.admin").exists()
    assert isthmus("audit").code == 0


def test_ctrl_c_ends_a_hub_in_good_order_too(serve: Serve) -> None:
    assert serve().stop(signal.SIGINT) == 0


def test_a_second_hub_on_a_database_is_refused(isthmus: Isthmus, serve: Serve, tmp_path: Path) -> None:
    hub = serve()

    second = started_with(tmp_path, "serve", "--port", "0")
    _, err = second.communicate(timeout=20)

    assert second.returncode == exits.UNAVAILABLE
    assert str(hub.process.pid) in err
    assert isthmus("top", "--once").code == 0


def test_a_hub_that_was_killed_leaves_nothing_in_the_way(
    isthmus: Isthmus, serve: Serve, tmp_path: Path
) -> None:
    serve().stop(signal.SIGKILL)

    offline = isthmus("account", "create", "direct/ana", "--no-password")
    again = serve()

    assert offline.code == 0
    assert isthmus("account", "show", "direct/ana", "--json").data["online"] is False
    assert again.stop() == 0


def test_backups_and_audits_go_on_beside_a_running_hub(isthmus: Isthmus, serve: Serve) -> None:
    serve()
    isthmus("account", "create", "direct/ana", "--no-password")

    assert isthmus("audit").code == 0
    assert isthmus("backup", "copy.db").code == 0
    assert isthmus("restore", "copy.db", "--db", "new.db").code == 0
    assert isthmus("account", "show", "direct/ana", "--db", "new.db").code == 0


def test_a_refusal_of_the_hub_is_the_command_s_own(isthmus: Isthmus, serve: Serve) -> None:
    serve()
    isthmus("account", "create", "direct/ana", "--no-password")

    taken = isthmus("account", "create", "direct/ANA", "--no-password", "--json")
    missing = isthmus("account", "show", "direct/nobody")
    invalid = isthmus("account", "create", "direct/" + "x" * 65, "--no-password", "--json")
    archive = isthmus("import", "none.zip", "--json")

    assert (taken.code, taken.data["error"]["code"]) == (exits.FAILED, "handle_taken")
    assert missing.code == exits.MISSING
    assert (invalid.code, invalid.data["error"]["path"]) == (exits.USAGE, "$.handle")
    assert (archive.code, archive.data["error"]["code"]) == (exits.FAILED, "archive_not_found")


def test_a_monitor_learns_how_a_hub_does_in_its_own_words(isthmus: Isthmus, serve: Serve) -> None:
    down = isthmus("check", "--format", "nagios")
    hub = serve()
    text = isthmus("check")
    nagios = isthmus("check", "--format", "nagios")
    data = isthmus("check", "--json")
    prometheus = isthmus("check", "--format", "prometheus")
    warned = isthmus("check", "--warn-connections", "0")
    worse = isthmus("check", "--critical-disk", "100", "--warn-disk", "100")
    hub.stop()

    assert (down.code, down.out.startswith("ISTHMUS CRITICAL - ")) == (2, True)
    assert (text.code, nagios.code, data.code, prometheus.code) == (0, 0, 0, 0)
    assert [line.split()[1] for line in text.out.splitlines()] == [
        "hub",
        "ready",
        "connections",
        "commit",
        "disk",
    ]
    assert nagios.out.startswith("ISTHMUS OK - ")
    assert data.data["state"] == "OK"
    assert 'isthmus_check_state{check="ready"} 0' in prometheus.out
    assert (warned.code, worse.code) == (1, 2)


def test_a_hub_is_not_started_where_it_would_be_unsafe_or_cannot_listen(
    isthmus: Isthmus, serve: Serve
) -> None:
    hub = serve("--db", "first.db")
    port = hub.url.rpartition(":")[2]

    unsafe = isthmus("serve", "--host", "0.0.0.0", "--port", "0")
    taken = isthmus("serve", "--port", port)
    broken = isthmus("serve", "--port", "70000")
    absent = isthmus("serve", "--tls-cert", "a.pem", "--tls-key", "b.pem", "--port", "0")

    assert (unsafe.code, "--behind-proxy" in unsafe.err) == (exits.USAGE, True)
    assert taken.code == exits.USAGE
    assert f"127.0.0.1 port {port}: Address already in use. Choose another: --host, --port." in taken.err
    assert (broken.code, "$.listen.port" in broken.err) == (exits.USAGE, True)
    assert (absent.code, "a.pem" in absent.err) == (exits.USAGE, True)


def test_watching_without_a_hub_says_that_none_runs(isthmus: Isthmus) -> None:
    isthmus("account", "create", "direct/ana", "--no-password")

    ran = isthmus("top", "--once")

    assert (ran.code, "isthmus serve" in ran.err) == (exits.UNAVAILABLE, True)
