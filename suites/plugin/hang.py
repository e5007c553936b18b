"""Tests that never end, tests that leave something running, and innocent ones between them.

`pytest hang.py` by itself never returns: select one test, and run it in a process that you
can end. `HANGS` hang in every run: a barrier puts both threads where the deadlock is, no
sleep is needed. `LEAKS` pass at once and leave something behind. `INNOCENT` are right.

What a session with `--conc-hang-after` has to show:
* each of HANGS fails, once, under its own name, within the limit; the report names the
  blocked tasks and where they wait, for locks who holds them, for a child process its name;
* each of INNOCENT passes, `test_next_wants_the_lock` too: it makes its own lock;
* every later test runs, the summary is printed, the session ends by itself with exit
  code 1, under -n 2 as well, and no child process is left;
* each of LEAKS is judged like this: a child or a thread that is a daemon is ended
  quietly, one that is none fails its own test.

Python 3.11 or later, standard library only.
"""
import multiprocessing
import queue
import threading
from concurrent.futures import ThreadPoolExecutor


def two_locks():
    """Both threads hold one lock before either asks for the other's."""
    a, b, both_hold_one = threading.Lock(), threading.Lock(), threading.Barrier(2)

    def take(first, second):
        with first:
            both_hold_one.wait()
            with second:
                pass
    threads = [threading.Thread(target=take, args=(a, b), name="a-then-b"),
               threading.Thread(target=take, args=(b, a), name="b-then-a")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_lock_order():
    two_locks()


def test_next_wants_the_lock():
    lock = threading.Lock()
    assert lock.acquire(timeout=1)
    lock.release()


def test_second_lock_order():
    two_locks()


def test_third_lock_order():
    two_locks()


def test_lock_taken_twice():
    """The main thread waits for itself."""
    lock = threading.Lock()
    with lock:
        lock.acquire()


def test_missing_sentinel():
    jobs = queue.Queue()

    def consume():
        while jobs.get() is not None:
            pass
    consumers = [threading.Thread(target=consume, name=f"consumer-{number}") for number in (1, 2)]
    for thread in consumers:
        thread.start()
    jobs.put(None)
    for thread in consumers:
        thread.join()


def test_notify_before_wait():
    """The notification is over before anybody waits for it."""
    changed = threading.Condition()
    with changed:
        changed.notify()
    with changed:
        changed.wait()


def test_full_queue_under_a_lock():
    """A put on a full queue, holding the lock that its only taker needs."""
    jobs, lock, held = queue.Queue(maxsize=1), threading.Lock(), threading.Event()
    jobs.put(0)

    def put():
        with lock:
            held.set()
            jobs.put(1)

    def take():
        held.wait()
        with lock:
            jobs.get()
    threads = [threading.Thread(target=put, name="put"), threading.Thread(target=take, name="take")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_future_waits_for_its_own_pool():
    """The only worker waits for a job that it would have to do itself."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: pool.submit(int).result()).result()


def take_from(jobs):
    jobs.get()


def test_child_waits_for_ever():
    jobs = multiprocessing.Queue()
    child = multiprocessing.Process(target=take_from, args=(jobs,), name="stuck-child")
    child.start()
    child.join()


def wait_for(event):
    event.wait()


def test_leaks_a_daemon_thread():
    threading.Thread(target=wait_for, args=(threading.Event(),), daemon=True).start()


def test_leaks_a_thread():
    threading.Thread(target=wait_for, args=(threading.Event(),)).start()


def test_leaks_a_daemon_process():
    multiprocessing.Process(target=wait_for, args=(multiprocessing.Event(),), daemon=True).start()


def test_leaks_a_process():
    multiprocessing.Process(target=wait_for, args=(multiprocessing.Event(),)).start()


def test_leaks_an_executor():
    ThreadPoolExecutor(1).submit(int).result()


def test_last_is_right():
    pass


HANGS = (
    test_lock_order, test_second_lock_order, test_third_lock_order, test_lock_taken_twice, test_missing_sentinel,
    test_notify_before_wait, test_full_queue_under_a_lock, test_future_waits_for_its_own_pool, test_child_waits_for_ever,
)
LEAKS = (
    test_leaks_a_daemon_thread, test_leaks_a_thread, test_leaks_a_daemon_process, test_leaks_a_process,
    test_leaks_an_executor,
)
INNOCENT = (test_next_wants_the_lock, test_last_is_right)
