"""``isthmus serve``: run the hub until it is told to stop."""

import asyncio
from pathlib import Path

from bridge.app import Hub, running_hub
from bridge.cli.exits import BROKEN, OK
from bridge.cli.logs import begin_logging
from bridge.cli.notify import notify
from bridge.cli.options import NO_OPTIONS, Common
from bridge.cli.printing import Printer, shown
from bridge.cli.stopping import told_to_stop
from bridge.cli.workers import supervise
from bridge.config import Config
from bridge.errors import BridgeError
from bridge.process import spare_the_collector


def serve(
    *,
    host: str | None = None,
    port: int | None = None,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    behind_proxy: bool | None = None,
    register: bool | None = None,
    log_level: str | None = None,
    log_format: str | None = None,
    workers: int = 1,
    common: Common = NO_OPTIONS,
) -> int:
    """Run the hub until SIGTERM or Ctrl-C; then finish what waits and send everyone home.

    Args:
        host: Address to bind; beyond this machine only with TLS or behind a proxy.
        port: TCP port; 0 takes a free one.
        tls_cert: PEM file with the certificate chain.
        tls_key: PEM file with its key.
        behind_proxy: A proxy that ends TLS stands in front.
        register: People may make accounts themselves.
        log_level: debug, info, warning or error.
        log_format: text or json.
        workers: Processes on this port; more than one needs PostgreSQL.
        common: Options of every command.
    """
    config = common.read(
        listen__host=host,
        listen__port=port,
        listen__tls_cert=tls_cert,
        listen__tls_key=tls_key,
        listen__behind_proxy=behind_proxy,
        policy__register=register,
        log_level=log_level,
        log_format=log_format,
    )
    begin_logging(config)
    if workers != 1:
        return supervise(config, workers, common.printer)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_serve(config, common.printer))


async def _serve(config: Config, printer: Printer) -> int:
    async with running_hub(config) as hub:
        told = told_to_stop()
        spare_the_collector()
        notify("READY=1")
        _tell_where(hub, printer)
        await asyncio.wait([told, hub.stopped], return_when=asyncio.FIRST_COMPLETED)
        broken = hub.stopped.exception() if hub.stopped.done() else None
        if broken is not None:
            text = broken.text if isinstance(broken, BridgeError) else str(broken)
            printer.error("commit_failed", f"The hub stops: {text} Start it again.")
        else:
            notify("STOPPING=1")
            printer.line("Stopping: finishing what waits, sending everyone home.")
    printer.data({"stopped": broken is None})
    return OK if broken is None else BROKEN


def _tell_where(hub: Hub, printer: Printer) -> None:
    database = shown(hub.config.store.path)
    printer.data({"listening": hub.url, "port": hub.port, "database": database})
    kept = database or "(in memory: nothing is kept)"
    printer.line(f"Isthmus listens on {hub.url}; its database is {kept}.")
    printer.line("Stop it with Ctrl-C. Watch it with: isthmus top")


def _loop_factory() -> "type[asyncio.AbstractEventLoop] | None":
    """Take the faster loop where there is one."""
    try:
        import uvloop
    except ImportError:
        return None
    loop: type[asyncio.AbstractEventLoop] = uvloop.Loop
    return loop
