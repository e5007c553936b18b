"""Data races and locks in two orders are noticed in executions that pass, and not where something orders them."""

import queue
import threading

import pytest

from pytest_conc import DataRace, explore, replay


class Box:
    n = 0


def run(*targets):
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def unlocked():
    box = Box()
    run(lambda: setattr(box, "n", 1), lambda: box.n)


def both_read():
    box = Box()
    run(lambda: box.n, lambda: box.n)


def joined_first():
    box = Box()
    run(lambda: setattr(box, "n", 1))
    run(lambda: setattr(box, "n", 2))


def locked():
    box, lock = Box(), threading.Lock()

    def add():
        with lock:
            box.n += 1

    run(add, add)


def different_locks():
    box = Box()

    def add():
        with threading.Lock():
            box.n += 1

    run(add, add)


def after_an_event():
    box, ready = Box(), threading.Event()

    def give():
        box.n = 1
        ready.set()

    def take():
        ready.wait()
        assert box.n == 1

    run(give, take)


def before_the_event():
    box, ready = Box(), threading.Event()

    def give():
        ready.set()
        box.n = 1

    def take():
        ready.wait()
        return box.n

    run(give, take)


def through_a_queue():
    box, jobs = Box(), queue.Queue()

    def give():
        box.n = 1
        jobs.put(box)

    run(give, lambda: jobs.get().n)


def through_a_condition():
    box, changed = Box(), threading.Condition()
    there = []

    def give():
        with changed:
            there.append(1)
            box.n = 1
            changed.notify()

    def take():
        with changed:
            changed.wait_for(lambda: there)
        assert box.n == 1

    run(give, take)


def two_permits():
    box, permits = Box(), threading.Semaphore(2)

    def add():
        with permits:
            box.n += 1

    run(add, add)


def a_list():
    items = []
    run(lambda: items.append(1), lambda: items.append(2))


def a_dict():
    table = {}
    run(lambda: table.update(a=1), lambda: table.get("a"))


def enclosed():
    n = 0

    def add():
        nonlocal n
        n += 1

    run(add, add)


RACES = [unlocked, different_locks, before_the_event, two_permits, enclosed]
NONE = [both_read, joined_first, locked, after_an_event, through_a_queue, through_a_condition, a_list, a_dict]


@pytest.mark.parametrize("program", RACES)
def test_a_data_race_is_noted_with_both_places(program):
    (note,) = explore(program).notes
    assert note.startswith("data race: Thread-")
    assert note.count("test_data_races.py:") >= 2
    assert note.endswith("nothing orders the two")


@pytest.mark.parametrize("program", NONE)
def test_what_is_ordered_or_atomic_is_no_data_race(program):
    assert explore(program, races="error").failure is None
    assert explore(program).notes == []


@pytest.mark.parametrize("program", RACES)
def test_a_data_race_is_a_failure_where_that_is_asked_for(program):
    failure = explore(program, races="error").failure
    assert (type(failure.error), failure.finding.kind) == (DataRace, "DataRace")
    assert len(failure.finding.operations) == 2
    again = replay(program, failure.token, races="error")
    assert (str(again.error), again.trace) == (str(failure.error), failure.trace)
    assert explore(program, races="off").notes == []


def crossing(*around):
    left, right, *gates = (threading.Lock() for _ in range(2 + len(around)))

    def left_first():
        with left, right:
            pass

    def right_first():
        with right, left:
            pass

    def guarded(target):
        def body():
            with gates[0]:
                target()

        return body if gates else target

    return [guarded(left_first), guarded(right_first)]


def crossed():
    run(*crossing())


def behind_a_gate():
    run(*crossing("gate"))


def one_after_the_other():
    first, second = crossing()
    run(first)
    run(second)


def in_one_task():
    first, second = crossing()
    run(lambda: [first(), second()], int)


def noted(program):
    return explore(program, strategy="fifo", executions=2).notes


def test_two_orders_of_locks_are_noted_where_nothing_hangs():
    (note,) = noted(crossed)
    assert note.startswith("locks in two orders: Thread-1 ")
    assert note.count("while it held") == 2
    assert note.count("test_data_races.py:") >= 4


@pytest.mark.parametrize("program", [behind_a_gate, one_after_the_other, in_one_task])
def test_two_orders_that_cannot_meet_are_not_noted(program):
    assert noted(program) == []


def crossed_in_turns():
    first, second = crossing()
    done = threading.Event()
    run(lambda: [first(), done.set()], lambda: [done.wait(), second()])


def test_a_proof_that_nothing_hangs_is_worth_more_than_a_note():
    assert len(noted(crossed_in_turns)) == 1
    assert explore(crossed_in_turns).exhaustive
    assert explore(crossed_in_turns).notes == []


def test_a_bad_value_is_refused():
    with pytest.raises(ValueError, match="races='often' is not one of 'off', 'note', 'error'"):
        explore(unlocked, races="often")
