"""DPOR and the sampling strategies against a search through all interleavings, on small random programs."""

from __future__ import annotations

import threading

import pytest

from pytest_conc import explore
from suites.classics.everything import Everything
from suites.classics.random_programs import describe, program
from suites.classics.small_races import PROGRAMS

SMALL = """
    6 15 22 24 25 26 38 40 41 43 44 45 46 52 56 61 69 70 73 76 80 85 89 99 101 102 104 110 111 113 114
    116 118 119 131 135 136 142 143 151 152 159 165 170 178 182 183 187 189 190 192 197 198 204 206 209
    211 212 218 229 230 233 239 240 243 247 248 252 255 260 262 265 267 272 275 279 281 290 291 293 298
    309 313 324 325 332 333 336 343 344 345 346 347 357 358 360 364 371 373 374 376 378 381 388 389 394
    404 406 413 419 424 427 435 440 442 445 447 448 450 452 453 455 457 463 466 467 469 472 473 476 478
    479 485 487 497 499 500 501 503 504 511 516 522 524 525 537 541 542 546 547 551 555 559 561 565 574
    577 580 582 590 591 592 596 601 604 605 610 613 616 617 618 626 630 632 633 637 640 644 655 657 658
    659 661 664 670 676 679 681 683 689 691 698 702 703 704 712 714 716 720 726 728 729 732 735 740
"""
SEEDS = [int(seed) for seed in SMALL.split()]  # programs with more than one class and at most 100 interleavings
WASTEFUL = {40, 183, 447, 664, 729}  # waits with a time-out, releases of somebody else's lock: may not be enabled
MOST = 300
SAMPLING = ("random", "pct", "pos", "surw", "urw", "auto")


def seen(seed, strategy, executions):
    return explore(program(seed), strategy=strategy, executions=executions, keep_going=True, max_steps=500)


def batches():
    """The first 60 programs in every run of the suites, the others with `-m slow`."""
    return [pytest.param(start, marks=pytest.mark.slow if start >= 60 else []) for start in range(0, len(SEEDS), 20)]


@pytest.mark.parametrize("start", batches())
def test_dpor_sees_all_classes_and_outcomes_and_sampling_no_others(start):
    for seed in SEEDS[start : start + 20]:
        whole = seen(seed, Everything(seed), MOST)
        assert whole.ended_by == "exhausted", describe(seed)
        proven = seen(seed, "dpor", MOST)
        sampled = seen(seed, SAMPLING[seed % len(SAMPLING)], 30)
        assert proven.exhaustive, describe(seed)
        assert set(proven.outcomes) == set(whole.outcomes), describe(seed)
        assert proven.classes == whole.classes, describe(seed)
        assert proven.executions - proven.classes <= (seed in WASTEFUL), describe(seed)
        assert set(sampled.outcomes) <= set(whole.outcomes), describe(seed)


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_dpor_finds_every_small_race(name):
    assert explore(PROGRAMS[name], strategy="dpor").failure is not None


def pulsed():
    """Waits as the first thing it does, which may be too late."""
    pulse = threading.Event()
    waiter = threading.Thread(target=pulse.wait)
    waiter.start()
    pulse.set()
    pulse.clear()
    waiter.join()


def test_a_thread_can_come_too_late_to_an_event_that_is_set_and_cleared():
    assert set(explore(pulsed, strategy="dpor", keep_going=True).outcomes) == {None, "LostWakeup"}


def counted():
    """How many threads there are depends on whether the other one has ended."""
    other = threading.Thread(target=int)
    other.start()
    count = threading.active_count()
    other.join()
    return count


def test_the_number_of_threads_is_counted_before_and_after_one_ends():
    assert set(explore(counted, strategy="dpor", keep_going=True).outcomes) == {1, 2}
