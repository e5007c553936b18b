"""Producers and consumers in processes: some make things, some use them, and a queue lies between them.

The queue evens out their speeds: who is faster waits for room or for work. What it does not say is when there will be
no more. A consumer that asks a queue whether it is `empty()` learns only that nothing is there *now*; so the
producers have to say that they are done, and the usual word for it is a `None` that goes through the same queue: a
*sentinel*. It comes after everything that the same producer has put, and ends one consumer, since it is taken out.

So with N producers and M consumers somebody waits until all N are done, and then puts M sentinels. More than M do no
harm in most programs, and are not needed, whatever older texts say.
"""

import queue
import time
from multiprocessing import Process, Queue, SimpleQueue

import pytest

from pytest_conc import Deadlock, UncontrolledBlocking, stress

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
NEVER_ENDS = Deadlock, UncontrolledBlocking  # how the report calls it, as far as it can see into the child
NAP = 0.01
BUNS = 4  # of each producer: the loop of the old lesson makes four, whatever its comment says


def produce(food, name, last_words=0):
    """Puts four buns and, perhaps, sentinels."""
    for number in range(BUNS):
        food.put(f"{name} {number}")
        time.sleep(NAP)
    for _ in range(last_words):
        food.put(None)


def consume(food, eaten):
    """Eats until a sentinel comes."""
    while (bun := food.get()) is not None:
        eaten.put(bun)


def consume_while_there_is_something(food, eaten):
    """Eats until the queue looks empty."""
    while not food.empty():
        eaten.put(food.get())


def start(*calls):
    """Starts a process for each call, a function and its arguments."""
    children = [Process(target=target, args=arguments, daemon=True) for target, *arguments in calls]
    for child in children:
        child.start()
    return children


def join(children):
    """Waits for all."""
    for child in children:
        child.join()


def meal(producers, consumers, sentinels):
    """Producers first, then so many sentinels, then the consumers; returns what was eaten, in alphabetical order."""
    food, eaten = Queue(20), SimpleQueue()
    cooks = start(*[(produce, food, name) for name in producers])
    guests = start(*[(consume, food, eaten)] * consumers)
    join(cooks)
    for _ in range(sentinels):
        food.put(None)
    join(guests)
    return sorted(eaten.get() for _ in range(BUNS * len(producers)))


def all_buns(*names):
    """What the producers make together."""
    return sorted(f"{name} {number}" for name in names for number in range(BUNS))


@stress(runs=1, finds=NEVER_ENDS, hang_after=0.5)
def test_without_a_sentinel_the_consumer_waits_for_ever():
    """All is eaten, and nobody tells the consumer that nothing will come any more."""
    meal(["kevin"], consumers=1, sentinels=0)


@stress(runs=3)
def test_one_sentinel_sends_one_consumer_home():
    """It comes last, since one producer's things keep their order."""
    assert meal(["kevin"], consumers=1, sentinels=1) == all_buns("kevin")


@stress(runs=1, finds=NEVER_ENDS, hang_after=0.5)
def test_one_sentinel_is_too_few_for_two_consumers():
    """One of them takes it, and the other one waits for ever."""
    meal(["kevin"], consumers=2, sentinels=1)


@stress(runs=3)
def test_as_many_sentinels_as_consumers_are_enough():
    """One producer, two consumers, two sentinels."""
    assert meal(["kevin"], consumers=2, sentinels=2) == all_buns("kevin")


@stress(runs=3)
@pytest.mark.parametrize(("producers", "consumers"), [(4, 2), (1, 3), (3, 3)])
def test_n_producers_and_m_consumers_need_m_sentinels(producers, consumers):
    """Put by one who has waited for all producers."""
    names = ["kevin", "jason", "tank", "oscar"][:producers]
    assert meal(names, consumers, sentinels=consumers) == all_buns(*names)


@stress(runs=3)
def test_one_sentinel_too_many_stays_in_the_queue():
    """It does no harm here; who uses the queue again should expect it."""
    assert meal(["kevin", "jason"], consumers=2, sentinels=3) == all_buns("kevin", "jason")


def fast_and_slow():
    """Each producer puts a sentinel itself; one of them is late. Returns what two consumers have eaten."""
    food, eaten = Queue(20), SimpleQueue()
    cooks = start((produce, food, "kevin", 2), (late, food))
    guests = start((consume, food, eaten), (consume, food, eaten))
    join(guests)
    buns = []
    while not eaten.empty():
        buns.append(eaten.get())
    for cook in cooks:
        cook.terminate()
    join(cooks)
    return sorted(buns)


def late(food):
    """A producer that begins when the other one is done."""
    time.sleep(NAP * 3 * BUNS)
    produce(food, "jason")


@stress(runs=3, finds=AssertionError)
def test_a_producer_that_sends_all_consumers_home_forgets_the_others():
    """Two sentinels for two consumers, and nobody is left for the buns of the late one."""
    assert fast_and_slow() == all_buns("kevin", "jason")


def early_guest(wait):
    """A consumer that looks whether the queue is empty, started before or after the producer has put something."""
    food, eaten = Queue(20), SimpleQueue()
    guests = start((consume_while_there_is_something, food, eaten)) if not wait else []
    cooks = start((produce, food, "kevin"))
    join(cooks)
    guests = guests or start((consume_while_there_is_something, food, eaten))
    join(guests)
    buns = []
    while not eaten.empty():
        buns.append(eaten.get())
    return buns


@stress(runs=3, finds=AssertionError)
def test_an_empty_queue_does_not_mean_the_end():
    """The guest comes before the first bun, finds nothing, and goes home hungry."""
    assert early_guest(wait=False) == all_buns("kevin")


def consume_patiently(food, eaten):
    """Eats until nothing has come for a long time: works, and costs that time at every end."""
    while True:
        try:
            eaten.put(food.get(timeout=50 * NAP))
        except queue.Empty:
            return


@stress(runs=1)
def test_a_time_limit_is_a_guess():
    """Long enough it works, and everybody waits so long at the end; too short, and it is the mistake from above."""
    food, eaten = Queue(20), SimpleQueue()
    join(start((produce, food, "kevin"), (consume_patiently, food, eaten)))
    assert [eaten.get() for _ in range(BUNS)] == all_buns("kevin")


def cook(food):
    """Cooks five dishes."""
    for dish in range(5):
        food.put(dish)


def two_cooks():
    """One guest; each cook is followed by a sentinel. Returns how many dishes are left."""
    food, eaten = Queue(), SimpleQueue()
    guests = start((consume, food, eaten))
    join(start((cook, food)))
    food.put(None)
    join(guests)
    join(start((cook, food)))
    food.put(None)
    return len(list(iter(food.get, None)))


@stress(runs=2, finds=AssertionError)
def test_exercise_dishes_that_nobody_eats():
    """Exercise: the second cook works for nobody. Put the sentinel where it belongs, and take `finds=` away."""
    assert two_cooks() == 0
