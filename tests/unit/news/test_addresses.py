"""Which addresses are the public internet's."""

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


@pytest.mark.parametrize("address", PUBLIC.split())
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", [*INSIDE.split(), *WRAPPED.split(), "", "localhost", "127.1", "0x7f000001"])
def test_not_public(address: str) -> None:
    assert not is_public(address)
