"""The parts of the housing model: none sees the future, each gives back what it was given."""

import json
from datetime import date

import numpy as np
import pytest

from jobs.training.learning.errors import InvalidParameterError, TooLittleDataError
from jobs.training.learning.housing.booster import predict_trees
from jobs.training.learning.housing.comparables import NEARBY, past_sales
from jobs.training.learning.housing.dataset import Houses, Sales, months_of
from jobs.training.learning.housing.encoders import SMOOTHING, Encoder, fit_encoder, keys_of, out_of_fold
from jobs.training.learning.housing.fitting import fit_valuer, lay_ground
from jobs.training.learning.housing.hedonic import Hedonic, fit_hedonic
from jobs.training.learning.housing.index import MonthlyMeans, PriceIndex, fit_index, monthly_means
from jobs.training.learning.housing.intervals import reach_of
from jobs.training.learning.housing.parameters import BoosterParameters, JobParameters
from jobs.training.learning.housing.splits import split
from jobs.training.learning.housing.valuer import Valuer, from_files, refresh_index, to_files, value_online
from tests.model.town import Town, town

QUICK = BoosterParameters(rounds=40, eta=0.2, trees_per_round=1)
CUT = date(2021, 1, 1).toordinal()


@pytest.fixture(scope="module")
def made() -> Town:
    return town(sales=700)


@pytest.fixture(scope="module")
def sales(made: Town) -> Sales:
    return made.sales


@pytest.fixture(scope="module")
def valuer(sales: Sales) -> Valuer:
    """Fitted on what was before the cut."""
    return fit_valuer(sales.before(CUT), QUICK, seed=7)


def poisoned(made: Town) -> Sales:
    """The same town with absurd prices and unheard-of districts from the cut on."""
    return made.changed_from("2021-01-01", price=lambda row: row["price"] * 50, district="Z").sales


# --- months and splits -----------------------------------------------------------------------------------------------


def test_months_of_days() -> None:
    days = [date(2019, 12, 31), date(2020, 1, 1), date(2020, 2, 29), date(1969, 12, 31)]
    expected = [2019 * 12 + 11, 2020 * 12, 2020 * 12 + 1, 1969 * 12 + 11]
    assert months_of(np.array([day.toordinal() for day in days], dtype=np.int64)).tolist() == expected


def test_sales_are_divided_by_days_and_the_day_itself_is_later(sales: Sales) -> None:
    # Given the documented defaults, when divided, then each span ends the day before the next begins
    made = split(sales, JobParameters())
    told = made.to_json()
    assert (told["by"], told["train_before"], told["eval_before"]) == ("dates", "2020-01-01", "2022-01-01")
    assert made.train.houses.days.max() < date(2020, 1, 1).toordinal() <= made.eval.houses.days.min()
    assert made.eval.houses.days.max() < date(2022, 1, 1).toordinal() <= made.holdout.houses.days.min()
    assert made.holdout.houses.days.max() < date(2024, 1, 1).toordinal()
    assert len(made.before_holdout) == len(made.train) + len(made.eval)


def test_sales_that_the_default_days_do_not_divide_are_divided_by_number(sales: Sales) -> None:
    # Given sales that end before 2021, when nothing is said, then the newest fifth counts
    made = split(sales.before(CUT), JobParameters.parse({}))
    assert made.to_json()["by"] == "auto"
    assert len(made.holdout) / len(sales.before(CUT)) == pytest.approx(0.2, abs=0.02)
    assert made.eval.houses.days.max() < made.holdout.houses.days.min()


def test_days_that_were_asked_for_are_not_replaced(sales: Sales) -> None:
    with pytest.raises(TooLittleDataError, match=r"0 sales in holdout.*eval_before 2023-12-31"):
        split(sales.before(CUT), JobParameters.parse({"eval_before": "2023-12-31", "train_before": "2019-01-01"}))


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"train_before": "soon"}, "train_before"),
        ({"eval_before": "2019-01-01"}, "eval_before"),
        ({"train_before": "auto", "eval_before": "2022-01-01"}, "train_before"),
        ({"holdout_before": "2021-1-1"}, "holdout_before"),
        ({"rounds": "0"}, "rounds"),
        ({"horizons": "1"}, "horizons"),
    ],
)
def test_a_wrong_hyperparameter_is_named(given: dict[str, str], name: str) -> None:
    with pytest.raises(InvalidParameterError, match=f"hyperparameter {name}: "):
        JobParameters.parse(given)


# --- index -----------------------------------------------------------------------------------------------------------


def test_the_index_follows_a_level_and_carries_its_slope_on_ever_flatter() -> None:
    # Given a level that rises by 1% a month under noise
    random = np.random.default_rng(0)
    months = np.repeat(np.arange(24000, 24036), 80)
    index = fit_index(monthly_means(months, 0.01 * (months - 24000) + 0.1 * random.standard_normal(len(months))))
    # When asked, then it follows, and extrapolates by steps that become smaller
    np.testing.assert_allclose(index.at(np.arange(24000, 24036)), 0.01 * np.arange(36), atol=0.02)
    steps = np.diff(index.at(np.arange(24035, 24060)))
    assert steps[0] > 0.004
    assert (np.diff(steps) < 0).all()


def test_the_index_knows_nothing_of_later_months() -> None:
    # Given two futures, when the index is estimated from what was before, then it is the same to the last bit
    random = np.random.default_rng(1)
    months, residual = np.sort(random.integers(24000, 24030, 900)), random.standard_normal(900)
    past = months < 24020
    known = fit_index(monthly_means(months[past], residual[past]))
    residual[~past] += 9.0
    again = fit_index(monthly_means(months[past], residual[past]))
    np.testing.assert_array_equal(known.level, again.level)


def test_one_absurd_price_does_not_move_a_month() -> None:
    months = np.repeat(np.array([24000, 24001]), 50)
    residual = np.random.default_rng(2).normal(0.0, 0.1, 100)
    calm = monthly_means(months, residual).mean
    residual[7] += 40.0
    assert monthly_means(months, residual).mean == pytest.approx(calm, abs=0.02)


def test_a_month_without_sales_is_bridged() -> None:
    means = monthly_means(np.array([24000] * 9 + [24002] * 9), np.linspace(0.0, 0.2, 18))
    assert np.isnan(means.mean[1])
    level = fit_index(means).level
    assert level[0] < level[1] < level[2]
    assert np.isfinite(level).all()


def test_joined_months_weigh_by_their_variance() -> None:
    first = MonthlyMeans(10, np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    later = MonthlyMeans(11, np.array([5.0, np.nan, 7.0]), np.array([2.0, np.nan, 1.0]))
    joined = first.joined(later)
    np.testing.assert_allclose(joined.mean, [1.0, 3.0, np.nan, 7.0])
    np.testing.assert_allclose(joined.variance, [1.0, 2.0 / 3.0, np.nan, 1.0])


def test_an_index_survives_json_bit_for_bit() -> None:
    index = fit_index(monthly_means(np.array([24000] * 5 + [24002] * 5), np.linspace(0.0, 0.3, 10)))
    again = PriceIndex.from_json(json.loads(json.dumps(index.to_json(), allow_nan=False)))
    for one, other in ((index.level, again.level), (index.means.mean, again.means.mean)):
        np.testing.assert_array_equal(one, other)


# --- encoders and ridge ----------------------------------------------------------------------------------------------


def test_encoders_and_ridge_learn_from_training_rows_alone(made: Town, sales: Sales) -> None:
    # Given absurd prices and unknown districts after the cut, when all is learnt from before, then nothing differs
    grounds = [lay_ground(each.before(CUT), seed=7) for each in (sales, poisoned(made))]
    assert [[each.to_json() for each in ground.encoders] for ground in grounds[:1]] == [
        [each.to_json() for each in ground.encoders] for ground in grounds[1:]
    ]
    assert grounds[0].hedonic.to_json() == grounds[1].hedonic.to_json()
    np.testing.assert_array_equal(grounds[0].table.values, grounds[1].table.values)
    np.testing.assert_array_equal(grounds[0].index.level, grounds[1].index.level)


def test_an_encoding_is_a_smoothed_mean(sales: Sales) -> None:
    # Given one target, when encoded, then a level's mean is drawn to that of all as if by 15 average sales
    target = np.log(sales.price)[:, None]
    encoder = fit_encoder(sales.houses, (0,), target)
    rows = np.array([sales.houses.levels[0][code] == "C" for code in sales.houses.codes[:, 0]])
    expected = (target[rows].sum() + SMOOTHING * target.mean()) / (rows.sum() + SMOOTHING)
    encoded = encoder.apply(sales.houses)[rows][0]
    assert encoded == pytest.approx([np.log1p(rows.sum()), expected])


def test_a_level_never_seen_has_frequency_0_and_the_mean_of_all(made: Town, sales: Sales) -> None:
    target = np.log(sales.before(CUT).price)[:, None]
    encoder = fit_encoder(sales.before(CUT).houses, (0,), target)
    unseen = poisoned(made).since(CUT).houses
    assert (encoder.codes(unseen) == -1).all()
    np.testing.assert_allclose(encoder.apply(unseen), [[0.0, target.mean()]] * len(unseen))


def test_a_training_row_s_own_price_is_not_in_its_encoding(sales: Sales) -> None:
    # Given one price that is absurd, when encoded out of fold, then its own row does not see it, others do
    folds = np.arange(len(sales)) % 5
    target = np.log(sales.price)[:, None]
    calm = out_of_fold(sales.houses, (0,), target, folds)
    target[10] += 30.0
    shaken = out_of_fold(sales.houses, (0,), target, folds)
    assert shaken[10, 1] == calm[10, 1]
    assert (shaken != calm).any()


def test_frozen_encoders_and_ridge_say_the_same(sales: Sales) -> None:
    # Given what was learnt, when it went through JSON, then it encodes and predicts to the same bits
    targets = np.column_stack([np.log(sales.price), np.arange(len(sales), dtype=float)])
    for key in keys_of(2):
        encoder = fit_encoder(sales.houses, key, targets)
        again = Encoder.from_json(json.loads(json.dumps(encoder.to_json())))
        np.testing.assert_array_equal(encoder.apply(sales.houses), again.apply(sales.houses))
    hedonic = fit_hedonic(sales.houses, np.log(sales.price))
    frozen = Hedonic.from_json(json.loads(json.dumps(hedonic.to_json())))
    np.testing.assert_array_equal(hedonic.predict(sales.houses), frozen.predict(sales.houses))


# --- comparables -----------------------------------------------------------------------------------------------------


def brute_force(sales: Sales, row: int, values: np.ndarray, count: int, scale_km: float) -> float:
    """Weighted mean of the nearest sales before a row's day, the plain way."""
    houses = sales.houses
    past = np.flatnonzero(houses.days < houses.days[row])
    north = (houses.numbers[:, 0] - houses.numbers[row, 0]) * 111.2
    east = (houses.numbers[:, 1] - houses.numbers[row, 1]) * 111.2 * np.cos(np.radians(houses.numbers[:, 0].mean()))
    distance = np.hypot(east, north)[past]
    nearest = np.argsort(distance, kind="stable")[:count]
    nearest = nearest[distance[nearest] <= 5.0]
    weight = np.exp(-distance[nearest] / scale_km)
    return float((weight * values[past][nearest]).sum() / weight.sum())


def test_comparables_are_the_nearest_sales_strictly_before(sales: Sales) -> None:
    # Given every sale as its own question, when compared, then the features are those of a search by hand
    values, residual = np.log(sales.price), np.random.default_rng(4).standard_normal(len(sales))
    names, found = past_sales(sales.houses, values, residual).features(sales.houses)
    assert np.isnan(found[0, names.index("near.price")])
    for row in (1, 2, 57, 301, 699):
        for name, count, scale in (("near", 8, 0.4), ("nearby", NEARBY, 1.2)):
            assert found[row, names.index(f"{name}.price")] == pytest.approx(
                brute_force(sales, row, values, count, scale)
            )


def test_what_is_sold_on_the_day_or_later_is_no_comparable(sales: Sales) -> None:
    # Given absurd prices from a day on, when houses of that day and before are compared, then nothing differs
    day = int(sales.houses.days[400])
    values = np.log(sales.price)
    poisoned_values = np.where(sales.houses.days >= day, 99.0, values)
    until = sales.take(sales.houses.days <= day).houses
    tables = [past_sales(sales.houses, each, each).features(until)[1] for each in (values, poisoned_values)]
    np.testing.assert_array_equal(tables[0], tables[1])


def test_the_house_s_own_sale_before_is_found(sales: Sales) -> None:
    # Given houses sold twice, when the second sale is looked at, then the first one's price and age are told
    values = np.log(sales.price)
    names, found = past_sales(sales.houses, values, values).features(sales.houses)
    again = len(sales) - 1
    first = int(np.flatnonzero(sales.houses.ids == sales.houses.ids[again])[0])
    assert found[again, names.index("previous.price")] == values[first]
    years = (sales.houses.days[again] - sales.houses.days[first]) / 365.25
    assert found[again, names.index("previous.years")] == pytest.approx(years)
    assert np.isnan(found[first, names.index("previous.price")])


# --- the whole -------------------------------------------------------------------------------------------------------


def test_a_fit_values_what_it_has_not_seen_and_survives_its_files(valuer: Valuer, sales: Sales) -> None:
    # Given a fit on the past, when it values later sales, then it is far better than the mean, and so is its copy
    later = sales.since(CUT)
    values = valuer.value(later.houses)
    assert np.abs(values.price / later.price - 1.0).mean() < 0.17
    copy = from_files(to_files(valuer))
    np.testing.assert_array_equal(copy.value(later.houses).log_price, values.log_price)
    np.testing.assert_array_equal(copy.value(later.houses).scale, values.scale)
    assert copy.reach == valuer.reach


def test_the_price_rises_with_size_all_else_equal(valuer: Valuer, sales: Sales) -> None:
    # Given one house in sizes from small to large, when only the trees' own column for it moves, then so does the price
    table = valuer.features(sales.houses.take(np.array([600])))
    values = np.repeat(table.values, 50, axis=0)
    values[:, table.names.index("living")] = np.linspace(30.0, 400.0, 50)
    assert (np.diff(predict_trees(valuer.trees, values)) >= 0.0).all()


def test_the_index_is_estimated_anew_from_closed_sales_and_the_trees_stay(made: Town, valuer: Valuer) -> None:
    # Given a level that jumps by a tenth, when closed sales tell of it, then values follow and trees do not change
    jumped = made.changed_from("2021-01-01", price=lambda row: row["price"] * 1.1).sales
    half = date(2021, 7, 1).toordinal()
    refreshed = refresh_index(valuer, jumped.since(CUT).before(half))
    later = jumped.since(half)
    biases = [float((each.value(later.houses).price / later.price - 1.0).mean()) for each in (valuer, refreshed)]
    assert biases[1] - biases[0] > 0.05
    assert abs(biases[1]) < abs(biases[0])
    assert to_files(valuer)["model.ubj"] == to_files(refreshed)["model.ubj"]
    assert refresh_index(valuer, jumped.take(slice(0, 0))) is valuer


def test_online_values_know_only_the_months_before(made: Town, valuer: Valuer, sales: Sales) -> None:
    # Given absurd prices in a month, when valued online, then that month and those before it are not touched
    shaken = made.changed_from("2021-06-01", price=lambda row: row["price"] * 3).sales
    calm, moved = (value_online(valuer, each.since(CUT)).log_price for each in (sales, shaken))
    months = sales.since(CUT).houses.months
    known = months <= 2021 * 12 + 5
    np.testing.assert_array_equal(calm[known], moved[known])
    assert (moved[months == 2021 * 12 + 6] > calm[months == 2021 * 12 + 6]).all()


def test_too_few_sales_are_refused(sales: Sales) -> None:
    with pytest.raises(TooLittleDataError, match="90 sales to learn from"):
        fit_valuer(sales.take(slice(0, 90)), QUICK, seed=7)
    with pytest.raises(TooLittleDataError, match="too few for intervals"):
        reach_of(np.ones(10))


def test_a_reach_leaves_out_its_share() -> None:
    reach = reach_of(np.arange(1.0, 100.0))
    assert reach == {0.8: 80.0, 0.95: 95.0}


def test_a_map_is_no_condition(sales: Sales) -> None:
    # Given sales without coordinates and ids, when fitted, then there are no comparables, and values all the same
    schema = type(sales.houses.schema)(
        tuple(column for column in sales.houses.schema.columns if column.role not in {"latitude", "longitude", "id"})
    )
    houses = Houses(
        schema,
        *(sales.houses.days, sales.houses.numbers[:, 2:], sales.houses.codes, sales.houses.levels),
        np.array([""] * len(sales)),
    )
    valuer = fit_valuer(Sales(houses, sales.price), QUICK, seed=7)
    assert not [name for name in valuer.features(houses).names if name.startswith(("near", "previous"))]
    copy = from_files(to_files(valuer))
    np.testing.assert_array_equal(copy.value(houses).log_price, valuer.value(houses).log_price)
