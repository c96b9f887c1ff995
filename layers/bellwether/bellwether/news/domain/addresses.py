"""Which addresses are the public internet's: a reader of foreign URLs connects to no others."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_SPECIAL = (  # what `ipaddress` lacks of IANA's special-purpose registries (as of 2025), and what clouds use inside
    IPv4Network("168.63.129.16/32"),  # Azure's host: DNS, health and metadata
    IPv4Network("192.88.99.0/24"),  # 6to4 relays, deprecated by RFC 7526
    IPv6Network("fec0::/10"),  # site-local, deprecated by RFC 3879
    IPv6Network("3fff::/20"),  # documentation, RFC 9637
    IPv6Network("5f00::/16"),  # segment routing, RFC 9602
    IPv6Network("100:0:0:1::/64"),  # dummy prefix, RFC 9780
)
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))


def is_public(address: str) -> bool:
    """Whether an address can be reached by everybody; an address wrapped into another counts as what is inside."""
    try:
        parsed = ip_address(address)
    except ValueError:  # no address, or one with a zone: a link's own
        return False
    if isinstance(parsed, IPv4Address):
        return _is_public(parsed)
    inside = parsed.ipv4_mapped or parsed.sixtofour or _nat64(parsed) or _compatible(parsed)
    if parsed.teredo:
        return False
    return _is_public(inside or parsed)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if any(address in network for network in _SPECIAL if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _nat64(address: IPv6Address) -> IPv4Address | None:
    return IPv4Address(int(address) & 0xFFFF_FFFF) if any(address in network for network in _NAT64) else None


def _compatible(address: IPv6Address) -> IPv4Address | None:
    """`::a.b.c.d`, long forgotten by all but some resolvers; `::` and `::1` are among them."""
    return IPv4Address(int(address)) if int(address) < 2**32 else None
