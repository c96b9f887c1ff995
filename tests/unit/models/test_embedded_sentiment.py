"""The embedded model against people's labels, on headlines that nobody looked at while the word list was written."""

import pytest

from bench.labelled import shared_data
from bench.sentiment import companies, company_tones, main, tones

FOLDER = shared_data()
pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(FOLDER is None, reason="the shared data folder is not here (BELLWETHER_SHARED_DATA)"),
]

FLOORS = {  # accuracy, macro-F1 on the unseen half: what was measured, less a point or two
    "SEntFiN": (0.76, 0.76),
    "Twitter": (0.69, 0.65),
    "FiQA": (0.58, 0.56),
    "PhraseBank": (0.75, 0.73),
    "PhraseBank, all agree": (0.86, 0.84),
}


def test_unseen_headlines_are_labelled_as_people_do() -> None:
    # Given the unseen halves
    assert FOLDER is not None
    unseen = {each.name: each for each in tones(FOLDER) if each.half == "unseen"}
    # When the embedded model labels them, then it holds its figures, and beats all-neutral everywhere
    assert unseen.keys() == FLOORS.keys()
    for name, (accuracy, macro_f1) in FLOORS.items():
        found = unseen[name]
        assert found.model.accuracy >= accuracy, name
        assert found.model.macro_f1 >= macro_f1, name
        assert found.model.accuracy > found.all_neutral.accuracy, name
        assert found.model.macro_f1 > 2 * found.all_neutral.macro_f1, name


def test_companies_are_found_where_the_title_names_them() -> None:
    # Given headlines that a publisher filed under a symbol
    assert FOLDER is not None
    # When companies are looked for, then nearly all are found, far more than by marked symbols
    for found in companies(FOLDER):
        assert found.recall_named >= 0.97
        assert found.recall >= 0.94
        assert found.recall > 2 * found.recall_marked_only


def test_each_company_is_labelled_as_people_do() -> None:
    # Given SEntFiN's test part, in which people gave each company its label
    assert FOLDER is not None
    found = {each.name: each for each in company_tones(FOLDER) if each.part == "test"}
    # When the embedded model labels each company, then headlines with several gain, and those with one lose nothing
    assert found["SEntFiN, two and more"].own.accuracy > found["SEntFiN, two and more"].headline.accuracy + 0.05
    assert found["SEntFiN, labels differ"].own.accuracy > found["SEntFiN, labels differ"].headline.accuracy + 0.18
    assert found["SEntFiN, one company"].own.accuracy > found["SEntFiN, one company"].headline.accuracy - 0.01


def test_the_bench_prints_tables(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    # Given no Python with FinBERT's libraries
    monkeypatch.delenv("BELLWETHER_FINBERT_PYTHON", raising=False)
    # When the bench runs, then it has its figures, and says what is missing
    assert main([]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Tone of headlines" in told
    assert "FinBERT not measured" in told
