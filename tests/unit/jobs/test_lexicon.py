"""The word list's rules: what moves, on what, in which company."""

import time

import pytest

from jobs.sentiment.classifying.lexicon.model import LIMIT_CHARACTERS, LexiconClassifier
from jobs.sentiment.classifying.lexicon.tokens import tokenize
from jobs.sentiment.classifying.lexicon.wordlist import WordList, verb_forms
from tests.places import ROOT

LEXICON = ROOT / "jobs/sentiment/classifying/lexicon/lexicon.json"
WORDS = WordList.parse(LEXICON.read_bytes())
CLASSIFIER = LexiconClassifier(WORDS)


def label(text: str) -> str:
    return CLASSIFIER.classify([text])[0].label


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # the metric decides what a direction means
        ("Profit rises", "positive"),
        ("Costs rise", "negative"),
        ("Losses widen at carmaker", "negative"),
        ("Losses narrow at carmaker", "positive"),
        ("Unemployment drops to lowest in a decade", "positive"),
        ("Demand drops", "negative"),
        # a comparison of figures decides over the words
        ("Operating profit was EUR 13.1 mn compared to EUR 8.7 mn a year ago", "positive"),
        ("Net sales of EUR 49.8 mn, down from EUR 59.9 mn", "negative"),
        ("Interest expenses went from 2.1 mn to 3.4 mn", "negative"),
        ("Net loss of EUR 1.2 mn compared to a profit of EUR 0.4 mn", "negative"),
        ("Profit of EUR 0.4 mn compared to a loss of EUR 1.2 mn", "positive"),
        ("Turnover was 103 mln euro ( $ 130 mln ) compared to 120 mln euro", "negative"),
        # signed figures
        ("Bristol +3% premarket", "positive"),
        ("Okta -2% premarket", "negative"),
        # negation and turning words
        ("Results do not disappoint", "positive"),
        ("Company fails to return to growth", "negative"),
        ("Shares snap losing streak", "positive"),
        # phrases
        ("Chipmaker beats estimates", "positive"),
        ("Broker downgraded to underperform", "negative"),
        ("Miner hits 52-week low", "negative"),
        ("Shipyard wins a large order", "positive"),
        ("Bank to raise Rs 500 crore from bonds", "neutral"),
        # nothing said
        ("Board appoints a new chief financial officer", "neutral"),
        ("Annual report will be published on 4 May", "neutral"),
    ],
)
def test_labels(text: str, expected: str) -> None:
    # Given a headline, when it is classified, then the label is the one a reader would give
    assert label(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\x00\x01\x02\x1b[31m",
        "📈🚀🔥",
        "🚀" * 5000,
        "株価が急落、業績予想を下方修正",
        "Акции выросли на 5%",
        "الأسهم ٣٫٥٪",
        "½ ² ٣ ௧ 𝟗𝟗",
        "9" * 400,
        "9." * 3000,
        "$" * 3000 + "%" * 3000,
        "-+" * 3000,
        "(" * 5000,
        "from " * 1500,
        "profit " * 1500,
        "not " * 1500,
        "a'" * 3000,
        "." * 9000,
    ],
)
def test_hostile_texts_are_classified_at_once(text: str) -> None:
    # Given what no headline is
    begun = time.process_time()
    # When it is classified
    found = CLASSIFIER.classify([text])[0]
    # Then there are probabilities, soon, and what was not read is told
    assert time.process_time() - begun < 15
    assert found.scores.positive + found.scores.neutral + found.scores.negative == pytest.approx(1.0)
    assert found.truncated == (len(text) > LIMIT_CHARACTERS)


def test_neutral_and_tone_meet_at_the_cut() -> None:
    # Given a text without any finding
    scores = CLASSIFIER.scores("The meeting is on Tuesday")
    # When and then: neutral leads, and both tones are equal
    assert scores.neutral > scores.positive == scores.negative


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sales 2.4 mn", [("sales", None), ("#", 2_400_000.0)]),
        ("EUR18.1m", [("#", 18_100_000.0)]),
        ("-2.7%", [("#", -2.7)]),
        ("30-35 levels", [("#", 30.0), ("#", 35.0), ("levels", None)]),
        ("1,234,567", [("#", 1_234_567.0)]),
        ("Rs 2 lakh crore", [("rs", None), ("#", 2e12)]),
        ("won't U.S. company's", [("not", None), ("us", None), ("company", None)]),
        ("see https://t.co/abc #stocks @trader now", [("see", None), ("now", None)]),
    ],
)
def test_tokens(text: str, expected: list[tuple[str, float | None]]) -> None:
    # Given a text, when it is cut into tokens, then words are plain and figures have their unit
    assert [(token.text, token.value) for token in tokenize(text)] == expected


@pytest.mark.parametrize(
    ("written", "forms"),
    [
        ("climb", ["climb", "climbs", "climbed", "climbing"]),
        ("surge", ["surge", "surges", "surged", "surging"]),
        ("drop~", ["drop", "drops", "dropped", "dropping"]),
        ("rally", ["rally", "rallies", "rallied", "rallying"]),
        ("crash", ["crash", "crashes", "crashed", "crashing"]),
        ("fall/fell/fallen", ["fall", "falls", "fell", "fallen", "falling"]),
    ],
)
def test_forms_of_verbs(written: str, forms: list[str]) -> None:
    # Given a verb as the list writes it, when it is spelled out, then all its forms are there
    assert verb_forms(written) == forms


def test_a_word_moves_either_up_or_down() -> None:
    # Given the list as it ships, when words of both directions and both tones are compared, then none is in two camps
    content = LEXICON.read_text(encoding="utf-8")
    again = WordList.parse(content.encode())
    assert len(again) == len(WORDS) > 1000
    assert not {w for w, m in WORDS.metrics.items() if m < 0} & {w for w, v in WORDS.polar.items() if v > 0}
    assert not {w for w, d in WORDS.directions.items() if d.sign > 0} & {w for w, v in WORDS.polar.items() if v < 0}


def test_a_list_of_another_schema_is_refused() -> None:
    # Given a file of the future, when it is read, then its schema is named
    with pytest.raises(ValueError, match="schema 2"):
        WordList.parse(b'{"schema_version": 2}')
