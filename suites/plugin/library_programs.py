"""Modules of the standard library, and functions that put them to work: what `test_rewrite_library.py` rewrites."""

import _pydecimal
import argparse
import ast
import collections
import concurrent.futures.thread
import configparser
import csv
import dataclasses
import difflib
import fractions
import functools
import importlib.util
import inspect
import io
import json.decoder
import json.encoder
import json.scanner
import logging
import pprint
import queue
import statistics
import sys
import textwrap
import threading
import traceback
from types import ModuleType

import pytest


def pure_heapq() -> ModuleType:
    """`heapq` without its C functions."""
    spec = importlib.util.find_spec("heapq")
    module = importlib.util.module_from_spec(spec)
    accelerated = sys.modules.pop("_heapq", None)
    sys.modules["_heapq"] = None
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules["_heapq"]
        if accelerated is not None:
            sys.modules["_heapq"] = accelerated
    return module


HEAPQ = pure_heapq()
MODULES = [
    json.decoder, json.encoder, json.scanner, dataclasses, argparse, collections, HEAPQ, logging, queue, threading,
    concurrent.futures.thread, concurrent.futures._base, textwrap, difflib, ast, inspect, functools, statistics,
    fractions, configparser, csv, _pydecimal, pprint, traceback,
]  # fmt: skip


DATA = {"a": [1, -2.5, None, True, 'é\n"x"', {"b": []}], "c": {"d": "\ud83d\ude00", "e": 1e300}, "f": (1, 2)}
TEXT = " ".join(f"word{n} {'x' * (n % 13)}-{n}." for n in range(60))
INI = "[a]\nx = 1\ny : %(x)s two\n  lines\n[b]\nz\n[DEFAULT]\nd=4 ; no\n# comment\n"


def json_without_c():
    text = json.dumps(DATA)
    decoder = json.decoder.JSONDecoder()
    decoder.parse_string = json.decoder.py_scanstring
    decoder.scan_once = json.scanner.py_make_scanner(decoder)
    written = "".join(json.encoder.JSONEncoder(indent=2, sort_keys=True).iterencode(DATA))
    with pytest.raises(json.JSONDecodeError) as error:
        decoder.decode(text[:-3])
    return decoder.decode(text), written, str(error.value), json.encoder.py_encode_basestring_ascii('é\n"')


def command_line():
    parser = argparse.ArgumentParser("prog", description=TEXT[:200])
    parser.add_argument("--number", "-n", type=int, default=3, choices=range(9), help="how many")
    parser.add_argument("files", nargs="*")
    commands = parser.add_mutually_exclusive_group()
    commands.add_argument("-v", action="count", default=0)
    commands.add_argument("--quiet", action="store_true")
    parsed = [parser.parse_args(line.split()) for line in ("", "-n 5 a b", "-vvv x", "--quiet")]
    with pytest.raises(SystemExit), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", io.StringIO())
        parser.parse_args(["-v", "--quiet"])
    return parsed, parser.format_help()


def configuration():
    parser = configparser.ConfigParser(allow_no_value=True, inline_comment_prefixes=";")
    parser.read_string(INI)
    parser["c"] = {"k": "%(d)s"}
    parser.write(out := io.StringIO())
    return {name: dict(section) for name, section in parser.items()}, parser.getint("a", "x"), out.getvalue()


def wrapped_text():
    wrapper = textwrap.TextWrapper(width=30, initial_indent="* ", max_lines=7, break_on_hyphens=True)
    return (
        wrapper.wrap(TEXT),
        textwrap.dedent("  a\n    b\n"),
        textwrap.shorten(TEXT, 40),
        textwrap.indent("a\n\nb", "> "),
    )


def differences():
    one, two = TEXT.split(), TEXT.replace("word1", "Word1").split()
    matcher = difflib.SequenceMatcher(None, one, two)
    unified = list(difflib.unified_diff(one, two, lineterm="", n=1))
    return (
        unified,
        list(difflib.ndiff(one[:9], two[:9])),
        matcher.ratio(),
        difflib.get_close_matches("wrod", ["word", "x"]),
    )


def decimals():
    with _pydecimal.localcontext() as context:
        context.prec = 30
        a, b = _pydecimal.Decimal("1.23456789e5"), _pydecimal.Decimal(-7)
        results = [a + b, a - b, a * b, a / b, a // b, a % b, a.sqrt(), a.ln(), b.exp(), a**3, divmod(a, b)]
        context.traps[_pydecimal.InvalidOperation] = False
        return (
            results,
            str(b.sqrt()),
            f"{a:,.2f}",
            a.quantize(_pydecimal.Decimal("0.1")),
            a.compare(b),
            hash(a),
            min(a, b),
        )


def data_classes():
    @dataclasses.dataclass(order=True, frozen=True, slots=True)
    class Pair:
        """Two."""

        a: int
        b: list = dataclasses.field(default_factory=list, compare=False, repr=False)
        c: dataclasses.InitVar[int] = 0

    pair = Pair(1, [2])
    with pytest.raises(dataclasses.FrozenInstanceError):
        pair.a = 3
    return repr(pair), dataclasses.asdict(pair), pair < Pair(2), dataclasses.replace(pair, a=5, c=0).a, Pair.__doc__


def heaps():
    numbers = [(7 * n) % 31 for n in range(31)]
    heap = numbers[:]
    HEAPQ.heapify(heap)
    drained = [HEAPQ.heappop(heap) for _ in range(9)]
    return (
        drained,
        heap,
        HEAPQ.nlargest(3, numbers),
        HEAPQ.nsmallest(4, numbers, key=lambda n: -n),
        list(HEAPQ.merge([1, 4], [2, 3], reverse=False)),
    )


def counted_and_ordered():
    counter = collections.Counter(TEXT)
    counter.subtract("word")
    point = collections.namedtuple("Point", "x y", defaults=[2])
    chain = collections.ChainMap({"a": 1}, {"b": 2})
    words = collections.UserList(TEXT.split())
    return counter.most_common(3), point(1)._replace(x=4), dict(chain), words[:2] * 2, +counter == counter


def logged():
    stream = io.StringIO()
    logger = logging.Logger("test", logging.INFO)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)-8s %(name)s %(funcName)s %(message)s"))
    logger.addHandler(handler)
    logger.debug("no")
    logger.warning("%s and %(k)d" if False else "%d and %s", 1, "two")
    try:
        raise ValueError(3)
    except ValueError:
        logger.info("lines", exc_info=False, extra={"k": 1})
    return stream.getvalue(), logger.getEffectiveLevel(), logging.getLevelName(30)


def threads_and_queues():
    jobs, results = queue.Queue(maxsize=2), queue.PriorityQueue()
    barrier, event, done = threading.Barrier(2), threading.Event(), []

    def work():
        barrier.wait(timeout=20)
        while (job := jobs.get(timeout=20)) is not None:
            results.put(-job)
            jobs.task_done()
        event.set()

    thread = threading.Thread(target=work, name="worker")
    thread.start()
    barrier.wait(timeout=20)
    for n in range(6):
        jobs.put(n, timeout=20)
    jobs.join()
    jobs.put(None)
    thread.join()
    with pytest.raises(queue.Empty):
        jobs.get_nowait()
    with (condition := threading.Condition()):
        done.append(condition.wait(timeout=0.001))
    return [results.get() for _ in range(6)], event.is_set(), done, thread.is_alive(), thread.name


def pools():
    with concurrent.futures.thread.ThreadPoolExecutor(max_workers=3) as pool:
        futures = [pool.submit(divmod, 7, n) for n in range(4)]
        mapped = list(pool.map(lambda n: n * n, range(10)))
    return [str(future.exception() or future.result()) for future in futures], mapped


def statistical():
    numbers = [1.5, 2.5, 2.5, 8, fractions.Fraction(1, 3)]
    half = fractions.Fraction("3/6") + fractions.Fraction(0.25)
    return (
        statistics.mean(numbers), statistics.median(numbers), statistics.pstdev(numbers[:4]), statistics.mode("aab"),
        statistics.quantiles(range(20)), statistics.linear_regression([1, 2, 3], [2, 4, 7]), half,
        half.limit_denominator(3), half**2, round(half), divmod(half, fractions.Fraction(1, 3)),
        statistics.NormalDist(1, 2).cdf(2),
    )  # fmt: skip


def tables():
    csv.DictWriter(out := io.StringIO(), ["a", "b"], extrasaction="ignore").writerows([{"a": 1, "b": "x,y", "c": 3}])
    rows = list(csv.DictReader(io.StringIO("a;b\n1;2\n3;4;5\n"), delimiter=";"))
    return out.getvalue(), rows, csv.Sniffer().sniff("a;b\n1;2\n3;4\n").delimiter


def syntax_trees():
    source = inspect.getsource(syntax_trees)
    tree = ast.parse(source)
    names = sorted({node.id for node in ast.walk(tree) if isinstance(node, ast.Name)})
    return ast.unparse(tree), ast.dump(tree), names, ast.literal_eval("{'a': [1, (2,)]}"), ast.get_docstring(tree)


def inspected():
    def sample(a, /, b: int = 1, *c, d="x", **e) -> str:
        """Sample."""

    signature = inspect.signature(sample)
    bound = signature.bind(1, 2, 3, f=4)
    bound.apply_defaults()
    members = [name for name, _ in inspect.getmembers(queue.Queue, inspect.isfunction)]
    return str(signature), bound.arguments, members, inspect.getdoc(sample), inspect.getfullargspec(sample).args


def functional():
    @functools.singledispatch
    def kind(thing):
        return "object"

    kind.register(int)(lambda thing: "int")

    @functools.total_ordering
    class Length(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __lt__(self, other):
            return len(self) < len(other)

    method = functools.partialmethod(lambda self, a, b: (a, b), b=2)
    holder = type("Holder", (), {"method": method, "cached": functools.cached_property(lambda self: [1])})()
    return kind(1), kind("x"), Length("ab") >= Length("c"), holder.method(1), holder.cached is holder.cached


def printed_failures():
    def fail(depth):
        return fail(depth - 1) if depth else {}["missing"]

    try:
        try:
            fail(3)
        except KeyError as error:
            raise ExceptionGroup("group", [error, ValueError("other")]) from error
    except ExceptionGroup as group:
        return traceback.format_exception(group)


WORK = [
    json_without_c, command_line, configuration, wrapped_text, differences, decimals, data_classes, heaps,
    counted_and_ordered, logged, threads_and_queues, pools, statistical, tables, syntax_trees, inspected, functional,
    printed_failures,
]  # fmt: skip
