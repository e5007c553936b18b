"""The fixture `shared_queue`: queues of every kind, what they remember, and what their assertions say."""

import multiprocessing
import queue
import threading

import pytest

from pytest_conc import Refused, WrongUse, explore, interleave
from pytest_conc.fixtures.history import Entry, MemoryLog, Record, Recorded
from pytest_conc.fixtures.shared_queues import SharedQueues

PROCESS_KINDS = ("process", "joinable", "simple")
THREAD_KINDS = ("thread", "lifo", "priority")
STANDARD = {
    "process": multiprocessing.get_context("spawn").Queue,
    "joinable": multiprocessing.get_context("spawn").JoinableQueue,
    "simple": multiprocessing.get_context("spawn").SimpleQueue,
    "thread": queue.Queue,
    "lifo": queue.LifoQueue,
    "priority": queue.PriorityQueue,
}


def put_all(jobs, items):
    for item in items:
        jobs.put(item)


def get_all(jobs):
    return list(iter(jobs.get, None))


def did(jobs):
    return [(entry.who, entry.what, entry.item) for entry in jobs.history]


# -- kinds -----------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", [*PROCESS_KINDS, *THREAD_KINDS])
def test_a_queue_has_the_interface_of_its_kind(shared_queue, kind):
    standard = STANDARD[kind]()
    public = {name for name in dir(standard) if not name.startswith("_")}
    assert public <= set(dir(shared_queue(kind=kind)))


@pytest.mark.parametrize("kind", ["process", "joinable", "thread", "lifo", "priority"])
def test_a_queue_has_room_for_maxsize_items(shared_queue, kind):
    jobs = shared_queue(1, kind=kind)
    jobs.put_nowait(1)
    assert (jobs.full(), jobs.qsize()) == (True, 1)
    with pytest.raises(queue.Full):
        jobs.put_nowait(2)
    with pytest.raises(queue.Full):
        jobs.put(2, timeout=0.01)
    assert jobs.get(timeout=5) == 1
    assert jobs.empty()
    with pytest.raises(queue.Empty):
        jobs.get_nowait()
    assert did(jobs) == [("main", "put", 1), ("main", "got", 1)]


@pytest.mark.parametrize("kind", ["joinable", "thread", "lifo", "priority"])
def test_a_queue_can_be_joined_where_its_kind_can(shared_queue, kind):
    jobs = shared_queue(kind=kind)
    jobs.put(1)
    jobs.get()
    jobs.task_done()
    jobs.join()


def test_auto_is_for_processes_where_nothing_is_explored(shared_queue):
    assert isinstance(shared_queue(), multiprocessing.queues.Queue)


@interleave(executions=1)
def test_auto_is_for_threads_in_an_exploration(shared_queue):
    assert isinstance(shared_queue(), queue.Queue)


@interleave(executions=1)
def test_a_kind_that_cannot_be_explored_is_refused_and_sent_to_stress(shared_queue):
    with pytest.raises(Refused, match=r"cannot be explored.*@stress.*kind='thread'"):
        shared_queue(kind="process")


def test_an_unknown_kind_is_refused_with_the_nearest_one(shared_queue):
    with pytest.raises(WrongUse, match=r"kind='threads' .*did you mean 'thread'"):
        shared_queue(kind="threads")


@pytest.mark.parametrize(("size", "kind"), [("3", "auto"), (True, "auto"), (3, "simple")])
def test_a_size_that_cannot_be_is_refused(shared_queue, size, kind):
    with pytest.raises(WrongUse, match=f"maxsize={size!r} "):
        shared_queue(size, kind=kind)


def test_what_cannot_be_pickled_fails_where_it_is_put_and_takes_no_room(shared_queue):
    jobs = shared_queue(1)
    with pytest.raises(WrongUse, match=r"cannot be put into the shared queue 1 \(process\) \(TypeError: cannot pickle"):
        jobs.put(threading.Lock())
    jobs.put(1, timeout=5)


# -- what a queue remembers ------------------------------------------------------------------
@pytest.mark.parametrize("method", ["spawn", "fork", pytest.param("forkserver", marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", PROCESS_KINDS)
def test_the_history_merges_what_all_processes_did(processes, shared_queue, kind, method):
    jobs = shared_queue(kind=kind)
    consumer = processes.start(get_all, jobs, name="taker", method=method)
    processes.start(put_all, jobs, [[1], [2]], name="giver", method=method).result()
    jobs.put(None)
    assert consumer.result() == [[1], [2]]
    done = did(jobs)
    assert [each for each in done if each[0] == "giver"] == [("giver", "put", [1]), ("giver", "put", [2])]
    assert [each[2] for each in done if each[:2] == ("taker", "got")] == [[1], [2], None]
    assert [entry.number for entry in jobs.history] == [1, 2, 3, 4, 5, 6]
    assert all(done.index(("giver", "put", item)) < done.index(("taker", "got", item)) for item in ([1], [2]))
    jobs.assert_each_item_once()
    jobs.assert_order_per_producer()


@pytest.mark.parametrize("kind", [*THREAD_KINDS, "process", "joinable"])
def test_the_history_merges_what_all_threads_did(threads, shared_queue, kind):
    jobs = shared_queue(kind=kind)
    threads.start(put_all, jobs, [1], name="giver").result()
    threads.start(jobs.get, name="taker").result()
    assert did(jobs) == [("giver", "put", 1), ("taker", "got", 1)]


def test_what_a_killed_child_has_done_is_remembered(processes, shared_queue):
    jobs, ready = shared_queue(), multiprocessing.get_context("spawn").Event()

    def work():
        jobs.put("last")
        ready.set()
        threading.Event().wait()

    handle = processes.start(work, name="victim", method="fork")
    ready.wait()
    handle.kill()
    handle.join()
    assert did(jobs) == [("victim", "put", "last")]


def test_a_thread_of_a_child_has_both_names(processes, shared_queue):
    jobs = shared_queue()

    def work():
        thread = threading.Thread(target=jobs.put, args=(1,), name="inner")
        thread.start()
        thread.join()

    processes.start(work, name="outer", method="fork").result()
    assert did(jobs) == [("outer/inner", "put", 1)]


def test_greenlets_put_and_get_under_their_names(greenlets, shared_queue):
    pytest.importorskip("gevent", reason="needs gevent: pip install 'pytest-conc[gevent]'")
    jobs = shared_queue(1, kind="greenlet")
    consumer = greenlets.start(get_all, jobs, name="taker")
    greenlets.start(put_all, jobs, [[1], [2], None], name="giver").result()
    assert consumer.result() == [[1], [2]]
    assert sorted(did(jobs), key=str) == sorted(
        [(who, what, item) for who, what in (("giver", "put"), ("taker", "got")) for item in ([1], [2], None)], key=str
    )
    jobs.assert_each_item_once()
    jobs.assert_order_per_producer()


@pytest.mark.skipif(not hasattr(queue.Queue, "shutdown"), reason="queues are shut down since Python 3.13")
def test_what_a_shutdown_throws_away_was_not_got(shared_queue):
    jobs = shared_queue(kind="thread")
    jobs.put(1)
    jobs.shutdown(immediate=True)
    assert did(jobs) == [("main", "put", 1)]


# -- what the assertions say ------------------------------------------------------------------
class Told(Recorded):
    """A queue with the history that the test tells."""

    def __init__(self, *records):
        self._conc_log, self._conc_shown = MemoryLog(), "the queue"
        for record in records:
            self._conc_log.note(Record(*record))


@pytest.mark.parametrize("kind", ["process", "thread"])
def test_a_lost_item_is_named_with_who_put_it(shared_queue, kind):
    jobs = shared_queue(kind=kind)
    put_all(jobs, [{"job": 1}, {"job": 2}, None, None])
    jobs.get()
    with pytest.raises(AssertionError) as raised:
        jobs.assert_each_item_once()
    assert str(raised.value).splitlines() == [
        f"shared queue 1 ({kind}):",
        "{'job': 2}, put by main, was never got",
        "None, put by main, was never got",
        "None, put by main, was never got",
    ]


def test_a_doubled_item_is_named_with_who_put_and_who_got_it():
    jobs = Told(("p", "put", 1, "job"), ("a", "got", 1, "job"), ("b", "got", 1, "job"))
    with pytest.raises(AssertionError, match="'job', put once by p, was got 2 times, by a and b"):
        jobs.assert_each_item_once()


def test_an_item_that_nobody_put_is_named_with_who_got_it():
    with pytest.raises(AssertionError, match="'ghost', got by a, was never put"):
        Told(("a", "got", 1, "ghost")).assert_each_item_once()


def test_several_equal_items_are_no_doubles(shared_queue):
    jobs = shared_queue()
    put_all(jobs, [None, None, [], []])
    assert [jobs.get() for _ in range(4)] == [None, None, [], []]
    jobs.assert_each_item_once()


def test_an_overtaken_item_is_named_with_who_put_and_who_got_both():
    jobs = Told(
        ("p", "put", 1, "first"), ("p", "put", 2, "second"), ("a", "got", 2, "second"), ("b", "got", 1, "first")
    )
    with pytest.raises(AssertionError) as raised:
        jobs.assert_order_per_producer()
    assert str(raised.value).splitlines() == [
        "the queue:",
        "'first', put by p before 'second', was overtaken by it: a got 'second' before b got 'first'",
    ]


def test_items_of_different_producers_may_overtake_each_other():
    jobs = Told(("p", "put", 1, "a"), ("q", "put", 2, "b"), ("c", "got", 2, "b"), ("c", "got", 1, "a"))
    jobs.assert_order_per_producer()


def test_a_stack_turns_the_order_round_and_says_so(shared_queue):
    jobs = shared_queue(kind="lifo")
    put_all(jobs, [1, 2])
    jobs.get()
    jobs.get()
    with pytest.raises(AssertionError, match="1, put by main before 2, was overtaken by it"):
        jobs.assert_order_per_producer()


def test_of_many_lines_ten_are_shown(shared_queue):
    jobs = shared_queue(kind="thread")
    put_all(jobs, range(15))
    with pytest.raises(AssertionError, match="and 5 more"):
        jobs.assert_each_item_once()


def test_an_entry_says_what_happened():
    assert str(Entry(3, "giver", "put", "job")) == "3. giver put 'job'"


# -- in explorations ------------------------------------------------------------------------------
def classes_of(make):
    def program():
        jobs = make()
        producers = [threading.Thread(target=put_all, args=(jobs, [each])) for each in (1, 2)]
        for thread in producers:
            thread.start()
        got = [jobs.get(), jobs.get()]
        for thread in producers:
            thread.join()
        return tuple(got)

    exploration = explore(program, strategy="dpor", executions=500)
    assert exploration.exhaustive
    return exploration.classes, dict.fromkeys(exploration.outcomes)


@pytest.mark.parametrize(("kind", "standard"), [("thread", queue.Queue), ("lifo", queue.LifoQueue)])
def test_a_history_adds_nothing_to_what_is_explored(kind, standard):
    queues = SharedQueues()
    assert classes_of(lambda: queues(1, kind=kind)) == classes_of(lambda: standard(1))


@interleave
def test_every_interleaving_has_its_history(threads, shared_queue):
    jobs = shared_queue(1)
    consumer = threads.start(get_all, jobs)
    threads.together((put_all, jobs, [1]), (put_all, jobs, [2]))
    jobs.put(None)
    assert sorted(consumer.result()) == [1, 2]
    assert len(jobs.history) == 6
    jobs.assert_each_item_once()
    jobs.assert_order_per_producer()


# -- the end of the test -----------------------------------------------------------------------------
@pytest.mark.parametrize("options", [("-n2",)], ids=["xdist"])
def test_a_queue_that_nobody_empties_does_not_keep_the_session_from_ending(pytester, options):
    pytester.makepyfile("""
import pytest
@pytest.mark.parametrize("kind", ["process", "joinable"])
def test_it(shared_queue, kind):
    shared_queue(kind=kind).put(bytes(10_000_000))
""")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error", *options, timeout=60)
    result.assert_outcomes(passed=2)


def test_what_was_written_is_taken_away(pytester, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    pytester.makepyfile("""
def test_it(shared_queue, processes):
    jobs = shared_queue()
    processes.start(jobs.put, 1).result()
    assert jobs.get() == 1
""")
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith("pytest-conc-")] == []
