"""Symbols of crypto coins that are also symbols of listed companies: `Litecoin (LTC)` is not LTC Properties."""

from collections.abc import Collection

_CRYPTO = frozenset(
    [
        "crypto",
        "cryptocurrency",
        "cryptocurrencies",
        "coin",
        "coins",
        "altcoin",
        "altcoins",
        "memecoin",
        "memecoins",
        "token",
        "tokens",
        "blockchain",
        "defi",
        "stablecoin",
        "stablecoins",
        "bitcoin",
        "btc",
        "ethereum",
        "eth",
        "xrp",
        "dogecoin",
        "doge",
        "airdrop",
        "onchain",
    ]
)
_COINS = {
    symbol: frozenset(names.split())
    for symbol, names in (
        line.split(" ", 1)
        for line in """
AAVE aave
ADA cardano
ALGO algorand
APE apecoin
APT aptos
AR arweave
ARB arbitrum
ATOM cosmos
AVAX avalanche
AXS axie
BAT attention
BCH cash
BNB binance
BONK bonk
BTC bitcoin
CAKE pancakeswap
CFX conflux
COMP compound
CORE core
CRV curve
DASH dash
DOGE dogecoin
DOT polkadot
EGLD multiversx
ENA ethena
ENS ens
EOS eos
ETC classic
ETH ethereum ether
FIL filecoin
FLOW flow
FTM fantom
GALA gala
GAS gas
GRT graph
HBAR hedera
HNT helium
HYPE hyperliquid
ICP internet
IMX immutable
INJ injective
IOTA iota
JUP jupiter
KAS kaspa
LDO lido
LINK chainlink
LTC litecoin
MANA decentraland
MASK mask
MINA mina
MKR maker
NEAR near
NEO neo
OM mantra
ONDO ondo
OP optimism
PAXG pax
PEPE pepe
POL polygon
QNT quant
RENDER render
RUNE thorchain
SAND sandbox
SEI sei
SHIB shiba
SKY sky
SNX synthetix
SOL solana
SPX spx6900
STX stacks
SUI sui
TAO bittensor
THETA theta
TIA celestia
TON toncoin
TRUMP trump
TRX tron
UNI uniswap
VET vechain
WIF dogwifhat
WLD worldcoin
XDC xdc
XLM stellar
XMR monero
XRP ripple xrp
XTZ tezos
ZEC zcash
ZRX 0x
""".strip().splitlines()
    )
}


def means_coin(symbol: str, near: Collection[str], text_words: Collection[str]) -> bool:
    """Whether a symbol means a coin: its coin's name stands just before it, or the text is about crypto."""
    names = _COINS.get(symbol)
    return names is not None and (not names.isdisjoint(near) or not _CRYPTO.isdisjoint(text_words))
