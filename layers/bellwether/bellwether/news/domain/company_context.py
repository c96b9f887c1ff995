"""Whether a word that is also a name or a symbol means the company: evidence from the words around it."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_ASCII_WORD = re.compile(r"[^\W_]+(?:[&.'\-][^\W_]+)*|&")
_WORD = re.compile(r"(?:[^\W_][\u0300-\u036f]*)+(?:[&.'’\-](?:[^\W_][\u0300-\u036f]*)+)*|&")
_HEADING = re.compile(r"\s?:\s|\s[-–—]\s|,\s[A-Z]")  # "Visa: a stock to own", "Meta, TikTok sued"
_PERCENT_MOVE = re.compile(r"\s[+\-\u2212\u2013]\d[\d.,]*\s?%")  # "Lucid -3%"
_EXCHANGE = re.compile(r"\s\((?:NYSE|NASDAQ|Nasdaq)\b")
SHORTEST_BARE = 3  # letters of a symbol that counts beside words of business
_LONG = 4  # letters: a title in capitals writes shorter words small


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_AFTER_COMPANY = _set("""
    stock stocks share shares shareholder shareholders investor investors earnings results revenue profit inc corp
    corporation co ltd plc ceo cfo chief executive dividend options calls puts q1 q2 q3 q4 guidance outlook
    valuation analyst analysts price ipo layoffs lawsuit stores workers employees beats misses says said unveils
    announces reports posts raise raises cut cuts hires appoints names upgraded downgraded soars surge surges jump
    jumps rally rallies rise rises gains climb climbs drop drops fall falls slips slides slumps sinks tumbles
    plunges declines acquires buys sells expands completes launch launches schedules wins signs partners plans
    agrees hits opens closes files declares
    sales customers users passengers shoppers drivers advertisers executives dealers suppliers store plant plants
    trucks truck cars vehicles vehicle ev evs suv pickup pickups flights flight fares lounge cards premiums claims loans
    deposits apps glasses headset software bookings volumes shipments deliveries engineers technicians mechanics
    adr adrs ads coo president chairman founder boss board bonds pilots dealers factory factories warehouse
    warehouses app jets margins buyback
""")
_AFTER_SYMBOL = frozenset({"stock", "options", "calls", "puts", "shares"})
_QUARTERS = frozenset({"q1", "q2", "q3", "q4"})
_BEFORE_COMPANY = _set("""
    ticker symbol nyse nasdaq bank retailer chipmaker drugmaker automaker carmaker airline insurer lender biotech
    startup giant rival owner
""")
_PLANNED = _set("report present announce acquire participate host release buy sell launch open close cut")
_OF = _set("shares stake stock shareholders investors units downgrade upgrade")
_BETWEEN = frozenset({"of", "in", "for", "on"})

# What companies do. The third person and the past count after a name ("Ford recalls"), all forms after "to", "will" …
_BUSINESS_VERBS = _set("""
    accuse acquire add adjust affirm agree aim announce appeal appoint approve ask authorize avoid back ban beat begin
    bet book boost bow build buy cancel cede choose clarify clinch close collaborate complete confirm consider
    continue create curb cut debut decide declare defend delay delist deliver deny deploy develop dip discontinue
    dismiss disclose dive double downgrade drop earn edge eliminate enter exit expand expect explore extend face fail
    fall file finish fire follow forecast gain get give grow guide halt hike hire hit idle import increase initiate
    integrate introduce invest issue join jump keep land launch lay lead leap leave lift list loosen lose lower
    make merge miss move name near negotiate offer open order outline outperform outsell overtake own partner pause
    pay phase pick plan pledge plummet plunge poach post prepare present price process promote propose pull pump raise
    rally reach rebound recall recover reduce refuse regain reiterate reject relaunch release remove reopen replace
    report restart restate restructure resume retain return reveal revise revive roll rollout say scrap secure see
    seek sell separate set settle shake shed shelve shift shrug shut shutter sign sink skip slash slide slip slow slump
    soar spend spike split sponsor start stop strike struggle stumble sue suffer surge surpass suspend
    swing take tap team tell test
    top trail trim triple tumble tweak unload unveil upgrade urge use vow warn weigh win withdraw won work
    wow write
""")
_IRREGULAR = _set("""
    beat bet bought built chose cut fell gave got grew hit held kept laid left lost made met paid put rose said sank
    saw shed shut sold sought spent split swung took told went won wrote
""")
_AUXILIARIES = _set("is was has had will would could may might can should must isnt wont")
_ADVERBS = _set("again also now still just once finally not soon further reportedly set")
_PERIODS = _set("""
    quarterly annual fiscal full-year half-year third-quarter first-quarter fourth-quarter second-quarter first-half
    second-half quarter full
""")
_STATES = _set("cautious upbeat bullish bearish optimistic confident among")
_UNDER = {"under": _set("fire pressure investigation scrutiny review"), "in": _set("talks focus trouble")}
_OBJECT_VERBS = _set("""
    dumps trims adds sells buys exits
    upgrade upgrades upgraded downgrade downgrades downgraded sue sues sued fine fines fined probes probed accuses
    accused acquires acquire acquiring joins beats outsells overtakes poaches
    hits forces urges orders asks tells overtake likes prefers buy sell own short
""")
_BY_AT = _set("against at by unlike")
_WITH_BEFORE = _set("""
    deal deals partners partnership pact contract talks merger agreement teams works feud dispute fight battle lawsuit
    settles contracts competes ties sides
""")
_FROM_BEFORE = _set("order orders contract contracts executive exec investment researchers stake hires")
_FUNCTION_WORDS = _set("""
    in over on to as after for amid with and or at by before from is was despite into of without about since while under
    during than because through until between against
""")
_NOT_VERBS = _set("""
    rules prices cases dates trades talks workers homes years members voters calls holders states towns cities games
    shows leaders banks rates states ideas plants dreams hopes points systems stocks bonds funds firms companies
    schools roads houses zones levels goals practices lists types variants strains talks seekers applicants
    fees issues services benefits elections polls parties groups systems benefits decisions options checks chargers
    analyses materials parts tags insights less across versus news series towards
""")
_DETERMINERS = _set("""
    the a an its this that their his her your our my each every no any some new old all more first next common
    student work tourist business air
""")
_COMPLEMENTS = _set("a the still too undervalued overvalued worth stock now really getting")
_QUESTION_WORDS = _set("why can is will how what should does as after if when could did has was here's where watch")


@dataclass(frozen=True)
class Word:
    """A word of a text; `key` is what names are compared by: no case, no accents, no dots, no possessive."""

    text: str
    key: str
    start: int
    end: int
    possessive: bool


def words_of(text: str) -> list[Word]:
    """The words with their places."""
    found = []
    for match in (_ASCII_WORD if text.isascii() else _WORD).finditer(text):
        key = match[0].replace("’", "'").casefold()
        possessive = key.endswith("'s") or text[match.end() : match.end() + 1] in {"'", "’"}
        found.append(Word(match[0], _key(key), *match.span(), possessive))
    return found


def _key(word: str) -> str:
    if not word.isascii():
        word = "".join(letter for letter in unicodedata.normalize("NFKD", word) if not unicodedata.combining(letter))
    word = word.removesuffix("'s").replace(".", "").replace("'", "")
    return "and" if word == "&" else word


def keys_of(name: str) -> tuple[str, ...]:
    """The keys of a name's words."""
    return tuple(word.key for word in words_of(name))


def in_company(words: Sequence[Word], place: int, length: int, *, strict: bool = False) -> bool:
    """Whether the words around belong to a company: `X stock`, `X's earnings`, `shares of X`.

    `strict`, for symbols that are words: `IT shares`, `A stock` and `ALL stocks` are none, `CAT stock` and `DECK's
    sales` are. Of one or two letters only marked ones are believed: `A Stock to Buy`, `AI Stock Jumps`.
    """
    if strict and len(words[place].key) < SHORTEST_BARE:
        return False
    following = _key_at(words, place + length)
    before, earlier = _key_at(words, place - 1), _key_at(words, place - 2)
    if before in _BEFORE_COMPANY or (before in _BETWEEN and earlier in _OF):
        return True
    possessive = words[place + length - 1].possessive
    if strict:
        return possessive or following in _AFTER_SYMBOL - {"shares"} or following in _QUARTERS
    if following == "to" and _key_at(words, place + length + 1) in _PLANNED:
        return True
    return possessive or following in _AFTER_COMPANY


def acts_as_company(text: str, words: Sequence[Word], place: int, length: int, *, brand: bool = False) -> bool:
    """Whether a name that is also a word stands where a company stands.

    It does something that companies do (`Ford recalls`, `Target to close`), something is done to it (`sues Adobe`,
    `against Visa`), or it is a capitalised name inside a sentence in small letters (`merchants return to Target`).
    A `brand` that starts the text is also believed before any word that looks like a verb (`Meta ponders …`).
    """
    if _key_at(words, place - 1) in _DETERMINERS:
        return False
    return (
        _does_business(text, words, place, length)
        or _is_acted_on(text, words, place, length)
        or _is_proper_noun(text, words, place, length)
        or (brand and place == 0 and _looks_like_subject(text, words, length))
        or (brand and place == 0 and _HEADING.match(text, words[length - 1].end) is not None)
        or _EXCHANGE.match(text, words[place + length - 1].end) is not None
        or _PERCENT_MOVE.match(text, words[place + length - 1].end) is not None
        or (_key_at(words, place - 1) == "is" and place == 1 and _key_at(words, place + length) in _COMPLEMENTS)
    )


def _does_business(text: str, words: Sequence[Word], place: int, length: int) -> bool:
    after = place + length
    while (key := _key_at(words, after)) in _ADVERBS or (key.endswith("ly") and key not in _PERIODS):
        after += 1
    if after >= len(words) or not _joined(text, words[place + length - 1], words[place + length]):
        return False
    later = _key_at(words, after + 1)
    if key in _THIRD_PERSON_AND_PAST or later in _UNDER.get(key, ()):
        return True
    if (key in _PERIODS and not place) or key in _STATES:
        return True
    if key in {"up", "down"} and later.isdigit():
        return True
    if key != "to" and key not in _AUXILIARIES:
        return False
    after += 1
    while (key := _key_at(words, after)) in _ADVERBS or key.endswith("ly"):
        after += 1
    return key in _ALL_FORMS or (key == "be" and place == 1 and _key_at(words, 0) in _QUESTION_WORDS)


def _looks_like_subject(text: str, words: Sequence[Word], length: int) -> bool:
    """`Meta ponders a ban`, not `Visa queues grow`: a plural noun would be followed by its own verb."""
    if not _continues(text, words, length - 1):
        return False
    following, later = _key_at(words, length), _key_at(words, length + 1)
    if len(following) < 4 or not following.endswith("s") or following.endswith(("ss", "us", "is")):
        return False
    return not (
        following in _NOT_VERBS
        or later in _AUXILIARIES
        or later == "are"
        or (later in _ALL_FORMS - _THIRD_PERSON_AND_PAST and later != "back")
        or later.endswith("ed")
    )


def _is_acted_on(text: str, words: Sequence[Word], place: int, length: int) -> bool:
    before, earlier = _key_at(words, place - 1), _key_at(words, place - 2)
    if not place or not _joined(text, words[place - 1], words[place]):
        return False
    if before in _OBJECT_VERBS:
        return not _continues(text, words, place + length - 1) or _key_at(words, place + length) in _FUNCTION_WORDS
    if (
        before in _BY_AT
        or (before == "with" and earlier in _WITH_BEFORE)
        or (before == "from" and earlier in _FROM_BEFORE)
    ):
        return not _continues(text, words, place + length - 1) or _key_at(words, place + length) in _FUNCTION_WORDS
    return False


def _is_proper_noun(text: str, words: Sequence[Word], place: int, length: int) -> bool:
    word = words[place]
    if not place or not word.text[0].isupper() or word.text.isupper() or not _in_sentence_case(words, place, length):
        return False
    last = words[place + length - 1]
    before = words[place - 1]
    if not _joined(text, before, word, marks=","):
        return False  # the first word of another sentence
    if (
        _joined(text, before, word)
        and before.text[0].isupper()
        and not before.possessive
        and not (place == 1 and before.key in _QUESTION_WORDS)
    ):
        return False  # a part of a longer name: Harrison Ford, Niger Delta
    return not (_continues(text, words, place + length - 1) and words[place + length].text[0].isupper()) or (
        last.possessive
    )


def _in_sentence_case(words: Sequence[Word], place: int, length: int) -> bool:
    long = [
        each.text[0].islower()
        for index, each in enumerate(words)
        if index and not place <= index < place + length and len(each.text) >= _LONG and each.key not in _FUNCTION_WORDS
    ]
    return any(long) and 2 * sum(long) >= len(long)


def _continues(text: str, words: Sequence[Word], last: int) -> bool:
    """Whether another word follows without a mark between."""
    return last + 1 < len(words) and _joined(text, words[last], words[last + 1])


def _joined(text: str, left: Word, right: Word, marks: str = "") -> bool:
    return text[left.end : right.start].strip(f" ’'{marks}") == ""


def _key_at(words: Sequence[Word], place: int) -> str:
    return words[place].key if 0 <= place < len(words) else ""


def _forms(verb: str) -> tuple[str, str, str]:
    """Third person, past, and form in -ing; `cut` doubles its last letter."""
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ies", verb[:-1] + "ied", verb + "ing"
    third = verb + ("es" if verb.endswith(("s", "x", "z", "ch", "sh", "go")) else "s")
    if verb.endswith("e") and not verb.endswith("ee"):
        return third, verb + "d", verb[:-1] + "ing"
    doubles = verb[-1] in "bdgmnpt" and verb[-2] in "aeiou" and len(verb) < 5 and verb[-3] not in "aeiou"
    doubled = verb + verb[-1] if doubles else verb
    return third, doubled + "ed", doubled + "ing"


_THIRD_PERSON_AND_PAST = (
    _IRREGULAR | {form for verb in _BUSINESS_VERBS for form in _forms(verb)[:2]} | _set("lays goes")
)
_ALL_FORMS = _BUSINESS_VERBS | _THIRD_PERSON_AND_PAST | {_forms(verb)[2] for verb in _BUSINESS_VERBS}
