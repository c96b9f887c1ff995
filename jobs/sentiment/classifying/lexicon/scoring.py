"""How financial words act on each other: direction on metric, negation, the comparison of two figures."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from .relief import relief_findings
from .tokens import Token, tokenize
from .wordlist import WordList

_FIGURE_GAP = 14  # tokens on either side of `from` or `compared` within which a figure belongs to it
_METRIC_GAP = 14  # tokens between a figure and what it measures
_QUESTION_FACTOR = 0.5


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
    if any(token.text == "?" for token in tokens):
        total *= _QUESTION_FACTOR
    return total / math.sqrt(max(length, words.rules.fewest_tokens))


def score_part(tokens: Sequence[Token], places: Collection[int], words: WordList) -> float:
    """The tone of the tokens at some places, with the rules of relief: of the clauses that speak of one company."""
    length = sum(1 for at in places if not tokens[at].ends_clause)
    if not length:
        return 0.0
    total = sum(finding.value for finding in find(tokens, words, relief=True) if finding.at in places)
    if any(token.text == "?" for token in tokens):
        total *= _QUESTION_FACTOR
    return total / math.sqrt(max(length, words.rules.fewest_tokens))


def find(tokens: Sequence[Token], words: WordList, *, relief: bool = False) -> list[Finding]:
    """Everything the rules see, in order of the rules."""
    clauses = _clauses(tokens, words)
    taken = [False] * len(tokens)
    eased: list[Finding] = []
    if relief:
        relief_findings(tokens, words, taken, lambda at, value: eased.append(Finding(at, value)))
    found = _phrase_findings(tokens, words, taken)
    found += _comparison_findings(tokens, words, taken)
    found += _deal_findings(tokens, words, clauses, taken)
    found += _word_findings(tokens, words, clauses, taken)
    return eased + [
        Finding(each.at, each.value * _negation(tokens, each.at, words, taken)) for each in found if each.value
    ]


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
                tokens[at + offset].text == word and not taken[at + offset] for offset, word in enumerate(phrase)
            ):
                step = len(phrase)
                taken[at : at + step] = [True] * step
                found.append(Finding(at, weight))
                break
        at += step
    return found


def _comparison_findings(tokens: Sequence[Token], words: WordList, taken: list[bool]) -> list[Finding]:
    """`profit rose to 13.1 mn from 8.7 mn`: the figures decide, the metric says for whom; direction words are taken."""
    found: list[Finding] = []
    for at, token in enumerate(tokens):
        if token.text not in words.comparison_words:
            continue
        figures = _from_to(tokens, at) or _new_and_old(tokens, at)
        if figures is None:
            continue
        new, old = figures
        metric = _last_metric(tokens, min(at, new), words)
        sign = _sign_of_change(tokens[new], tokens[old])
        if metric is None:
            continue
        good = words.metrics[tokens[metric].text]
        turned = {words.metrics.get(token.text, good) for token in tokens[at + 1 : old]} - {good}
        effect = good if turned else sign * good  # "a profit of 2 mn against a loss of 3 mn": the figures don't matter
        if not effect:
            continue
        found.append(Finding(at, effect * words.rules.comparison_weight))
        for place in range(max(0, metric - 2), max(new, old)):
            if tokens[place].text in words.directions:
                taken[place] = True
        taken[metric] = True
    return found


def _from_to(tokens: Sequence[Token], at: int) -> tuple[int, int] | None:
    """`from 10 to 12`: places of the new figure and the old one."""
    if tokens[at].text != "from":
        return None
    old = _figure(tokens, at, 1)
    if old is None:
        return None
    for place in range(old + 1, min(old + 3, len(tokens) - 1)):
        if tokens[place].text == "to":
            new = _figure(tokens, place, 1, farthest=3)
            return None if new is None else (new, old)
    return None


def _new_and_old(tokens: Sequence[Token], at: int) -> tuple[int, int] | None:
    """`12 in the quarter, compared to 10`: places of the new figure and the old one."""
    new, old = _figure(tokens, at, -1), _figure(tokens, at, 1)
    return None if new is None or old is None else (new, old)


def _sign_of_change(new: Token, old: Token) -> int:
    if new.value is None or old.value is None or new.percent != old.percent:
        return 0
    return (new.value > old.value) - (new.value < old.value)


def _figure(tokens: Sequence[Token], start: int, step: int, farthest: int = _FIGURE_GAP) -> int | None:
    """The nearest figure in one direction that is no year and not in brackets (those repeat it in another currency)."""
    depth = 0
    for distance in range(1, farthest + 1):
        place = start + step * distance
        if not 0 <= place < len(tokens):
            return None
        token = tokens[place]
        if token.text in "()":
            depth += step if token.text == "(" else -step
        elif depth == 0 and token.value is not None and not _is_year(token):
            return place
    return None


def _is_year(token: Token) -> bool:
    return token.value is not None and not token.percent and token.value.is_integer() and 1980 <= token.value <= 2060


def _last_metric(tokens: Sequence[Token], before: int, words: WordList) -> int | None:
    for place in range(before - 1, max(-1, before - _METRIC_GAP), -1):
        if tokens[place].text in words.metrics:
            return place
    return None


def _deal_findings(
    tokens: Sequence[Token], words: WordList, clauses: Sequence[int], taken: list[bool]
) -> list[Finding]:
    """`won a 24 mn contract`: a verb of winning, and what is won some words later or just before (`order received`)."""
    found: list[Finding] = []
    for at, token in enumerate(tokens):
        if taken[at] or token.text not in words.deals.verbs:
            continue
        for place in (*range(at + 1, at + 1 + words.deals.window), at - 1, at - 2, at - 3):
            if (
                0 <= place < len(tokens)
                and clauses[place] == clauses[at]
                and not taken[place]
                and tokens[place].text in words.deals.nouns
            ):
                found.append(Finding(at, words.deals.weight))
                taken[at] = taken[place] = True
                break
    return found


def _word_findings(
    tokens: Sequence[Token], words: WordList, clauses: Sequence[int], taken: list[bool]
) -> list[Finding]:
    found: list[Finding] = []
    measured: set[int] = set()  # "losses narrow": the loss is no bad word of its own
    for at, token in enumerate(tokens):
        direction = None if taken[at] else words.directions.get(token.text)
        if direction is None:
            continue
        metric = _nearest_metric(tokens, at, words, clauses, taken)
        if metric is None:
            found.append(Finding(at, direction.sign * direction.alone))
        else:
            found.append(Finding(at, direction.sign * words.metrics[tokens[metric].text] * direction.with_metric))
            measured.add(metric)
    for at, token in enumerate(tokens):
        if taken[at] or at in measured:
            continue
        if token.signed and token.percent and token.value:
            found.append(Finding(at, math.copysign(words.rules.signed_percent_weight, token.value)))
        elif token.text in words.polar and token.text not in words.directions:
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
