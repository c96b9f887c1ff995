"""How financial words act on each other: direction on metric, negation, the comparison of two figures."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .tokens import Token, tokenize
from .wordlist import WordList

_FIGURE_GAP = 6  # tokens between the two figures of a comparison


@dataclass(frozen=True)
class Finding:
    """What a rule saw at a token; the findings' values add up."""

    at: int
    value: float


def score(text: str, words: WordList) -> float:
    """The tone of a headline: above the cut positive, below its negative negative, about -1.5 to 1.5."""
    tokens = tokenize(text)
    length = sum(1 for token in tokens if not token.ends_clause)
    if not length:
        return 0.0
    total = sum(finding.value for finding in find(tokens, words))
    return total / math.sqrt(max(length, words.rules.fewest_tokens))


def find(tokens: Sequence[Token], words: WordList) -> list[Finding]:
    """Everything the rules see, in order of the rules."""
    clauses = _clauses(tokens, words)
    taken = [False] * len(tokens)
    found = _phrase_findings(tokens, words, taken)
    found += _comparison_findings(tokens, words, clauses, taken)
    found += _word_findings(tokens, words, clauses, taken)
    return [Finding(each.at, each.value * _negation(tokens, each.at, words, taken)) for each in found if each.value]


def _clauses(tokens: Sequence[Token], words: WordList) -> list[int]:
    """The number of the clause that each token is in."""
    numbers: list[int] = []
    current = 0
    for token in tokens:
        if token.ends_clause or token.text in words.boundaries:
            current += 1
        numbers.append(current)
    return numbers


def _phrase_findings(tokens: Sequence[Token], words: WordList, taken: list[bool]) -> list[Finding]:
    found: list[Finding] = []
    at = 0
    while at < len(tokens):
        step = 1
        for phrase, weight in words.phrases.get(tokens[at].text, ()):
            if len(phrase) <= len(tokens) - at and all(
                tokens[at + offset].text == word for offset, word in enumerate(phrase)
            ):
                step = len(phrase)
                taken[at : at + step] = [True] * step
                found.append(Finding(at, weight))
                break
        at += step
    return found


def _comparison_findings(
    tokens: Sequence[Token], words: WordList, clauses: Sequence[int], taken: list[bool]
) -> list[Finding]:
    """`profit rose to 13.1 mn from 8.7 mn`: the figures decide, the metric says for whom; direction words are taken."""
    found: list[Finding] = []
    for at, token in enumerate(tokens):
        if token.text not in words.comparison_words:
            continue
        before = _figure(tokens, at, -1)
        after = _figure(tokens, at, 1)
        if before is None or after is None:
            continue
        new, old = tokens[before], tokens[after]
        if new.value is None or old.value is None or new.value == old.value or new.percent != old.percent:
            continue
        metric = _last_metric(tokens, before, words)
        if metric is None:
            continue
        sign = 1 if new.value > old.value else -1
        found.append(Finding(at, sign * words.metrics[tokens[metric].text] * words.rules.comparison_weight))
        for place in range(metric, after):
            if tokens[place].text in words.directions:
                taken[place] = True
    return found


def _figure(tokens: Sequence[Token], start: int, step: int) -> int | None:
    for distance in range(1, _FIGURE_GAP + 1):
        place = start + step * distance
        if not 0 <= place < len(tokens):
            return None
        value = tokens[place].value
        if value is not None and not _is_year(tokens[place]):
            return place
    return None


def _is_year(token: Token) -> bool:
    return token.value is not None and not token.percent and token.value.is_integer() and 1980 <= token.value <= 2060


def _last_metric(tokens: Sequence[Token], before: int, words: WordList) -> int | None:
    for place in range(before - 1, max(-1, before - 12), -1):
        if tokens[place].text in words.metrics:
            return place
    return None


def _word_findings(
    tokens: Sequence[Token], words: WordList, clauses: Sequence[int], taken: list[bool]
) -> list[Finding]:
    found: list[Finding] = []
    for at, token in enumerate(tokens):
        if taken[at]:
            continue
        direction = words.directions.get(token.text)
        if direction is not None:
            metric = _nearest_metric(tokens, at, words, clauses, taken)
            if metric is None:
                found.append(Finding(at, direction.sign * direction.alone))
            else:
                sign = words.metrics[tokens[metric].text]
                found.append(Finding(at, direction.sign * sign * direction.with_metric))
        elif token.signed and token.percent and token.value:
            found.append(Finding(at, math.copysign(words.rules.signed_percent_weight, token.value)))
        elif token.text in words.polar:
            found.append(Finding(at, words.polar[token.text]))
    return found


def _nearest_metric(
    tokens: Sequence[Token], at: int, words: WordList, clauses: Sequence[int], taken: Sequence[bool]
) -> int | None:
    for distance in range(1, words.rules.window + 1):
        for place in (at - distance, at + distance):
            if (
                0 <= place < len(tokens)
                and clauses[place] == clauses[at]
                and not taken[place]
                and tokens[place].text in words.metrics
                and tokens[place].text not in words.directions
            ):
                return place
    return None


def _negation(tokens: Sequence[Token], at: int, words: WordList, taken: Sequence[bool]) -> float:
    for place in range(at - 1, max(-1, at - 1 - words.rules.negation_window), -1):
        if tokens[place].ends_clause:
            break
        if tokens[place].text in words.negators and not taken[place]:
            return words.rules.negation_factor
    return 1.0
