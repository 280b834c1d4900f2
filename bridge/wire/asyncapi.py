"""The wire as an AsyncAPI 3 document, from the hub's side: it receives calls, sends replies and pushes."""

from collections.abc import Mapping
from typing import Final

from bridge.errors import CloseCode
from bridge.wire.codec import EVENTS, OPERATIONS
from bridge.wire.examples import example
from bridge.wire.frames import JSON_SUBPROTOCOL, MSGPACK_SUBPROTOCOL, ErrorBody
from bridge.wire.schema import JOURNAL, Schema, definitions, summary
from bridge.wire.tables import close_codes, error_classes

SCHEMAS: Final = "#/components/schemas/"
CHANNEL: Final = "#/channels/socket"
PLACE: Final = {"account": "a7k2m", "at": 41, "cursor": "c1.AAAB"}  # in the examples of pushes

DESCRIPTION: Final = (
    "One WebSocket carries everything: calls (the client asks), replies (the hub answers) and pushes (the "
    f"hub tells). The subprotocol chooses the codec: {JSON_SUBPROTOCOL} (JSON in text frames; also when none "
    f"is offered) or {MSGPACK_SUBPROTOCOL} (MessagePack in binary frames); what is said is the same. The "
    "rules stand in protocol.md."
)


def asyncapi() -> Schema:
    """Build the document."""
    schemas = definitions(SCHEMAS)
    messages = {name: _message(name, schemas[name], shown) for name, shown in examples().items()}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Isthmus",
            "version": "1",
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "local": {
                "host": "127.0.0.1:{port}",
                "protocol": "ws",
                "description": "A hub on this machine; beyond it, hubs speak wss.",
                "variables": {"port": {"description": "What the hub prints when it starts."}},
            }
        },
        "channels": {
            "socket": {
                "address": "/",
                "title": "The socket",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
                "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
            }
        },
        "operations": _operations(),
        "components": {"messages": messages, "schemas": schemas},
        "x-subprotocols": [JSON_SUBPROTOCOL, MSGPACK_SUBPROTOCOL],
        "x-error-codes": [
            {"code": error.code, "temporary": error.temporary, "description": summary(error)}
            for error in error_classes()
        ],
        "x-close-codes": [
            {"code": code, "name": name, "comeBack": CloseCode.may_come_back(code), "description": meaning}
            for code, name, meaning in close_codes()
        ],
    }


def _operations() -> dict[str, Schema]:
    calls = {
        op: {
            "action": "receive",
            "channel": {"$ref": CHANNEL},
            "summary": summary(call),
            "messages": [_of_channel(f"call_{op}")],
            "reply": {
                "channel": {"$ref": CHANNEL},
                "messages": [_of_channel(f"reply_{op}"), _of_channel("refusal")],
            },
        }
        for op, call in OPERATIONS.items()
    }
    pushes = {
        f"push_{tag}": {
            "action": "send",
            "channel": {"$ref": CHANNEL},
            "summary": summary(event),
            "messages": [_of_channel(f"push_{tag}")],
        }
        for tag, event in EVENTS.items()
    }
    return calls | pushes


def _message(name: str, schema: Schema, shown: Mapping[str, object]) -> Schema:
    message: Schema = {
        "name": name,
        "title": schema["title"],
        "payload": {"$ref": SCHEMAS + name},
        "examples": [{"payload": shown}],
    }
    for prefix, field in (("call_", "id"), ("reply_", "re"), ("refusal", "re")):
        if name.startswith(prefix):
            message["correlationId"] = {"location": f"$message.payload#/{field}"}
    return message


def examples() -> dict[str, dict[str, object]]:
    """Give one frame of each kind as plain values."""
    frames: dict[str, dict[str, object]] = {"refusal": {"re": 1, "error": example(ErrorBody)}}
    for op, call in OPERATIONS.items():
        frames[f"call_{op}"] = {"id": 1, "op": op, **example(call)}
        frames[f"reply_{op}"] = {"re": 1, "ok": example(call.reply)}
    for tag, event in EVENTS.items():
        frames[f"push_{tag}"] = {**(PLACE if tag in JOURNAL else {}), "event": example(event)}
    return frames


def _of_channel(message: str) -> Schema:
    return {"$ref": f"{CHANNEL}/messages/{message}"}
