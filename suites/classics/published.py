"""Mean schedules to the first failure, as measured by others on clean models of the programs in `models.py`.

Zhao, Wolff, Mathur, Roychoudhury, "Selectively Uniform Concurrency Testing", ASPLOS 2025, describes SURW and URW;
PCT-3, POS and the random walk are the strategies it is compared with there.
"""

PUBLISHED = {
    "account": {"surw": 5, "pct": 5, "pos": 4, "random": 5, "urw": 3},
    "bluetooth": {"surw": 19, "pct": 17, "pos": 17, "random": 22, "urw": 322},
    "deadlock01": {"surw": 5, "pct": 8, "pos": 4, "random": 4, "urw": 3},
    "lazy01": {"surw": 3, "pct": 3, "pos": 3, "random": 2, "urw": 3},
    "token_ring": {"surw": 6, "pct": 10, "pos": 5, "random": 7, "urw": 4},
    "stringbuffer": {"surw": 11, "pct": 9, "pos": 11, "random": 6, "urw": 6},
    "reorder_3": {"surw": 8, "pct": 25, "pos": 16, "random": 39, "urw": 14},
    "reorder_5": {"surw": 9, "pct": 167, "pos": 45, "random": 240, "urw": 29},
    "reorder_10": {"surw": 24, "pct": 439, "pos": 1506, "random": None, "urw": 47},
    "work_stealing": {"surw": 4, "pct": 22, "pos": 42, "random": 154, "urw": 5},
}
SURW = {name: means["surw"] for name, means in PUBLISHED.items()}
