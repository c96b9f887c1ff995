"""Bad news that eases and good news that fades: `losses narrow`, `growth slows`, `sales drop less than expected`.

These rules run before the others and take their words, so that no word counts twice.
"""

from collections.abc import Callable, Sequence

from .tokens import Token
from .wordlist import WordList

_GAP = 4  # words between what is bad and what becomes of it
_EXPECTED_GAP = 8  # words that a denied expectation reaches


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_BAD_TREND = _set("""
    decline declines drop drops fall falls loss losses slump slide slowdown outflows deficit decrease downturn
    burn cancellations delays defaults debt costs weakness shortage shortages
""")
_EASES = _set("""
    slow slows slowed slowing ease eases eased easing narrow narrows narrowed narrowing end ends ended ending
    shrink shrinks shrank shrinking moderate moderates moderated moderating abate abates abated bottom bottoms
    bottomed halve halves halved
""")
_DEEPENS = _set("""
    deepen deepens deepened deepening widen widens widened widening worsen worsens worsened worsening mount
    mounts mounted balloon balloons ballooned accelerate accelerates accelerated
""")
_GOOD_TREND = _set("turnaround rebound comeback growth recovery momentum rally boom expansion demand")
_FADES = _set("""
    slow slows slowed slowing stall stalls stalled stalling fade fades faded fading cool cools cooled cooling
    evaporate evaporates fizzle fizzles sputter sputters falter falters faltered fizzled
""")
_CUTTERS = _set("""
    cut cuts reduce reduces reduced trim trims trimmed lower lowers lowered narrow narrows narrowed halve halves
    slash slashes shrink shrinks pare pares fewer less
""")
_CUT_BAD = _set("loss losses debt costs expenses deficit cancellations delays defaults complaints burn")
_GROWERS = _set("increase increases increased raise raises raised")
_GROWN_BAD = _set("provision provisions losses costs")
_FREES = _set("""
    escape escapes escaped avoid avoids avoided avert averts averted dodge dodges dodged deny denies denied exit
    exits exited emerge emerges emerged
""")
_FREED_FROM = _set("""
    bankruptcy default strike layoffs recall shutdown recession insolvency lawsuit fine penalty ban delisting
    downgrade fraud
""")
_CLEARS = _set("""
    drop drops dropped dismiss dismisses dismissed lift lifts lifted end ends ended scrap scraps scrapped throws
    threw thrown tosses tossed rejects rejected overturn overturns overturned close closes closed withdraw
    withdraws withdrew quash quashes
""")
_CLEARED = _set("""
    probe suit suits lawsuit lawsuits ban bans charges investigation case claim claims grounding curbs sanctions
    fine penalty tariffs recall injunction
""")
_EXPECT = _set("expect expects expected expecting forecast forecasts see sees seen")
_LESS = _set("less smaller milder slower narrower fewer")
_EXPECTATIONS = _set("expected feared forecast estimated thought predicted")
_RECOVERS = _set("recover recovers recovered recovering rebound rebounded improve improved")
_TROUBLE = _set("problem problems worry worries threat harm damage impact risk")
_ACQUITTED = _set("cleared acquitted absolved exonerated")
_DENIES = _set("deny denies denied refute refutes rejects dismisses")
_REPORTS = _set("report reports rumor rumors rumour rumours claim claims allegations speculation talk")
_SHRUGS = _set("shrug shrugs shrugged")
_GOOD = _set("profit recovery growth deal improvement rebound approval order orders")
_BEATS = _set("beat beats tops top exceeds exceed surpasses")
_EXPECTATION_NOUNS = _set("expectations estimates forecasts forecast guidance consensus")


def relief_findings(
    tokens: Sequence[Token], words: WordList, taken: list[bool], finding: Callable[[int, float], None]
) -> None:
    """Report each relief or fading with its place and value; marks the tokens that it took."""
    for at in range(len(tokens)):
        if not taken[at]:
            value_and_end = _at(tokens, at, words)
            if value_and_end is not None:
                value, end = value_and_end
                finding(at, value)
                taken[at:end] = [True] * (end - at)


def _at(tokens: Sequence[Token], at: int, words: WordList) -> tuple[float, int] | None:
    text = tokens[at].text
    after = tokens[at + 1].text if at + 1 < len(tokens) else ""
    if text == "stop" and after in {"loss", "losses"}:
        return None
    if at and tokens[at - 1].text == "stop":
        return None
    for starts, ends, value, gap in _PAIRS:
        if text in starts:
            end = _find(tokens, at, ends, gap)
            if end is not None:
                return value, end + 1
    if text in words.directions and (found := _less_than_expected(tokens, at, words)) is not None:
        return found
    if (text == "no" and after == "longer") or (text == "not" and after in _EXPECT):
        return _denied_expectation(tokens, at, words)
    if text in {"fails", "failed", "fail"} and after == "to":
        return -1.0, _end_of_clause(tokens, at + 2, _GAP)
    if text in {"never", "not"} and after in _RECOVERS:
        return -1.0, at + 2
    if text == "no" and after in _TROUBLE:
        return 0.9, at + 2
    if text in _ACQUITTED and after == "of":
        return 0.9, _end_of_clause(tokens, at + 2, _GAP)
    if text in _DENIES and after in _REPORTS:
        return 0.9, _end_of_clause(tokens, at + 2, _GAP)
    if text == "to" and after == "junk":
        return -1.2, at + 2
    if after == "junk" and text == "from":
        return 1.2, at + 2
    if text == "out" and after == "of" and at + 2 < len(tokens) and tokens[at + 2].text == "junk":
        return 1.2, at + 3
    if (text == "no" and after in {"nearer", "closer", "sign", "single"}) or (text == "not" and after == "a"):
        end = _find(tokens, at, _GOOD, 5)
        return None if end is None else (-1.0, end + 1)
    if text in _SHRUGS and after == "off":
        return 0.8, min(at + 5, len(tokens))
    if text in {"lack"} and after == "of":
        return -1.0, min(at + 3, len(tokens))
    return None


_PAIRS = (
    (_BEATS, _EXPECTATION_NOUNS, 1.2, 3),
    (_BAD_TREND, _DEEPENS, -1.2, _GAP),
    (_BAD_TREND, _EASES, 1.0, _GAP),
    (_GOOD_TREND, _FADES, -1.0, _GAP),
    (_CUTTERS, _CUT_BAD, 1.0, 2),
    (_GROWERS, _GROWN_BAD, -0.9, 2),
    (_FREES, _FREED_FROM, 1.0, _GAP),
    (_CLEARS, _CLEARED, 1.0, _GAP),
)


def _end_of_clause(tokens: Sequence[Token], start: int, most: int) -> int:
    end = start
    while end < min(start + most, len(tokens)) and not tokens[end].ends_clause:
        end += 1
    return end


def _find(tokens: Sequence[Token], at: int, wanted: frozenset[str], gap: int) -> int | None:
    for place in range(at + 1, min(at + 2 + gap, len(tokens))):
        if tokens[place].ends_clause:
            return None
        if tokens[place].text in wanted:
            return place
    return None


def _less_than_expected(tokens: Sequence[Token], at: int, words: WordList) -> tuple[float, int] | None:
    """`drop less than expected` is relief, `rise less than expected` is none; `than feared` is always relief."""
    for place in range(at + 1, min(at + 6, len(tokens) - 2)):
        if tokens[place].ends_clause:
            return None
        if tokens[place].text not in _LESS:
            continue
        than = next((each for each in (place + 1, place + 2) if tokens[each].text == "than"), None)  # "less steep than"
        if than is not None:
            for end in range(than + 1, min(than + 5, len(tokens))):
                if tokens[end].text in _EXPECTATIONS:
                    feared = tokens[end].text == "feared"
                    sign = 1 if feared else -words.directions[tokens[at].text].sign
                    return float(sign), end + 1
    return None


def _denied_expectation(tokens: Sequence[Token], at: int, words: WordList) -> tuple[float, int] | None:
    """`no longer expects profit to decline` is good news, `not expected to return to profit` is bad."""
    end = _end_of_clause(tokens, at + 2, _EXPECTED_GAP)
    good_for = 1
    for place in range(at + 2, end):
        text = tokens[place].text
        if text in words.directions:
            return -0.9 * words.directions[text].sign * good_for, place + 1
        good_for = words.metrics.get(text, good_for)
    good = next((place for place in range(at + 2, end) if tokens[place].text in _GOOD), None)
    return None if good is None else (-0.9, good + 1)
