"""The files for deploying: they name settings that exist, and NATS takes its own."""

import re
import subprocess
from pathlib import Path

import msgspec
import pytest
import yaml

from bridge.hub.keys import Keys
from bridge.settings import all_settings
from tests.cluster.servers import nats_binary
from tests.faults.rig import ROOT

DEPLOY = ROOT / "deploy"


def test_every_variable_is_a_setting() -> None:
    variables = {setting.variable for setting in all_settings().values()}
    text = (DEPLOY / "compose.yaml").read_text() + (DEPLOY / "systemd" / "isthmus.service").read_text()
    named = set(re.findall(r"\bISTHMUS_[A-Z_]+\b", text))

    assert len(named) > 6
    assert {name for name in named if name.removesuffix("_FILE") not in variables} == set()


def test_the_hubs_of_the_compose_file_share_everything() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    hubs = [service for name, service in services.items() if name.startswith("hub")]

    assert len(hubs) == 3
    assert all(hub == hubs[0] for hub in hubs)
    assert set(hubs[0]["depends_on"]) <= set(services)


def test_the_secrets_are_made_once_and_are_the_hubs_own(tmp_path: Path) -> None:
    for _ in range(2):
        subprocess.run(["sh", str(DEPLOY / "secrets.sh")], cwd=tmp_path, check=True, capture_output=True)
    made = {path.name: path.read_bytes() for path in (tmp_path / "secrets").iterdir()}
    keys = msgspec.msgpack.decode(made["keys"], type=Keys)

    assert len(keys.cursors) == len(keys.phones) == 32
    assert made["postgres"].decode() in made["database"].decode()
    assert made["nats.env"] == b"NATS_PASSWORD=" + made["nats"] + b"\n"
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "secrets").iterdir())


def test_nats_takes_its_configuration() -> None:
    binary = nats_binary()
    if binary is None:
        pytest.skip("NOT PROVEN HERE: NATS takes its configuration (there is no nats-server)")

    checked = subprocess.run(
        [binary, "-t", "-c", str(DEPLOY / "nats.conf")],
        env={"NATS_PASSWORD": "n1"},
        capture_output=True,
        text=True,
    )

    assert checked.returncode == 0, checked.stderr
