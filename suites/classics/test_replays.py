"""A failure of any classic is replayed from its token in a new process, step by step the same.

`python -m suites.benchmarks.replays` does it with a thousand failures.
"""

import re
import subprocess
import sys

TOKEN = re.compile(r"--conc-replay (\S+)$", re.MULTILINE)


def test_every_classic_replays_from_its_token_in_a_new_process():
    command = [sys.executable, "-m", "suites.benchmarks.replays", "--seeds", "1", "--lesson-seeds", "0"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    same, of = re.search(r"(\d+) of (\d+) failing executions", text).groups()
    assert int(same) == int(of) >= 68


def test_the_tokens_of_all_lessons_are_short_enough_to_paste():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "suites/lessons", "--conc-show"]
    command += ["-m", "conc_interleave"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    tokens = TOKEN.findall(text)
    assert len(tokens) >= 20
    assert max(map(len, tokens)) < 50
