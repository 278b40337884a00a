from ipaddress import ip_address

import pytest

from streams.errors import TransientError, UnprocessableError
from streams.links.addresses import AddressPolicy, is_public


@pytest.mark.parametrize("address", [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "239.1.1.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::", "::1", "::7f00:1", "fe80::1",
    "fe80::1%lo", "fc00::1", "fec0::1", "ff02::1", "ff0e::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2001:0:4136:e378:8000:63bf:80ff:fffe",
])  # fmt: skip
def test_an_address_inside_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_an_address_outside_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("host", ["localhost", "127.1", "0x7f000001", "2130706433", "::1"])
async def test_a_name_that_resolves_to_loopback_is_refused(host: str) -> None:
    with pytest.raises(UnprocessableError, match="non-public") as refused:
        await AddressPolicy().addresses(host, 80)
    assert refused.value.reason == "link_private_address"


async def test_one_private_address_among_public_ones_is_refused() -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["1.1.1.1", "10.0.0.1"]

    with pytest.raises(UnprocessableError):
        await AddressPolicy(resolve=resolve).addresses("both.example", 80)


@pytest.mark.parametrize("allowed", ["127.0.0.1", "127.0.0.1:8000", "127.0.0.0/8"])
async def test_an_allowed_host_port_or_network_may_be_private(allowed: str) -> None:
    assert await AddressPolicy([allowed]).addresses("127.0.0.1", 8000) == ["127.0.0.1"]


async def test_another_port_of_an_allowed_host_is_refused() -> None:
    with pytest.raises(UnprocessableError):
        await AddressPolicy(["127.0.0.1:8000"]).addresses("127.0.0.1", 8001)


async def test_a_name_that_does_not_resolve_may_resolve_later() -> None:
    with pytest.raises(TransientError) as failed:
        await AddressPolicy().addresses("nowhere.invalid", 80)
    assert failed.value.reason == "link_unavailable"
