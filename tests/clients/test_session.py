"""The client's side of one connection, without loop or socket: bytes in, answers and events out."""

import pytest

from bridge.errors import NotFound, ProtocolError, Refusal, WrongFrameType
from bridge.ids import AccountId, DeviceId, PersonId, Position, Seq, ThreadId
from bridge.wire.codec import CODECS, JSON, Codec
from bridge.wire.events import Heartbeat, LegAdded, LegRemoved, Read, Typed
from bridge.wire.frames import ErrorBody
from bridge.wire.queries import CountUnread
from bridge.wire.replies import SignedIn, Unread
from bridge.wire.sign_in import SignIn
from bridge.wire.values import Hybrid, LegHead, LegState, Network, OwnAccountView
from clients.errors import EventsMissed, error_from
from clients.places import Place, Places
from clients.session import Answer, Session, Told, Welcome

ANA, BEN = AccountId("a-ana"), AccountId("a-ben")


def frame(codec: Codec, data: bytes) -> bytes | str:
    return data if codec.binary else data.decode()


def head(account: AccountId, at: int, state: LegState = LegState.RESUMED) -> LegHead:
    return LegHead(account=account, state=state, head=Position(at), cursor=f"{account}.{at}")


def own(account: AccountId) -> OwnAccountView:
    return OwnAccountView(
        id=account, network=Network.DIRECT, handle="x", name="X", person=PersonId("p"), hybrid=Hybrid.ON
    )


def signed(*legs: LegHead) -> SignedIn:
    return SignedIn(
        person=PersonId("p"),
        device=DeviceId("d"),
        accounts=tuple(own(leg.account) for leg in legs),
        legs=legs,
        heartbeat_s=20,
        max_frame=1_000,
        hub="test",
    )


class Talk:
    """A session and the frames that a hub would write to it."""

    def __init__(self, codec: Codec = JSON, places: Places | None = None) -> None:
        self.codec = codec
        self.places = places or Places()
        self.session = Session(codec, self.places)

    def open(self, *legs: LegHead) -> Welcome:
        call, _ = self.session.call(SignIn(token="t", cursors=self.places.cursors()))
        news = self.receive(self.codec.reply(call, self.codec.body(signed(*legs))))
        assert isinstance(news, Welcome)
        return news

    def receive(self, data: bytes) -> Answer | Welcome | Told | None:
        return self.session.receive(frame(self.codec, data))

    def push(self, at: int, account: AccountId = ANA) -> Answer | Welcome | Told | None:
        event = Read(thread=ThreadId("t"), account=BEN, upto=Seq(at))
        return self.receive(self.codec.envelope(account, f"{account}.")(self.codec.body(event), at))

    def heartbeat(self, *legs: LegHead) -> None:
        self.receive(self.codec.passing(self.codec.body(Heartbeat(legs=legs, at=1))))


@pytest.mark.parametrize("codec", CODECS.values(), ids=["json", "msgpack"])
def test_replies_come_back_as_the_type_that_was_asked_for(codec: Codec) -> None:
    talk = Talk(codec)
    call, written = talk.session.call(CountUnread())

    answer = talk.receive(codec.reply(call, codec.body(Unread(requests=3))))

    assert codec.read_call(frame(codec, written)) == (call, CountUnread())
    assert answer == Answer(call, reply=Unread(requests=3))


def test_a_refusal_comes_back_as_an_error() -> None:
    talk = Talk()
    call, _ = talk.session.call(CountUnread())

    answer = talk.receive(talk.codec.refusal(call, NotFound(path="$.thread")))

    assert isinstance(answer, Answer)
    assert isinstance(answer.error, NotFound)
    assert answer.error.path == "$.thread"


def test_an_unknown_error_code_is_a_refusal_that_keeps_what_the_hub_said() -> None:
    error = error_from(ErrorBody(code="too_wet", text="Rain.", temporary=True, retry_after_s=2.5))

    assert type(error) is Refusal
    assert (error.code, error.text, error.temporary, error.retry_after_s) == ("too_wet", "Rain.", True, 2.5)


def test_a_call_answered_twice_is_answered_once() -> None:
    talk = Talk()
    call, _ = talk.session.call(CountUnread())
    data = talk.codec.reply(call, talk.codec.body(Unread()))

    assert talk.receive(data) is not None
    assert talk.receive(data) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b'{"re":1}',
        b'{"re":9,"ok":{}}',
        b'{"re":0,"ok":{}}',
        b'{"re":1,"ok":{"threads":"many"}}',
        b'{"re":1,"ok":{},"error":{"code":"x","text":"y"}}',
        b'{"event":7}',
        b'{"event":{"type":"typed","thread":5}}',
        b'{"account":"a-ana","at":1,"event":{"type":"typed","thread":"t","account":"a"}}',
        b'{"cursor":"c","event":{"type":"typed","thread":"t","account":"a"}}',
    ],
)
def test_a_hub_that_breaks_the_wire_is_found_out(data: bytes) -> None:
    talk = Talk()
    talk.session.call(CountUnread())

    with pytest.raises(ProtocolError):
        talk.receive(data)


def test_a_binary_frame_where_text_is_spoken_is_found_out() -> None:
    with pytest.raises(WrongFrameType):
        Talk().session.receive(b"{}")


def test_a_first_sign_in_starts_at_the_heads_and_must_read_its_threads() -> None:
    talk = Talk()

    welcome = talk.open(head(ANA, 7, LegState.SNAPSHOT), head(BEN, 0))

    assert welcome.reload == (ANA, BEN)
    assert talk.places.known() == {ANA: Place(7, "a-ana.7"), BEN: Place(0, "a-ben.0")}


def test_a_resumed_journal_goes_on_after_what_was_heard() -> None:
    talk = Talk(places=Places({ANA: Place(4, "a-ana.4")}))

    welcome = talk.open(head(ANA, 6))

    assert welcome.reload == ()
    assert [talk.push(at) is not None for at in (4, 5, 6, 7)] == [False, True, True, True]
    assert talk.places[ANA].at == 7


def test_a_journal_that_says_resumed_but_lies_behind_is_read_again() -> None:
    talk = Talk(places=Places({ANA: Place(9, "a-ana.9")}))

    assert talk.open(head(ANA, 3)).reload == (ANA,)


def test_an_account_that_is_no_longer_ones_own_is_forgotten_at_the_sign_in() -> None:
    talk = Talk(places=Places({ANA: Place(1, "a-ana.1"), BEN: Place(1, "a-ben.1")}))

    talk.open(head(ANA, 1))

    assert list(talk.places.known()) == [ANA]


def test_a_jump_means_that_events_are_missing() -> None:
    talk = Talk()
    talk.open(head(ANA, 0))

    with pytest.raises(EventsMissed, match="from 0 to 2"):
        talk.push(2)


def test_an_event_of_an_unknown_journal_means_that_events_are_missing() -> None:
    talk = Talk()
    talk.open(head(ANA, 0))

    with pytest.raises(EventsMissed, match="does not know"):
        talk.push(1, BEN)


def test_accounts_come_and_go_within_a_session() -> None:
    talk = Talk()
    talk.open(head(ANA, 0))
    added = LegAdded(account=own(BEN), leg=head(BEN, 5, LegState.SNAPSHOT))

    talk.receive(talk.codec.passing(talk.codec.body(added)))
    assert isinstance(talk.push(6, BEN), Told)
    talk.receive(talk.codec.passing(talk.codec.body(LegRemoved(account=ANA))))

    assert list(talk.places.known()) == [BEN]


def test_heartbeats_that_agree_mean_nothing() -> None:
    talk = Talk()
    talk.open(head(ANA, 3))

    talk.heartbeat(head(ANA, 3))
    talk.heartbeat(head(ANA, 3))

    assert talk.places[ANA].at == 3


def test_a_client_that_hears_slowly_is_not_deaf() -> None:
    talk = Talk()
    talk.open(head(ANA, 0))

    for at in range(1, 5):
        talk.heartbeat(head(ANA, 100))
        talk.push(at)

    assert talk.places[ANA].at == 4


@pytest.mark.parametrize("legs", [(head(ANA, 5),), (head(ANA, 3), head(BEN, 0)), ()])
def test_two_heartbeats_ahead_without_any_progress_mean_that_it_is_deaf(legs: tuple[LegHead, ...]) -> None:
    talk = Talk()
    talk.open(head(ANA, 3))
    talk.heartbeat(*legs)

    with pytest.raises(EventsMissed):
        talk.heartbeat(*legs)


def test_what_is_held_back_is_not_counted_as_heard() -> None:
    talk = Talk()
    talk.open(head(ANA, 0))
    talk.push(1)
    talk.session.holding = True

    assert talk.push(2) is None
    assert talk.push(9) is None
    talk.heartbeat(head(ANA, 50))
    talk.heartbeat(head(ANA, 50))
    passing = talk.receive(talk.codec.passing(talk.codec.body(Typed(thread=ThreadId("t"), account=BEN))))

    assert isinstance(passing, Told)
    assert talk.places[ANA] == Place(1, "a-ana.1")
