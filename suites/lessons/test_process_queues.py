"""Queues between processes: first in, first out, across the borders of memory.

`multiprocessing.Queue` is a pipe, locks, and in each process that puts a *feeder thread*, which pickles what was put
and writes it into the pipe a little later. `Queue(3)` has room for three: the 3 is the bound that was asked for,
without it there is none. `put` on a full queue and `get` on an empty one wait, for ever if nobody comes. With
`block=False`, or as `put_nowait` and `get_nowait`, they raise `queue.Full` and `queue.Empty` at once; with `timeout=`
after so many seconds. Both may be given together: without blocking, the time limit is ignored.

`full()`, `empty()` and `qsize()` (with brackets: methods) say how it was a moment ago, and while the feeder thread is
at work not even that. On macOS `qsize()` does not exist.
"""

import multiprocessing
import queue
import time
from multiprocessing import Process, Queue

import pytest

from pytest_conc import Deadlock, UncontrolledBlocking, stress

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
NEVER_ENDS = Deadlock, UncontrolledBlocking  # how the report calls it, as far as it can see into the child
NAP = 0.05


def full_queue():
    """A queue with room for three, and three in it."""
    words = Queue(3)
    for word in ("one", "two", "three"):
        words.put(word)
    return words


@stress(runs=3)
def test_first_in_first_out():
    """One get for one put."""
    words = full_queue()
    assert [words.get() for _ in range(3)] == ["one", "two", "three"]


@stress(runs=1, finds=NEVER_ENDS, hang_after=0.5)
def test_the_fourth_put_waits_for_ever():
    """The queue has room for three, and nobody takes anything out."""
    full_queue().put("four")


@stress(runs=1, finds=NEVER_ENDS, hang_after=0.5)
def test_get_on_an_empty_queue_waits_for_ever():
    """Nobody will put anything."""
    Queue().get()


def take_one(words):
    """Makes room, a little later."""
    time.sleep(NAP)
    words.get()


@stress(runs=3)
def test_put_goes_on_when_somebody_has_made_room():
    """Waiting is what a bound is for: the fast wait for the slow."""
    words = full_queue()
    reader = Process(target=take_one, args=(words,))
    reader.start()
    words.put("four")
    reader.join()
    assert [words.get() for _ in range(3)] == ["two", "three", "four"]


@stress(runs=3)
def test_without_blocking_a_full_queue_is_an_error_at_once():
    """Two ways to write it; a time limit besides is ignored."""
    words = full_queue()
    with pytest.raises(queue.Full):
        words.put("four", block=False)
    with pytest.raises(queue.Full):
        words.put_nowait("four")
    with pytest.raises(queue.Full):
        words.put("four", block=False, timeout=60)


@stress(runs=3)
def test_with_a_timeout_the_error_comes_later():
    """Not earlier than asked for; how much later depends on the computer."""
    words, empty = full_queue(), Queue()
    for error, call in ((queue.Full, lambda: words.put("four", timeout=NAP)), (queue.Empty, empty_for(empty))):
        before = time.monotonic()
        with pytest.raises(error):
            call()
        assert time.monotonic() - before >= NAP * 0.9


def empty_for(words):
    """A call that waits in vain."""
    return lambda: words.get(block=True, timeout=NAP)


@stress(runs=3)
def test_full_empty_and_qsize_are_snapshots():
    """Right here, because nobody else has the queue. With others, the answer is old when you read it."""
    words = full_queue()
    assert (words.full(), words.qsize()) == (True, 3)
    for _ in range(3):
        words.get()
    assert (words.full(), words.qsize(), words.empty()) == (False, 0, True)


@stress(runs=20, finds=queue.Empty)
def test_what_was_put_may_not_have_arrived_yet():
    """put() gives it to the feeder thread and returns: right after it a `get_nowait` may find nothing."""
    words = Queue()
    words.put("one")
    assert words.get_nowait() == "one"


@stress(runs=3)
def test_get_waits_for_what_is_under_way():
    """A `SimpleQueue` has no feeder thread: what was put is in the pipe, and put() waits while the pipe is full."""
    words, simple = Queue(), multiprocessing.SimpleQueue()
    words.put("one")
    simple.put("one")
    assert not simple.empty()
    assert words.get() == simple.get() == "one"


def numbered(numbers, name):
    """Ten numbers of one producer."""
    for number in range(10):
        numbers.put((name, number))


@stress(runs=3)
def test_each_producer_keeps_its_order_and_nobody_else_does():
    """Numbers of one producer come in the order in which it put them; between two producers there is no order."""
    numbers = Queue()
    producers = [Process(target=numbered, args=(numbers, name)) for name in "ab"]
    for producer in producers:
        producer.start()
    got = [numbers.get() for _ in range(20)]
    for producer in producers:
        producer.join()
    for name in "ab":
        assert [number for who, number in got if who == name] == list(range(10))


@stress(runs=1)
def test_the_history_of_a_shared_queue_says_who_put_and_who_got(processes, shared_queue):
    """The fixture `shared_queue` is such a queue with a memory, for tests."""
    numbers = shared_queue()
    processes.together((numbered, numbers, "a"), (numbered, numbers, "b"))
    for _ in range(20):
        numbers.get()
    numbers.assert_each_item_once()
    numbers.assert_order_per_producer()


def put_much(results):
    """More than fits into a pipe."""
    results.put("x" * 1_000_000)


@stress(runs=1, finds=NEVER_ENDS, hang_after=0.5)
def test_who_joins_before_reading_waits_for_ever():
    """The child does not end before its feeder thread has written everything, and the pipe is full."""
    results = Queue()
    child = Process(target=put_much, args=(results,), daemon=True)
    child.start()
    child.join()
    results.get()


@stress(runs=3)
def test_read_first_and_join_then():
    """Take out everything, then wait for the end."""
    results = Queue()
    child = Process(target=put_much, args=(results,), daemon=True)
    child.start()
    assert len(results.get()) == 1_000_000
    child.join()


def answer(questions, answers):
    """Answers two questions."""
    for _ in range(2):
        answers.put(questions.get().upper())


@stress(runs=1, finds=NEVER_ENDS, hang_after=0.5)
def test_exercise_both_wait_for_the_other():
    """Exercise: two questions and three answers. Find the line that waits for ever; mend it; take `finds=` away."""
    questions, answers = Queue(), Queue()
    child = Process(target=answer, args=(questions, answers), daemon=True)
    child.start()
    heard = []
    for question in ("who", "what"):
        questions.put(question)
        heard.append(answers.get())
    heard.append(answers.get())
    child.join()
    assert heard == ["WHO", "WHAT"]
