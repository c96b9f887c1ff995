"""The training channel: `sales.csv` and `manifest.json`, checked against each other.

`sales.csv`: UTF-8, one header row with the manifest's column names in any order, one sale a row in any order; an empty
cell is a missing value. `manifest.json`:

    {
      "schema_version": 1,
      "dataset": "housing",
      "sha256": "<of sales.csv>",
      "rows": 2930,                      # sales, without the header
      "first_day": "2006-01-01",         # of the earliest and of the latest sale
      "last_day": "2010-07-01",
      "columns": [
        {"name": "living_area", "role": "number", "unit": "square feet", "minimum": 100, "maximum": 20000,
         "fill": "refuse", "monotone": 1},
        …
      ]
    }

role      what the cells are
id        at most one column. Names the house (or the sale, where houses are unknown): equal ids are sales of one house
date      exactly one column. Day of the sale as YYYY-MM-DD; YYYY-MM-01 where only the month is known
price     exactly one column. The target: a number above zero
number    a finite number
category  a text of at most 100 characters. The first such column is the place and the second, where there is one, the
          kind of house: by these two the baseline takes its medians
latitude, longitude
          both or none. Degrees; with them a sale is compared with those near it

`unit` says what a number counts ("" for the others). `minimum` and `maximum` are bounds or null, and a row or a request
outside of them is refused. `fill`: an absent value is refused (`refuse`) or answered for as unknown (`unknown`);
columns of id, date and price can only be `refuse` in the file. `monotone` 1 or -1: all else equal the price may only
rise or fall with this number; 0: it may do both. Rows are expected to be clean: what ingestion accepts, this job learns.
"""
