"""Processes are ended with all that they have started, and nothing of them is left."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from pytest_conc.execution.process_tree import adopting_orphans, cpu_seconds, descendants, end

SPAWN = multiprocessing.get_context("spawn")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted on Linux only")
IGNORES = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(end='.', flush=True); time.sleep(99)"
)


def sleep_with_children(pipe, **how):
    """Starts a child that ignores SIGTERM, tells its number and sleeps; ignores SIGTERM as well."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", IGNORES], stdout=subprocess.PIPE, **how)
    child.stdout.read(1)
    pipe.send(child.pid)
    time.sleep(99)


def leave_a_child(pipe, **how):
    """Starts a child that ignores SIGTERM, tells its number and ends."""
    child = subprocess.Popen([sys.executable, "-c", IGNORES], stdout=subprocess.PIPE, **how)
    child.stdout.read(1)
    pipe.send(child.pid)
    os._exit(0)


def start(target, **kwargs):
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=target, args=(theirs,), kwargs=kwargs)
    process.start()
    return process, ours.recv()


def compute(pipe):
    pipe.send(None)
    while True:
        pass


@LINUX
def test_the_whole_tree_is_ended_even_if_it_ignores_being_asked_to():
    with adopting_orphans():
        process, grandchild = start(sleep_with_children)
        assert {process.pid, grandchild} <= {each.pid for each in descendants()}
        end([process])
        assert process.exitcode == -signal.SIGKILL
        assert not psutil.pid_exists(grandchild)


@LINUX
def test_an_orphan_is_ended_and_leaves_no_zombie():
    with adopting_orphans():
        process, grandchild = start(leave_a_child)
        process.join()
        assert psutil.pid_exists(grandchild)
    assert not psutil.pid_exists(grandchild)


@LINUX
def test_a_descendant_that_has_detached_itself_is_left_alone():
    with adopting_orphans():
        process, grandchild = start(leave_a_child, start_new_session=True)
        process.join()
    assert psutil.Process(grandchild).status() != psutil.STATUS_ZOMBIE
    os.kill(grandchild, signal.SIGKILL)
    psutil.Process(grandchild).wait()


@LINUX
def test_a_child_that_the_test_has_started_itself_is_no_orphan():
    with adopting_orphans():
        child = subprocess.Popen([sys.executable, "-c", IGNORES], stdout=subprocess.PIPE)
        child.stdout.read(1)
    assert child.poll() is None
    child.kill()
    child.wait()
    child.stdout.close()


def test_ending_what_has_ended_or_was_closed_or_never_started_does_nothing():
    ended, closed, never = (SPAWN.Process(target=int) for _ in range(3))
    for each in (ended, closed):
        each.start()
        each.join()
    closed.close()
    end([ended, closed, never])
    assert ended.exitcode == 0


def test_a_child_that_computes_is_seen_to_be_busy():
    process, _ = start(compute)
    while not cpu_seconds([process]):
        pass
    end([process])
    assert cpu_seconds([process]) == cpu_seconds([]) == 0
