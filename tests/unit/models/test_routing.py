"""Which version answers whom: sticky, fair, and steady while the share grows."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare  # type: ignore[import-untyped]

from bellwether.models.domain.routing import hash_position, is_assigned, is_sampled, plan
from tests.builders import experiment

BEGUN = experiment().started_at
SALTS = st.from_regex(r"[A-Za-z0-9-]{1,30}", fullmatch=True)
ENTITIES = st.text(min_size=1, max_size=200).filter(lambda text: text.isprintable())
SHARES = st.floats(min_value=0.001, max_value=1.0)


@given(salt=SALTS, unit=ENTITIES)
def test_a_unit_stands_where_it_stood(salt: str, unit: str) -> None:
    assert 0 <= hash_position(salt, unit) < 1
    assert hash_position(salt, unit) == hash_position(salt, unit)


@given(salt=SALTS, unit=ENTITIES, shares=st.tuples(SHARES, SHARES))
def test_who_has_the_challenger_keeps_it_while_the_share_grows(
    salt: str, unit: str, shares: tuple[float, float]
) -> None:
    small, large = (experiment(experiment_id=salt, share=share) for share in sorted(shares))
    assert is_assigned(large, unit) >= is_assigned(small, unit)


@given(unit=ENTITIES)
def test_the_whole_share_is_everybody(unit: str) -> None:
    assert is_assigned(experiment(share=1.0), unit)


def test_positions_are_uniform() -> None:
    # Given entities named as people name them, one after the other
    counts = [0] * 100
    for number in range(100_000):
        counts[int(hash_position("macro-v4", f"customer-{number}") * 100)] += 1
    # Then every hundredth part of the way has as many, but for chance
    assert chisquare(counts).pvalue > 0.001


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_the_challenger_gets_its_share(share: float) -> None:
    count = 50_000
    given_to = sum(is_assigned(experiment(share=share), f"house {number}") for number in range(count))
    expected = [count * share, count * (1 - share)]
    assert chisquare([given_to, count - given_to], expected).pvalue > 0.001


def test_another_experiment_draws_anew() -> None:
    # Given the same entities in two experiments of half each
    first, second = (experiment(experiment_id=name, share=0.5) for name in ("macro-v4", "macro-v5"))
    table = [0, 0, 0, 0]
    for number in range(40_000):
        table[2 * is_assigned(first, str(number)) + is_assigned(second, str(number))] += 1
    # Then being in one says nothing about being in the other
    assert chisquare(table).pvalue > 0.001


def test_a_salt_is_no_part_of_the_name() -> None:
    assert hash_position("a", "bc") != hash_position("ab", "c")


# --- plans -----------------------------------------------------------------------------------------------------------


def test_without_an_experiment_the_champion_answers() -> None:
    found = plan(None, [None, "a"], "r-1", now=BEGUN)
    assert (found.experiment, found.champion, found.challenger, found.shadow) == (None, (0, 1), (), ())


def test_an_experiment_that_should_have_ended_gives_nobody() -> None:
    ended = experiment(mode="split", share=1.0)
    assert plan(ended, ["a"], "r-1", now=ended.ends_at).challenger == ()
    assert plan(ended, ["a"], "r-1", now=ended.ends_at - timedelta(seconds=1)).challenger == (0,)


@given(entities=st.lists(st.none() | ENTITIES, min_size=1, max_size=20), share=SHARES, request_id=SALTS)
def test_each_row_has_one_who_answers(entities: list[str | None], share: float, request_id: str) -> None:
    split = plan(experiment(mode="split", share=share), entities, request_id, now=BEGUN)
    assert sorted(split.champion + split.challenger) == list(range(len(entities)))
    assert split.shadow == ()
    shadow = plan(experiment(mode="shadow", share=share), entities, request_id, now=BEGUN)
    assert shadow.champion == tuple(range(len(entities)))
    assert shadow.challenger == ()
    # And the same ones fall to the challenger in either mode
    assert shadow.shadow == split.challenger


def test_rows_of_one_entity_go_together_and_others_by_their_request() -> None:
    halved = experiment(mode="split", share=0.5)
    for number in range(50):
        found = plan(halved, ["a", None, "a", None], f"r-{number}", now=BEGUN)
        assert (0 in found.challenger) == (2 in found.challenger) == is_assigned(halved, "a")
        assert (1 in found.challenger) == (3 in found.challenger) == is_assigned(halved, f"r-{number}")


# --- samples ---------------------------------------------------------------------------------------------------------


def test_a_sample_is_of_its_size() -> None:
    kept = sum(is_sampled(f"r-{number}", 0.25) for number in range(20_000))
    assert chisquare([kept, 20_000 - kept], [5_000, 15_000]).pvalue > 0.001
    assert all(is_sampled(f"r-{number}", 1.0) for number in range(1000))
    assert not any(is_sampled(f"r-{number}", 0.0) for number in range(1000))
