"""Read the word list and spell out the forms of its verbs and nouns."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_VOWELS = frozenset("aeiou")


@dataclass(frozen=True)
class Rules:
    """Figures of the scoring rules; `window` and `negation_window` count tokens."""

    cut: float
    window: int
    negation_factor: float
    negation_window: int
    fewest_tokens: int
    comparison_weight: float
    signed_percent_weight: float
    sharpness: float


@dataclass(frozen=True)
class Direction:
    """A word of movement: its sign, and its weight beside a metric and without one."""

    sign: int
    with_metric: float
    alone: float


@dataclass(frozen=True)
class Deals:
    """Verbs of winning and what is won: `received, after long talks, an order`; `window` counts tokens."""

    weight: float
    window: int
    verbs: frozenset[str]
    nouns: frozenset[str]


@dataclass(frozen=True)
class WordList:
    """What each word does. `phrases` maps a first word to (phrase, weight), longest phrase first."""

    version: str
    rules: Rules
    directions: Mapping[str, Direction]
    metrics: Mapping[str, int]
    polar: Mapping[str, float]
    phrases: Mapping[str, tuple[tuple[tuple[str, ...], float], ...]]
    deals: Deals
    negators: frozenset[str]
    comparison_words: frozenset[str]
    boundaries: frozenset[str]

    @classmethod
    def parse(cls, content: bytes) -> "WordList":
        """From the JSON file. Raises ValueError or KeyError for a file that is none of ours."""
        data: dict[str, Any] = json.loads(content)
        if data["schema_version"] != 1:
            raise ValueError(f"word list of schema {data['schema_version']}, expected 1")
        directions: dict[str, Direction] = {}
        for group in data["directions"]:
            direction = Direction(group["sign"], group["with_metric"], group["alone"])
            directions |= dict.fromkeys(_forms(group), direction)
        return cls(
            version=data["version"],
            rules=Rules(**data["rules"]),
            directions=directions,
            metrics={word: group["sign"] for group in data["metrics"] for word in _forms(group)},
            polar={word: group["weight"] for group in data["polar"] for word in _forms(group)},
            phrases=_phrases(data["phrases"]),
            deals=_deals(data["deals"]),
            negators=frozenset(data["negators"].split()),
            comparison_words=frozenset(data["comparison_words"].split()),
            boundaries=frozenset(data["boundaries"].split()),
        )

    def __len__(self) -> int:
        """Entries, each form of a word counted."""
        return (
            len(self.directions.keys() | self.metrics.keys() | self.polar.keys())
            + sum(len(found) for found in self.phrases.values())
            + len(self.negators)
        )


def _forms(group: Mapping[str, Any]) -> list[str]:
    found: list[str] = group.get("words", "").split()
    for verb in group.get("verbs", "").split():
        found += verb_forms(verb)
    for noun in group.get("nouns", "").split():
        found += [noun, _with_s(noun)]
    return found


def _deals(group: Mapping[str, Any]) -> Deals:
    return Deals(
        weight=group["weight"],
        window=group["window"],
        verbs=frozenset(_forms({"verbs": group["verbs"]})),
        nouns=frozenset(_forms({"nouns": group["nouns"]})),
    )


def verb_forms(written: str) -> list[str]:
    """`climb` → climb, climbs, climbed, climbing. `drop~` doubles its last letter; `fall/fell/fallen` is irregular."""
    base, *irregular = written.removesuffix("~").split("/")
    stem = base + base[-1] if written.endswith("~") else base
    if base.endswith("e") and not base.endswith("ee"):
        stem = base[:-1]
    past = irregular or [base[:-1] + "ied" if _ends_in_consonant_y(base) else stem + "ed"]
    return list(dict.fromkeys([base, _with_s(base), *past, stem + "ing"]))


def _with_s(word: str) -> str:
    if _ends_in_consonant_y(word):
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "z", "ch", "sh")) else "s")


def _ends_in_consonant_y(word: str) -> bool:
    return word.endswith("y") and len(word) > 1 and word[-2] not in _VOWELS


def _phrases(groups: Iterable[Mapping[str, Any]]) -> dict[str, tuple[tuple[tuple[str, ...], float], ...]]:
    found: dict[str, list[tuple[tuple[str, ...], float]]] = {}
    for group in groups:
        for phrase in group["phrases"].split(";"):
            words = tuple(phrase.replace("-", " ").split())
            found.setdefault(words[0], []).append((words, group["weight"]))
    return {first: tuple(sorted(each, key=lambda item: -len(item[0]))) for first, each in found.items()}
