"""What an erased account said is shown by nobody's memory any more."""

from bridge.domain.deeds import EraseAccount
from bridge.hub.operator import erase_content
from bridge.ids import AccountId, Seq
from bridge.wire.queries import GetThread, ListThreads, PreviewSend
from tests.hub.house import ANA, BEN, House


async def test_no_list_shows_what_an_erased_account_said_last(hub: House) -> None:
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    seq = await hub.send(ANA, thread, "a secret")
    ben = await hub.join(BEN)
    before = await ben.ask(ListThreads())

    await hub.next().pipeline.do(AccountId(""), EraseAccount(account=ANA))
    await erase_content(hub.hub.store, ANA)
    listed, one = await ben.ask(ListThreads()), await ben.ask(GetThread(thread=thread))

    assert before["threads"][0]["last"]["text"] == "a secret"
    for shown in (listed["threads"][0]["last"], one["thread"]["last"]):
        assert (shown["kind"], shown["seq"], shown.get("text")) == ("erased", seq, None)


async def test_no_preview_quotes_what_an_erased_account_said(hub: House) -> None:
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    seq = await hub.send(ANA, thread, "a secret")
    ben = await hub.join(BEN)
    reply = PreviewSend(thread=thread, text="to that", reply_to=Seq(seq))
    before = await ben.ask(reply)

    await hub.next().pipeline.do(AccountId(""), EraseAccount(account=ANA))
    await erase_content(hub.hub.store, ANA)
    after = await ben.ask(reply)

    assert "a secret" in before["text"]
    assert "a secret" not in after["text"]
