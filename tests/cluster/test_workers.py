"""Several hub processes on one port."""

import pytest
from msgspec.structs import replace

from bridge.cli.workers import check, command_of, reserve
from bridge.config import Config, StoreSettings
from bridge.errors import ConfigInvalid


def test_a_worker_gets_the_command_line_without_what_makes_it_many() -> None:
    given = ["serve", "--workers", "3", "--port=0", "--db", "postgresql://x", "--workers=2"]

    assert command_of(given) == ["serve", "--db", "postgresql://x", "--json"]
    assert command_of(["serve", "--json"]) == ["serve", "--json"]


@pytest.mark.parametrize("path", ["isthmus.db", ""])
def test_a_store_with_one_writer_serves_one_process(path: str) -> None:
    config = Config(store=StoreSettings(path=path))

    with pytest.raises(ConfigInvalid, match="one writer") as refused:
        check(config, 2)

    assert refused.value.path == "$.store.path"


def test_several_hubs_must_share_their_secrets() -> None:
    config = Config(store=StoreSettings(path="postgresql://somewhere/isthmus"))

    with pytest.raises(ConfigInvalid) as refused:
        check(config, 2)

    assert refused.value.path == "$.store.keys"


def test_a_number_of_processes_is_wanted() -> None:
    with pytest.raises(ConfigInvalid, match="number of processes"):
        check(replace(Config()), 0)


def test_a_held_port_is_free_for_those_who_share_it_and_for_no_others() -> None:
    with reserve("127.0.0.1", 0) as held:
        port = held.getsockname()[1]

        with reserve("127.0.0.1", port) as shared:
            assert shared.getsockname()[1] == port
