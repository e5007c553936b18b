"""Coroutines with gevent: thousands of tasks in one thread, which switch where they wait.

A *greenlet* is a function with a stack of its own. One runs until it waits (for a socket, a queue, a lock, a
sleep), and then the next one that can. The operating system knows nothing of it: a switch costs less than one between
threads, and a greenlet less than a thread. Older texts say that the programmer decides when to switch: with gevent
it is every call that would wait, and `monkey.patch_all()` makes ordinary `socket`, `time` and `queue` such calls. It
has to come before anything else is imported; here `@stress(gevent=True)` sees to that, in an interpreter of its own.
Since Python 3.5 the language has coroutines built in (`async`, `await`, `asyncio`); there each switch is an `await`.

No switch happens between two lines that do not wait, so `n += 1` needs no lock. As soon as something between reading
and writing waits, everything is as it was with threads. And who never waits lets nobody else run.
"""

import queue
import socket
import time

import pytest

from pytest_conc import Deadlock, LeakedTask, stress

gevent = pytest.importorskip("gevent", reason="needs gevent: pip install 'pytest-conc[gevent]'")


def talk(connection):
    """Sends back in capital letters what comes, until nothing more comes."""
    with connection:
        while data := connection.recv(1024):
            connection.sendall(data.upper())  # send() may send a part only


def serve(server):
    """A greenlet for every client."""
    with server:
        while True:
            connection, _ = server.accept()
            gevent.spawn(talk, connection)


def ask(port, name, questions=3):
    """A client: asks, and returns the answers."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        return [answer(client, f"{name} says hello") for _ in range(questions)]


def answer(client, question):
    """One question, and all of its answer: recv() may give it in parts."""
    client.sendall(question.encode())
    received = b""
    while len(received) < len(question):
        received += client.recv(1024)
    return received.decode()


@stress(gevent=True, runs=3)
def test_one_server_talks_with_ten_clients_in_one_thread():
    """Everybody waits most of the time; whoever has something to do runs meanwhile."""
    server = socket.create_server(("127.0.0.1", 0))
    port, server_greenlet = server.getsockname()[1], gevent.spawn(serve, server)
    clients = [gevent.spawn(ask, port, f"client {number}") for number in range(10)]
    gevent.joinall(clients, raise_error=True)
    server_greenlet.kill()
    assert [client.value for client in clients] == [[f"CLIENT {number} SAYS HELLO"] * 3 for number in range(10)]


@stress(gevent=True, runs=1, finds=LeakedTask)
def test_a_server_that_nobody_ends_goes_on():
    """A greenlet is ended with `kill()`: GreenletExit is raised where it waits, so its `finally` runs."""
    server = socket.create_server(("127.0.0.1", 0))
    gevent.spawn(serve, server)
    gevent.joinall([gevent.spawn(ask, server.getsockname()[1], "rui")], raise_error=True)


def serve_one_after_the_other(server):
    """Talks with each client itself, to the end."""
    with server:
        while True:
            connection, _ = server.accept()
            talk(connection)


def two_clients(serving):
    """The first client stays, the second one wants an answer too."""
    server = socket.create_server(("127.0.0.1", 0))
    port, server_greenlet = server.getsockname()[1], gevent.spawn(serving, server)
    with socket.create_connection(("127.0.0.1", port)) as first:
        assert answer(first, "lin") == "LIN"
        second = ask(port, "rui", questions=1)
    server_greenlet.kill()
    return second


@stress(gevent=True, runs=1, finds=Deadlock, hang_after=0.5)
def test_without_a_greenlet_for_each_client_the_second_waits_for_the_first():
    """Waiting lets others run, but there is nobody who would accept the second client."""
    two_clients(serve_one_after_the_other)


@stress(gevent=True, runs=3)
def test_with_a_greenlet_for_each_client_nobody_waits():
    """`gevent.spawn(talk, connection)` is the whole difference."""
    assert two_clients(serve) == ["RUI SAYS HELLO"]


class Shop:
    """A stock, and a lock for it."""

    def __init__(self, stock):
        from gevent.lock import BoundedSemaphore

        self.stock = stock
        self.lock = BoundedSemaphore()

    def sell(self):
        """Does not wait between reading and writing."""
        self.stock -= 1

    def sell_and_ask(self):
        """Waits in between, as for the answer of a bank."""
        seen = self.stock
        gevent.sleep(0.001)
        self.stock = seen - 1

    def sell_and_ask_locked(self):
        """The same, one customer after the other."""
        with self.lock:
            self.sell_and_ask()


def a_hundred(sell):
    """A hundred greenlets, one sale each."""
    gevent.joinall([gevent.spawn(sell) for _ in range(100)], raise_error=True)


@stress(gevent=True, runs=3)
def test_without_waiting_in_between_no_update_is_lost():
    """No other greenlet can run between reading and writing."""
    shop = Shop(100)
    a_hundred(shop.sell)
    assert shop.stock == 0


@stress(gevent=True, runs=3, finds=AssertionError)
def test_with_a_wait_in_between_updates_are_lost():
    """All hundred read 100, and each writes 99."""
    shop = Shop(100)
    a_hundred(shop.sell_and_ask)
    assert shop.stock == 0


@stress(gevent=True, runs=3)
def test_with_a_lock_no_update_is_lost():
    """`gevent.lock.BoundedSemaphore`, `RLock`, or a `threading.Lock` that is patched: the same as with threads."""
    shop = Shop(100)
    a_hundred(shop.sell_and_ask_locked)
    assert shop.stock == 0


def order(first, second):
    """Who did what, in order, when two greenlets run."""
    said = []
    gevent.joinall([gevent.spawn(first, said, "a"), gevent.spawn(second, said, "b")], raise_error=True)
    return "".join(said)


def polite(said, name):
    """Lets the others run after each step."""
    for _ in range(3):
        said.append(name)
        gevent.sleep(0)


def selfish(said, name):
    """Never waits."""
    for _ in range(3):
        said.append(name)


@stress(gevent=True, runs=3)
def test_who_never_waits_lets_nobody_run():
    """Nothing takes the processor away from a greenlet: a long computation stops all the others, clients included."""
    assert order(polite, polite) == "ababab"
    assert order(selfish, polite) == "aaabbb"


def fail():
    """A greenlet that goes wrong."""
    raise ValueError("not today")


@stress(gevent=True, runs=2, finds=ValueError)
def test_joinall_does_not_raise_what_went_wrong():
    """It is printed, and that is all. Here the test finds it; elsewhere: `raise_error=True`, or `get()`."""
    gevent.joinall([gevent.spawn(fail)])


@stress(gevent=True, runs=2)
def test_get_returns_the_result_or_raises():
    """A greenlet is its own future."""
    assert gevent.spawn(max, 1, 2).get() == 2
    with pytest.raises(ValueError, match="not today"):
        gevent.spawn(fail).get()


@stress(gevent=True, runs=1, finds=Deadlock)
def test_if_all_wait_for_each_other_gevent_sees_it_at_once():
    """Nobody is left who could put something: no time has to pass to be sure."""
    queue.Queue().get()


def naps(count):
    """How many seconds so many naps at the same time take."""
    before = time.monotonic()
    gevent.joinall([gevent.spawn(time.sleep, 0.05) for _ in range(count)])
    return time.monotonic() - before


@stress(gevent=True, runs=2)
def test_a_patched_sleep_lets_the_others_sleep_too():
    """A hundred naps take far less than a hundred times as long as one: `time.sleep` was patched."""
    assert naps(100) < 100 * 0.05


@stress(gevent=True, runs=2, finds=AssertionError)
def test_exercise_two_customers_and_the_last_ticket():
    """Exercise: one ticket, two customers, and both get it. Mend it, and take `finds=` away."""
    tickets, sold = ["seat 1"], []

    def buy():
        if tickets:
            ticket = tickets[0]
            gevent.sleep(0.001)
            sold.append(ticket)
            tickets.clear()

    gevent.joinall([gevent.spawn(buy) for _ in range(2)], raise_error=True)
    assert sold == ["seat 1"]
