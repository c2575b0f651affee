"""Which connections may be open: bounded in all and by address, and nobody who is served goes for another."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.lib.networks import parse_network
from publisher.web.serving.account import Account


def test_the_one_that_has_waited_longest_goes():
    account: Account[str] = Account(3)
    for key in ("a", "b", "c"):
        assert account.admit(key, f"192.0.2.{ord(key)}") == (True, None)
    account.is_busy("a")
    assert account.admit("d", "192.0.2.1") == (True, "b")
    account.waits("a")  # it came back last, so it goes last
    assert account.admit("e", "192.0.2.2") == (True, "c")
    assert account.admit("f", "192.0.2.3") == (True, "d")
    assert account.admit("g", "192.0.2.4") == (True, "a")


def test_when_all_are_served_the_new_one_goes():
    account: Account[int] = Account(2)
    for key in (1, 2):
        account.admit(key, "192.0.2.1")
        account.is_busy(key)
    assert account.admit(3, "192.0.2.9") == (False, None)
    account.leave(1)
    account.leave(1)
    assert account.admit(3, "192.0.2.9") == (True, None)


def test_an_address_and_an_ipv6_network_have_so_many_and_proxies_are_not_counted():
    account: Account[object] = Account(1000, per_address=2, shared=(parse_network("172.18.0.0/16"),))
    for address in ("192.0.2.1", "192.0.2.2", "2001:db8:0:1::1"):
        admitted = [account.admit(object(), address)[0] for _ in range(4)]
        assert admitted == [True, True, False, False]
    assert not account.admit(object(), "2001:db8:0:1:ffff::9")[0]
    assert account.admit(object(), "2001:db8:0:2::1")[0]
    for address in ("127.0.0.1", "::1", "172.18.0.4"):
        assert all(account.admit(object(), address)[0] for _ in range(10))


@given(st.lists(st.tuples(st.sampled_from("AWBL"), st.integers(0, 9), st.integers(0, 3)), max_size=80))
@settings(max_examples=200, deadline=None)
def test_the_bounds_hold_whatever_happens(steps):
    account: Account[int] = Account(4, per_address=3)
    open_now: dict[int, int] = {}
    busy: set[int] = set()
    for step, key, place in steps:
        if step == "A" and key not in open_now:
            admitted, goes = account.admit(key, f"192.0.2.{place}")
            if goes is not None:
                assert goes not in busy
                del open_now[goes]
            if admitted:
                open_now[key] = place
        elif step == "L":
            account.leave(key)
            open_now.pop(key, None)
            busy.discard(key)
        elif key in open_now:
            (account.waits if step == "W" else account.is_busy)(key)
            (busy.discard if step == "W" else busy.add)(key)
        assert len(account) == len(open_now) <= 4
        assert all(list(open_now.values()).count(place) <= 3 for place in range(4))
