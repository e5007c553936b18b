"""The stack size of rewritten code, against an independent computation by the library `bytecode`."""

import argparse
import difflib
import inspect
import json.decoder
import textwrap

import pytest
from bytecode import Bytecode

from pytest_conc.instrument.rewrite import rewrite
from suites.plugin.rewriting import silent_hooks


def functions(module):
    owners = [module, *(thing for _, thing in inspect.getmembers(module, inspect.isclass))]
    for owner in owners:
        for _, function in inspect.getmembers(owner, inspect.isfunction):
            if function.__module__ == module.__name__:
                yield function


@pytest.mark.parametrize("module", [argparse, difflib, json.decoder, textwrap], ids=lambda module: module.__name__)
def test_the_stack_is_as_large_as_it_has_to_be(module):
    looked_at = 0
    for function in functions(module):
        code = rewrite(function.__code__, silent_hooks(), function.__globals__, frozenset())
        assert code.co_stacksize >= Bytecode.from_code(code).compute_stacksize(), function
        looked_at += 1
    assert looked_at >= 5
