"""The tone of a headline for each company in it: roles, clauses, relief; and the request that asks for them."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from bench.sentiment import company_tones
from jobs.sentiment import pack
from jobs.sentiment.classifying import requests
from jobs.sentiment.classifying.companies.marking import Marked
from jobs.sentiment.classifying.companies.tones import company_scores
from jobs.sentiment.classifying.errors import RefusedInputError
from jobs.sentiment.classifying.lexicon.model import LexiconClassifier
from jobs.sentiment.classifying.lexicon.wordlist import WordList
from jobs.sentiment.classifying.results import Classification, Scores
from tests.places import ROOT

CLASSIFIER = LexiconClassifier(WordList.parse((ROOT / "jobs/sentiment/classifying/lexicon/lexicon.json").read_bytes()))


class HeadlineModel:
    """A model that reads headlines only, as FinBERT does; it finds each of them positive."""

    def classify(self, texts: Sequence[str]) -> list[Classification]:
        return [Classification(Scores(0.8, 0.1, 0.1), truncated=False) for _ in texts]

    def clause_scores(self, marked: Marked, headline: Classification) -> dict[str, Scores]:
        return {}


def labels(text: str, *companies: str) -> dict[str, str]:
    """Labels by company, each named as in the text."""
    (headline,) = CLASSIFIER.classify([text])
    found = company_scores(text, {name: [name] for name in companies}, headline, CLASSIFIER)
    return {name: scores.label for name, scores in found.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # a broker's verdict is about the other
        ("Goldman Sachs upgrades Micron to buy", "Goldman Sachs 0 Micron +"),
        ("UBS downgrades Tesla", "UBS 0 Tesla -"),
        ("Goldman reiterates sell on Ford", "Goldman 0 Ford -"),
        ("UBS no longer rates Ford a buy", "UBS 0 Ford -"),
        ("Kraft walks away from talks to buy Hershey", "Kraft 0 Hershey -"),
        ("Starboard takes $1 billion stake in Pfizer", "Pfizer +"),
        ("Icahn cuts his stake in Xerox", "Xerox -"),
        ("Pfizer cleared of liability in drug case", "Pfizer +"),
        ("Nike sales decline less steep than expected", "Nike +"),
        ("Jefferies cuts Nike price target to $60", "Jefferies 0 Nike -"),
        ("Citi raises Nvidia target", "Citi 0 Nvidia +"),
        ("Intel downgraded by Citi on margin worries", "Intel - Citi 0"),
        ("Target cut to neutral by Goldman Sachs", "Target - Goldman Sachs 0"),
        ("Stifel drops coverage of Zillow", "Stifel 0 Zillow 0"),
        ("Moody's cuts Carvana debt to junk", "Moody's 0 Carvana -"),
        # courts
        ("Oracle sued by Rimini over support contracts", "Oracle - Rimini 0"),
        ("Nokia wins patent case against Amazon", "Nokia + Amazon -"),
        ("Sonos loses patent appeal to Google", "Sonos - Google +"),
        # rivals
        ("Walmart overtakes Amazon in online groceries", "Walmart + Amazon -"),
        ("Verizon picks Ericsson over Nokia for 5G gear", "Ericsson + Nokia -"),
        ("eBay poaches finance chief from Etsy", "eBay + Etsy -"),
        # owners
        ("Elliott takes stake in Southwest", "Elliott 0 Southwest +"),
        ("Berkshire sells half of its Apple stake", "Berkshire 0 Apple -"),
        ("Microsoft drops bid for Activision", "Microsoft 0 Activision -"),
        # each clause belongs to its company
        ("Nvidia soars while Intel sinks", "Nvidia + Intel -"),
        ("Pepsi profit rises; Coca-Cola volumes drop", "Pepsi + Coca-Cola -"),
        ("Apple, Microsoft rise as Intel falls", "Apple + Microsoft + Intel -"),
        # relief, and good news that fades
        ("Disney's streaming losses narrow", "Disney +"),
        ("Regulator drops probe into Uber", "Uber +"),
        ("Macy's sales drop less than expected", "Macy's +"),
        ("Lululemon sales rise less than expected", "Lululemon -"),
        ("Carvana escapes bankruptcy", "Carvana +"),
        ("Cisco no longer expects profit to decline", "Cisco +"),
        ("Snap growth slows to a crawl", "Snap -"),
        ("Kohl's beats lowered expectations", "Kohl's +"),
        # a company's name has no tone
        ("Best Buy to report results", "Best Buy 0"),
    ],
)
def test_each_company_has_its_own_label(text: str, expected: str) -> None:
    # Given a headline and the companies that it names
    parts = expected.split()
    wanted: dict[str, str] = {}
    name: list[str] = []
    for part in parts:
        if part in {"+", "-", "0"}:
            wanted[" ".join(name)] = {"+": "positive", "-": "negative", "0": "neutral"}[part]
            name = []
        else:
            name.append(part)
    # When it is classified, then each company has the label that a reader would give
    assert labels(text, *wanted) == wanted


def test_own_headlines_that_were_not_tuned_on() -> None:
    # Given the project's own headlines, plain, with relief and with roles
    found = {each.name: each for each in company_tones(None) if each.part == "unseen"}
    # When each company is labelled, then far more labels are right than by the headline's or by always neutral
    assert found["own, all"].own.accuracy >= 0.78
    assert found["own, all"].own.accuracy > found["own, all"].headline.accuracy + 0.3
    assert found["own, all"].own.accuracy > found["own, all"].all_neutral.accuracy + 0.3
    assert found["own, plain"].own.accuracy >= found["own, plain"].headline.accuracy


def test_a_stop_loss_is_no_relief() -> None:
    # Given a trading call with a stop loss, when it is classified, then that is no good news
    assert labels("Hold Acme with stop loss at 90", "Acme") == {"Acme": "neutral"}


def test_a_symbol_after_the_name_is_the_same_company() -> None:
    # Given a headline that writes names with their symbols
    text = "Goldman Sachs (GS) cuts Micron (NASDAQ: MU) to neutral"
    (headline,) = CLASSIFIER.classify([text])
    # When both names and symbols are given
    found = company_scores(text, {"GS": ["Goldman Sachs", "GS"], "MU": ["Micron", "MU"]}, headline, CLASSIFIER)
    # Then the roles are found across the symbols
    assert {company: scores.label for company, scores in found.items()} == {"GS": "neutral", "MU": "negative"}


def test_a_headline_model_s_label_goes_to_all_without_a_role() -> None:
    # Given a model that reads headlines only
    model = HeadlineModel()
    (headline,) = model.classify(["any"])
    # When companies have roles in one headline and none in another
    roles = company_scores("Citi downgrades Nike", {"C": ["Citi"], "NKE": ["Nike"]}, headline, model)
    plain = company_scores("Citi and Nike meet", {"C": ["Citi"], "NKE": ["Nike"], "X": []}, headline, model)
    # Then the roles decide, and else the headline's label
    assert [scores.label for scores in roles.values()] == ["neutral", "negative"]
    assert [scores.label for scores in plain.values()] == ["positive"] * 3


def asked(*instances: dict[str, Any]) -> list[dict[str, Any]]:
    """The model's answers to a request."""
    parsed = requests.parse(json.dumps({"instances": instances}), requests.JSON)
    content, _ = requests.render(requests.answer(parsed, CLASSIFIER, "v1"))
    answers: list[dict[str, Any]] = json.loads(content)["predictions"]
    return answers


def test_companies_are_answered_where_they_are_asked_for() -> None:
    # Given the same text without companies, with one in the text, and with one that is not in it
    text = "Nike profit rises"
    plain, named, absent = asked(
        {"id": "1", "text": text},
        {"id": "2", "text": text, "companies": {"NKE": ["Nike"]}},
        {"id": "3", "text": text, "companies": {"XYZ": []}},
    )
    # Then without companies the answer is as before, and with them each has its label and scores
    assert set(plain) == {"id", "label", "scores", "model_version", "truncated"}
    assert named["companies"]["NKE"]["label"] == "positive"
    assert absent["companies"]["XYZ"] == {"label": absent["label"], "scores": absent["scores"]}


@pytest.mark.parametrize("companies", [["NKE"], {"NKE": "Nike"}, {"NKE": [1]}, {str(n): [] for n in range(201)}])
def test_companies_of_another_form_are_refused(companies: object) -> None:
    # Given companies that are no object of lists of names, or too many
    # When they are asked about, then the refusal names the field
    with pytest.raises(RefusedInputError, match="companies"):
        asked({"id": "1", "text": "Nike profit rises", "companies": companies})


def test_hostile_names_are_only_names() -> None:
    # Given names that would be patterns, empty or endless
    text = "(a+)+$ rises " + "x" * 5000
    (found,) = asked({"id": "1", "text": text, "companies": {"A": ["(a+)+$", "", " "], "B": ["x" * 5000]}})
    # When they are looked for, then they are taken literally
    assert set(found["companies"]) == {"A", "B"}


def test_the_bundle_states_what_was_measured_of_this_word_list() -> None:
    # Given the word list as it ships, when its figures are read, then they are of this word list
    assert [each.name for each in pack.measured()] == ["sentfin", "twitter", "fiqa", "phrasebank"]
