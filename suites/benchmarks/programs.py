"""The programs whose executions are counted. Standard library only, so that every peer can run them.

None of them asserts anything: an exploration goes on to its budget, whatever the schedule does, and no tool
spends time on a report. A program that is made of `start` and `tasks` is run by `run`, in threads of its own;
tools that want the state and the threads apart get these two. A program whose threads are started by a library
has only a `body`.
"""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple


class Program(NamedTuple):
    """`start()` makes the shared state; each of `tasks(state)` runs in a thread of its own."""

    name: str
    body: Callable[[], object]
    start: Callable[[], Any] | None = None
    tasks: Callable[[Any], list[Callable[[], object]]] | None = None


def run(start: Callable[[], Any], tasks: Callable[[Any], list[Callable[[], object]]]) -> None:
    threads = [threading.Thread(target=task) for task in tasks(start())]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Counter:
    def __init__(self) -> None:
        self.value = 0

    def add_slowly(self) -> None:
        seen = self.value
        time.sleep(0.001)
        self.value = seen + 1

    def add_twice(self) -> None:
        for _ in range(2):
            self.value += 1


def three_sleepers(counter: Counter) -> list[Callable[[], object]]:
    return [counter.add_slowly] * 3


def sleep_counter() -> None:
    run(Counter, three_sleepers)


def three_adders(counter: Counter) -> list[Callable[[], object]]:
    return [counter.add_twice] * 3


def increments() -> None:
    run(Counter, three_adders)


def produce_and_consume(jobs: "queue.Queue[int | None]", consumers: int) -> list[Callable[[], object]]:
    """Three items and a sentinel for each consumer."""
    got: list[int] = []

    def produce() -> None:
        for item in [1, 2, 3, *[None] * consumers]:
            jobs.put(item)

    def consume() -> None:
        while (item := jobs.get()) is not None:
            got.append(item)

    return [produce, *[consume] * consumers]


def one_consumer(jobs: "queue.Queue[int | None]") -> list[Callable[[], object]]:
    return produce_and_consume(jobs, 1)


def two_consumers(jobs: "queue.Queue[int | None]") -> list[Callable[[], object]]:
    return produce_and_consume(jobs, 2)


def queue_to_one() -> None:
    run(queue.Queue, one_consumer)


def queue_to_two() -> None:
    run(queue.Queue, two_consumers)


def pool() -> None:
    counter = Counter()

    def count(future: "Future[int]") -> None:
        counter.value += future.result()

    with ThreadPoolExecutor(2) as executor:
        for _ in range(2):
            executor.submit(int, "1").add_done_callback(count)


PROGRAMS = {
    program.name: program
    for program in (
        Program("sleep counter, 3 threads", sleep_counter, Counter, three_sleepers),
        Program("3 threads × 2 increments", increments, Counter, three_adders),
        Program("queue, 1 producer, 1 consumer", queue_to_one, queue.Queue, one_consumer),
        Program("queue, 1 producer, 2 consumers", queue_to_two, queue.Queue, two_consumers),
        Program("ThreadPoolExecutor(2), 2 callbacks", pool),
    )
}
