"""The series that Bellwether knows: FRED's identifiers and those of FRED-MD (its own constructions end in `x`).

Transformation codes of FRED-MD's series are those of McCracken and Ng (2016). Publication lags are counted as told in
series.py; where releases vary, the later one counts.
"""

import hashlib
import math
from collections.abc import Iterator
from functools import cache

from bellwether.datasets.domain.series import Aggregation, Frequency, SeriesSpec, unknown_series

DAILY, WEEKLY, MONTHLY, QUARTERLY = Frequency.DAILY, Frequency.WEEKLY, Frequency.MONTHLY, Frequency.QUARTERLY

THOUSANDS = "thousand persons"
PERCENT = "percent"
HOURS = "hours a week"
HOURLY_PAY = "USD an hour"
UNITS_A_YEAR = "thousand units a year"
MILLIONS = "million USD"
BILLIONS = "billion USD"
INDEX = "index"


def spec_of(series: str) -> SeriesSpec:
    """The catalogue's entry, whatever the case of the identifier; careful defaults for an unknown one."""
    return _by_identifier().get(series.upper()) or unknown_series(series)


@cache
def catalogue_sha256() -> str:
    """Changes whenever an entry does: data made with another catalogue has to be made anew."""
    return hashlib.sha256(repr(sorted(CATALOGUE, key=lambda spec: spec.series)).encode()).hexdigest()


@cache
def _by_identifier() -> dict[str, SeriesSpec]:
    return {spec.series.upper(): spec for spec in CATALOGUE}


def _group(
    unit: str,
    tcode: int,
    lag_months: int,
    titles: dict[str, str],
    *,
    frequency: Frequency = MONTHLY,
    minimum: float = 0,
    maximum: float = math.inf,
) -> Iterator[SeriesSpec]:
    for series, title in titles.items():
        yield SeriesSpec(
            series=series,
            title=title,
            unit=unit,
            frequency=frequency,
            aggregation=Aggregation.MEAN,
            tcode=tcode,
            publication_lag_months=lag_months,
            minimum=minimum,
            maximum=maximum,
        )


CATALOGUE: tuple[SeriesSpec, ...] = (
    # --- labour: the employment report itself ------------------------------------------------------------------------
    *_group(PERCENT, 2, 0, {"UNRATE": "Unemployment Rate"}, maximum=50),
    *_group(
        THOUSANDS,
        5,
        0,
        {
            "CLF16OV": "Civilian Labor Force",
            "CE16OV": "Civilian Employment",
            "UEMPLT5": "Unemployed Less Than 5 Weeks",
            "UEMP5TO14": "Unemployed 5 to 14 Weeks",
            "UEMP15OV": "Unemployed 15 Weeks and Over",
            "UEMP15T26": "Unemployed 15 to 26 Weeks",
            "UEMP27OV": "Unemployed 27 Weeks and Over",
            "PAYEMS": "All Employees, Total Nonfarm",
            "USGOOD": "All Employees, Goods-Producing",
            "CES1021000001": "All Employees, Mining",
            "USCONS": "All Employees, Construction",
            "MANEMP": "All Employees, Manufacturing",
            "DMANEMP": "All Employees, Durable Goods",
            "NDMANEMP": "All Employees, Nondurable Goods",
            "SRVPRD": "All Employees, Service-Providing",
            "USTPU": "All Employees, Trade, Transportation and Utilities",
            "USWTRADE": "All Employees, Wholesale Trade",
            "USTRADE": "All Employees, Retail Trade",
            "USFIRE": "All Employees, Financial Activities",
            "USGOVT": "All Employees, Government",
        },
        maximum=1_000_000,
    ),
    *_group("weeks", 2, 0, {"UEMPMEAN": "Average Weeks Unemployed"}, maximum=200),
    *_group(
        HOURS,
        1,
        0,
        {
            "CES0600000007": "Average Weekly Hours, Goods-Producing",
            "AWHMAN": "Average Weekly Hours, Manufacturing",
        },
        maximum=100,
    ),
    *_group(HOURS, 2, 0, {"AWOTMAN": "Average Weekly Overtime Hours, Manufacturing"}, maximum=100),
    *_group(
        HOURLY_PAY,
        6,
        0,
        {
            "CES0600000008": "Average Hourly Earnings, Goods-Producing",
            "CES2000000008": "Average Hourly Earnings, Construction",
            "CES3000000008": "Average Hourly Earnings, Manufacturing",
        },
        maximum=10_000,
    ),
    *_group("persons", 5, 0, {"ICSA": "Initial Claims"}, frequency=WEEKLY, maximum=50_000_000),
    *_group("persons", 5, 0, {"CLAIMSx": "Initial Claims"}, maximum=50_000_000),
    *_group("persons", 5, 1, {"CCSA": "Continued Claims"}, frequency=WEEKLY, maximum=100_000_000),
    # --- labour: later than the report -------------------------------------------------------------------------------
    *_group("thousands", 5, 2, {"JTSJOL": "Job Openings, Total Nonfarm"}, maximum=1_000_000),
    *_group(INDEX, 2, 2, {"HWI": "Help-Wanted Index"}, maximum=1_000_000),
    *_group("ratio", 2, 2, {"HWIURATIO": "Help Wanted to Number Unemployed"}, maximum=100),
    *_group(
        INDEX,
        5,
        2,
        {"ULCNFB": "Unit Labor Cost, Nonfarm Business"},
        frequency=QUARTERLY,
        maximum=10_000,
    ),
    # --- output and income -------------------------------------------------------------------------------------------
    *_group(
        "billion chained USD",
        5,
        1,
        {
            "RPI": "Real Personal Income",
            "W875RX1": "Real Personal Income excluding Transfer Receipts",
            "DSPIC96": "Real Disposable Personal Income",
            "PCEC96": "Real Personal Consumption Expenditures",
        },
        maximum=1_000_000,
    ),
    *_group("index", 5, 1, {"DPCERA3M086SBEA": "Real Personal Consumption Expenditures, quantity"}, maximum=100_000),
    *_group(BILLIONS, 5, 1, {"PCE": "Personal Consumption Expenditures"}, maximum=1_000_000),
    *_group(PERCENT, 2, 1, {"PSAVERT": "Personal Saving Rate"}, minimum=-50, maximum=100),
    *_group(
        INDEX,
        5,
        1,
        {
            "INDPRO": "Industrial Production",
            "IPFPNSS": "Industrial Production, Final Products and Nonindustrial Supplies",
            "IPFINAL": "Industrial Production, Final Products",
            "IPCONGD": "Industrial Production, Consumer Goods",
            "IPDCONGD": "Industrial Production, Durable Consumer Goods",
            "IPNCONGD": "Industrial Production, Nondurable Consumer Goods",
            "IPBUSEQ": "Industrial Production, Business Equipment",
            "IPMAT": "Industrial Production, Materials",
            "IPDMAT": "Industrial Production, Durable Materials",
            "IPNMAT": "Industrial Production, Nondurable Materials",
            "IPMANSICS": "Industrial Production, Manufacturing (SIC)",
            "IPB51222S": "Industrial Production, Residential Utilities",
            "IPFUELS": "Industrial Production, Fuels",
        },
        maximum=10_000,
    ),
    *_group(
        "percent of capacity",
        2,
        1,
        {"TCU": "Capacity Utilization, Total Industry", "CUMFNS": "Capacity Utilization, Manufacturing"},
        maximum=150,
    ),
    *_group(
        "billion chained USD", 5, 1, {"GDPC1": "Real Gross Domestic Product"}, frequency=QUARTERLY, maximum=1_000_000
    ),
    *_group(
        "billion chained USD",
        5,
        3,
        {"A261RX1Q020SBEA": "Real Gross Domestic Income"},
        frequency=QUARTERLY,
        maximum=1_000_000,
    ),
    *_group(BILLIONS, 5, 1, {"GDP": "Gross Domestic Product"}, frequency=QUARTERLY, maximum=10_000_000),
    # --- housing -----------------------------------------------------------------------------------------------------
    *_group(
        UNITS_A_YEAR,
        4,
        1,
        {
            "HOUST": "Housing Starts",
            "HOUSTNE": "Housing Starts, Northeast",
            "HOUSTMW": "Housing Starts, Midwest",
            "HOUSTS": "Housing Starts, South",
            "HOUSTW": "Housing Starts, West",
            "PERMIT": "New Private Housing Permits",
            "PERMITNE": "New Private Housing Permits, Northeast",
            "PERMITMW": "New Private Housing Permits, Midwest",
            "PERMITS": "New Private Housing Permits, South",
            "PERMITW": "New Private Housing Permits, West",
            "HSN1F": "New One Family Houses Sold",
        },
        maximum=100_000,
    ),
    *_group(
        "index 1980Q1=100",
        5,
        2,
        {"USSTHPI": "All-Transactions House Price Index"},
        frequency=QUARTERLY,
        maximum=100_000,
    ),
    *_group(INDEX, 5, 2, {"CSUSHPINSA": "Home Price Index, National"}, maximum=100_000),
    *_group(PERCENT, 2, 0, {"MORTGAGE30US": "30-Year Fixed Rate Mortgage Average"}, frequency=WEEKLY, maximum=50),
    # --- orders, sales, inventories, trade ---------------------------------------------------------------------------
    *_group(
        MILLIONS,
        5,
        1,
        {
            "RETAILx": "Retail and Food Services Sales",
            "RSAFS": "Retail and Food Services Sales",
            "DGORDER": "New Orders, Durable Goods",
            "AMDMNOx": "New Orders, Durable Goods",
            "ANDENOx": "New Orders, Nondefense Capital Goods",
            "AMDMUOx": "Unfilled Orders, Durable Goods",
            "ACOGNO": "New Orders, Consumer Goods",
            "TTLCONS": "Total Construction Spending",
        },
        maximum=1e9,
    ),
    *_group("million chained USD", 5, 2, {"CMRMTSPLx": "Real Manufacturing and Trade Sales"}, maximum=1e9),
    *_group(
        MILLIONS,
        5,
        2,
        {
            "BUSINV": "Total Business Inventories",
            "BUSINVx": "Total Business Inventories",
            "WHLSLRIMSA": "Merchant Wholesalers Inventories",
            "BOPTEXP": "Exports of Goods and Services",
            "BOPTIMP": "Imports of Goods and Services",
        },
        maximum=1e9,
    ),
    *_group("ratio", 2, 2, {"ISRATIOx": "Inventories to Sales, Total Business"}, maximum=100),
    *_group(INDEX, 2, 0, {"UMCSENTx": "Consumer Sentiment", "UMCSENT": "Consumer Sentiment"}, maximum=1_000),
    # --- money and credit --------------------------------------------------------------------------------------------
    *_group(BILLIONS, 6, 1, {"M1SL": "M1", "M2SL": "M2"}, maximum=1e7),
    *_group("billion 1982-84 USD", 5, 1, {"M2REAL": "Real M2"}, maximum=1e7),
    *_group(
        "as published",
        6,
        1,
        {
            "BOGMBASE": "Monetary Base",
            "TOTRESNS": "Total Reserves of Depository Institutions",
            "BUSLOANS": "Commercial and Industrial Loans",
            "REALLN": "Real Estate Loans",
            "INVEST": "Securities in Bank Credit",
        },
        maximum=1e9,
    ),
    *_group("as published", 7, 1, {"NONBORRES": "Nonborrowed Reserves"}, minimum=-1e9, maximum=1e9),
    *_group(
        "as published",
        6,
        2,
        {
            "NONREVSL": "Nonrevolving Consumer Credit",
            "DTCOLNVHFNM": "Consumer Motor Vehicle Loans of Finance Companies",
            "DTCTHFNM": "Consumer Loans and Leases of Finance Companies",
        },
        maximum=1e9,
    ),
    *_group("ratio", 2, 2, {"CONSPI": "Nonrevolving Consumer Credit to Personal Income"}, maximum=100),
    # --- interest and exchange rates ---------------------------------------------------------------------------------
    *_group(
        PERCENT,
        2,
        0,
        {
            "FEDFUNDS": "Federal Funds Effective Rate",
            "CP3Mx": "3-Month AA Financial Commercial Paper Rate",
            "TB3MS": "3-Month Treasury Bill",
            "TB6MS": "6-Month Treasury Bill",
            "GS1": "1-Year Treasury Yield",
            "GS2": "2-Year Treasury Yield",
            "GS5": "5-Year Treasury Yield",
            "GS10": "10-Year Treasury Yield",
        },
        minimum=-20,
        maximum=100,
    ),
    *_group(
        PERCENT,
        2,
        0,
        {
            "DFF": "Federal Funds Effective Rate",
            "DGS1": "1-Year Treasury Yield",
            "DGS2": "2-Year Treasury Yield",
            "DGS5": "5-Year Treasury Yield",
            "DGS10": "10-Year Treasury Yield",
            "DGS3MO": "3-Month Treasury Yield",
        },
        frequency=DAILY,
        minimum=-20,
        maximum=100,
    ),
    *_group(
        PERCENT,
        1,
        0,
        {
            "COMPAPFFx": "3-Month Commercial Paper minus Federal Funds Rate",
            "TB3SMFFM": "3-Month Treasury Bill minus Federal Funds Rate",
            "TB6SMFFM": "6-Month Treasury Bill minus Federal Funds Rate",
            "T1YFFM": "1-Year Treasury Yield minus Federal Funds Rate",
            "T5YFFM": "5-Year Treasury Yield minus Federal Funds Rate",
            "T10YFFM": "10-Year Treasury Yield minus Federal Funds Rate",
            "AAAFFM": "Aaa Corporate Bond Yield minus Federal Funds Rate",
        },
        minimum=-50,
        maximum=50,
    ),
    *_group(
        PERCENT,
        1,
        0,
        {
            "T10YFF": "10-Year Treasury Yield minus Federal Funds Rate",
            "T10Y2Y": "10-Year minus 2-Year Treasury Yield",
            "T10Y3M": "10-Year minus 3-Month Treasury Yield",
        },
        frequency=DAILY,
        minimum=-50,
        maximum=50,
    ),
    *_group(
        "units of currency",
        5,
        0,
        {
            "EXSZUSx": "Swiss Francs to a US Dollar",
            "EXJPUSx": "Yen to a US Dollar",
            "EXUSUKx": "US Dollars to a Pound",
            "EXCAUSx": "Canadian Dollars to a US Dollar",
        },
        maximum=10_000,
    ),
    *_group("index 2006-01=100", 5, 0, {"DTWEXBGS": "Nominal Broad US Dollar Index"}, frequency=DAILY, maximum=10_000),
    *_group(INDEX, 1, 0, {"VIXCLS": "Implied Volatility of the S&P 500"}, frequency=DAILY, maximum=500),
    # --- prices ------------------------------------------------------------------------------------------------------
    *_group(
        "index 1982-84=100",
        6,
        1,
        {
            "CPIAUCSL": "Consumer Prices, All Items",
            "CPILFESL": "Consumer Prices, All Items Less Food and Energy",
            "CPIAPPSL": "Consumer Prices, Apparel",
            "CPITRNSL": "Consumer Prices, Transportation",
            "CPIMEDSL": "Consumer Prices, Medical Care",
            "CUSR0000SAC": "Consumer Prices, Commodities",
            "CUSR0000SAD": "Consumer Prices, Durables",
            "CUSR0000SAS": "Consumer Prices, Services",
            "CPIULFSL": "Consumer Prices, All Items Less Food",
            "CUSR0000SA0L2": "Consumer Prices, All Items Less Shelter",
            "CUSR0000SA0L5": "Consumer Prices, All Items Less Medical Care",
        },
        maximum=100_000,
    ),
    *_group(
        INDEX,
        6,
        1,
        {
            "PPIFIS": "Producer Prices, Final Demand",
            "WPSFD49207": "Producer Prices, Finished Goods",
            "WPSFD49502": "Producer Prices, Finished Consumer Goods",
            "WPSID61": "Producer Prices, Intermediate Materials",
            "WPSID62": "Producer Prices, Crude Materials",
            "PPICMM": "Producer Prices, Primary Nonferrous Metals",
            "PPIACO": "Producer Prices, All Commodities",
            "PCEPI": "Personal Consumption Expenditures, Price Index",
            "PCEPILFE": "Personal Consumption Expenditures Less Food and Energy, Price Index",
            "DDURRG3M086SBEA": "Personal Consumption Expenditures, Durable Goods, Price Index",
            "DNDGRG3M086SBEA": "Personal Consumption Expenditures, Nondurable Goods, Price Index",
            "DSERRG3M086SBEA": "Personal Consumption Expenditures, Services, Price Index",
            "IR": "Import Prices, All Commodities",
            "IQ": "Export Prices, All Commodities",
        },
        maximum=100_000,
    ),
    *_group(
        PERCENT,
        2,
        1,
        {"CORESTICKM159SFRBATL": "Sticky Consumer Prices Less Food and Energy, change in a year"},
        minimum=-50,
        maximum=100,
    ),
    *_group("USD a barrel", 6, 0, {"OILPRICEx": "Crude Oil, West Texas"}, minimum=-100, maximum=10_000),
    *_group(
        "USD a barrel",
        6,
        0,
        {"DCOILWTICO": "Crude Oil, West Texas"},
        frequency=DAILY,
        minimum=-100,
        maximum=10_000,
    ),
    *_group("USD a gallon", 6, 0, {"GASREGW": "Regular Gasoline Price"}, frequency=WEEKLY, maximum=1_000),
    # --- recessions --------------------------------------------------------------------------------------------------
    *_group("0 or 1", 1, 12, {"USREC": "Recession Indicator after the NBER"}, maximum=1),
)

FETCHED: tuple[str, ...] = (  # from FRED, when nobody says otherwise: of every kind the timely and long ones
    *("UNRATE", "PAYEMS", "CLF16OV", "CE16OV", "UEMPLT5", "UEMP15OV", "UEMP27OV", "UEMPMEAN", "AWHMAN", "AWOTMAN"),
    *("ICSA", "JTSJOL", "MANEMP", "USCONS"),
    *("INDPRO", "TCU", "RPI", "W875RX1", "DSPIC96", "PCEC96", "GDPC1", "ULCNFB"),
    *("HOUST", "PERMIT", "HSN1F", "RSAFS", "DGORDER", "BUSINV", "TTLCONS"),
    *("CPIAUCSL", "CPILFESL", "PCEPI", "PCEPILFE", "PPIFIS"),
    *("FEDFUNDS", "TB3MS", "GS1", "GS5", "GS10", "T10Y3M", "M2SL", "BUSLOANS", "USREC"),
)
