"""What 100 runs of a test with an empty body cost, by pytest-repeat and as a stress test.

    python -m suites.benchmarks.repeats [--pairs 10] [--repeats 100]

Each is a run of pytest from start to end, in turn.
"""

import argparse
import tempfile
from pathlib import Path

from suites.benchmarks.startup import compare
from suites.benchmarks.table import machine, markdown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_empty.py").write_text("def test_empty(): pass\n")
        repeats = str(options.repeats)
        stress, repeat, _ = compare(folder, options.pairs, ["--conc-stress", repeats], ["--count", repeats])
    rows = [[f"{repeats} empty bodies", f"{stress:.0f}", f"{repeat:.0f}", f"{stress / repeat:.2f}"]]
    print(f"{machine()}; {repeats} repetitions, medians of {options.pairs} pairs of runs, in ms\n")
    print(markdown(["milliseconds", "stress", "pytest-repeat", "stress : pytest-repeat"], rows))


if __name__ == "__main__":
    main()
