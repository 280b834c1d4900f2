"""How many connections people have elsewhere, as other hubs tell it."""

from bridge.bus.base import Count, News
from bridge.bus.local import LocalBus
from bridge.hub.crowd import Crowd
from tests.hub.house import ANA, BEN


class Elsewhere(LocalBus):
    """A bus to another hub."""

    def __init__(self, node: str) -> None:
        super().__init__()
        self.connects = True
        self.nodes.heard(node, 0.0)
        self.said: list[Count] = []

    def publish(self, news: News) -> None:
        self.said += news.counts


def test_what_a_hub_told_before_and_came_later_counts_no_more() -> None:
    here = {ANA: 2, BEN: 1}
    there = Elsewhere("other")
    one = Crowd(there, here.__getitem__, lambda: 0.0)
    other = Crowd(Elsewhere("one"), lambda account: 0, lambda: 0.0)

    one.tell(BEN, (BEN, ANA))  # goes by way of Ben
    here[ANA] = 1
    one.tell(ANA, (ANA,))  # and this by way of Ana
    by_ben, by_ana = there.said[:2], there.said[2:]
    for count in (*by_ana, *by_ben):
        other.heard("one", count)

    assert (other.elsewhere(ANA), other.elsewhere(BEN)) == (1, 1)
