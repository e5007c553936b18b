"""Tests that block on what nobody controls, each in a session of its own: it goes on, leaves nothing, and exits."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 25.0  # seconds until a session that does not exit has failed its test
HOSTS = ("greenlets", "threads")

SESSION = """
import contextlib, os, select, signal, socket, subprocess, sys, threading, time
from pytest_conc import interleave
from suites.plugin.untouched import changes, os_threads, snapshot

def worker(target):
    thread = threading.Thread(target=target, name="worker")
    thread.start()
    thread.join()

@interleave
def test_before():
    worker(int)

def test_snapshot():
    global before, threads
    before, threads = snapshot(worker), os_threads()

@interleave(hang_after={hang}, host={host!r})
def test_bad():
{body}

def test_nothing_is_left():
    assert changes(before, snapshot(worker)) == []
    deadline = time.monotonic() + 5
    while os_threads() > threads + {left} and time.monotonic() < deadline:
        time.sleep(0.01)
    assert os_threads() <= threads + {left}

@interleave
def test_after():
    lock, found = threading.Lock(), []
    def add():
        with lock:
            found.append(len(found))
    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [0, 1]
"""

STAYS = (
    "swallows the interruption",
    "socket",
    "accept",
    "select",
    "pipe",
    "subprocess",
)  # an OS thread in C that nothing can interrupt
BLOCKS = {
    "spins": ("def spins():\n while True: pass\nworker(spins)", "spins"),
    "spins in the body": ("while True: pass", "test_bad"),
    "socket": ("a, b = socket.socketpair()\ndef receives():\n a.recv(1)\nwith a, b: worker(receives)", "receives"),
    "accept": ("s = socket.create_server(('', 0))\ndef accepts():\n s.accept()\nwith s: worker(accepts)", "accept"),
    "select": ("def selects():\n select.select([], [], [])\nworker(selects)", "selects"),
    "pipe": ("r, w = os.pipe()\ndef reads():\n os.read(r, 1)\nworker(reads)", "reads"),
    "pipe in the body": ("r, w = os.pipe()\nos.read(r, 1)", "test_bad"),
    "subprocess": (
        "def waits():\n with subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE) as p:\n"
        "  try: p.wait()\n  finally: p.kill()\nworker(waits)",
        "Popen._try_wait",
    ),
    "swallows the interruption": (
        "def swallows():\n while True:\n  with contextlib.suppress(BaseException):\n   select.select([], [], [])\n"
        "worker(swallows)",
        "swallows",
    ),
}


@pytest.fixture
def session(pytester, monkeypatch):
    """Runs a session with that bad test in it; returns its result."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def run(body, host="greenlets", *options, left=0, hang=0.3):
        indented = "\n".join("    " + line for line in body.splitlines())
        pytester.makepyfile(SESSION.format(body=indented, host=host, left=int(left), hang=hang))
        return pytester.runpytest_subprocess(*options, timeout=LIMIT)

    return run


@pytest.mark.parametrize("host", ["greenlets", "threads"])
@pytest.mark.parametrize("name", BLOCKS)
def test_what_blocks_is_named_and_the_session_goes_on(session, name, host):
    body, function = BLOCKS[name]
    result = session(body, host, left=host == "threads" and name in STAYS)
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines([f"*UncontrolledBlocking: *did not come back for 0.3 seconds from *{function} (*.py:*"])
    result.stdout.no_fnmatch_line('  File "*pluggy*')


@pytest.mark.parametrize("host", HOSTS)
def test_a_task_that_swallows_the_end_of_its_execution_cannot_hold_up_the_session(session, host):
    body = """
event = threading.Event()
def stubborn():
 while True:
  with contextlib.suppress(BaseException):
   event.wait()
worker(stubborn)"""
    result = session(body, host, left=20 * (host == "threads"))  # they wait for ever, and keep nobody
    result.assert_outcomes(passed=4, failed=1)


@pytest.mark.parametrize("host", HOSTS)
def test_a_subprocess_that_ends_is_simply_waited_for(session, host):
    body = """
def run():
 assert subprocess.run([sys.executable, '-c', 'print(7)'], capture_output=True).stdout == b'7\\n'
worker(run)"""
    session(body, host, "--conc-executions=2", hang=20).assert_outcomes(passed=5)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("where", ["worker(leaves)", "leaves()"])
def test_os_exit_does_not_end_the_session(session, where, host):
    result = session(f"def leaves(): os._exit(0)\n{where}", host)
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(["*ProcessExit: os._exit(0) was called by *"])


@pytest.mark.parametrize("host", HOSTS)
def test_keyboard_interrupt_raised_by_a_task_does_not_end_the_session(session, host):
    result = session("def interrupts(): raise KeyboardInterrupt\nworker(interrupts)", host)
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(["*TaskInterrupted: worker raised KeyboardInterrupt*"])


@pytest.mark.parametrize("host", HOSTS)
def test_system_exit_in_the_body_fails_the_test_and_does_not_end_the_session(session, host):
    session("sys.exit(3)", host).assert_outcomes(passed=4, failed=1)


@pytest.mark.parametrize("host", HOSTS)
def test_an_exception_that_no_handler_may_stop_still_lets_the_interpreter_exit(session, host):
    body = """
def daemon():
 while True: threading.Event().wait()
threading.Thread(target=daemon, daemon=True).start()
threading.Thread(target=int).start()"""
    result = session(body, host)
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(["*LeakedTask: *"])


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("busy", ["while True: box.append(len(box)); box.clear()", "select.select([], [], [])", "pass"])
def test_a_real_ctrl_c_stops_the_session(pytester, monkeypatch, host, busy):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makepyfile(f"""
        import os, select, threading
        from pytest_conc import interleave
        @interleave(executions=10**9, max_steps=10**9, hang_after=20, host={host!r})
        def test_endless():
            box = []
            def work():
                os.write(1, b"working\\n")
                {busy}
            threads = [threading.Thread(target=work) for _ in range(2)]
            for each in threads: each.start()
            for each in threads: each.join()
        def test_never_reached():
            pass
    """)
    arguments = "['-s', '-p', 'no:cacheprovider']"
    as_in_a_shell = "signal.signal(signal.SIGINT, signal.default_int_handler)"  # a job in the background ignores it
    code = f"import signal, sys, pytest; {as_in_a_shell}; sys.exit(pytest.main({arguments}))"
    with subprocess.Popen([sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, text=True) as child:
        try:
            lines = [child.stdout.readline()]
            while "working" not in lines[-1]:
                lines.append(child.stdout.readline())
            child.send_signal(signal.SIGINT)
            output, _ = child.communicate(timeout=LIMIT)
        finally:
            child.kill()
    assert child.returncode == pytest.ExitCode.INTERRUPTED, output
    assert "KeyboardInterrupt" in output
    assert "INTERNALERROR" not in output
