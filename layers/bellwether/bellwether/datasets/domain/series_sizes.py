"""The usual size of the catalogue's series: shows figures in another unit (thousands, fractions instead of percent).

Each line is a series, and the lower and upper bound of the median absolute figure of a file. The bounds are a third of
the smallest and three times the largest median of any two years in the FRED-MD vintages of 2023-04 and 2024-01 and in
FRED's own files. Series of which neither has figures, or whose published unit changed, are not listed.
"""

import math
from collections.abc import Sequence
from datetime import date
from functools import cache
from itertools import pairwise
from statistics import median

from bellwether.datasets.domain.series import SeriesSpec

TELLING_FIGURES = 12  # fewer are compared with earlier downloads only
FRACTION_YEARS = 10  # no interest rate was below one percent for so long
LARGEST_USUAL_STEP = 0.1  # of the logarithm; series that move more are not tested for a change of unit
LARGEST_POWER = 9  # of ten that a change of unit can be
USUAL_STEPS = 4  # a step is a power of ten when it differs from it by no more usual steps

_SIZES = """
UNRATE 0.97 29
CLF16OV 23000 5.0e5
CE16OV 22000 4.8e5
UEMPLT5 530 11000
UEMP5TO14 270 10000
UEMP15OV 130 26000
UEMP15T26 81 7700
UEMP27OV 45 19000
PAYEMS 11000 4.6e5
USGOOD 5900 75000
CES1021000001 170 3300
USCONS 980 24000
MANEMP 3300 58000
DMANEMP 2400 36000
NDMANEMP 1500 22000
SRVPRD 12000 4.0e5
USTPU 3700 86000
USWTRADE 890 18000
USTRADE 1800 47000
USFIRE 830 27000
USGOVT 2800 68000
UEMPMEAN 2.7 120
CES0600000007 13 120
AWHMAN 13 130
AWOTMAN 0.78 15
CES0600000008 0.74 86
CES2000000008 0.86 100
CES3000000008 0.71 77
ICSA 63000 4.6e6
CLAIMSx 65000 2.1e6
JTSJOL 880 16000
HWI 540 33000
HWIURATIO 0.063 5.3
ULCNFB 24 300
RPI 850 57000
W875RX1 800 46000
DSPIC96 1900 36000
PCEC96 2700 33000
DPCERA3M086SBEA 5.3 380
INDPRO 7.6 320
IPFPNSS 8.2 330
IPFINAL 7.8 320
IPCONGD 11 330
IPDCONGD 6.7 320
IPNCONGD 13 340
IPBUSEQ 2.9 310
IPMAT 6.9 320
IPDMAT 4 310
IPNMAT 11 340
IPMANSICS 7.2 320
IPB51222S 7.2 330
IPFUELS 12 300
TCU 23 250
CUMFNS 22 270
GDPC1 770 62000
A261RX1Q020SBEA 2800 46000
HOUST 190 6800
HOUSTNE 22 920
HOUSTMW 32 1400
HOUSTS 95 3000
HOUSTW 39 1600
PERMIT 200 6400
PERMITNE 23 960
PERMITMW 34 1300
PERMITS 96 3100
PERMITW 39 1700
HSN1F 100 3700
USSTHPI 26 1300
RETAILx 6300 2.0e6
RSAFS 58000 1.3e6
DGORDER 42000 7.0e5
AMDMNOx 4800 8.4e5
ANDENOx 2500 2.5e5
AMDMUOx 14000 3.8e6
ACOGNO 31000 7.4e5
TTLCONS 1.7e5 3.5e6
CMRMTSPLx 92000 4.7e6
BUSINV 2.8e5 5.3e6
BUSINVx 30000 7.5e6
WHLSLRIMSA 66000 1.7e6
BOPTEXP 18000 5.8e5
BOPTIMP 19000 7.0e5
ISRATIOx 0.42 5.1
UMCSENTx 21 320
M1SL 47 60000
M2SL 99 64000
M2REAL 340 23000
CONSPI 0.032 0.5
FEDFUNDS 0 46
CP3Mx 0 44
TB3MS 0 40
TB6MS 0 39
GS1 0 42
GS5 0 42
GS10 0 41
DFF 0 46
COMPAPFFx 0 2.5
TB3SMFFM 0 6.2
TB6SMFFM 0 6.3
T1YFFM 0 6
T5YFFM 0 7.9
T10YFFM 0 9.8
AAAFFM 0 15
T10YFF 0 22
T10Y3M 0 11
EXSZUSx 0.31 13
EXJPUSx 26 1100
EXUSUKx 0.41 8.4
EXCAUSx 0.32 4.7
DTWEXBGS 37 380
CPIAUCSL 7.8 900
CPILFESL 37 730
CPIAPPSL 15 400
CPITRNSL 9.9 800
CPIMEDSL 7.3 1600
CUSR0000SAC 11 670
CUSR0000SAD 13 390
CUSR0000SAS 7.9 1100
CPIULFSL 9.8 890
CUSR0000SA0L2 10 830
CUSR0000SA0L5 10 860
PPIFIS 34 330
WPSFD49207 11 760
WPSFD49502 11 820
WPSID61 10 780
WPSID62 9.9 850
PPICMM 11 840
PCEPI 5.1 360
PCEPILFE 19 330
DDURRG3M086SBEA 19 470
DNDGRG3M086SBEA 6 350
DSERRG3M086SBEA 3.5 380
IR 29 430
IQ 30 400
CORESTICKM159SFRBATL 0 38
OILPRICEx 0 290
GASREGW 0.31 13
"""


def size_problem(spec: SeriesSpec, values: Sequence[float], days: Sequence[date]) -> str:
    """Why figures of this size cannot be those of the series; empty when they can, or when too few tell."""
    if len(values) < TELLING_FIGURES:
        return ""
    low, high = _sizes().get(spec.series, (0.0, float("inf")))
    usual = median(abs(value) for value in values)
    if not low <= usual <= high:
        return f"figures are around {usual:g}; {low:g} to {high:g} {spec.unit} is usual: another unit?"
    years = (max(days) - min(days)).days / 365 if days else 0
    is_rate = spec.known and spec.unit == "percent" and spec.minimum > -50
    if is_rate and years > FRACTION_YEARS and max(map(abs, values)) < 1:
        return f"no figure of {years:.0f} years reaches 1 percent: fractions instead of percent?"
    return ""


def unit_change(spec: SeriesSpec, values: Sequence[float], days: Sequence[date]) -> str:
    """Where the figures of one file go on in another unit, as with a lost decimal point; empty when they do not.

    `values` belong to `days`, oldest first. A change of unit is a step by a power of ten between figures that otherwise
    move little. A crisis is none: its next steps are large, too. Rates come close to zero and are not tested.
    """
    is_rate = spec.known and spec.unit == "percent"
    if len(values) < TELLING_FIGURES or is_rate or min(values) <= 0:
        return ""
    steps = [math.log(late) - math.log(early) for early, late in pairwise(values)]
    usual = median(map(abs, steps))
    if not 0 < usual < LARGEST_USUAL_STEP:
        return ""
    for place, step in enumerate(steps[:-1]):
        power = round(step / math.log(10))
        if not 0 < abs(power) <= LARGEST_POWER or abs(step - power * math.log(10)) > USUAL_STEPS * usual:
            continue
        following = steps[place + 1]
        if abs(following) <= USUAL_STEPS * usual or abs(following + step) <= USUAL_STEPS * usual:
            day = days[place + 1].isoformat()
            return f"figures change by a factor of {10.0**power:g} at {day}: another unit, or a lost decimal point?"
    return ""


@cache
def _sizes() -> dict[str, tuple[float, float]]:
    rows = (line.split() for line in _SIZES.strip().splitlines())
    return {series: (float(low), float(high)) for series, low, high in rows}
