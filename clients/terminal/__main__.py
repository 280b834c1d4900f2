"""``python -m clients.terminal``: the line-mode client."""

import argparse
import os
import sys
from pathlib import Path

from clients.terminal.plain import in_a_process


def main() -> int:
    """Read the arguments and chat."""
    parser = argparse.ArgumentParser(prog="python -m clients.terminal", description="Chat in lines.")
    parser.add_argument("url", help="the hub, as ws://127.0.0.1:8000")
    parser.add_argument("--network", choices=["direct", "messenger"], help="where your account lives")
    parser.add_argument("--handle", help="your name there")
    parser.add_argument("--codec", choices=["json", "msgpack"], default="json")
    secret = parser.add_mutually_exclusive_group()
    secret.add_argument("--password-file", type=Path, help="a file that holds the password")
    secret.add_argument("--token-file", type=Path, help="a file that holds a device's token")
    parser.add_argument("--outbox", type=Path, help="where to keep unsent messages")
    parser.add_argument(
        "--forget", action="store_true", help="keep no token and nothing unsent for next time"
    )
    given = parser.parse_args()
    try:
        return in_a_process(
            given.url,
            network=given.network,
            handle=given.handle,
            codec=given.codec,
            keep=not given.forget,
            outbox=given.outbox,
            token_file=given.token_file,
            password_file=given.password_file,
        )
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read us has gone
        return 0


if __name__ == "__main__":
    sys.exit(main())
