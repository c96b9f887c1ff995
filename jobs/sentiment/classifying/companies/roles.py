"""Who did what to whom: verbs between two companies that give each its own tone ("Goldman downgrades Micron").

Each rule reads the words between two neighbouring names, and where needed those after the second one. `+`, `-` and `0`
are the tones of subject and object; `?` leaves the tone to the clause.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

from .marking import Marked

POSITIVE, NEUTRAL, NEGATIVE = "positive", "neutral", "negative"
_LABELS = {"+": POSITIVE, "0": NEUTRAL, "-": NEGATIVE}
_LINK = (
    r"(?:(?:has|have|had|is|was|are|were|to|will|may|could|would|agrees|agreed|plans|wants|"
    r"set|near|nears|again|also|just|formally|finally|reportedly|officially|says|said|it|"
    r"then|and|now|analysts|analyst) )*"
)
_LONGEST_GAP = 9  # words between two names that a rule reads across


def _verbs(bases: str) -> str:
    """The forms of regular verbs; `base/form/form` lists irregular ones."""
    forms: list[str] = []
    for written in bases.split():
        base, *irregular = written.split("/")
        stem = base.removesuffix("e")
        forms += [base, base + "s", base + "es", *(irregular or [stem + "ed"]), stem + "ing"]
        if base.endswith("y"):
            forms += [base[:-1] + "ies", base[:-1] + "ied"]
        if re.fullmatch(r".*[aeiou][bdgmnpt]", base):
            forms += [base + base[-1] + "ed", base + base[-1] + "ing"]
    return "(?:" + "|".join(sorted(set(forms), key=lambda form: (-len(form), form))) + ")"


_DOWNGRADE = _verbs("downgrade")
_UPGRADE = _verbs("upgrade")
_HARM = _verbs(
    "sue accuse fine drop dump ditch blame slam criticise criticize boycott investigate "
    "probe penalise penalize ban blacklist reject fault oust"
)
_FAVOUR = _verbs("buy/bought acquire pick hire choose/chose/chosen select rescue back favour favor reward praise tap")
_BEAT = "(?:tops|topped|" + _verbs(
    "beat/beaten overtake/overtook/overtaken outsell/outsold outbid outpace outperform "
    "outshine surpass eclipse trounce defeat leapfrog dethrone undercut"
).removeprefix("(?:")
_TRAIL = _verbs("trail lag underperform")
_HELP = _verbs("help lift boost aid buoy cheer")
_HURT = _verbs("hurt/hurt hit/hit dent harm drag weaken squeeze")
_LOWER = _verbs("cut/cut lower slash trim reduce")
_RAISE = _verbs("raise lift up hike boost increase")
_TAKE = _verbs("win/won take/took/taken steal/stole/stolen poach grab gain snatch lure hire")
_LOSE = _verbs("lose/lost cede concede surrender")
_STAKE_BOUGHT = _verbs(
    "buy/bought take/took raise increase acquire build/built up boost add pick disclose hold/held own"
)
_STAKE_SOLD = _verbs("sell/sold cut/cut trim reduce exit offload dump slash pare dispose divest lower")
_KEEP = _verbs("reiterate maintain keep/kept retain reaffirm start initiate begin/began resume rate assume launch")
_RATED = (
    r"(?:price target|target|pt|rating|ratings|estimates|estimate|outlook|forecasts|"
    r"forecast|credit rating|debt|price objective|fair value|eps)\b"
)
_GOOD = r"(?:strong |top )?(?:buy|outperform|overweight|accumulate|add|positive|sector outperform)\b"
_BAD = (
    r"(?:sell|underperform|underweight|reduce|hold|neutral|equal weight|equalweight|"
    r"market perform|in line|junk|negative|sector perform|perform)\b"
)
_WEAK = r"(?:sell|underperform|underweight|reduce|negative)\b"


@dataclass(frozen=True)
class _Rule:
    """`between` has to match all words between subject and object, `after` the beginning of those after the object."""

    between: re.Pattern[str]
    tones: str
    after: re.Pattern[str] | None = None


def _rule(between: str, tones: str, after: str | None = None) -> _Rule:
    return _Rule(re.compile(between), tones, None if after is None else re.compile(after))


_OBJECT_WORDS = (
    r"(?: (?:the|a|an|its|stock|shares|of|at|on|in|rival|smaller|larger|former|chip|credit|debt|supplier|maker))*"
)
_RULES = (
    # ratings
    _rule(rf"{_LINK}{_DOWNGRADE}{_OBJECT_WORDS}", "0-"),
    _rule(rf"{_LINK}{_UPGRADE}{_OBJECT_WORDS}", "0+"),
    _rule(
        rf"{_LINK}{_LOWER}{_OBJECT_WORDS}",
        "0-",
        rf"(?:\S+ ){{0,2}}{_RATED}|to {_BAD}|(?:stock )?to (?:# )?{_BAD}|to junk",
    ),
    _rule(rf"{_LINK}{_RAISE}{_OBJECT_WORDS}", "0+", rf"(?:\S+ ){{0,2}}{_RATED}|to {_GOOD}|(?:out of|from) junk"),
    _rule(rf"{_LINK}{_LOWER} (?:\S+ ){{0,2}}{_RATED} (?:on|for|of)", "0-"),
    _rule(rf"{_LINK}{_RAISE} (?:\S+ ){{0,2}}{_RATED} (?:on|for|of)", "0+"),
    _rule(
        rf"{_LINK}{_KEEP}(?: coverage (?:of|on)| (?:buy|outperform|overweight)(?: rating)? on)?{_OBJECT_WORDS}",
        "0+",
        rf"(?:at |with |as |a )*{_GOOD}",
    ),
    _rule(rf"{_LINK}{_KEEP}(?: coverage (?:of|on))?{_OBJECT_WORDS}", "0-", rf"(?:at |with |as |a )*{_WEAK}"),
    _rule(rf"{_LINK}{_KEEP} (?:buy|outperform|overweight)(?: rating)? (?:on|for)", "0+"),
    _rule(rf"{_LINK}{_KEEP} {_WEAK}(?: rating)? (?:on|for)", "0-"),
    _rule(r"no longer (?:rates|recommends|likes|favors|favours|prefers|backs)", "0-"),
    _rule(rf"{_LINK}(?:drops|ends|suspends|resumes|transfers) coverage (?:of|on)", "00"),
    _rule(rf"{_LINK}(?:removes|drops|cuts|takes)", "0-", r"(?:from|off) (?:\S+ ){0,4}(?:list|picks|ideas)"),
    _rule(
        rf"{_LINK}(?:adds|names|calls|makes|puts)",
        "0+",
        r"(?:to |on |as |a |its |best )*(?:\S+ ){0,3}(?:list|pick|picks)\b",
    ),
    _rule(r"says (?:to )?(?:sell|avoid|short)", "0-"),
    _rule(rf"{_LINK}(?:replaces|to replace|ousts)", "+-", r"in (?:the )?(?:\S+ ){0,2}(?:#|dow|index|nasdaq)"),
    # stakes
    _rule(rf"{_LINK}{_STAKE_SOLD}(?: \S+){{0,4}}", "0-", r"(?:stake|shares|holding|position)\b"),
    _rule(rf"{_LINK}{_STAKE_BOUGHT}(?: \S+){{0,4}}", "0+", r"(?:stake|shares|holding|position)\b"),
    _rule(rf"{_LINK}{_STAKE_SOLD} (?:\S+ ){{0,4}}(?:stake|shares|holding|position) (?:in|of)", "0-"),
    _rule(rf"{_LINK}{_STAKE_BOUGHT} (?:\S+ ){{0,4}}(?:stake|shares|holding|position) (?:in|of)", "0+"),
    # who gets what
    _rule(rf"{_LINK}{_TAKE} (?:\S+ ){{1,6}}(?:from|over|against)", "+-"),
    _rule(rf"{_LINK}(?:wins|won) (?:\S+ )?(?:fight|case|battle|suit|lawsuit|dispute|trial|feud) with", "+-"),
    _rule(rf"{_LINK}{_TAKE} (?:\S+ ){{0,4}}at", "+-", "expense"),
    _rule(rf"{_LINK}{_LOSE} (?:\S+ ){{1,6}}to", "-+"),
    _rule(rf"{_LINK}{_LOSE} to", "-+"),
    _rule(rf"{_LINK}{_TRAIL}(?: behind)?", "-+"),
    _rule(rf"{_LINK}{_BEAT}{_OBJECT_WORDS}", "+-"),
    _rule(
        (
            rf"{_LINK}(?:drops|scraps|abandons|ends|withdraws|pulls|"
            rf"walks away from) (?:\S+ ){{0,4}}(?:bid|offer|deal|takeover|merger|talks) (?:for|to buy|to acquire|"
            rf"with|of)"
        ),
        "0-",
    ),
    _rule(rf"{_LINK}(?:files suit|files lawsuit|wins (?:\S+ )?(?:case|suit|lawsuit|verdict)) (?:against)", "0-"),
    # one acts on the other
    _rule(rf"{_LINK}{_HARM}{_OBJECT_WORDS}", "0-"),
    _rule(rf"{_LINK}{_FAVOUR}{_OBJECT_WORDS}", "0+"),
    _rule(rf"{_LINK}{_HELP}{_OBJECT_WORDS}", "?+"),
    _rule(rf"{_LINK}{_HURT}{_OBJECT_WORDS}", "?-"),
    _rule(r", (?:and )?(?:buys|adds|picks|adds to)", "?+"),
    _rule(r", (?:and )?(?:sells|dumps|trims|exits|cuts)", "?-"),
    _rule(
        rf"{_LINK}(?:\S+ ){{0,4}}(?:order|penalty|case|suit|lawsuit|probe|charges|complaint|fine|action|claim) against",
        "0-",
    ),
    _rule(r"(?:\S+ ){1,6}(?:on|after)", "?0", r"(?:stake|deal|downgrade|upgrade|pact|buyout|investment|tie up)\b"),
    _rule(r"(?:is |a |are )*(?:better|safer|cheaper)(?: \S+)? than", "+-"),
    _rule(rf"{_LINK}(?:puts|keeps|has)", "0+", r"on (?:strong )?buy\b"),
    _rule(rf"{_LINK}(?:sees|expects|bets on|is bullish on|bullish on)(?: \S+){{0,3}}", "0?"),
    # passives
    _rule(rf"{_LINK}(?:{_DOWNGRADE}|{_HARM})(?: (?:\S+ ){{0,4}})? ?(?:by|at)", "-0"),
    _rule(rf"{_LINK}(?:{_UPGRADE}|{_FAVOUR})(?: (?:\S+ ){{0,4}})? ?(?:by|at)", "+0"),
    _rule(rf"{_LINK}(?:cut|lowered) (?:to {_BAD}|(?:\S+ )?{_RATED}) ?(?:by|at)?", "-0"),
    _rule(rf"(?:price )?(?:target|rating|estimates|pt) {_LOWER}(?: \S+){{0,3}} (?:by|at)", "-0"),
    _rule(rf"(?:price )?(?:target|rating|estimates|pt) {_RAISE}d?(?: \S+){{0,3}} (?:by|at)", "+0"),
    _rule(rf"{_LINK}(?:beaten|overtaken|outbid|outsold|undercut|replaced|outperformed) by", "-+"),
    _rule(rf"{_LINK}(?:hurt|hit) by", "-?"),
)
_OPENING = (  # before the first name, without a known subject: an analyst, a judge, a rival
    (re.compile(rf"(?:^|.* ){_DOWNGRADE}(?: the| its)?"), "-"),
    (re.compile(rf"(?:^|.* ){_UPGRADE}(?: the| its)?"), "+"),
    (re.compile(r"(?:.* )?prefer(?:s|red)?"), "+"),
)
_OPENING_TRADES = (  # of a person or a fund: "Cathie Wood buys"
    (re.compile(r"(?:\S+ ){1,4}(?:buys|adds|picks)"), "+"),
    (re.compile(r"(?:\S+ ){1,4}(?:sells|dumps|trims|exits)"), "-"),
)
_OPENING_STAKES = (  # of a fund that is not listed: "Starboard takes stake in"
    (re.compile(rf"(?:\S+ ){{1,4}}{_STAKE_BOUGHT} (?:\S+ ){{0,4}}(?:stake|holding|position) in"), "+"),
    (re.compile(rf"(?:\S+ ){{1,4}}{_STAKE_SOLD} (?:\S+ ){{0,4}}(?:stake|holding|position) in"), "-"),
)
_VERDICT = re.compile(rf"(?:{_DOWNGRADE}|{_UPGRADE})(?: to|$|s?$)")  # "slips as Barclays downgrades"
_OVER = re.compile(r"(?:as \S+ )?(?:over|to|instead of|rather than)")
_SWITCH = re.compile(r"(?:\S+ ){0,4}(?:for|picks|chooses|hires|selects|in favor of|in favour of)")


def roles(marked: Marked) -> dict[str, str]:
    """Labels of the companies whose role is clear; the others are left to their clauses."""
    found = dict.fromkeys(marked.sources, NEUTRAL)
    places = marked.places()
    for place in places:
        if _VERDICT.match(_words(marked, place + 1, place + 3)):
            _note(found, marked.companies[place], "0")
    for index, (subject, object_) in enumerate(pairwise(places)):
        tones = _tones(marked, subject, object_)
        if tones is None:
            continue
        _note(found, marked.companies[subject], tones[0])
        _note(found, marked.companies[object_], tones[1])
        if tones == "0+" and index + 2 < len(places):  # "A picks B over C"
            between = _words(marked, object_ + 1, places[index + 2])
            if _OVER.fullmatch(between):
                _note(found, marked.companies[places[index + 2]], "-")
        if tones == "0-" and index + 2 < len(places):  # "A drops B for C"
            between = _words(marked, object_ + 1, places[index + 2])
            if _SWITCH.fullmatch(between):
                _note(found, marked.companies[places[index + 2]], "+")
    if places and marked.companies[places[0]] not in found:
        opening = _words(marked, 0, places[0])
        for pattern, tone in (*_OPENING, *_OPENING_TRADES, *_OPENING_STAKES):
            if pattern.fullmatch(opening):
                _note(found, marked.companies[places[0]], tone)
                if tone == "+" and len(places) > 1 and _OVER.fullmatch(_words(marked, places[0] + 1, places[1])):
                    _note(found, marked.companies[places[1]], "-")
    return found


def _tones(marked: Marked, subject: int, object_: int) -> str | None:
    if marked.companies[subject] == marked.companies[object_] or object_ - subject - 1 > _LONGEST_GAP:
        return None
    between = _words(marked, subject + 1, object_)
    if not between:
        return None
    after = _words(marked, object_ + 1, object_ + 7)
    for rule in _RULES:
        if rule.between.fullmatch(between) and (rule.after is None or rule.after.match(after)):
            return rule.tones
    return None


def _words(marked: Marked, start: int, end: int) -> str:
    return " ".join("," if token.ends_clause else token.text for token in marked.tokens[start:end])


def _note(found: dict[str, str], company: str, tone: str) -> None:
    if tone in _LABELS:
        found.setdefault(company, _LABELS[tone])
