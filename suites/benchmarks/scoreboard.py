"""After how many executions each strategy finds the bugs of `suites/classics`, next to what others published.

    python -m suites.benchmarks.scoreboard [--seeds 20] [--executions 3000] [--only NAME ...] [--peers]

A cell is the mean over the seeds; *in 9 of 20* behind it says that only so many seeds found the bug, a dash that none
of the first five did. A number in brackets is the mean of other implementations on models of the same program
(`suites/classics/published.py`). *auto* is the default strategy, with its worst seed behind the slash. *classes* is
the number of interleaving classes in which `dpor` goes through the program, failing ones among them; *executions/s* is
the rate of `surw`, which is what the default does with a program that is too large for a proof.

With `--peers`, frontrun and interleave-test search the same programs in the same run, each in an environment of its
own (`suites/benchmarks/peer_search.py`). Instead of a number: *passes* (it found nothing), *no verdict* (it says so),
*no answer* (not within `--peer-seconds`), *crashes*, the exception that it ended with, or *false alarm*: it also fails
the mended form, within 30 executions, so that what it found is not the bug.
"""

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from statistics import mean

from pytest_conc import explore
from suites.benchmarks.buggy import MENDED, PROGRAMS
from suites.benchmarks.peer_tools import Peer, install
from suites.benchmarks.table import line, machine, markdown, significant
from suites.classics.published import PUBLISHED

STRATEGIES = ("auto", "surw", "urw", "pos", "pct", "random", "dpor")
GIVE_UP_AFTER = 5
SEARCHES = {"frontrun dpor": "frontrun", "frontrun random": "frontrun", "interleave-test": "interleave-test"}


def found_at(name: str, strategy: str, seed: int, executions: int) -> int | None:
    exploration = explore(PROGRAMS[name], strategy=strategy, executions=executions, seed=seed)
    return None if exploration.failure is None else exploration.executions


def searched(name: str, strategy: str, options: argparse.Namespace) -> list[int | None]:
    """At which execution each seed found the bug; fewer seeds if the first ones found nothing."""
    numbers: list[int | None] = []
    for seed in range(options.seeds):
        if seed == GIVE_UP_AFTER and not any(numbers):
            break
        numbers.append(found_at(name, strategy, seed, options.executions))
    return numbers


def average(numbers: Sequence[object]) -> str | None:
    """The mean of those that are numbers, and how many these are if not all; None if there are none."""
    found = [number for number in numbers if isinstance(number, int)]
    if not found:
        return None
    share = "" if len(found) == len(numbers) else f" in {len(found)} of {len(numbers)}"
    return significant(mean(found)) + share


def strategy_cell(name: str, strategy: str, options: argparse.Namespace) -> str:
    numbers = searched(name, strategy, options)
    cell = average(numbers) or "–"
    if strategy == "auto" and cell != "–":
        cell += f" / {max(filter(None, numbers))}"
    published = PUBLISHED.get(name, {}).get(strategy)
    return cell if published is None else f"{cell} ({published})"


def classes_cell(name: str, executions: int) -> str:
    exploration = explore(PROGRAMS[name], strategy="dpor", executions=executions, keep_going=True)
    return str(exploration.classes) if exploration.exhaustive else f"> {exploration.classes}"


def rate_cell(name: str, executions: int) -> str:
    """Executions per second of one exploration that goes on; it pays once for making its first failure small."""
    begin = time.perf_counter()
    made = explore(PROGRAMS[name], strategy="surw", executions=executions, seed=1, keep_going=True).executions
    return significant(made / (time.perf_counter() - begin))


def peer_cell(name: str, search: str, peer: Peer, options: argparse.Namespace) -> str:
    seeds = 1 if search == "frontrun dpor" else options.peer_seeds
    found = peer.found(search, ["buggy", name], seeds, options.peer_executions, options.peer_seconds)
    cell = average(found)
    if cell is None:
        return Counter(map(str, found)).most_common(1)[0][0]
    if name in MENDED and average(peer.found(search, ["mended", name], 1, 30, options.peer_seconds)):
        return "false alarm"
    return cell


def row(name: str, peers: dict[str, Peer], options: argparse.Namespace) -> list[str]:
    return [
        name,
        *(strategy_cell(name, strategy, options) for strategy in STRATEGIES),
        classes_cell(name, options.executions),
        rate_cell(name, options.executions),
        *(peer_cell(name, search, peer, options) for search, peer in peers.items()),
    ]


def installed() -> dict[str, Peer]:
    """The peers that can be installed here, by the search that is made with them."""
    peers = {name: install(name) for name in dict.fromkeys(SEARCHES.values())}
    for name, peer in peers.items():
        if isinstance(peer, str):
            print(f"{name} is not in the table: {peer}\n")
    return {search: peer for search, name in SEARCHES.items() if isinstance(peer := peers[name], Peer)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--executions", type=int, default=3000)
    parser.add_argument("--only", nargs="+", choices=PROGRAMS, default=list(PROGRAMS), metavar="NAME")
    parser.add_argument("--peers", action="store_true", help="also search with frontrun and interleave-test")
    parser.add_argument("--peer-seeds", type=int, default=3)
    parser.add_argument("--peer-executions", type=int, default=200)
    parser.add_argument("--peer-seconds", type=float, default=8, help="for all seeds of one program")
    options = parser.parse_args()
    peers = installed() if options.peers else {}
    header = ["program", "auto", *STRATEGIES[1:], "classes", "executions/s", *peers]
    print(f"{machine()}; mean executions to the first failure, {options.seeds} seeds\n\n{markdown(header, [])}")
    for name in options.only:
        print(line(row(name, peers, options)), flush=True)


if __name__ == "__main__":
    main()
