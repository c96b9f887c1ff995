"""Which addresses are the public internet's: a reader of foreign URLs connects to no others."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

_NOBODYS = (IPv6Network("fec0::/10"), IPv6Network("3fff::/20"))  # once site-local; documentation since 2024
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
    if parsed.teredo or any(parsed in network for network in _NOBODYS):
        return False
    return _is_public(inside) if inside else _is_public(parsed)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not address.is_multicast and not address.is_reserved


def _nat64(address: IPv6Address) -> IPv4Address | None:
    return IPv4Address(int(address) & 0xFFFF_FFFF) if any(address in network for network in _NAT64) else None


def _compatible(address: IPv6Address) -> IPv4Address | None:
    """`::a.b.c.d`, long forgotten by all but some resolvers; `::` and `::1` are among them."""
    return IPv4Address(int(address)) if int(address) < 2**32 else None
