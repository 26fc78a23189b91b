"""Words of a corpus, reduced to their stems and counted: one item per document.

The corpus is what Python's own modules say about themselves, so nothing is downloaded.  Results are
taken as they come, since the order of documents does not matter for a sum.
"""

import importlib
import inspect
import re
from collections import Counter

from nitocris import DistributedExecution

MODULES = """
argparse ast asyncio bisect calendar codecs collections configparser contextlib csv datetime decimal
difflib doctest email enum fractions functools heapq html inspect ipaddress itertools json locale
logging math multiprocessing operator os pathlib pickle random re shutil smtplib socket statistics
string subprocess tarfile tempfile textwrap threading timeit tokenize traceback typing unittest uuid
warnings weakref zipfile
"""

WORD = re.compile(r"[a-z]{3,}")
STOP_WORDS = frozenset(["the", "and", "for", "that", "this", "with", "not", "are", "from", "but"])
ENDINGS = {"ies": "y", "sses": "ss", "ing": "", "ed": "", "s": ""}


def document(name: str) -> str:
    """Everything that a module says about itself and what is in it."""
    module = importlib.import_module(name)
    parts = [module, *(part for _, part in inspect.getmembers(module, callable))]
    return "\n".join(inspect.getdoc(part) or "" for part in parts)


def stem(word: str) -> str:
    """A word without its ending, by the first rules of Porter's stemmer."""
    for ending, replacement in ENDINGS.items():
        if word.endswith(ending) and len(word) - len(ending) > 2:
            return word.removesuffix(ending) + replacement
    return word


def stems(text: str) -> Counter[str]:
    """How often each stem occurs in a text."""
    words = WORD.findall(text.lower())
    return Counter(stem(word) for word in words if word not in STOP_WORDS)


corpus = [document(name) for name in MODULES.split()]

total: Counter[str] = Counter()
with DistributedExecution(local_workers=2) as execution:
    for found in execution.imap_unordered(stems, corpus):
        total += found

print(f"{len(corpus)} documents, {total.total():,} words, {len(total):,} stems:")
print(", ".join(f"{word} ({count})" for word, count in total.most_common(8)))
assert total == sum(map(stems, corpus), Counter())
