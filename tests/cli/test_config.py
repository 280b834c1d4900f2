"""Settings: command line over environment over file over defaults, and every one of them tried broken."""

import errno
from inspect import cleandoc
from pathlib import Path

import pytest
from msgspec import defstruct

from bridge.cli import exits
from bridge.config import Config, Limits
from bridge.errors import ConfigInvalid
from bridge.settings import Setting, all_settings, load, meanings
from tests.cli.conftest import Isthmus

BROKEN = {
    int: ["", "x", "-1", "1.5", "nan", "1e999", "9" * 400, "1 parsec", "true"],
    float: ["", "x", "-1", "nan", "inf", "9" * 400, "1 parsec"],
    bool: ["", "maybe", "2"],
    str: ["nul\0here"],
    Path: ["nul\0here"],
    tuple: [],
}
IN_FILES = {
    int: ["true", "[1]", "1.5", "{}", '"x"'],
    float: ["true", "[1]", "nan", "inf", '"x"'],
    bool: ["1", '"true"', "[]"],
    str: ["1", "true", "[]"],
    Path: ["1", "[]"],
    tuple: ["1", '"direct"', "[1]", '[""]'],
}


def read(text: str, tmp_path: Path) -> Config:
    (tmp_path / "isthmus.toml").write_text(text)
    return load(file=tmp_path / "isthmus.toml", environ={}, given={}).config


def as_toml(setting: Setting, value: str) -> str:
    section, _, name = setting.name.rpartition(".")
    return f"[{section}]\n{name} = {value}\n" if section else f"{name} = {value}\n"


def test_later_layers_go_over_earlier_ones(tmp_path: Path) -> None:
    file = tmp_path / "some.toml"
    file.write_text("[hub]\nbatch = 1\ndrain_s = 1\nheartbeat_s = 1\n")
    environ = {"ISTHMUS_HUB__DRAIN_S": "2", "ISTHMUS_HUB__HEARTBEAT_S": "2", "ISTHMUS_RELEASE": "1"}

    found = load(file=file, environ=environ, given={"hub.heartbeat_s": "3"})

    assert (found.config.hub.batch, found.config.hub.drain_s, found.config.hub.heartbeat_s) == (1, 2, 3)
    assert found.origins["hub.batch"] == str(file)
    assert found.origins["hub.drain_s"] == "ISTHMUS_HUB__DRAIN_S"
    assert found.origins["hub.heartbeat_s"] == "command line"
    assert found.config.listen == Config().listen


def test_sizes_and_times_are_written_as_people_write_them(tmp_path: Path) -> None:
    config = read(
        '[limits]\nframe_bytes = "1MiB"\nsign_in_s = "500ms"\n'
        '[store]\njournal_days = "2w"\n[hub]\ndrain_s = "1m"\n',
        tmp_path,
    )

    assert config.limits.frame_bytes == 1 << 20
    assert config.limits.sign_in_s == 0.5
    assert config.store.journal_days == 14
    assert config.hub.drain_s == 60


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "region").write_text("EU\n")

    found = load(file=None, environ={"ISTHMUS_POLICY__REGION_FILE": str(tmp_path / "region")}, given={})

    assert found.config.policy.region == "EU"


def test_paths_in_a_file_are_seen_from_the_file(tmp_path: Path) -> None:
    assert read('[store]\npath = "hub.db"\n', tmp_path).store.path == str(tmp_path / "hub.db")
    assert read("[store]\npath = ''\n", tmp_path).store.path == ""


@pytest.mark.parametrize("setting", all_settings().values(), ids=lambda setting: setting.name)
def test_every_setting_is_refused_when_broken(setting: Setting, tmp_path: Path) -> None:
    for text in BROKEN[setting.kind]:
        for environ, given in (({setting.variable: text}, {}), ({}, {setting.name: text})):
            with pytest.raises(ConfigInvalid) as refused:
                load(file=None, environ=environ, given=given)
            assert refused.value.path == f"$.{setting.name}", text
    for value in IN_FILES[setting.kind]:
        with pytest.raises(ConfigInvalid) as refused:
            read(as_toml(setting, value), tmp_path)
        assert refused.value.path == f"$.{setting.name}", value


@pytest.mark.parametrize("setting", all_settings().values(), ids=lambda setting: setting.name)
def test_every_setting_has_a_meaning_and_takes_its_own_default(setting: Setting) -> None:
    shown = ",".join(setting.default) if setting.kind is tuple else str(setting.default or "")
    if setting.kind in (int, float):
        shown = str(setting.default)
    elif setting.kind is bool:
        shown = "yes" if setting.default else "no"

    found = load(file=None, environ={setting.variable: shown}, given={})

    assert setting.meaning.endswith(".")
    assert found.config == Config()


def test_meanings_are_whole_where_python_takes_indentation_away() -> None:
    stripped = defstruct("Stripped", [], namespace={"__doc__": cleandoc(Limits.__doc__ or "")})

    assert meanings(stripped) == meanings(Limits)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[limit]\nframe_bytes = 1", "limits"),
        ("[limits]\nframe_byts = 4096", "limits.frame_bytes"),
        ("frame_bytes = 4096", "limits.frame_bytes"),
        ("qwertz = 1", "isthmus config show"),
        ("listen = 1", "It is a section; its settings are listen.host"),
        ("[listen.host]\nx = 1", "listen.host"),
        ("[listen", "not TOML"),
        ("\x00", "not TOML"),
        ('[listen]\ntls_cert = "a.pem"', "both or neither"),
        ('[policy]\nshut_networks = ["sms"]', "direct, messenger"),
        ('[policy]\nlink_from = "both"', "either"),
        ('log_level = "loud"', "warning"),
        ('[listen]\nhost = ""', "empty"),
        ('[bus]\nprefix = "two words"', "letters"),
        ('[bus]\nprefix = "all.>"', "letters"),
        ('[bus]\nurl = "localhost:4222"', "nats://"),
        ('[bus]\nurl = "nats://one:4222, http://two"', "nats://"),
    ],
)
def test_a_file_that_is_wrong_is_told_where(text: str, hint: str, isthmus: Isthmus, tmp_path: Path) -> None:
    (tmp_path / "isthmus.toml").write_text(text)

    ran = isthmus("config", "check")

    assert ran.code == exits.USAGE
    assert "isthmus.toml" in ran.err or "certificate" in ran.err
    assert hint in ran.err


@pytest.mark.parametrize(
    ("environ", "hint"),
    [
        ({"ISTHMUS_LISTEN__PRT": "1"}, "ISTHMUS_LISTEN__PORT"),
        ({"ISTHMUS_XYZZY": "1"}, "isthmus config env"),
        ({"ISTHMUS_LISTEN__PORT_FILE": "absent"}, "absent"),
        ({"ISTHMUS_LISTEN__PORT_FILE": "a", "ISTHMUS_LISTEN__PORT": "1"}, "same"),
        ({"ISTHMUS_CONFIG": "absent.toml"}, "isthmus config init"),
    ],
)
def test_an_environment_that_is_wrong_is_told_where(environ: dict[str, str], hint: str) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        load(file=None, environ=environ, given={})

    assert hint in refused.value.text


def test_bounds_are_written_as_people_read_numbers(isthmus: Isthmus) -> None:
    ran = isthmus("config", "check", "--set", "limits.frame_bytes=1")

    assert "must lie between 1,024 and 67,108,864, not at '1'" in ran.err


@pytest.mark.parametrize("given", ["limits.batch", "=5", "nothing.here=5"])
def test_a_setting_on_the_command_line_that_is_wrong_is_told(given: str, isthmus: Isthmus) -> None:
    assert isthmus("config", "check", "--set", given).code == exits.USAGE


def test_a_written_file_names_every_setting_and_is_fine(isthmus: Isthmus, tmp_path: Path) -> None:
    wrote = isthmus("config", "init")
    text = (tmp_path / "isthmus.toml").read_text()
    commented = "\n".join(line.removeprefix("# ") if " = " in line else line for line in text.splitlines())

    assert wrote.code == 0
    assert isthmus("config", "init").code == exits.FAILED
    assert isthmus("config", "init", "--force").code == 0
    assert isthmus("config", "check").code == 0
    for setting in all_settings().values():
        assert f"# {setting.name.rpartition('.')[2]} = " in text
    config = read(commented, tmp_path)
    assert config.limits == Config().limits
    assert config.policy == Config().policy


def test_a_settings_file_for_which_there_is_no_room_is_tried_again_later(
    isthmus: Isthmus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, text: str, **given: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)

    ran = isthmus("config", "init")

    assert (ran.code, "There is no room for isthmus.toml" in ran.err) == (exits.TRY_AGAIN, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", [".", "", "/", ".."])
def test_a_folder_is_no_place_for_a_settings_file(isthmus: Isthmus, place: str) -> None:
    assert "is a folder" in isthmus("config", "init", place, "--force").err


def test_settings_are_shown_with_where_they_come_from(
    isthmus: Isthmus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_HUB__BATCH", "7")

    shown = isthmus("config", "show", "--json").data
    defaults = isthmus("config", "show", "--defaults", "--json").data
    variables = isthmus("config", "env", "--json").data

    assert shown["hub.batch"] == {"value": 7, "from": "ISTHMUS_HUB__BATCH"}
    assert defaults["hub.batch"] == {"value": 512, "from": "default"}
    assert variables["ISTHMUS_HUB__BATCH"]["value"] == "7"
    assert set(shown) == set(all_settings())


def test_a_secret_is_never_shown(isthmus: Isthmus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTHMUS_BUS__PASSWORD", "over the isthmus")

    said = [
        isthmus("config", command, *form).out for command in ("show", "env") for form in ((), ("--json",))
    ]

    assert all("(hidden)" in text and "over the isthmus" not in text for text in said)
