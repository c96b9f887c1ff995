"""Which addresses are the public internet's."""

from ipaddress import ip_network

import pytest

from bellwether.news.domain.addresses import is_public

PUBLIC = "93.184.215.14 8.8.8.8 2606:2800:21f:cb07::1 ::ffff:8.8.8.8 64:ff9b::808:808"
INSIDE = """
    127.0.0.1 10.1.2.3 172.16.0.1 192.168.0.1 169.254.169.254 100.64.0.1 0.0.0.0 255.255.255.255
    192.0.2.1 198.18.0.1 224.0.0.1 240.0.0.1 192.0.0.8
    ::1 :: fe80::1 fe80::1%eth0 fd00:ec2::254 ff02::1 2001:db8::1 3fff::1 fec0::1
"""
WRAPPED = """
    ::ffff:127.0.0.1 ::ffff:a9fe:a9fe ::7f00:1 64:ff9b::7f00:1 64:ff9b:1::a00:1 2002:7f00:1:: 2001:0:1::1
"""


# IANA's special-purpose registries (IPv4 and IPv6, 2025), the blocks that are not globally reachable
SPECIAL_BLOCKS = """
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/29 192.0.0.8/32
    192.0.0.170/32 192.0.0.171/32 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24
    203.0.113.0/24 240.0.0.0/4 255.255.255.255/32
    ::1/128 ::/128 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/32 2001:2::/48 2001:10::/28 2001:db8::/32
    3fff::/20 5f00::/16 fc00::/7 fe80::/10
    168.63.129.16/32 fec0::/10
"""


@pytest.mark.parametrize("block", SPECIAL_BLOCKS.split())
def test_no_address_of_a_special_purpose_block_is_public(block: str) -> None:
    network = ip_network(block)
    middle = network[network.num_addresses // 2]
    assert not any(is_public(str(address)) for address in (network[0], middle, network[-1]))
    if network.version == 4:  # nor wrapped in an IPv6 address
        assert not is_public(f"::ffff:{middle}")


@pytest.mark.parametrize("address", PUBLIC.split())
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", [*INSIDE.split(), *WRAPPED.split(), "", "localhost", "127.1", "0x7f000001"])
def test_not_public(address: str) -> None:
    assert not is_public(address)
